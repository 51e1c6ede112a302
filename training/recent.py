"""Which recent labelled rows teach a retrain, and which judge it. Pure, given the rows.

Few rows do both: all of them teach, and all of them judge, by the answers of cross-validation, which were given
without having learnt the row (`training/cross_fitting.py`). So do rows about an incident, however many: right after a
change of the world the newest rows are those that are wanted on both sides, and a split by time takes them all away
from one of them. Many rows about nothing in particular are split by time: the later ones judge, the earlier ones teach,
so nothing is judged on what came before it was learnt, and the very version that would serve is judged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from database.queries.training_rows import LabelledRow
from training.suspects import suspect_reasons

# However many rows are suspect, no further back than this many times the rows that are wanted.
_REACH = 10
# With fewer rows than this, half of them cannot tell a gain worth having from luck.
CROSS_FITTED_BELOW = 1000


class Method(StrEnum):
    """How the rows that judge are kept apart from those that teach."""

    CROSS_FITTED = "cross_fitted"
    LATER_ROWS = "later_rows"


@dataclass(frozen=True)
class Recent:
    """The newest rows that can be trusted, oldest first, and how many in the same span cannot."""

    rows: tuple[LabelledRow, ...]
    suspect: int

    @property
    def since(self) -> datetime | None:
        return self.rows[0].created_at if self.rows else None


@dataclass(frozen=True)
class Split:
    """Rows that teach, and rows that judge: later ones, or the same ones."""

    learn: tuple[LabelledRow, ...]
    holdout: tuple[LabelledRow, ...]
    method: Method = Method.LATER_ROWS


def trusted(contract: ModelContract, newest_first: Iterable[LabelledRow]) -> Recent:
    """The newest `recent_rows` rows without a suspect measurement."""
    wanted = contract.training.recent_rows
    found: list[LabelledRow] = []
    suspect = 0
    for row in newest_first:
        if suspect_reasons(contract, row.features):
            suspect += 1
        else:
            found.append(row)
        if len(found) == wanted or len(found) + suspect >= _REACH * wanted:
            break
    return Recent(tuple(reversed(found)), suspect)


def divide(contract: ModelContract, rows: Sequence[LabelledRow], onset: datetime | None) -> Split:
    """The one rule: rows that are few, or about an incident, all teach and all judge; many are split by time."""
    if onset is not None or len(rows) < CROSS_FITTED_BELOW:
        return Split(tuple(rows), tuple(rows), Method.CROSS_FITTED)
    return split(contract, rows)


def split(contract: ModelContract, rows: Sequence[LabelledRow]) -> Split:
    """`holdout_share` of the rows, the most recent, judge."""
    at = len(rows) - round(contract.training.holdout_share * len(rows))
    return Split(tuple(rows[:at]), tuple(rows[at:]))


def unknown_to(rows: Iterable[LabelledRow], learnt_until: datetime | None) -> tuple[LabelledRow, ...]:
    """Without the rows a version may have learnt from: on those it would look better than it is."""
    return tuple(row for row in rows if learnt_until is None or row.created_at > learnt_until)


def taught_among(rows: Iterable[LabelledRow], taught_by: Iterable[UUID]) -> tuple[tuple[LabelledRow, ...], list[int]]:
    """The rows that taught, and the place of each among all that did: there stands its cross-fitted answer."""
    place = {prediction_id: at for at, prediction_id in enumerate(taught_by)}
    taught = tuple(row for row in rows if row.prediction_id in place)
    return taught, [place[row.prediction_id] for row in taught]


def features_of(contract: ModelContract, rows: Sequence[LabelledRow]) -> list[dict[str, Any]]:
    """In contract order, whatever order the JSON came back in."""
    return [{name: row.features.get(name) for name in contract.feature_names} for row in rows]


def labels_of(rows: Sequence[LabelledRow]) -> NDArray[np.int64]:
    return np.array([row.actual for row in rows], dtype=np.int64)


def holdout_facts(rows: Sequence[LabelledRow], method: Method = Method.LATER_ROWS) -> dict[str, Any]:
    """What evidence says about the rows that judged."""
    return {
        "method": method.value,
        "n": len(rows),
        "from": rows[0].created_at.isoformat(),
        "to": rows[-1].created_at.isoformat(),
        "positives": sum(row.actual for row in rows),
    }


def too_few(contract: ModelContract, rows: Sequence[LabelledRow]) -> str | None:
    """Why these rows cannot judge anything, or None."""
    least = contract.monitoring.min_rows
    if len(rows) < least:
        return f"only {len(rows)} labelled rows that can be trusted are left to judge with; at least {least} are needed"
    if len({row.actual for row in rows}) < 2:
        return f"all {len(rows)} rows to judge with have the same label; nothing can be compared on them"
    return None


def too_little(contract: ModelContract, parts: Split, known_until: datetime | None) -> str | None:
    """Why there is not enough to learn from and to judge with, by rows the champion may not know, or None."""
    why = too_few(contract, unknown_to(parts.holdout, known_until))
    return why if why or parts.learn else "no recent labelled row is left to learn from"
