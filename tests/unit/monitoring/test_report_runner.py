"""Pages are made one at a time; one that fails or hangs is given up, and nothing is left running."""

import sys
import time
from pathlib import Path

from monitoring.report_runner import ReportRunner


def command(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys, time, pathlib; window = sys.argv[1]; {script}")


def settle(runner: ReportRunner, wanted: list[int], until: float = 10.0) -> None:
    end = time.monotonic() + until
    while runner.busy and time.monotonic() < end:
        time.sleep(0.02)
        runner.look_after(wanted)


def test_windows_are_worked_off_one_after_the_other(tmp_path: Path) -> None:
    runner = ReportRunner(command(f"pathlib.Path({str(tmp_path)!r}, window).touch()"))
    runner.look_after([3, 2])
    settle(runner, [2])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def test_a_window_whose_page_failed_is_not_tried_again(tmp_path: Path) -> None:
    runner = ReportRunner(command(f"open(pathlib.Path({str(tmp_path)!r}, 'tries'), 'a').write('x'); sys.exit(3)"))
    runner.look_after([7])
    settle(runner, [7])
    runner.look_after([7])
    assert not runner.busy
    assert (tmp_path / "tries").read_text() == "x"


def test_a_page_that_never_ends_is_ended() -> None:
    runner = ReportRunner(command("time.sleep(60)"), timeout_s=0.2)
    runner.look_after([1])
    settle(runner, [1], until=10)
    assert not runner.busy


def test_stopping_ends_the_child_and_stopping_again_is_harmless() -> None:
    runner = ReportRunner(command("time.sleep(60)"))
    runner.look_after([1])
    assert runner.busy
    runner.stop()
    runner.stop()
    assert not runner.busy


def test_a_command_that_is_not_there_is_a_failed_page_and_no_exception() -> None:
    runner = ReportRunner(("/nowhere/at/all",))
    runner.look_after([1])
    runner.look_after([1])
    assert not runner.busy
