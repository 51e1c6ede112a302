"""A table of predictions that is there becomes days: nothing is copied, lost or doubled, wherever it is killed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from database import migrations
from database.connection import read_scope, session_scope
from database.partitions import DEFAULT, partitions
from database.queries import prediction_log
from tests.integration.agent.world import register
from tests.integration.database.test_partitions import places, put
from tests.integration.database.test_prediction_log import ids_at, row

BEFORE_DAYS = "c41f0a7be935"
STEPS = (
    "CREATE UNIQUE INDEX CONCURRENTLY",
    "ALTER TABLE predictions VALIDATE",
    "ALTER TABLE predictions RENAME",
    "ALTER TABLE predictions ATTACH",
    "CREATE OR REPLACE VIEW",
)


@pytest.fixture
def of_before(database_url: URL, engine: Engine) -> int:
    """The schema of before with a version to answer; its id."""
    model_id = register(engine).id
    command.downgrade(migrations.alembic_config(database_url), BEFORE_DAYS)
    return model_id


def answered(engine: Engine) -> set[tuple[object, ...]]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT p::text FROM prediction_outcomes p"))
        return {tuple(one) for one in found}


def killed_at(step: str, url: URL) -> bool:
    """Run the migrations and have the server end their connection before this statement; whether it came to that."""
    struck = False

    def strike(connection: Connection, _c: object, said: str, *_: object) -> None:
        nonlocal struck
        if struck or not said.lstrip().startswith(step):
            return
        struck = True
        pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        other = create_engine(url, poolclass=NullPool)
        with other.connect() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    event.listen(Engine, "before_cursor_execute", strike)
    try:
        with pytest.raises(SQLAlchemyError):
            migrations.upgrade(url)
    finally:
        event.remove(Engine, "before_cursor_execute", strike)
    return struck


def test_a_table_with_rows_becomes_the_partition_of_the_past_and_its_readers_keep_their_rights(
    of_before: int, database_url: URL, engine: Engine
) -> None:
    past, late = datetime(2024, 2, 29, tzinfo=UTC), datetime.now(UTC) + timedelta(days=30)
    ids = put(engine, of_before, past)
    put(engine, of_before, late)
    with engine.begin() as connection:
        connection.execute(text("DO $$ BEGIN CREATE ROLE analyst; EXCEPTION WHEN duplicate_object THEN NULL; END $$"))
        connection.execute(text("GRANT SELECT ON predictions TO analyst"))
        file = connection.scalar(text("SELECT pg_relation_filenode('predictions')"))
    before = answered(engine)
    migrations.upgrade(database_url)
    assert answered(engine) == before
    with read_scope(engine) as session:
        oldest = partitions(session)[0]
        assert (oldest.begins, oldest.ends) == (None, datetime.now(UTC).date() + timedelta(days=2))
        assert session.scalar(text("SELECT pg_relation_filenode(:name)"), {"name": oldest.name}) == file
        assert session.scalar(text("SELECT has_table_privilege('analyst', 'predictions', 'SELECT')"))
        assert not session.scalar(text("SELECT has_table_privilege('analyst', :name, 'SELECT')"), {"name": oldest.name})
    assert places(engine) == {oldest.name: 3, DEFAULT: 3}
    with session_scope(engine) as session:
        assert prediction_log.store(session, [json.dumps([row(of_before, one, past) for one in ids])]) == []
        fresh = ids_at(past, 1)
        assert prediction_log.store(session, [json.dumps([row(of_before, fresh[0], past)])]) == fresh
        session.execute(text("DROP OWNED BY analyst"))
        session.execute(text("DROP ROLE analyst"))


def test_killed_at_any_step_everything_is_as_before_and_the_next_run_completes(
    of_before: int, database_url: URL, engine: Engine
) -> None:
    put(engine, of_before, datetime.now(UTC))
    before = answered(engine)
    for step in STEPS:
        assert killed_at(step, database_url), step
        engine.dispose()
        assert answered(engine) == before
    migrations.upgrade(database_url)
    assert answered(engine) == before
    assert [name.startswith("predictions_before_") for name in places(engine)] == [True]
