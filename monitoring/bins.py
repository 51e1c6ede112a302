"""Where values lie among the bins of a reference profile: its deciles or categories, then what it never saw, and nulls
last. Pure numpy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import category_name

Counts = NDArray[np.int64]
Places = NDArray[np.int64]
Floats = NDArray[np.float64]


def places_of(reference: Mapping[str, Any], values: Sequence[Any]) -> tuple[Places, Floats]:
    """In which bin each value lies, and the reference's share of every bin."""
    *known, null = reference["shares"]
    if reference["kind"] == "numeric":
        numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        inside = np.searchsorted(reference["edges"], numbers, side="right")
        return np.where(np.isnan(numbers), len(known), inside), np.array([*known, null], dtype=np.float64)
    places = {str(category): at for at, category in enumerate(reference["categories"])}
    unseen = len(places)
    found = [unseen + 1 if value is None else places.get(category_name(value), unseen) for value in values]
    return np.array(found, dtype=np.int64), np.array([*known, 0.0, null], dtype=np.float64)


def counted(reference: Mapping[str, Any], values: Sequence[Any]) -> tuple[Counts, list[float]]:
    """How many values lie in each bin that is possible, and the reference's shares of these.

    Between two equal deciles (a feature that is mostly 0) lies nothing, in the reference as in any window.
    """
    places, shares = places_of(reference, values)
    edges = reference["edges"] if reference["kind"] == "numeric" else ()
    possible = [at == 0 or at >= len(edges) or edges[at - 1] < edges[at] for at in range(len(shares))]
    return np.bincount(places, minlength=len(shares))[possible], shares[possible].tolist()
