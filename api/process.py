"""What a process that answers requests sets for itself as a whole: the collector, the turns of threads, the heap."""

import ctypes
import gc
import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType

# The shipper's thread gives way to requests after this long, not after Python's five milliseconds.
_GIVE_WAY_S = 0.0005
# The option's number in glibc's malloc.h.
_M_ARENA_MAX = -8


def use_one_heap() -> None:
    """Call it before there are threads: each would get a heap of its own, and what one frees no other could use.

    Something other than glibc has no such option, and does as it does.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def settle_in() -> None:
    """What was made until now stays for good: no collection looks at it again. Only once in a process, since what
    a second application leaves behind must go."""
    sys.setswitchinterval(_GIVE_WAY_S)
    if not gc.get_freeze_count():
        gc.freeze()
    gc.enable()


def import_for_good(name: str) -> ModuleType:
    """Import a module of ours by its name while others are answered. No collection looks at what that makes: not
    while it is made, and, where it is new, not later."""
    is_new = name not in sys.modules
    gc.disable()
    try:
        module = import_module(name)
        if is_new:
            gc.freeze()
    finally:
        gc.enable()
    return module
