"""Slices of time read from counts hold what their rows say."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from database.connection import session_scope
from database.queries import count_roll_up, predictions
from database.queries.trends import trend
from tests.counted_world import BEGIN, CountedWorld


@pytest.mark.parametrize(("hours", "slices", "unit"), [(2, 10, timedelta(minutes=1)), (1000, 12, timedelta(hours=1))])
def test_slices_read_from_counts_are_those_of_the_rows(
    engine: Engine, hours: int, slices: int, unit: timedelta
) -> None:
    world = CountedWorld(engine)
    now = BEGIN + timedelta(hours=hours, seconds=11)
    rows = [world.row(BEGIN + timedelta(seconds=at * hours * 20)) for at in range(170)]
    world.store(rows)
    world.label([row["id"] for row in rows[:90]], [at % 2 for at in range(90)])
    with session_scope(engine) as session:
        count_roll_up.roll_up(session, world.version_id, now)
    with Session(engine) as session:
        step, found = trend(session, "heart_disease", now - timedelta(hours=hours), now, slices)
        assert found[0].at <= now - timedelta(hours=hours) < found[0].at + step
        assert step % unit == timedelta(0)
        assert len(found) <= slices
        end = found[0].at + len(found) * step
        _, expected = predictions.trend(session, "heart_disease", found[0].at, end, len(found))
    assert sum(one.n for one in found) == 170
    for one, other in zip(found, expected, strict=True):
        assert (one.at, one.n, one.labelled, one.accuracy) == (other.at, other.n, other.labelled, other.accuracy)
        assert one.positive_share == other.positive_share
        assert one.mean_probability == pytest.approx(other.mean_probability, abs=1e-9)


def test_rows_that_are_not_counted_yet_are_in_the_slices(engine: Engine) -> None:
    world = CountedWorld(engine)
    world.store([world.row() for _ in range(5)])
    world.store_uncounted([world.row() for _ in range(4)])
    with Session(engine) as session:
        _, found = trend(session, "heart_disease", BEGIN, BEGIN + timedelta(hours=2), 10)
    assert sum(one.n for one in found) == 9
