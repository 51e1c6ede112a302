"""What a process sets for itself as a whole; each in a process of its own, so that no other test feels it."""

import json
import subprocess
import sys
from typing import Any


def _told(code: str) -> Any:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_what_is_imported_later_is_kept_from_collections_once_and_they_go_on() -> None:
    told = _told("""
import gc, json
from api.process import import_for_good
module = import_for_good("api.limits")
first = gc.get_freeze_count()
kept = [[] for _ in range(1000)]
again = import_for_good("api.limits")
print(json.dumps([first > 0, gc.get_freeze_count() - first, gc.isenabled(), module is again]))
""")
    assert told == [True, 0, True, True]


def test_a_module_that_cannot_be_imported_leaves_the_collector_on() -> None:
    told = _told("""
import gc, json
from api.process import import_for_good
try:
    import_for_good("api.no_such_room")
except ImportError:
    print(json.dumps([gc.isenabled(), gc.get_freeze_count()]))
""")
    assert told == [True, 0]


def test_threads_share_one_heap() -> None:
    """As glibc counts its heaps; elsewhere there is nothing to count and nothing is set."""
    told = _told("""
import ctypes, json, os, tempfile, threading
from api.process import use_one_heap

def heaps():
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_info"):
        return 1
    libc.fdopen.restype = ctypes.c_void_p
    with tempfile.TemporaryFile() as file:
        stream = ctypes.c_void_p(libc.fdopen(os.dup(file.fileno()), b"w"))
        libc.malloc_info(0, stream)
        libc.fclose(stream)
        file.seek(0)
        return file.read().count(b"<heap nr=")

use_one_heap()
go = threading.Event()
busy = [threading.Thread(target=lambda: (bytearray(100_000), go.wait())) for _ in range(4)]
for one in busy:
    one.start()
count = heaps()
go.set()
print(json.dumps(count))
""")
    assert told == 1
