"""`steward audit checkpoint` and `steward audit verify`, as a person or a job calls them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, text
from typer.testing import CliRunner, Result

from database.connection import session_scope
from database.queries import audit
from database.queries.audit import SYSTEM
from scripts.cli import app


@pytest.fixture(autouse=True)
def steward_home(database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    url = database_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url.replace("postgresql+psycopg2://", "postgresql://"))
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path / "home"))
    for name in ("AUDIT_KEY_FILE", "AUDIT_CHECKPOINT_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def _write_events(engine: Engine, count: int) -> None:
    for number in range(count):
        with session_scope(engine) as session:
            audit.append(session, SYSTEM, "thing.done", "thing", number)


def _run(*command: object) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, command)])


def _said(done: Result) -> str:
    return " ".join(done.stderr.split())


def _json(*command: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run(*command, "--json").stdout)
    return found


def _cut(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM audit_log WHERE seq > 1"))


def test_a_log_that_was_never_signed_verifies_and_says_what_would_not_show(engine: Engine) -> None:
    _write_events(engine, 2)
    done = _run("verify")
    assert done.exit_code == 0
    assert "nothing was ever signed here" in _said(done)


def test_a_signed_log_verifies_and_says_up_to_where_it_was_signed(engine: Engine, steward_home: Path) -> None:
    _write_events(engine, 2)
    done = _run("checkpoint")
    assert done.exit_code == 0
    assert f"event 2 is signed in {steward_home}/audit-checkpoints.jsonl" in _said(done)
    assert "has not grown" in _said(_run("checkpoint"))
    _write_events(engine, 1)
    verified = _run("verify")
    assert verified.exit_code == 0
    assert "3 events, unbroken" in _said(verified)
    assert "1 checkpoint, of event 2 at" in _said(verified)


def test_a_cut_end_is_exit_1_with_the_sentence(engine: Engine) -> None:
    _write_events(engine, 3)
    signed = _json("checkpoint")["signed"]
    _cut(engine)
    done = _run("verify")
    assert done.exit_code == 1
    assert "fault the end was cut off: the chain ends with event 1, and event 3 was signed" in _said(done)
    found = _json("verify")
    assert (found["ok"], found["events"], found["checkpoints"]) == (False, 1, 1)
    assert found["last_checkpoint"] == {"seq": 3, "at": signed["at"]}
    assert "cut off" in found["faults"][0]


def test_a_log_that_was_cut_is_not_signed(engine: Engine) -> None:
    _write_events(engine, 3)
    _run("checkpoint")
    _cut(engine)
    done = _run("checkpoint")
    assert done.exit_code == 1
    assert "nothing is signed until somebody has looked" in _said(done)


def test_a_copy_from_elsewhere_tells_what_forged_files_here_hide(
    engine: Engine, steward_home: Path, tmp_path: Path
) -> None:
    _write_events(engine, 3)
    _run("checkpoint")
    copy = tmp_path / "copy"
    shutil.copytree(steward_home, copy)
    _cut(engine)
    for path in steward_home.glob("audit*"):
        path.unlink()
    _run("checkpoint")
    assert _run("verify").exit_code == 0
    done = _run("verify", "--checkpoints", copy / "audit-checkpoints.jsonl", "--public-key", copy / "audit.key.pub")
    assert done.exit_code == 1
    assert "the end was cut off" in _said(done)


def test_checkpoints_that_were_taken_away_are_missed(engine: Engine, steward_home: Path) -> None:
    _write_events(engine, 2)
    _run("checkpoint")
    (steward_home / "audit-checkpoints.jsonl").unlink()
    done = _run("verify")
    assert done.exit_code == 1
    assert "audit-checkpoints.jsonl is missing, though there is a key: it was removed or moved" in _said(done)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = _run("verify", "--checkpoints", tmp_path / "none.jsonl")
    assert done.exit_code == 1
    assert "there are no checkpoints at" in _said(done)
