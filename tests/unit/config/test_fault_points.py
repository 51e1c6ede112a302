"""Fault points: nothing when nobody asks, and exactly what was asked otherwise."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import fault_points
from config.fault_points import COMMIT, POINTS, VARIABLE, InjectedFaultError, arm, fault_point, fired

ROOT = Path(__file__).parents[3]
ROOMS = ("agent", "api", "database", "monitoring", "training")


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def test_the_names_are_exactly_those_of_the_calls_in_the_source() -> None:
    called: list[str] = []
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            called += re.findall(r"fault_point\((\w+|\"[\w.]+\")", file.read_text())
    names = [COMMIT if name == "COMMIT" else name.strip('"') for name in called]
    assert sorted(names) == sorted(POINTS)


def test_without_the_variable_every_point_is_passed_and_nothing_is_kept() -> None:
    for name in POINTS:
        fault_point(name)
    assert fired() == ()
    assert fault_points._armed == {}


def test_a_point_fails_at_the_pass_that_was_named_and_at_no_other() -> None:
    arm("exec.claimed=raise@2")
    fault_point("exec.claimed")
    fault_point("exec.prepared")
    with pytest.raises(InjectedFaultError, match=r"exec\.claimed"):
        fault_point("exec.claimed")
    fault_point("exec.claimed")
    assert fired() == ("exec.claimed",)


def test_a_star_means_each_pass() -> None:
    arm("exec.claimed=raise@*")
    for _ in range(3):
        with pytest.raises(InjectedFaultError):
            fault_point("exec.claimed")


def test_a_lost_answer_is_the_error_the_place_makes_of_it() -> None:
    arm(f"{COMMIT}=lost_reply")
    with pytest.raises(TimeoutError):
        fault_point(COMMIT, lost=TimeoutError)


def test_a_blocked_point_waits_for_its_file(tmp_path: Path) -> None:
    go = tmp_path / "go"
    arm(f"exec.claimed=block:{go}")
    waiting = threading.Thread(target=fault_point, args=("exec.claimed",))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    go.touch()
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_sleep_lasts_as_long_as_it_says() -> None:
    arm("exec.claimed=sleep:0.05")
    began = time.monotonic()
    fault_point("exec.claimed")
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("exec.nowhere=kill", "no fault point 'exec.nowhere'"),
        ("exec.claimed=explode", "'explode' is none of"),
        ("exec.claimed", "'' is none of"),
        ("exec.claimed=lost_reply", "only the answer to db.commit can be lost"),
        ("exec.claimed=block", "expected sleep:SECONDS, block:FILE"),
        ("exec.claimed=kill:now", "expected sleep:SECONDS, block:FILE"),
        ("exec.claimed=sleep:long", "could not convert"),
        ("exec.claimed=kill@first", "invalid literal"),
    ],
)
def test_what_does_not_exist_is_refused_at_once(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        arm(text)


def test_a_process_reads_the_variable_when_it_starts_and_is_gone_without_a_goodbye() -> None:
    code = (
        "try:\n from config.fault_points import fault_point\n fault_point('exec.claimed')\nfinally:\n print('goodbye')"
    )
    for text, expected in (("exec.claimed=kill", (137, "")), ("exec.prepared=kill", (0, "goodbye\n"))):
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={VARIABLE: text}, capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stdout) == expected
    unknown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={VARIABLE: "x=kill"}, capture_output=True, text=True, check=False
    )
    assert unknown.returncode == 1
    assert "there is no fault point 'x'" in unknown.stderr
