"""Whoever starts heavy work takes it along when killed with -9."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

SLEEPER = '[sys.executable, "-c", "import time; time.sleep(300)"]'
PARENTS = {
    "agent": f"from agent.actions.command import run; run({SLEEPER}, timeout_s=200, interrupted=lambda: False)",
    "monitor": f"from monitoring.report_runner import ReportRunner; ReportRunner(tuple({SLEEPER})).look_after([1])",
}


def _sleeping(parent: psutil.Process) -> list[psutil.Process]:
    """Children that have become the sleeper; before that they are not yet bound to their parent."""
    lines = [(child, child.cmdline()) for child in parent.children()]
    return [child for child, line in lines if "import time; time.sleep(300)" in line and "-I" not in line]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.parametrize("who", PARENTS)
def test_a_child_does_not_outlive_a_parent_killed_with_9(who: str) -> None:
    program = f"import sys, time; {PARENTS[who]}; time.sleep(300)"
    parent = subprocess.Popen([sys.executable, "-c", program])
    children: list[psutil.Process] = []
    try:
        deadline = time.monotonic() + 20
        while not children and time.monotonic() < deadline:
            time.sleep(0.05)
            children = _sleeping(psutil.Process(parent.pid))
        assert len(children) == 1
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    finally:
        parent.kill()
        parent.wait()
        for child in children:
            if child.is_running():
                child.kill()
