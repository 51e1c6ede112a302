"""Ctrl-C reaches every process of the terminal at once; the demo answers with one line and leaves nothing running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.commands import ROOT


def _training(demo: int) -> psutil.Process | None:
    """The training process of the demo, once it trains."""
    children = psutil.Process(demo).children()
    return next((child for child in children if "training.train_pipeline" in child.cmdline()), None)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_ctrl_c_during_training_ends_the_demo_with_one_line(environment: dict[str, str], home: Path) -> None:
    said = home.with_suffix(".said")
    with said.open("w") as stream:
        demo = subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", "demo"],
            cwd=ROOT,
            env=environment,
            stderr=stream,
            start_new_session=True,  # a terminal of its own
        )
    try:
        deadline = time.monotonic() + 60
        while (training := _training(demo.pid)) is None:
            assert demo.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(45) == 130
        assert said.read_text().splitlines()[-1].strip() == "stopped"
        assert "Traceback" not in said.read_text()
        assert not training.is_running()
        assert not list((home / "run").glob("up-*.json"))
        assert not (home / "postgres" / "postmaster.pid").exists()
    finally:
        demo.kill()
        said.unlink()
