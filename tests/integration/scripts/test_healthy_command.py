"""`steward healthy`: a server that answers, a loop that turns, and a process that waits for its database are well."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.liveness import SignsOfLife
from scripts.cli import app
from scripts.platform_roles import free_port

NOWHERE = "postgresql://nobody@127.0.0.1:1/steward"


@pytest.fixture
def home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEWARD_HOME", str(home))
    return home


def _said(role: str) -> tuple[int, str]:
    told = CliRunner().invoke(app, ["healthy", role])
    return told.exit_code, " ".join(told.output.split())


class _Server(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(type(self).status if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Server]]:
    class One(_Server):
        pass

    with HTTPServer(("127.0.0.1", 0), One) as listening:
        monkeypatch.setenv("API_PORT", str(listening.server_port))
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield One
        listening.shutdown()


def test_a_server_is_asked_where_its_settings_say_it_listens(server: type[_Server]) -> None:
    assert _said("api")[0] == 0
    server.status = 503
    code, said = _said("api")
    assert code == 1
    assert "/livez answers 503" in said


def test_a_server_that_is_not_there_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", str(free_port("127.0.0.1")))
    code, said = _said("api")
    assert code == 1
    assert "does not answer" in said


def test_a_loop_that_hangs_is_named_with_how_long(home: Path) -> None:
    code, said = _said("monitor")
    assert (code, "the monitor has not begun" in said) == (1, True)
    signs = SignsOfLife(home / "run", "monitor")
    signs.begin()
    signs.turned("pass", 60)
    assert _said("monitor")[0] == 0
    signs.turned("pass", -1)
    code, said = _said("monitor")
    assert code == 1
    assert "the monitor hangs: silent `pass` for 0 s" in said


def test_an_unknown_role_is_said() -> None:
    code, said = _said("postgres")
    assert code == 1
    assert "unknown role 'postgres'" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "module", "loops"),
    [("agent", "agent.main", {"think", "execute", "gather", "relay"}), ("monitor", "monitoring.run_checks", {"pass"})],
)
def test_a_process_that_waits_for_its_database_is_healthy(role: str, module: str, loops: set[str], home: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": NOWHERE, "AGENT_INTERVAL_S": "0.2", "MONITOR_INTERVAL_S": "0.2"}
    process = subprocess.Popen([sys.executable, "-m", module], env=environment, stderr=subprocess.DEVNULL)
    try:
        signs, until = SignsOfLife(home / "run", role), time.monotonic() + 40
        while {sign.loop for sign in signs.read()} != loops:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(1.0)  # several tries to reach the database
        assert process.poll() is None
        code, said = _said(role)
        assert code == 0, said
    finally:
        process.terminate()
        process.wait(20)
