"""The drill: back up while clients ask, lose the machine, restore elsewhere, serve. And what must not come back."""

import errno
import importlib.metadata
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool
from typer.testing import CliRunner

from agent.core.work import Json
from api.main import create_app
from api.spool_claim import claim_spools
from api.spool_file import Answered
from config.settings import ROOT, Settings
from database import migrations
from database.connection import ReadSession, session_scope
from database.embedded import EmbeddedPostgres
from database.enums import ActionStatus, Automation, DeliveryStatus
from database.erasure import erase
from database.errors import ConflictError, IntegrityError, UnavailableError
from database.models import AgentAction, AuditEvent, Delivery, LoginSession, OutboxMessage
from database.queries import actions, audit, automation, prediction_log
from scripts.admin import me
from scripts.backup import restoring
from scripts.backup.making import Made, make
from scripts.backup.place import open_backup
from scripts.backup.placing import Restored
from scripts.backup.postgres_programs import dumped
from scripts.backup.restoring import restore
from scripts.backup.settling import settle
from scripts.cli import app
from tests.conftest import open_directory
from tests.integration.agent.world import approve, approved_automatic, pending, reread, user
from tests.integration.api.conftest import Api, Installation, serve, settings_for, wait_until
from tests.integration.api.test_nothing_answered_is_lost import _spool_row


@pytest.fixture(autouse=True)
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an image, where the source lies beside the environment and no package tells its version."""

    def unknown(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.distribution", unknown)


@pytest.fixture
def new_server() -> Iterator[EmbeddedPostgres]:
    """The machine that takes over."""
    with open_directory() as directory:
        server = EmbeddedPostgres(directory / "postgres", settings={"fsync": "off"})
        server.start()
        yield server
        server.stop()


def quiet(_: str) -> None:
    """Nobody listens."""


@dataclass
class Traffic:
    """A client that asks until it is told to stop, and knows what it was told."""

    api: Api
    key: str
    told: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        while not self._over.is_set():
            self.told.append(self.api.predict(self.key).json()["prediction_id"])

    def stop(self) -> None:
        self._over.set()
        self._thread.join(20)


def stored(url: URL) -> set[str]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {str(one) for one in connection.scalars(text("SELECT id FROM predictions"))}
    finally:
        engine.dispose()


def backed_up(installed: Installation, to: Path, key: bytes | None = None) -> Made:
    return make(installed.settings, to, key=key, with_keys=False, say=quiet)


def put_back(made: Made, settings: Settings, *, replace: bool = False, key: bytes | None = None) -> Restored:
    return restore(open_backup(made.path, key), settings, me(), replace=replace, say=quiet)


def approved_change(installed: Installation) -> AgentAction:
    question = pending(installed.engine, installed.version.id, installed.new_version(bias=0.6, serve=False))
    approve(installed.engine, question, user(installed.engine, "ann", "approver"))
    return reread(installed.engine, question.action_id)


def test_the_drill(installed: Installation, new_server: EmbeddedPostgres, home: Path) -> None:
    question, (errand,) = approved_change(installed), approved_automatic(installed.engine, "send_alert", 1)
    assert question.status == ActionStatus.APPROVED
    api = next(serving := serve(create_app(installed.settings)))
    signed_in = api.sign_in("viewer")
    before = api.predict(installed.keys.everything).json()
    traffic = Traffic(api, installed.keys.everything)
    wait_until(lambda: len(traffic.told) > 20, 20)
    own, _ = claim_spools(installed.settings.spool_dir, max_rows=1000)  # a replica that died before it could ship
    late = str(uuid4())
    own.append(Answered(_spool_row(installed, late), 1, b""))
    own.close()
    answered_before = {*traffic.told, late, before["prediction_id"]}
    made = backed_up(installed, home / "backups")
    traffic.stop()
    serving.close()
    assert len(traffic.told) > len(answered_before) - 2, "nobody asked while it was backed up"

    new_home = home / "elsewhere"
    there = settings_for(new_home, new_server.url("steward"))
    new_server.ensure_database("steward")
    done = put_back(made, there)
    assert done.replaced_database is None
    engine = create_engine(new_server.url("steward"))
    with Session(engine) as session:
        assert audit.verify(ReadSession(session)).ok
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(1)).one()
        assert (event.verb, event.object_id) == ("backup.restored", made.manifest.name)
        assert event.details["audit_hash"] == made.manifest.audit.hash
        assert event.details["asked_again"] == [str(question.action_id)]
        assert event.details["called_off"] == [str(errand)]
    again = next(serving := serve(create_app(there)))
    answer = again.predict(installed.keys.everything).json()
    assert (answer["model_version"], answer["probability"]) == (before["model_version"], before["probability"])
    wait_until(lambda: answered_before <= stored(new_server.url("steward")), 20)
    assert again.get("/auth/me", headers=signed_in).status_code == 401
    assert again.sign_in("viewer")
    assert again.get("/overview", headers=again.sign_in("viewer")).json()["notices"] == []
    serving.close()
    engine.dispose()


def test_nothing_that_was_approved_before_a_restore_is_taken_up_after_it(
    installed: Installation, new_server: EmbeddedPostgres, home: Path
) -> None:
    question, (errand,) = approved_change(installed), approved_automatic(installed.engine, "send_alert", 1)
    with session_scope(installed.engine) as session:
        message = OutboxMessage(message_id="m", about="a", topic="version.activated", model_name="x", payload={})
        session.add(message)
        session.flush()
        session.add(Delivery(message_id="m", channel="slack"))
        session.add(OutboxMessage(message_id="n", about="b", topic="version.activated", model_name="x", payload={}))
    made = backed_up(installed, home / "backups")
    there = settings_for(home / "elsewhere", new_server.url("steward"))
    put_back(made, there)
    engine = create_engine(new_server.url("steward"))
    for action_id, status in ((question.action_id, ActionStatus.STALE), (errand, ActionStatus.CANCELLED)):
        assert reread(engine, action_id).status == status
    with Session(engine) as session, session.begin():
        taken = actions.claim_next(session, "w", timedelta(seconds=30), (ActionStatus.APPROVED, ActionStatus.EXECUTING))
        assert taken is None
        assert automation.state(session) is Automation.PAUSED
        delivery = session.scalars(select(Delivery)).one()
        assert delivery.status == DeliveryStatus.DEAD
        assert "it may have been sent" in str(delivery.last_error)
        unrouted = select(func.count()).select_from(OutboxMessage).where(OutboxMessage.routed_at.is_(None))
        told_before = ("m", "n")
        assert session.scalar(unrouted.where(OutboxMessage.message_id.in_(told_before))) == 0
        signed_in = select(func.count()).select_from(LoginSession).where(LoginSession.revoked_at.is_(None))
        assert session.scalar(signed_in) == 0
    engine.dispose()


def test_what_is_there_is_never_lost_to_a_restore(
    installed: Installation, new_server: EmbeddedPostgres, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backed_up(installed, home / "backups")
    there = settings_for(home / "elsewhere", new_server.url("steward"))
    put_back(made, there)
    with pytest.raises(ConflictError, match=r"there is something in (mlflow and )?steward: `--replace`"):
        put_back(made, there)
    # Somebody is connected: nothing is exchanged, and nothing is left lying about.
    engine = create_engine(new_server.url("steward"))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with pytest.raises(ConflictError, match="end every process that uses steward"):
            put_back(made, there, replace=True)
    engine.dispose()
    # It dies while it settles: what was there is there.
    with monkeypatch.context() as patched:
        patched.setattr(restoring, "settle", lambda *_: (_ for _ in ()).throw(RuntimeError("dies")))
        with pytest.raises(RuntimeError, match="dies"):
            put_back(made, there, replace=True)
    assert databases(new_server) == {"steward"}
    done = put_back(made, there, replace=True)
    assert done.replaced_database is not None
    assert databases(new_server) == {"steward", done.replaced_database}


def test_what_somebody_stored_while_a_restore_went_on_is_kept(
    installed: Installation, new_server: EmbeddedPostgres, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backed_up(installed, home / "backups")
    there = settings_for(home / "elsewhere", new_server.url("steward"))
    new_server.ensure_database("steward")

    def meanwhile(*given: Any) -> Any:
        engine = create_engine(new_server.url("steward"), poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE of_somebody (id int)"))
        return settle(*given)

    monkeypatch.setattr(restoring, "settle", meanwhile)
    done = put_back(made, there)
    assert done.replaced_database is not None
    assert databases(new_server) == {"steward", done.replaced_database}


def test_what_was_erased_after_the_backup_is_erased_in_what_is_restored(
    installed: Installation, new_server: EmbeddedPostgres, home: Path
) -> None:
    row = _spool_row(installed, str(uuid4()), subject="somebody").decode()
    with session_scope(installed.engine) as session:
        prediction_log.store(session, [f"[{row}]"])
        prediction_log.bury(session, prediction_id=str(uuid4()), payload=row, reason="refused")
    made = backed_up(installed, home / "backups")
    there = settings_for(home / "elsewhere", new_server.url("steward"))
    put_back(made, there)
    engine = create_engine(new_server.url("steward"))
    assert erase(engine, me(), "heart_disease", "somebody").predictions == 1
    engine.dispose()
    put_back(made, there, replace=True)
    engine = create_engine(new_server.url("steward"))
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT features::text FROM predictions")).all() == ["{}"]
        assert connection.scalar(text("SELECT count(*) FROM prediction_subjects")) == 0
        assert json.loads(connection.scalars(text("SELECT payload FROM dead_letters")).one())["features"] == {}
    assert erase(engine, me(), "heart_disease", "somebody").predictions == 0
    engine.dispose()


def test_a_restore_exchanges_both_databases_or_none_and_who_may_enter_them_stays_as_it_was(
    new_server: EmbeddedPostgres, home: Path
) -> None:
    """Else it would let MLflow's login into ours, and lock it out of its own."""
    new_server.ensure_database("steward")
    server = create_engine(new_server.url("postgres"), isolation_level="AUTOCOMMIT")
    tracker = create_engine(new_server.url("mlflow").set(username="tracker"), poolclass=NullPool)
    with server.connect() as connection:
        for statement in (
            "CREATE ROLE tracker LOGIN",
            "CREATE ROLE looker LOGIN",
            "CREATE DATABASE mlflow OWNER tracker",
            "REVOKE CONNECT ON DATABASE mlflow, steward FROM PUBLIC",
            "GRANT CONNECT ON DATABASE steward TO looker",
        ):
            connection.execute(text(statement))
    with tracker.begin() as connection:
        connection.execute(text("CREATE TABLE experiments AS SELECT 'kept' AS name"))
    there = settings_for(home, new_server.url("steward"))
    migrations.upgrade(new_server.url("steward"))
    made = make(there, home / "backups", key=None, with_keys=False, say=quiet)
    oid = "SELECT oid FROM pg_database WHERE datname = 'mlflow'"
    with server.connect() as connection:
        before = connection.scalar(text(oid))
        # Somebody is connected to ours: then MLflow's, which nobody uses, is not exchanged either.
        ours = create_engine(new_server.url("steward"), poolclass=NullPool)
        with ours.connect() as busy, pytest.raises(ConflictError, match="nothing has changed"):
            busy.execute(text("SELECT 1"))
            put_back(made, there, replace=True)
        assert connection.scalar(text(oid)) == before
    put_back(made, there, replace=True)
    with server.connect() as connection:
        enters = "SELECT has_database_privilege(:who, :where, 'CONNECT')"
        found = {
            (who, where): connection.scalar(text(enters), {"who": who, "where": where})
            for who in ("tracker", "looker")
            for where in ("steward", "mlflow")
        }
    server.dispose()
    assert {who for who, enters in found.items() if enters} == {("tracker", "mlflow"), ("looker", "steward")}
    with tracker.begin() as connection:
        assert connection.scalars(text("SELECT name FROM experiments")).all() == ["kept"]
        connection.execute(text("CREATE TABLE of_the_next_release (id int)"))


def databases(server: EmbeddedPostgres) -> set[str]:
    engine = create_engine(server.url("postgres"))
    try:
        with engine.connect() as connection:
            names = connection.scalars(text("SELECT datname FROM pg_database WHERE NOT datistemplate"))
            return set(names) - {"postgres", "mlflow"}
    finally:
        engine.dispose()


def test_a_damaged_backup_or_one_of_a_newer_release_changes_nothing(
    installed: Installation, new_server: EmbeddedPostgres, home: Path
) -> None:
    made = backed_up(installed, home / "backups")
    there = settings_for(home / "elsewhere", new_server.url("steward"))
    manifest = made.path / "manifest.json"
    body = manifest.read_text()
    manifest.write_text(body.replace(made.manifest.schema_revision, "f00dfeedbeef"))
    with pytest.raises(ConflictError, match="made by a newer Steward: this one does not know the schema f00dfeedbeef"):
        put_back(made, there)
    counts: Json = json.loads(body)
    counts["counts"]["users"] += 1
    manifest.write_text(json.dumps(counts))
    with pytest.raises(IntegrityError, match="users: 4 rows, 5 expected"):
        put_back(made, there)
    manifest.write_text(body)
    dump = made.path / "database.dump"
    sound = dump.read_bytes()
    dump.write_bytes(sound[:-100] + bytes(100))
    with pytest.raises(IntegrityError, match=r"database\.dump is not what the manifest says"):
        put_back(made, there)
    assert databases(new_server) == set()
    assert not (home / "elsewhere").exists()


def test_a_backup_that_fails_leaves_nothing_on_the_disk(
    installed: Installation, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> list[str]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("scripts.backup.making._copy_artifacts", full)
    with pytest.raises(OSError, match="No space"):
        backed_up(installed, home / "backups")
    assert list((home / "backups").iterdir()) == []


def test_an_older_schema_is_migrated(new_server: EmbeddedPostgres, home: Path) -> None:
    scripts = ScriptDirectory(str(ROOT / "alembic"))
    head = scripts.get_revision("head")
    assert head is not None
    new_server.ensure_database("old")
    command.upgrade(migrations.alembic_config(new_server.url("old")), str(head.down_revision))
    old = settings_for(home, new_server.url("old"))
    made = make(old, home / "backups", key=None, with_keys=False, say=quiet)
    assert made.manifest.schema_revision == head.down_revision
    done = put_back(made, settings_for(home / "elsewhere", new_server.url("steward")))
    assert done.migrated_from == head.down_revision
    restored = create_engine(new_server.url("steward"))
    with restored.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == head.revision
    restored.dispose()


def test_the_commands_make_seal_check_by_restoring_and_put_in_place_what_the_log_then_tells(
    monkeypatch: pytest.MonkeyPatch, installed: Installation, database_url: URL, engine: Engine
) -> None:
    with open_directory() as home:
        monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))
        monkeypatch.setenv("STEWARD_HOME", str(installed.settings.platform.home))
        monkeypatch.setenv("BACKUP_DIR", str(home / "backups"))
        monkeypatch.setenv("BACKUP_KEY_FILE", str(home / "backup.key"))

        def steward(*arguments: str, code: int = 0) -> Json:
            done = CliRunner().invoke(app, [*arguments, "--json"])
            assert done.exit_code == code, done.output
            found: Json = json.loads(done.stdout)
            return found

        assert CliRunner().invoke(app, ["backup", "key", str(home / "backup.key")]).exit_code == 0
        steward("audit", "checkpoint")
        first = steward("backup", "--keep", "1")
        second = steward("backup", "--keep", "1")
        assert second["removed"] == [first["name"]]
        with Session(engine) as session:
            event = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(1)).one()
            assert (event.verb, event.details["bytes"], event.details["sealed"]) == (
                "backup.made",
                second["bytes"],
                True,
            )
        proved = steward("backup", "verify", str(home / "backups"), "--deep")
        assert proved["ok"], proved
        assert proved["answered"][0]["version"] == 1
        # Elsewhere, with nothing but the backup and its key.
        monkeypatch.delenv("DATABASE_URL")
        monkeypatch.setenv("STEWARD_HOME", str(home / "elsewhere"))
        put = steward("restore", str(home / "backups"))
        assert put["replaced_database"] is None
        assert steward("audit", "verify")["checkpoints"] == 1
        # The checkpoints of the machine that was lost know more than the backup.
        monkeypatch.setenv("STEWARD_HOME", str(installed.settings.platform.home))
        monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))
        steward("audit", "checkpoint")
        monkeypatch.delenv("DATABASE_URL")
        monkeypatch.setenv("STEWARD_HOME", str(home / "elsewhere"))
        lost = installed.settings.platform.home
        said = steward(
            "audit", "verify", "--checkpoints", str(lost / "audit-checkpoints.jsonl"),
            "--public-key", str(lost / "audit.key.pub"), code=1,
        )  # fmt: skip
        (fault,) = said["faults"]
        assert "was rewritten after event" in fault
        assert "restored a backup of" in fault
        damaged = home / "backups" / second["name"] / "policy.yml"
        damaged.write_bytes(b"x")
        assert steward("backup", "verify", str(home / "backups"), code=1)["faults"] != []


def test_no_password_is_in_the_arguments_of_what_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.backup.postgres_programs.subprocess.Popen", Refusing)
    url = URL.create("postgresql+psycopg2", "me", "hunter2secret", "127.0.0.1", 1, "steward")
    with pytest.raises(UnavailableError):
        list(dumped(Path("pg_dump"), url, ()))
    assert "hunter2secret" not in str(Refusing.arguments)
    assert Refusing.environment["PGPASSWORD"] == "hunter2secret"


class Refusing:
    """Stands in for a program, and remembers what it was told."""

    arguments: list[str]
    environment: dict[str, str]

    def __init__(self, arguments: list[str], *, env: dict[str, str], **_: object) -> None:
        Refusing.arguments, Refusing.environment = arguments, env
        raise UnavailableError("not started")
