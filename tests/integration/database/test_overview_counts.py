"""What the pages say of a version's newest answers is read from counts, and is what its rows say."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from database.connection import ReadSession, session_scope
from database.models import PredictionOutcome
from database.queries import count_roll_up, overview
from database.queries.overview import ConfusionCounts
from tests.counted_world import BEGIN, CountedWorld


def of_the_rows(session: Session, since: datetime) -> ConfusionCounts:
    rows = session.execute(
        select(PredictionOutcome.prediction, PredictionOutcome.actual).where(PredictionOutcome.created_at >= since)
    )
    found = Counter((row.prediction, row.actual) for row in rows if row.actual is not None)
    cells = [found[cell] for cell in ((1, 1), (1, 0), (0, 0), (0, 1))]
    return ConfusionCounts(sum(cells), *cells)


@pytest.mark.parametrize(
    ("newest", "late", "rolled_up", "minutes"),
    # 60 rows, ten a minute; `minutes`: how many of these are looked at.
    [(1, False, False, 1), (10, False, False, 1), (11, False, False, 2), (60, False, False, 6), (500, False, False, 6),
     (500, True, False, 6), (1, False, True, 6)],
)  # fmt: skip
def test_right_and_wrong_answers_are_those_of_whole_minutes_with_enough_rows(
    engine: Engine, newest: int, late: bool, rolled_up: bool, minutes: int
) -> None:
    world = CountedWorld(engine)
    rows = [world.row(BEGIN + timedelta(minutes=at // 10, seconds=at % 10)) for at in range(60)]
    world.store(rows[:40])
    (world.store_uncounted if late else world.store)(rows[40:])
    world.label([row["id"] for row in rows], [at % 3 % 2 for at in range(60)])
    world.label([row["id"] for row in rows[::5]], [1] * 12, observed=1)
    if rolled_up:
        with session_scope(engine) as session:
            assert count_roll_up.roll_up(session, world.version_id, BEGIN + timedelta(days=20)) > 0
    with Session(engine) as session:
        found = overview.confusion(ReadSession(session), "heart_disease", world.version_id, newest=newest)
        first = BEGIN.replace(second=0) + timedelta(minutes=6 - minutes)
        assert found == of_the_rows(session, first)
        assert found.n == 10 * minutes


def test_a_version_without_answers_has_no_right_and_wrong_ones(engine: Engine) -> None:
    world = CountedWorld(engine)
    with Session(engine) as session:
        assert overview.confusion(ReadSession(session), "heart_disease", world.version_id).n == 0
