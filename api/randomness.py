"""Random bytes for ids: the kernel's, fetched many at a time, since asking it costs more than an id does."""

import os
import threading

_POOL_BYTES = 4096


class RandomPool:
    """Bytes of `os.urandom`, each given out once. Safe to share between threads; a forked child begins anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._pool, self._at = b"", 0

    def take(self, count: int) -> bytes:
        if count > _POOL_BYTES // 16:
            return os.urandom(count)
        with self._lock:
            if self._at + count > len(self._pool):
                self._pool, self._at = os.urandom(_POOL_BYTES), 0
            begin = self._at
            self._at += count
            return self._pool[begin : self._at]


POOL = RandomPool()
