"""A supervised process is started, revived and ended; none outlives its supervisor."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from scripts.platform_roles import PortInUseError, Role, claim_port
from scripts.process import Supervised

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)",
]


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def _said(process: Supervised, word: str, times: int = 1) -> bool:
    return process.log_path.exists() and process.log_path.read_text().count(word) >= times


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_what_a_process_says_stands_in_its_log(tmp_path: Path) -> None:
    process = Supervised(Role("sleeper", SLEEPER, lambda: True), tmp_path)
    process.start()
    _until(lambda: _said(process, "here"))
    process.stop()
    assert process.pid is None


def test_a_killed_process_is_started_again_visibly(tmp_path: Path) -> None:
    process = Supervised(Role("sleeper", SLEEPER, lambda: True), tmp_path)
    process.start()
    _until(lambda: _said(process, "here"))
    assert process.revive() is None
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    news: list[str] = []

    def revived() -> bool:
        news.extend(filter(None, [process.revive()]))
        return process.restarts == 1

    _until(revived)
    assert "SIGKILL" in news[0]
    assert "running again" in news[-1]
    _until(lambda: _said(process, "here", times=2))
    assert process.pid != first
    process.stop()


def test_a_process_that_keeps_dying_is_tried_ever_less_often(tmp_path: Path) -> None:
    process = Supervised(Role("broken", [sys.executable, "-c", "raise SystemExit(3)"], lambda: True), tmp_path)
    process.start()
    news: list[str] = []
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        if line := process.revive():
            news.append(line)
        time.sleep(0.02)
    assert "exit code 3" in news[0]
    assert process.restarts <= 2


def test_a_process_that_ends_while_starting_shows_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('the port is taken')"]
    process = Supervised(Role("broken", command, lambda: False), tmp_path)
    process.start()
    with pytest.raises(RuntimeError, match="the port is taken"):
        process.wait_ready(10)


def test_a_process_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    process = Supervised(Role("sleeper", SLEEPER, lambda: False), tmp_path)
    process.start()
    with pytest.raises(TimeoutError, match="not ready"):
        process.wait_ready(0.3)
    process.stop()


def test_one_that_will_not_end_is_killed(tmp_path: Path) -> None:
    process = Supervised(Role("stubborn", STUBBORN, lambda: True), tmp_path)
    process.start()
    _until(lambda: _said(process, "here"))
    process.stop(timeout_s=0.3)
    assert process.pid is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux only")
def test_a_supervisor_killed_at_once_leaves_no_process(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from scripts.platform_roles import Role\n"
        "from scripts.process import Supervised\n"
        f"process = Supervised(Role('sleeper', {SLEEPER!r}, lambda: True), Path({str(tmp_path)!r}))\n"
        "process.start(); time.sleep(0.5); print(process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _until(lambda: _gone(child))


def test_a_large_log_is_moved_aside_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.process.LOG_BYTES", 10)
    (tmp_path / "sleeper.log").write_text("x" * 100)
    process = Supervised(Role("sleeper", SLEEPER, lambda: True), tmp_path)
    process.start()
    _until(lambda: _said(process, "here"))
    process.stop()
    assert "x" not in process.log_path.read_text()
    assert (tmp_path / "sleeper.log.1").read_text() == "x" * 100


def test_a_port_in_use_is_refused_with_the_setting_to_change() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortInUseError, match="set API_PORT"):
            claim_port("127.0.0.1", other.getsockname()[1], "API_PORT")


def test_port_zero_is_any_free_port() -> None:
    assert claim_port("127.0.0.1", 0, "API_PORT") > 0
