"""Slices of time read from counts hold what their rows say."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from database.connection import session_scope
from database.queries import count_roll_up, predictions, trends
from database.queries.predictions import Bucket
from database.queries.trends import trend
from tests.counted_world import BEGIN, CountedWorld


def same(found: Sequence[Bucket], expected: Sequence[Bucket]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.at, one.n, one.labelled, one.accuracy) == (other.at, other.n, other.labelled, other.accuracy)
        assert one.positive_share == other.positive_share
        assert one.mean_probability == pytest.approx(other.mean_probability, abs=1e-9)


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
    same(found, expected)


def test_rows_that_are_not_counted_yet_are_in_the_slices_as_if_they_were(engine: Engine) -> None:
    world = CountedWorld(engine)
    rows = [world.row() for _ in range(90)]
    world.store(rows[:50])
    world.store_uncounted(rows[50:])
    world.label([row["id"] for row in rows[::2]], [at % 3 % 2 for at in range(45)])
    given = ("heart_disease", BEGIN - timedelta(seconds=30), BEGIN + timedelta(minutes=9, seconds=30), 5)
    with Session(engine) as session:
        step, mixed = trend(session, *given)
        _, expected = predictions.trend(session, *given)
    assert (step, sum(one.n for one in mixed)) == (timedelta(minutes=2), 90)
    same(mixed, expected)
    while world.count_late():
        pass
    with Session(engine) as session:
        assert trend(session, *given) == (step, mixed)  # latencies among it


@pytest.mark.parametrize("counted", [True, False])
def test_slices_shorter_than_a_minute_are_there_where_few_rows_have_to_be_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, counted: bool
) -> None:
    world = CountedWorld(engine)
    (world.store if counted else world.store_uncounted)([world.row() for _ in range(20)])
    given = ("heart_disease", BEGIN, BEGIN + timedelta(minutes=10), 60)
    with Session(engine) as session:
        assert trend(session, *given) == predictions.trend(session, *given)
        monkeypatch.setattr(trends, "_FEW", 19)
        step, found = trend(session, *given)
    assert (step, sum(one.n for one in found)) == (timedelta(minutes=1), 20)


def test_a_long_span_in_many_slices_gets_fewer_and_no_row_is_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = CountedWorld(engine)
    world.store([world.row() for _ in range(20)])
    monkeypatch.setattr(predictions, "trend", None)
    with Session(engine) as session:
        step, found = trend(session, "heart_disease", BEGIN, BEGIN + timedelta(days=10), 500)
    assert (step, len(found), sum(one.n for one in found)) == (timedelta(hours=1), 241, 20)
