"""The client of thousands of requests: what it sends, when an answer is whole, and what a broken connection means."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from scripts.http_load import Drive, answer_in, request

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_request_says_how_long_it_is() -> None:
    assert request("/predict", b"{}", (("X-API-Key", "k"),)) == (
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nX-API-Key: k\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )


@pytest.mark.parametrize("cut", range(1, len(ANSWER)))
def test_an_answer_counts_when_all_of_it_is_there(cut: int) -> None:
    assert answer_in(bytearray(ANSWER[:cut])) is None
    assert answer_in(bytearray(ANSWER)) == (200, b"ok")


def test_an_answer_of_unknown_length_is_refused() -> None:
    with pytest.raises(ValueError, match="without a length"):
        answer_in(bytearray(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))


@dataclass
class Asking:
    """So many requests, and what became of them."""

    left: int
    heard: list[tuple[int, bytes]] = field(default_factory=list)
    lost: int = 0

    def next(self, at: int) -> bytes | None:
        del at
        self.left -= 1
        return request("/", b"{}") if self.left >= 0 else None

    def answered(self, at: int, status: int, body: bytes, seconds: float) -> None:
        del at, seconds
        self.heard.append((status, body))

    def unanswered(self, at: int) -> None:
        del at
        self.lost += 1


@pytest.fixture
def listening() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Serves each connection by a function; the port."""
    opened: list[socket.socket] = []

    def listen(serve: Callable[[socket.socket], None]) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        opened.append(server)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        return int(server.getsockname()[1])

    yield listen
    for server in opened:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def test_it_asks_until_nobody_has_more_to_ask(listening: Callable[..., int]) -> None:
    def serve(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(ANSWER[:10])
            connection.sendall(ANSWER[10:])

    port, asks = listening(serve), Asking(5)
    Drive(asks, 1, lambda _: ("127.0.0.1", port), lambda: False).run()
    assert (asks.heard, asks.lost) == ([(200, b"ok")] * 5, 0)


def test_a_connection_that_breaks_amid_an_answer_left_the_question_open(listening: Callable[..., int]) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(ANSWER[:-1])

    port, asks = listening(serve), Asking(3)
    Drive(asks, 1, lambda _: ("127.0.0.1", port), lambda: False).run()
    assert (asks.heard, asks.lost) == ([], 3)


def test_a_server_that_is_away_was_never_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    asks, looks = Asking(3), iter(range(5))
    Drive(asks, 1, lambda _: ("127.0.0.1", port), lambda: next(looks, None) is None).run()
    assert (asks.left, asks.heard, asks.lost) == (3, [], 0)
