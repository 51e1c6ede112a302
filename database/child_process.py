"""A child process that does not outlive its parent, even when that one is killed with -9."""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("embedded_launcher.py")


def dying_with_us(command: Sequence[str]) -> list[str]:
    """The command, run so that (on Linux) the kernel ends it when the thread that starts it is gone.

    Start it from a thread that lives as long as the child is wanted. Raises `FileNotFoundError` when there is no such
    program, as starting it directly would.
    """
    program = shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
    return [*launcher, "-1", "-1", str(os.getpid()), str(int(signal.SIGTERM)), program, *command[1:]]
