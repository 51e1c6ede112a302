"""What runs from mounted source is started again when a file changes, and ended when asked."""

import sys
import time
from pathlib import Path

import pytest

from scripts import reload


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reload, "LOOK_EVERY_S", 0.05)
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "serve.py").write_text("1")
    return tmp_path


def _counting(log: Path, then: str) -> list[str]:
    return [sys.executable, "-c", f"open({str(log)!r}, 'a').write('x'); {then}"]


def test_a_saved_file_starts_it_again_even_after_it_ended_by_itself(source: Path, tmp_path: Path) -> None:
    log, until = tmp_path / "log", time.monotonic() + 20

    def stop() -> bool:
        starts = len(log.read_text()) if log.exists() else 0
        if starts == 1 and not (source / "api" / "new.py").exists():
            (source / "api" / "new.py").write_text("2")
        return starts == 2 or time.monotonic() > until

    assert reload.run(_counting(log, "raise SystemExit(1)"), source, stop) in {1, -15}
    assert log.read_text() == "xx"


def test_what_is_no_source_starts_nothing_and_asked_to_stop_it_is_ended(source: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    looks: list[int] = []

    def stop() -> bool:
        (source / "api" / "notes.txt").write_text(str(len(looks)))
        if log.exists():
            looks.append(1)
        return len(looks) > 5

    assert reload.run(_counting(log, "import time; time.sleep(60)"), source, stop) == -15
    assert log.read_text() == "x"


def test_without_a_command_it_says_how_to_give_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["reload"])
    assert reload.main() == 2
    assert "COMMAND" in capsys.readouterr().err
