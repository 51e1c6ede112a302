"""Which recent labelled rows teach a retrain, and which judge it. Pure, given the rows.

Few rows do both: all of them teach, and all of them judge, by the answers of cross-validation, which were given
without having learnt the row (`training/cross_fitting.py`). So do rows about an incident, however many: right after a
change of the world the newest rows are those that are wanted on both sides, and a split by time takes them all away
from one of them. Many rows about nothing in particular are split by time: the later ones judge, the earlier ones teach,
so nothing is judged on what came before it was learnt, and the very version that would serve is judged.

One row sent ten thousand times is one thing learnt, not ten thousand: of equal rows only the newest few count, unless
they were as frequent in the data the first version learnt from.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
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
# And past however many equal rows, so that a flood does not hide what came before it.
_REACH_PAST_EQUAL = 100
# Of the rows that are wanted, so many may be equal: one in a hundred, or this many times what was usual.
_EQUAL_SHARE = 0.01
_LEAST_EQUAL = 3
_TIMES_USUAL = 3
# With fewer rows than this, half of them cannot tell a gain worth having from luck.
CROSS_FITTED_BELOW = 1000


class Method(StrEnum):
    """How the rows that judge are kept apart from those that teach."""

    CROSS_FITTED = "cross_fitted"
    LATER_ROWS = "later_rows"


@dataclass(frozen=True)
class Repetition:
    """How often whole rows are equal by nature, in a sample of `n` rows: often where all columns are categories."""

    times: Mapping[tuple[Hashable, ...], int]
    n: int

    def most(self, row: tuple[Hashable, ...], wanted: int) -> int:
        """How many of `wanted` rows may be equal to this one."""
        usual = self.times.get(row, 0) / self.n if self.n else 0.0
        return max(_LEAST_EQUAL, round(_EQUAL_SHARE * wanted), round(_TIMES_USUAL * usual * wanted))


def repetition_in(contract: ModelContract, profile: Mapping[str, Any]) -> Repetition:
    """What was usual in the training data of a version, by the whole rows its reference profile holds. Ask the first
    version's: a later one may have learnt from a flood."""
    features = profile.get("features", {})
    columns = [features.get(name, {}).get("sample", ()) for name in contract.feature_names]
    return repetition_of(list(zip(*columns, strict=False)))


def repetition_of(rows: Collection[tuple[Hashable, ...]]) -> Repetition:
    """`rows`: their values in contract order."""
    return Repetition(Counter(rows), len(rows))


@dataclass(frozen=True)
class Recent:
    """The newest rows that can be trusted, oldest first, how many in the same span cannot, and how many are equal to
    rows that are there already."""

    rows: tuple[LabelledRow, ...]
    suspect: int
    equal: int = 0

    @property
    def since(self) -> datetime | None:
        return self.rows[0].created_at if self.rows else None


@dataclass(frozen=True)
class Split:
    """Rows that teach, and rows that judge: later ones, or the same ones."""

    learn: tuple[LabelledRow, ...]
    holdout: tuple[LabelledRow, ...]
    method: Method = Method.LATER_ROWS


def trusted(contract: ModelContract, newest_first: Iterable[LabelledRow], usual: Repetition) -> Recent:
    """The newest `recent_rows` rows without a suspect measurement, and without a flood of equal ones."""
    wanted = contract.training.recent_rows
    found: list[LabelledRow] = []
    seen: Counter[tuple[Hashable, ...]] = Counter()
    suspect = equal = 0
    for row in newest_first:
        values = tuple(row.features.get(name) for name in contract.feature_names)
        if suspect_reasons(contract, row.features):
            suspect += 1
        elif seen[values] >= usual.most(values, wanted):
            equal += 1
        else:
            seen[values] += 1
            found.append(row)
        if len(found) == wanted or len(found) + suspect >= _REACH * wanted or equal >= _REACH_PAST_EQUAL * wanted:
            break
    return Recent(tuple(reversed(found)), suspect, equal)


def divide(
    contract: ModelContract, rows: Sequence[LabelledRow], onset: datetime | None, *, newest_teach: bool = False
) -> Split:
    """The one rule: rows that are few, or about an incident, all teach and all judge; many are split by time, unless
    the newest are wanted to teach."""
    if onset is not None or newest_teach or len(rows) < CROSS_FITTED_BELOW:
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
