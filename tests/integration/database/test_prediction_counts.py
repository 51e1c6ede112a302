"""Counts are what the raw rows say, whatever arrives in whatever order, twice, at once or half."""

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text

from database.connection import session_scope
from database.count_layout import Layout
from database.models import LabelCount, Prediction, PredictionCount
from database.queries import count_roll_up, count_upkeep, prediction_counts
from tests.counted_world import BEGIN, CountedWorld

LATER = BEGIN + timedelta(days=30)


@pytest.fixture
def world(engine: Engine) -> CountedWorld:
    return CountedWorld(engine)


def _sums(engine: Engine) -> tuple[int, int]:
    """Counted predictions, and counted labels."""
    with engine.connect() as connection:
        rows = connection.execute(select(func.coalesce(func.sum(PredictionCount.n), 0))).scalar_one()
        kinds = (
            LabelCount.true_positive + LabelCount.false_positive + LabelCount.true_negative + LabelCount.false_negative
        )
        return int(rows), int(connection.execute(select(func.coalesce(func.sum(kinds), 0))).scalar_one())


def test_a_batch_that_comes_twice_counts_once(world: CountedWorld, engine: Engine) -> None:
    rows = [world.row() for _ in range(30)]
    assert len(world.store(rows)) == 30
    assert world.store(rows) == []
    assert len(world.store([*rows[20:], *(world.row() for _ in range(5))])) == 5
    assert _sums(engine) == (35, 0)
    assert world.wrong() == []


def test_a_row_twice_in_one_batch_counts_once(world: CountedWorld, engine: Engine) -> None:
    row = world.row()
    assert world.store([row, row]) == [row["id"]]
    assert _sums(engine) == (1, 0)
    assert world.wrong() == []


def test_a_label_counts_once_whether_it_comes_before_or_after_its_prediction_and_a_revised_one_moves(
    world: CountedWorld, engine: Engine
) -> None:
    rows = [world.row() for _ in range(6)]
    ids = [row["id"] for row in rows]
    world.label(ids[:3], [1, 0, 1])
    assert _sums(engine) == (0, 0)
    world.store(rows)
    assert _sums(engine) == (6, 3)
    world.label(ids[2:], [0, 1, 1, 0], observed=1)
    world.label(ids[2:4], [1, 0], observed=-1)  # an older observation changes nothing
    assert _sums(engine) == (6, 6)
    assert world.wrong() == []


def test_rows_that_were_stored_without_being_counted_are_counted_later(world: CountedWorld, engine: Engine) -> None:
    rows = [world.row() for _ in range(10)]
    world.store_uncounted(rows)
    world.label([row["id"] for row in rows[:4]], [1, 1, 0, 0])
    assert _sums(engine) == (0, 0)
    assert world.count_late() == 10
    assert world.count_late() == 0
    assert _sums(engine) == (10, 4)
    assert world.wrong() == []


def test_a_version_whose_profile_cannot_be_read_keeps_its_rows(world: CountedWorld, engine: Engine) -> None:
    world.layouts = BrokenLayouts()
    assert len(world.store([world.row()])) == 1
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).where(Prediction.counted)).scalar_one() == 0


class BrokenLayouts(prediction_counts.Layouts):
    def of(self, session: object, model_id: int) -> Layout:  # noqa: ARG002
        raise ValueError("a profile that makes no sense")


def test_old_minutes_become_hours_and_days_and_what_comes_later_adds_up(world: CountedWorld, engine: Engine) -> None:
    rows = [world.row(BEGIN + timedelta(hours=at // 6, minutes=at)) for at in range(60)]
    world.store(rows)
    world.label([row["id"] for row in rows[::2]], [int(at % 3 == 0) for at in range(30)])
    for now in (LATER, LATER, BEGIN + timedelta(days=200)):
        with session_scope(engine) as session:
            count_roll_up.roll_up(session, world.version_id, now)
        late = world.row(BEGIN + timedelta(hours=1))
        world.store([late])
        world.label([rows[0]["id"], late["id"]], [1, 1], observed=now.month)
        assert world.wrong() == []
    with engine.connect() as connection:
        spans = set(connection.execute(select(PredictionCount.span_minutes)).scalars())
    assert spans == {prediction_counts.MINUTE, prediction_counts.DAY}
    assert _sums(engine) == (63, 33)


def test_what_is_wrong_is_named_and_a_rebuild_mends_it(world: CountedWorld, engine: Engine) -> None:
    rows = [world.row() for _ in range(40)]
    world.store(rows)
    world.label([row["id"] for row in rows[:20]], [1] * 20)
    with engine.begin() as connection:
        connection.execute(text("UPDATE prediction_counts SET bins[1] = bins[1] + 1"))
        connection.execute(text("DELETE FROM label_counts"))
    assert any("the predictions of 2026-03-01" in line for line in world.wrong())
    assert any("the labels of 2026-03-01" in line for line in world.wrong())
    with session_scope(engine) as session:
        count_upkeep.rebuild(session, session.merge(world.version, load=False))
    assert world.wrong() == []
    assert _sums(engine) == (40, 20)


def test_two_processes_and_labels_at_once_miss_and_double_nothing(world: CountedWorld, engine: Engine) -> None:
    batches = [[world.row() for _ in range(8)] for _ in range(24)]
    begin, failed = threading.Barrier(4), []

    def run(work: list[object]) -> None:
        begin.wait()
        for step in work:
            try:
                step()  # type: ignore[operator]
            except Exception as error:  # noqa: BLE001
                failed.append(error)

    stores = [lambda rows=rows: world.store(rows) for rows in batches]
    told = [lambda rows=rows: world.label([row["id"] for row in rows], [1] * len(rows)) for rows in batches]

    def roll() -> None:
        with session_scope(engine) as session:
            count_roll_up.roll_up(session, world.version_id, LATER)

    threads = [threading.Thread(target=run, args=(work,)) for work in (stores, stores[::-1], told, [roll] * 12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    assert _sums(engine) == (192, 192)
    assert world.wrong() == []


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["store", "store", "late", "label", "count", "roll"]),
        st.sets(st.integers(0, 11), min_size=1, max_size=6),
        st.integers(0, 3),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=10,
)


@given(events=EVENTS)
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_of_arrivals_makes_a_difference(engine: Engine, events: list[tuple[str, set[int], int, int]]) -> None:
    world = CountedWorld(engine)
    rows = [world.row(generation=1 + at % 2) for at in range(12)]
    for what, chosen, hour, value in events:
        mine = [rows[at] for at in sorted(chosen)]
        if what == "store":
            world.store(mine)
        elif what == "late":
            world.store_uncounted(mine)
        elif what == "label":
            world.label([row["id"] for row in mine], [value] * len(mine), observed=hour)
        elif what == "count":
            world.count_late()
        else:
            with session_scope(engine) as session:
                count_roll_up.roll_up(session, world.version_id, LATER)
        assert world.wrong() == []
