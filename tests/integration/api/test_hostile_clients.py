"""Clients that send poison, far too much, or nothing, over raw sockets to a real process: each gets the right status
for little work, the memory stays as it was, and whoever behaves is answered and stored meanwhile."""

import json
import socket
import time
from contextlib import ExitStack, suppress

import httpx
import psutil
import pytest

from api import connections
from tests.integration.api.conftest import Api, ApiProcess, Installation, wait_until
from tests.serving_factories import EXAMPLE

ROW = json.dumps(EXAMPLE)
MEBIBYTE = 1024 * 1024


def _with_age(text: str) -> bytes:
    return ROW.replace('"age": 55', f'"age": {text}').encode()


POISON: dict[str, tuple[bytes, int]] = {
    "NaN": (_with_age("NaN"), 422),
    "Infinity": (_with_age("-Infinity"), 422),
    "1e400": (_with_age("1e400"), 422),
    "2^64": (_with_age(str(2**64)), 422),
    "5,000 digits": (_with_age("9" * 5000), 422),
    "10,000 lists deep": (_with_age("[" * 10_000 + "]" * 10_000), 422),
    "10,000 objects deep": (_with_age('{"a":' * 10_000 + "1" + "}" * 10_000), 422),
    "100,000 never closed": (b"[" * 100_000, 422),
    "twice the same key": (_with_age('55, "age": 56'), 422),
    "NUL": (_with_age('"\\u0000"'), 422),
    "a lone surrogate": (_with_age('"\\ud800"'), 422),
    "bytes that are no text": (_with_age('"\xff\xfe"').replace(b"\xc3\xbf", b"\xff"), 422),
    "another type": (_with_age('{"a": [true]}'), 422),
    "900 KB of text": (_with_age('"' + "x" * 900_000 + '"'), 422),
    "10 MB of text": (_with_age('"' + "x" * 10_000_000 + '"'), 413),
    "100,000 rows": (b'{"rows": [' + b",".join([b"{}"] * 100_000) + b"]}", 413),
    "4,000 unknown fields": (json.dumps(EXAMPLE | {f"f{n}": n for n in range(4000)}).encode(), 422),
}


@pytest.fixture
def running(api_process: ApiProcess) -> ApiProcess:
    api_process.start()
    return api_process


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def _head(key: str, length: int | None) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n{size}\r\n\r\n".encode()


def _status(connection: socket.socket) -> int:
    answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 "), answer[:80]
    return int(answer.split(b" ", 2)[1])


def _sent(port: int, key: str, body: bytes) -> int:
    with _connect(port) as connection:
        connection.sendall(_head(key, len(body)))
        with suppress(BrokenPipeError, ConnectionResetError):  # refused by its size alone: the answer is there
            connection.sendall(body)
        return _status(connection)


class Watched:
    """The process: what it used since, in seconds of a core and bytes of memory."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._cpu, self._memory = self._now()

    def _now(self) -> tuple[float, int]:
        used = self._process.cpu_times()
        return used.user + used.system, self._process.memory_info().rss

    def used(self) -> tuple[float, int]:
        cpu, memory = self._now()
        return cpu - self._cpu, memory - self._memory


def test_poison_is_refused_for_little_work_and_the_memory_stays(running: ApiProcess, installed: Installation) -> None:
    """The work is counted in time of a core, which no other process can stretch: 50 ms at most, on average."""
    key = installed.keys.everything
    for body, _ in POISON.values():  # what is loaded and kept at the first of its kind
        _sent(running.port, key, body)
    watched, rounds = Watched(running.pid), 3
    for _ in range(rounds):
        for name, (body, status) in POISON.items():
            assert _sent(running.port, key, body) == status, name
    cpu, memory = watched.used()
    assert cpu / (rounds * len(POISON)) < 0.05
    assert memory < 20 * MEBIBYTE
    good = httpx.post(f"{running.url}/predict", json=EXAMPLE, headers={"X-API-Key": key})
    assert good.status_code == 200
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions")[0][0] == 1, 5)
    assert installed.rows("SELECT count(*) FROM dead_letters")[0][0] == 0


def test_two_hundred_megabytes_are_not_read_and_hundreds_who_say_nothing_keep_nobody_out(
    running: ApiProcess, installed: Installation
) -> None:
    key, watched = installed.keys.everything, Watched(running.pid)
    _send_two_hundred_megabytes(running, key)
    assert watched.used()[1] < 20 * MEBIBYTE
    with ExitStack() as held:
        for number in range(300):
            connection = held.enter_context(_connect(running.port))
            connection.sendall((b"", b"POST /predict HT", b"POST /predict HTTP/1.1\r\nHost: 127")[number % 3])
        for _ in range(20):
            answer = httpx.post(f"{running.url}/predict", json=EXAMPLE, headers={"X-API-Key": key}, timeout=5)
            assert answer.status_code == 200
        assert watched.used()[1] < 20 * MEBIBYTE
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions")[0][0] == 20, 5)


def _send_two_hundred_megabytes(running: ApiProcess, key: str) -> None:
    """Once with their size said beforehand, and once without."""
    size, piece = 200 * MEBIBYTE, b"x" * 65_536
    with _connect(running.port) as connection:
        connection.sendall(_head(key, size))
        assert _status(connection) == 413
    sent = 0
    with _connect(running.port) as connection:
        connection.sendall(_head(key, None))
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < size:
                connection.sendall(b"10000\r\n" + piece + b"\r\n")
                sent += len(piece)
        assert sent < 20 * MEBIBYTE


@pytest.mark.parametrize("said", [b"", b"GET", b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_who_never_says_what_they_want_is_hung_up_on(api: Api, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    port = api.base_url.port
    assert port is not None
    began = time.monotonic()
    with _connect(port) as connection:
        connection.sendall(said)
        assert connection.recv(100) == b""
    with _connect(port) as connection:  # the second request of a connection is waited for no longer
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        heard = b""
        while not heard.endswith(b'{"status":"ok"}'):  # head and body may come one after the other
            part = connection.recv(65_536)
            assert part, heard
            heard += part
        assert heard.startswith(b"HTTP/1.1 200 ")
        connection.sendall(said or b"G")
        assert connection.recv(100) == b""
    assert time.monotonic() - began < 3
