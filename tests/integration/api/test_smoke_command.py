"""`steward smoke` against a real API, and against what only looks like one."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from database.enums import Scope
from scripts.cli import app
from scripts.smoke.checks import Target
from scripts.smoke.command import checks_of
from tests.integration.api.conftest import ApiProcess, Installation


def found(target: Target) -> dict[str, tuple[bool | None, str]]:
    return {check.name: (check.ok, check.says) for check in checks_of(target)}


@pytest.fixture
def running(api_process: ApiProcess) -> ApiProcess:
    api_process.environment["STEWARD_REVISION"] = "0123abcd"
    api_process.start()
    return api_process


def test_a_sound_deployment_passes_and_its_key_is_nowhere(
    installed: Installation, running: ApiProcess, tmp_path: Path
) -> None:
    key = installed.key_for([Scope.PREDICT, Scope.LABELS])
    (tmp_path / "key").write_text(f"{key}\n")
    told = CliRunner().invoke(
        app,
        [
            "smoke",
            running.url,
            "--key-file",
            str(tmp_path / "key"),
            "--write",
            "--expect-revision",
            "0123abcd",
            "--json",
        ],
    )
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert {one["name"] for one in report["checks"] if one["ok"]} == {
        "alive", "ready", "described", "closed to strangers", "predicts", "repeats safely", "takes a label",
    }  # fmt: skip
    assert [one["name"] for one in report["checks"] if one["ok"] is None] == ["metrics closed to strangers"]
    assert key not in told.output


def test_each_fault_is_named_and_those_behind_it_are_still_looked_at(
    installed: Installation, running: ApiProcess
) -> None:
    labels_only = SecretStr(installed.key_for([Scope.LABELS]))
    said = found(Target(running.url, labels_only, revision="another"))
    assert said["ready"] == (False, "revision 0123abcd answers, expected another")
    assert said["predicts"] == (False, "POST /predict answered 403 (forbidden), expected 200")
    assert said["described"][0] is True
    said = found(Target(running.url, model="nobody"))
    assert said["ready"][0] is False
    assert said["described"] == (False, "/openapi.json knows no POST /models/nobody/predict")
    assert said["predicts"] == (None, "no API key was given (--key-file, or STEWARD_SMOKE_KEY)")


def test_a_deployment_that_publishes_no_example_is_asked_with_one_that_is_given(
    installed: Installation, api_process: ApiProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api_process.environment["API_DOCS"] = "false"
    api_process.start()
    monkeypatch.setenv("STEWARD_SMOKE_KEY", installed.key_for([Scope.PREDICT]))
    told = CliRunner().invoke(app, ["smoke", api_process.url])
    assert told.exit_code == 0, told.output
    assert told.stderr.splitlines()[-1].strip() == "passed: 5 ok, 0 failed, 3 not seen"
    (tmp_path / "row.json").write_text('{"age": "not a number"}')
    told = CliRunner().invoke(app, ["smoke", api_process.url, "--row", str(tmp_path / "row.json")])
    assert told.exit_code == 1
    assert "POST /predict answered 422 (invalid)" in told.output.replace("\n", " ")
    (tmp_path / "row.json").write_text("[]")
    told = CliRunner().invoke(app, ["smoke", api_process.url, "--row", str(tmp_path / "row.json")])
    assert "expected one JSON object" in told.output.replace("\n", " ")


class _Yes(BaseHTTPRequestHandler):
    """Answers 200 to everything: what a proxy's error page or an open door looks like."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>welcome</html>")

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def says_yes() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Yes)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_server_that_answers_everything_with_200_passes_for_nothing_but_alive(says_yes: str) -> None:
    said = found(Target(says_yes, SecretStr("a-key"), ui_url=says_yes))
    assert {name for name, (ok, _) in said.items() if ok} == {"alive", "dashboard answers"}
    assert said["closed to strangers"] == (False, "POST /predict answered 200, expected 401")
    assert said["dashboard asks who it is"] == (False, "GET /overview answered 200, expected 302 or 303 or 307")


def test_nobody_there_is_a_failure_and_no_traceback(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["smoke", "http://127.0.0.1:9", "--json"])
    assert told.exit_code == 1
    assert "no answer ([Errno 111] Connection refused)" in told.output
    told = CliRunner().invoke(app, ["smoke", "http://127.0.0.1:9"])
    assert told.stderr.splitlines()[-1].strip() == "failed: 0 ok, 4 failed, 4 not seen"
    (tmp_path / "empty").write_text("\n")
    told = CliRunner().invoke(app, ["smoke", "http://127.0.0.1:9", "--key-file", str(tmp_path / "empty")])
    assert told.exit_code == 1
    assert "is empty" in told.stderr.replace("\n", " ")
