"""A migration in the middle of traffic stops nobody, and one that was killed anywhere is simply run again."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from config.settings import ROOT
from database import migrations
from database.embedded import EmbeddedPostgres
from database.errors import UnavailableError

TOMORROW = """
from alembic import op

revision = "70ffff000001"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("ALTER TABLE predictions ADD COLUMN tomorrow integer")
    op.execute("CREATE TABLE of_tomorrow (id bigint PRIMARY KEY)")
    op.execute("ALTER TABLE agent_actions ADD COLUMN tomorrow text")
    op.execute("UPDATE automation SET reason = reason || ' (of tomorrow)'")
"""
SCHEMA = """SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'
            UNION SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
            UNION SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
            WHERE NOT tgisinternal
            UNION SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"""


@pytest.fixture
def tomorrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One migration more than this code knows of; its revision."""
    (tmp_path / "70ffff000001_tomorrow.py").write_text(TOMORROW.format(head=migrations.head_revision()))
    known = migrations.alembic_config

    def config(url: URL) -> Config:
        made = known(url)
        made.set_main_option("path_separator", "newline")
        made.set_main_option("version_locations", f"{ROOT / 'alembic' / 'versions'}\n{tmp_path}")
        return made

    monkeypatch.setattr(migrations, "alembic_config", config)
    return "70ffff000001"


def revision(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def schema(engine: Engine) -> set[tuple[str, ...]]:
    with engine.connect() as connection:
        return {tuple(map(str, row)) for row in connection.execute(text(SCHEMA))}


class Upgrade(threading.Thread):
    """The migration, in a thread of its own; what it raised."""

    def __init__(self, url: URL) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.error: UnavailableError | None = None
        self.start()

    def run(self) -> None:
        try:
            migrations.upgrade(self._url)
        except UnavailableError as error:
            self.error = error


def waiting(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) or 0)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_a_migration_behind_a_long_transaction_steps_back_so_that_nobody_queues_behind_it_for_long(
    engine: Engine, database_url: URL, tomorrow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "PAUSES_S", (0.2,) * 40)
    look, write = engine.connect(), create_engine(database_url, poolclass=NullPool)
    long = engine.connect()
    long.execute(text("SELECT count(*) FROM predictions"))
    upgrade = Upgrade(database_url)
    until(lambda: waiting(look) > 0)
    waits: list[float] = []
    while len(waits) < 20 or max(waits) < 0.3:  # until one insert met the migration in the queue
        began = time.monotonic()
        with write.begin() as connection:
            connection.execute(text("DELETE FROM predictions WHERE request_id = 'nobody'"))
        waits.append(time.monotonic() - began)
        assert len(waits) < 2000
    assert max(waits) < migrations.LOCK_TIMEOUT_S + 1.5
    assert revision(engine) != tomorrow
    long.close()
    upgrade.join(timeout=20)
    assert (upgrade.error, revision(engine)) == (None, tomorrow)
    look.close()
    write.dispose()


def test_a_lock_that_cannot_be_had_is_one_sentence_and_leaves_everything_as_it_was(
    engine: Engine, database_url: URL, tomorrow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "PAUSES_S", (0.01,))
    before = schema(engine)
    with engine.connect() as long:
        long.execute(text("SELECT count(*) FROM agent_actions"))
        with pytest.raises(UnavailableError, match="somebody's long transaction holds what it needs"):
            migrations.upgrade(database_url)
    assert schema(engine) == before
    assert revision(engine) != tomorrow
    migrations.upgrade(database_url)
    assert revision(engine) == tomorrow


def test_a_migration_killed_at_any_statement_leaves_the_schema_of_before_and_a_second_run_completes(
    postgres: EmbeddedPostgres, admin_engine: Engine, migrated_template: str, tomorrow: str
) -> None:
    before: set[tuple[str, ...]] = set()
    kills = 0
    killed = True
    while killed:
        name = f"killed_{uuid4().hex}"
        with admin_engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY FILE_COPY"))
        engine = create_engine(postgres.url(name), poolclass=NullPool)
        before = before or schema(engine)
        killed = _killed_at(kills, postgres.url(name), admin_engine)
        if killed:
            kills += 1
            assert (revision(engine), schema(engine)) == (migrations.head_revision(), before)
            migrations.upgrade(postgres.url(name))
        assert revision(engine) == tomorrow
        assert ("predictions", "tomorrow", "integer") in schema(engine)
        with admin_engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    assert kills == 5  # its four statements, and the one that notes the revision


def _killed_at(statement: int, url: URL, admin: Engine) -> bool:
    """Run the migrations and have the server end their connection at this statement; whether it came to that."""
    seen = 0

    def strike(connection: Connection, _c: object, said: str, *_: object) -> None:
        nonlocal seen
        changes = said.lstrip().upper().startswith(("ALTER", "CREATE TABLE", "UPDATE"))
        if connection.engine.url.database != url.database or not changes:
            return
        seen += 1
        if seen == statement + 1:
            pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
            with admin.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    event.listen(Engine, "before_cursor_execute", strike)
    try:
        migrations.upgrade(url)
    except DBAPIError:
        return True
    finally:
        event.remove(Engine, "before_cursor_execute", strike)
    return False


def test_a_database_of_a_newer_release_is_left_as_it_is_and_the_release_before_starts(
    database_url: URL, engine: Engine, tomorrow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.upgrade(database_url)
    assert revision(engine) == tomorrow
    before = schema(engine)
    monkeypatch.undo()  # the release of today is put back
    migrations.upgrade(database_url)
    assert migrations.revision_of(database_url) == tomorrow
    assert schema(engine) == before
