"""A proof that plays scenes, each told by the first line of its docstring; one that ends otherwise ends the proof."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

Ground = TypeVar("Ground")


class NotAsPromisedError(AssertionError):
    """A scene ended otherwise; the message says what was expected and what is."""


def play(ground: AbstractContextManager[Ground], scenes: Sequence[Callable[[Ground], None]]) -> int:
    """The exit code: 1 when a scene did not end as promised."""
    begun = time.monotonic()
    try:
        with ground as made:
            for scene in scenes:
                print(f"--- {(scene.__doc__ or '').splitlines()[0]}", flush=True)
                scene(made)
    except (NotAsPromisedError, TimeoutError) as error:
        print(f"NOT AS PROMISED: {error}", flush=True)
        return 1
    print(f"ok: {len(scenes)} scenes in {time.monotonic() - begun:.0f} s", flush=True)
    return 0


def expect(holds: bool, found: Mapping[str, Any]) -> None:
    """Raises `NotAsPromisedError` with what was found."""
    if not holds:
        raise NotAsPromisedError(json.dumps(found, indent=1))
