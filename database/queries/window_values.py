"""The values one feature had in a window: of its newest rows, so that a large window costs what a small one does."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Double, case, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from database.connection import ReadSession
from database.models import MonitoringWindow, Prediction

LOOKED_THROUGH = 10_000
_MOST_VALUES = 10


@dataclass(frozen=True)
class Quantiles:
    """`values` are in the order of the shares that were asked for; None where no row has a number. `n`: those that
    have one."""

    n: int
    values: tuple[float, ...] | None


def quantiles(session: ReadSession, window: MonitoringWindow, feature: str, shares: Sequence[float]) -> Quantiles:
    """Of the numbers a feature had."""
    rows = _newest(window, feature)
    number = case((func.jsonb_typeof(rows.c.value) == "number", cast(rows.c.value.op("#>>")("{}"), Double)))
    middle = func.percentile_cont(cast(list(shares), ARRAY(Double))).within_group(number)
    n, found = session.execute(select(func.count(number), middle)).one()
    return Quantiles(int(n), None if not n else tuple(map(float, found)))


def unknown_values(
    session: ReadSession, window: MonitoringWindow, feature: str, known: Collection[object]
) -> list[tuple[str, int]]:
    """Values that are none of these, with their rows, the commonest first."""
    rows = _newest(window, feature)
    word = rows.c.value.op("#>>")("{}")
    query = select(word, func.count()).where(word.is_not(None), word.not_in([str(one) for one in known]))
    query = query.group_by(word).order_by(func.count().desc(), word).limit(_MOST_VALUES)
    return [(str(row[0]), int(row[1])) for row in session.execute(query)]


def _newest(window: MonitoringWindow, feature: str) -> Any:
    return (
        select(Prediction.features[feature].label("value"))
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
