"""Days of predictions: made in time, filled from the default partition, dropped when they are old."""

import json
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from config.settings import RetentionSettings, Settings
from database import partitions, retention
from database.connection import read_scope, session_scope
from database.enums import WindowStatus
from database.models import AuditEvent, Label, MonitoringWindow
from database.queries import prediction_log
from database.queries.audit import SYSTEM
from monitoring.upkeep import Upkeep
from tests.integration.agent.world import register
from tests.integration.database.test_prediction_log import ids_at, row

KEEP = timedelta(days=400)
NOW = datetime.now(UTC)
FAR = datetime(2031, 6, 1, tzinfo=UTC).date()
OLD = NOW - timedelta(days=500)


def put(engine: Engine, model_id: int, at: datetime, count: int = 3) -> list[str]:
    ids = ids_at(at, count)
    with session_scope(engine) as session:
        prediction_log.store(session, [json.dumps([row(model_id, one, at) for one in ids])])
    return ids


def label(engine: Engine, ids: list[str], received_at: datetime) -> None:
    with session_scope(engine) as session:
        for one in ids:
            said = {"prediction_id": UUID(one), "revision": 1, "value": 1, "key_id": "k"}
            session.add(Label(**said, observed_at=received_at, received_at=received_at))


def places(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT tableoid::regclass::text, count(*) FROM predictions GROUP BY 1"))
        return {str(name): int(count) for name, count in found}


def days_of(engine: Engine) -> list[str]:
    with read_scope(engine) as session:
        return [one.name for one in partitions.partitions(session)]


def test_the_next_days_are_there_after_a_migration_and_a_row_of_today_lies_in_its_day(engine: Engine) -> None:
    today = datetime.now(UTC).date()
    made = [partitions.name_of(today + timedelta(days=ahead)) for ahead in range(partitions.AHEAD_DAYS + 1)]
    assert set(made) <= set(days_of(engine))
    put(engine, register(engine).id, datetime.now(UTC))
    assert places(engine) == {partitions.name_of(today): 3}


def test_rows_without_a_day_wait_in_the_default_partition_and_move_when_their_day_is_made(engine: Engine) -> None:
    model_id = register(engine).id
    past, far = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    ids = put(engine, model_id, past)
    put(engine, model_id, past + timedelta(microseconds=1))
    put(engine, model_id, far)
    assert places(engine) == {partitions.DEFAULT: 9}
    assert partitions.make_days(engine, datetime.now(UTC).date()) == [date(2026, 1, 31), date(2026, 2, 1)]
    assert places(engine) == {"predictions_20260131": 3, "predictions_20260201": 3, partitions.DEFAULT: 3}
    with session_scope(engine) as session:
        again = [row(model_id, one, past) for one in ids]
        assert prediction_log.store(session, [json.dumps(again)]) == []


def test_rivals_make_each_day_once(engine: Engine) -> None:
    begin, made = Barrier(3), list[date]()

    def make() -> None:
        begin.wait()
        made.extend(partitions.make_days(engine, FAR))

    rivals = [Thread(target=make) for _ in range(3)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    made += partitions.make_days(engine, FAR)
    assert sorted(made) == [FAR + timedelta(days=ahead) for ahead in range(partitions.AHEAD_DAYS + 1)]


def test_somebodys_long_transaction_is_not_waited_for_and_the_day_is_made_at_the_next_pass(engine: Engine) -> None:
    with engine.connect() as long:
        long.execute(text("SELECT count(*) FROM predictions_default"))
        assert partitions.make_days(engine, FAR) == []
    assert len(partitions.make_days(engine, FAR)) == partitions.AHEAD_DAYS + 1


def test_a_day_that_is_old_goes_with_its_labels_and_says_so_and_the_newest_stays(engine: Engine) -> None:
    model_id = register(engine).id
    gone, kept = put(engine, model_id, OLD), put(engine, model_id, OLD + timedelta(days=2))
    label(engine, [*gone, *kept], datetime.now(UTC) - timedelta(days=200))
    partitions.make_days(engine, NOW.date())
    Upkeep(Settings()).faults(engine, NOW)
    name = partitions.name_of(OLD.date())
    assert places(engine) == {partitions.name_of(OLD.date() + timedelta(days=2)): 3}
    with Session(engine) as session:
        assert {str(one.prediction_id) for one in session.query(Label)} == set(kept)
        said = session.query(AuditEvent).filter_by(verb="predictions.dropped").one()
        assert (said.object_id, said.details["predictions"], said.details["labels"]) == (name, 3, 3)
        [newest] = [
            one for one in retention.old_days(session, NOW, KEEP) if one.bytes and "newest" in str(one.kept_for)
        ]
        assert newest.partition.begins == OLD.date() + timedelta(days=2)


def test_what_a_window_waits_for_or_was_labelled_lately_stays(engine: Engine) -> None:
    model_id = register(engine).id
    waits, young = NOW - timedelta(days=410), NOW - timedelta(days=420)
    for at in (waits, young, NOW):
        label(engine, put(engine, model_id, at), NOW - timedelta(days=1) if at == young else OLD)
    partitions.make_days(engine, NOW.date())
    with session_scope(engine) as session:
        span = {"from_at": waits - timedelta(hours=1), "to_at": waits + timedelta(hours=1)}
        session.add(
            MonitoringWindow(
                model_name="heart_disease", model_id=model_id, seq=1, status=WindowStatus.CLOSED, n=3, **span
            )
        )
    assert retention.drop_old_days(engine, SYSTEM, NOW, KEEP) == []
    with read_scope(engine) as session:
        reasons = [one.kept_for for one in retention.old_days(session, NOW, KEEP)]
    assert reasons == ["it has labels younger than 183 days", "window 1 waits for its labels"]


def test_a_label_cannot_be_deleted_for_half_a_year(engine: Engine) -> None:
    label(engine, [str(uuid4())], datetime.now(UTC) - timedelta(days=182))
    with pytest.raises(DBAPIError, match="append-only for 183 days"), engine.begin() as connection:
        connection.execute(text("DELETE FROM labels"))


def test_less_than_half_a_year_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="at least 183 days are kept"):
        RetentionSettings(days=182)
    assert RetentionSettings(days=0).days == 0
