"""What scores promised and what came true, and answers against the truth, of a bounded part of the rows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, Subquery, cast, func, select

from database.connection import ReadSession
from database.models import PredictionOutcome

BINS = 10
# So many rows say where scores and truth part by a few points, and are read in well under a tenth of a second.
NEWEST = 5000


@dataclass(frozen=True)
class ScoreBin:
    """Labelled rows whose score lies in the `place`-th tenth: the mean of their scores, and how many came true."""

    place: int
    n: int
    mean_score: float
    positives: int


@dataclass(frozen=True)
class Scores:
    """`looked_at`: rows that were read, with a label or without."""

    looked_at: int
    bins: tuple[ScoreBin, ...]


def scores(session: ReadSession, model_name: str, model_id: int, *, since: datetime, before: datetime) -> Scores:
    """Of a version's newest `NEWEST` rows in [since, before)."""
    rows = _newest(model_name, model_id, since, before, NEWEST)
    place = cast(func.least(func.floor(rows.c.probability * BINS), BINS - 1), Integer).label("place")
    query = (
        select(
            place,
            func.count(rows.c.actual),
            func.avg(rows.c.probability).filter(rows.c.actual.is_not(None)),
            func.coalesce(func.sum(rows.c.actual), 0),
            func.count(),
        )
        .group_by(place)
        .order_by(place)
    )
    found = session.execute(query).all()
    bins = tuple(ScoreBin(int(row[0]), int(row[1]), float(row[2]), int(row[3])) for row in found if row[1])
    return Scores(sum(int(row[4]) for row in found), bins)


def truths(
    session: ReadSession, model_name: str, model_id: int, from_at: datetime, to_at: datetime
) -> tuple[int, int, int, int]:
    """True and false positives, true and false negatives of a version's newest `2 * NEWEST` rows in [from_at, to_at),
    read row by row."""
    rows = _newest(model_name, model_id, from_at, to_at, 2 * NEWEST)
    query = select(rows.c.prediction, rows.c.actual, func.count()).where(rows.c.actual.is_not(None))
    found = session.execute(query.group_by(rows.c.prediction, rows.c.actual))
    cells = {(row[0], row[1]): int(row[2]) for row in found}
    return cells.get((1, 1), 0), cells.get((1, 0), 0), cells.get((0, 0), 0), cells.get((0, 1), 0)


def _newest(model_name: str, model_id: int, since: datetime, before: datetime, rows: int) -> Subquery:
    of = PredictionOutcome
    query = select(of.prediction, of.probability, of.actual).where(
        of.model_name == model_name, of.model_id == model_id, of.created_at >= since, of.created_at < before
    )
    return query.order_by(of.created_at.desc(), of.id.desc()).limit(rows).subquery()
