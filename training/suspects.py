"""Which rows cannot be trusted: a measurement outside what a sound source sends.

Such a row is still answered (it lies inside `range`), but it is reported as a data fault, never trained on and never
used to compare versions.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract


def suspect_reasons(contract: ModelContract, row: Mapping[str, Any]) -> tuple[str, ...]:
    """One sentence for each numeric feature of `row` outside its `expected`; none for a row that can be trusted.

    The sentences name the feature and what was expected, never the value: they go to logs and audit. Null is not
    suspect here, whether it is allowed is the contract's `nullable`.
    """
    reasons = []
    for name, feature in contract.features.items():
        value = row.get(name)
        if feature.expected is None or value is None:
            continue
        low, high = feature.expected
        if math.isnan(value) or low <= value <= high:
            continue
        reasons.append(f"{name} is outside the expected {low:g} to {high:g}")
    return tuple(reasons)


def suspects(contract: ModelContract, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """For each of many rows, whether there is a reason; column by column, since windows hold thousands."""
    found = np.zeros(len(rows), dtype=np.bool_)
    for name, feature in contract.features.items():
        if feature.expected is not None:
            low, high = feature.expected
            values = [row.get(name) for row in rows]
            outside = [value is not None and not (low <= value <= high or math.isnan(value)) for value in values]
            found |= np.array(outside, dtype=np.bool_)
    return found
