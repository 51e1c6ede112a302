"""The records behind a data check: a few rows of a window in which what it found is to be seen.

Only the newest rows of a window are looked through, so that one of a million costs what one of some thousand does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Double, Text, and_, case, cast, func, literal, or_, select

from config.model_contract import Feature, ModelContract
from database.connection import ReadSession
from database.models import MonitoringWindow, Prediction

SHOWN = 20
LOOKED_THROUGH = 10_000
# Checks that speak of a column as a whole: no row of theirs is more at fault than another.
WHOLE_COLUMN = frozenset({"constant", "unit", "swapped", "column", "rows", "could_not_look"})
_MISSING = frozenset({"null", "null_jump", "seen_differs"})


@dataclass(frozen=True)
class Record:
    """One stored row."""

    prediction_id: str
    created_at: datetime
    features: Mapping[str, Any]


@dataclass(frozen=True)
class Records:
    """Some of the rows a check found. `every_row`: the check speaks of the column, and any row shows it."""

    rows: tuple[Record, ...]
    looked_through: int
    every_row: bool


def records(
    session: ReadSession,
    contract: ModelContract,
    window: MonitoringWindow,
    check: str,
    column: str | None,
    details: Mapping[str, Any],
) -> Records:
    """At most `SHOWN` rows of a window that a check found, the newest first."""
    newest = (
        select(Prediction.id, Prediction.created_at, Prediction.features)
        .where(
            Prediction.model_name == window.model_name,
            Prediction.model_id == window.model_id,
            Prediction.created_at >= window.from_at,
            Prediction.created_at < window.to_at,
            Prediction.features != {},  # erased
        )
        .order_by(Prediction.created_at.desc(), Prediction.id.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    wrong = _wrong(newest.c.features, contract, check, column, details)
    query = select(newest.c.id, newest.c.created_at, newest.c.features)
    if check == "duplicates":
        again = func.count().over(partition_by=newest.c.features).label("again")
        repeated = select(newest.c.id, newest.c.created_at, newest.c.features, again).subquery()
        query = select(repeated.c.id, repeated.c.created_at, repeated.c.features).where(repeated.c.again > 1)
        query = query.order_by(repeated.c.again.desc(), cast(repeated.c.features, Text), repeated.c.created_at.desc())
    elif wrong is not None:
        query = query.where(wrong)
    rows = tuple(Record(str(row[0]), row[1], row[2]) for row in session.execute(query.limit(SHOWN)))
    return Records(rows, min(window.n, LOOKED_THROUGH), wrong is None and check != "duplicates")


def _wrong(
    features: Any, contract: ModelContract, check: str, column: str | None, details: Mapping[str, Any]
) -> ColumnElement[bool] | None:
    """What makes a row one of those a check found; None where that cannot be said of a row."""
    if check == "suspect_rows":
        parts = [part for name, one in contract.features.items() if (part := _unsound(features, name, one)) is not None]
        return or_(*parts) if parts else None
    feature = contract.features.get(column or "")
    if feature is None or column is None or check in WHOLE_COLUMN:
        return None
    if check in _MISSING:
        absent = features[column].astext.is_(None)
        return or_(absent, _no_category(features, column, feature)) if check == "seen_differs" else absent
    if check == "sentinel":
        return _number(features, column) == float(details["value"]) if "value" in details else None
    if check == "range" and feature.range:
        return _outside(features, column, feature.range)
    return _unsound(features, column, feature)


def _unsound(features: Any, column: str, feature: Feature) -> ColumnElement[bool] | None:
    """A value no sound source sends."""
    if feature.kind == "category":
        return _no_category(features, column, feature)
    return _outside(features, column, feature.expected) if feature.expected else None


def _number(features: Any, column: str) -> ColumnElement[float]:
    """The number there, null where there is none."""
    value = features[column]
    return case((func.jsonb_typeof(value) == "number", cast(value.astext, Double)))


def _outside(features: Any, column: str, pair: tuple[float, float]) -> ColumnElement[bool]:
    value = _number(features, column)
    return or_(value < pair[0], value > pair[1])


def _no_category(features: Any, column: str, feature: Feature) -> ColumnElement[bool]:
    if feature.kind != "category":
        return literal(value=False)
    value = features[column].astext
    return and_(value.is_not(None), value.not_in([str(one) for one in feature.categories or ()]))
