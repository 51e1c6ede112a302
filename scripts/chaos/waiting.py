"""Waiting for what has to happen."""

import time
from typing import Any


def wait_until(condition: Any, seconds: float) -> None:
    """Poll until it holds. Raises TimeoutError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not happen within {seconds:g} s")
        time.sleep(0.01)
