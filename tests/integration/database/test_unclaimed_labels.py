"""Labels whose prediction never comes are found, reported and in the end let go; no other label is touched."""

import json
from datetime import UTC, datetime, timedelta
from threading import Thread
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from api.prediction_ids import new_ids
from config.settings import RetentionSettings, Settings
from database import unclaimed_labels
from database.connection import read_scope, session_scope
from database.models import AuditEvent, Label, UnclaimedLabel
from database.queries import overview, prediction_counts
from database.queries.audit import SYSTEM
from monitoring.upkeep import Upkeep
from scripts.chaos.waiting import wait_until
from tests.counted_world import CountedWorld
from tests.integration.agent.world import register
from tests.integration.database.test_partitions import label, put

NOW = datetime.now(UTC)
MONTH_OLD = NOW - timedelta(days=31)
YEAR_OLD = NOW - timedelta(days=365)
KEEP = timedelta(days=400)
DAY = timedelta(days=1)


def unclaimed(engine: Engine) -> set[str]:
    with Session(engine) as session:
        return {str(one) for one in session.scalars(select(UnclaimedLabel.prediction_id))}


def labelled(engine: Engine) -> set[str]:
    with Session(engine) as session:
        return {str(one) for one in session.scalars(select(Label.prediction_id))}


def test_a_label_is_unclaimed_when_its_prediction_has_not_come_in_thirty_days(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unclaimed_labels, "STEP", 2)
    known = put(engine, register(engine).id, MONTH_OLD)
    nobodys = [*new_ids(2, int(MONTH_OLD.timestamp() * 1000)), str(uuid4())]
    label(engine, [known[0], nobodys[0], known[1], nobodys[1], nobodys[2]], MONTH_OLD)
    label(engine, new_ids(3, 0), NOW - timedelta(days=29))
    assert unclaimed_labels.find(engine, NOW, steps=1) == 1
    assert unclaimed_labels.find(engine, NOW) == 2
    assert unclaimed(engine) == {*nobodys}
    assert unclaimed_labels.find(engine, NOW) == 0
    assert unclaimed_labels.find(engine, NOW + 2 * DAY) == 3
    with read_scope(engine) as session:
        facts = overview.intake(session, "heart_disease")
    assert (facts.unclaimed_labels, facts.newest_unclaimed_at) == (6, NOW - timedelta(days=29))


def test_a_prediction_that_comes_after_all_takes_its_labels_back_and_counts_them(engine: Engine) -> None:
    world = CountedWorld(engine)
    rows = [world.row() for _ in range(3)]
    ids = [str(row["id"]) for row in rows]
    label(engine, ids, MONTH_OLD)
    assert unclaimed_labels.find(engine, NOW) == 3
    world.store(rows[:1])
    world.store_uncounted(rows[1:2])
    assert unclaimed(engine) == {*ids[1:]}
    assert world.count_late() == 1
    assert unclaimed(engine) == {ids[2]}
    assert world.wrong() == []


def test_a_label_is_not_looked_up_while_its_prediction_is_being_stored(engine: Engine) -> None:
    world = CountedWorld(engine)
    row = world.row()
    label(engine, [str(row["id"])], MONTH_OLD)
    found: list[int] = []
    looking = Thread(target=lambda: found.append(unclaimed_labels.find(engine, NOW)))
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with session_scope(engine) as storing:
        prediction_counts.store(storing, [json.dumps([row])], [row], world.layouts)
        looking.start()
        with engine.connect() as connection:
            wait_until(lambda: connection.scalar(waiting) == 1, 10)
        assert found == []
    looking.join()
    assert found == [0]


@pytest.mark.parametrize(("keep", "kept"), [(KEEP, True), (timedelta(days=300), False), (DAY, False)])
def test_unclaimed_labels_go_with_the_time_that_is_kept_and_young_ones_stay_whatever_is_asked_for(
    engine: Engine, keep: timedelta, kept: bool
) -> None:
    old, young, others = new_ids(2, 0), new_ids(1, 0), put(engine, register(engine).id, YEAR_OLD)
    label(engine, [*old, *others], YEAR_OLD)
    label(engine, young, MONTH_OLD)
    assert unclaimed_labels.find(engine, NOW) == 3
    assert unclaimed_labels.drop(engine, SYSTEM, NOW, keep) == (0 if kept else 2)
    assert labelled(engine) == {*young, *others, *(old if kept else [])}
    assert unclaimed(engine) == {*young, *(old if kept else [])}
    with Session(engine) as session:
        told = session.scalars(select(AuditEvent).where(AuditEvent.verb == "labels.dropped")).all()
    assert [one.details["labels"] for one in told] == ([] if kept else [2])


def test_a_label_stays_whose_prediction_was_stored_and_never_counted(engine: Engine) -> None:
    world = CountedWorld(engine)
    row = world.row()
    label(engine, [str(row["id"])], YEAR_OLD)
    assert unclaimed_labels.find(engine, NOW) == 1
    world.store_uncounted([row])
    assert unclaimed_labels.drop(engine, SYSTEM, NOW, timedelta(days=200)) == 0
    assert labelled(engine) == {str(row["id"])}
    assert unclaimed(engine) == set()


def test_the_monitor_finds_and_drops_them_and_keeps_all_where_everything_is_kept(engine: Engine) -> None:
    label(engine, new_ids(1, 0), YEAR_OLD)
    assert Upkeep(Settings(retention=RetentionSettings(days=0))).faults(engine, NOW) == ()
    assert len(unclaimed(engine)) == 1
    assert Upkeep(Settings(retention=RetentionSettings(days=200))).faults(engine, NOW) == ()
    assert (unclaimed(engine), labelled(engine)) == (set(), set())


def test_a_search_that_fails_keeps_nothing_else_from_being_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(engine, new_ids(1, 0), YEAR_OLD)
    assert unclaimed_labels.find(engine, NOW) == 1

    def cancelled(asked: Engine, _: datetime) -> int:
        with session_scope(asked) as session:
            session.execute(text("SET LOCAL statement_timeout = 1"))
            session.execute(text("SELECT pg_sleep(1)"))
        return 0

    monkeypatch.setattr(unclaimed_labels, "find", cancelled)
    faults = Upkeep(Settings(retention=RetentionSettings(days=200))).faults(engine, NOW)
    assert [fault.partition(":")[0] for fault in faults] == ["labels without a prediction"]
    assert (unclaimed(engine), labelled(engine)) == (set(), set())
