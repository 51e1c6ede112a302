"""A loop that turns is alive, one that does not is late, and a file that says nothing counts as silence."""

import math
import time
from pathlib import Path

import pytest

from config.liveness import SignsOfLife


def test_a_loop_that_turned_is_not_late_and_one_that_stopped_turning_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs = SignsOfLife(tmp_path, "agent")
    signs.begin()
    signs.turned("think", allowed_s=100)
    signs.turned("relay", allowed_s=30)
    assert [(sign.loop, sign.late) for sign in signs.read()] == [("relay", False), ("think", False)]
    now = time.monotonic()
    monkeypatch.setattr("config.liveness.time.monotonic", lambda: now + 31)
    assert [(sign.loop, sign.late) for sign in signs.read()] == [("relay", True), ("think", False)]


def test_a_new_process_forgets_what_the_one_before_it_said(tmp_path: Path) -> None:
    signs = SignsOfLife(tmp_path, "agent")
    signs.begin()
    signs.turned("a loop of another release", allowed_s=1)
    signs.begin()
    assert signs.read() == []


@pytest.mark.parametrize("said", ["", "{", "[]", '{"at": "never", "allowed_s": 1}', '{"at": 1}'])
def test_a_sign_that_cannot_be_read_is_silence_for_ever(said: str, tmp_path: Path) -> None:
    signs = SignsOfLife(tmp_path, "monitor")
    signs.begin()
    (tmp_path / "alive" / "monitor" / "pass").write_text(said)
    (sign,) = signs.read()
    assert sign.late
    assert sign.silent_s == math.inf


def test_a_loop_goes_on_where_its_sign_cannot_be_written(tmp_path: Path) -> None:
    signs = SignsOfLife(tmp_path / "gone", "agent")
    signs.turned("think", allowed_s=1)
    assert signs.read() == []
