"""What scores promised and what came true, and answers against the truth, of a bounded part of the rows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, cast, func, select

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


def scores(
    session: ReadSession, model_name: str, model_id: int, *, before: datetime | None, since: datetime | None = None
) -> Scores:
    """Of a version's newest `NEWEST` rows in [since, before)."""
    of = PredictionOutcome
    mine = [of.model_name == model_name, of.model_id == model_id]
    mine += [of.created_at < before] if before is not None else []
    mine += [of.created_at >= since] if since is not None else []
    rows = (
        select(of.probability, of.actual).where(*mine).order_by(of.created_at.desc(), of.id.desc()).limit(NEWEST)
    ).subquery()
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
    """True and false positives, true and false negatives of a version's rows in [from_at, to_at), read row by row: for
    spans that are known to be small."""
    of = PredictionOutcome
    query = (
        select(of.prediction, of.actual, func.count())
        .where(of.model_name == model_name, of.model_id == model_id, of.created_at >= from_at, of.created_at < to_at)
        .where(of.actual.is_not(None))
        .group_by(of.prediction, of.actual)
    )
    cells = {(row[0], row[1]): int(row[2]) for row in session.execute(query)}
    return cells.get((1, 1), 0), cells.get((1, 0), 0), cells.get((0, 0), 0), cells.get((0, 1), 0)
