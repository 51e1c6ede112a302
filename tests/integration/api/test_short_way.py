"""The short way and the long way to a prediction: the same answers, the same rows, and never an answer out of turn."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.orm import Session

from api import answering
from api.connections import ApiProtocol
from api.short_way import ShortWay
from database.queries import api_keys
from tests.integration.api.conftest import Api, Installation, wait_until
from tests.serving_factories import EXAMPLE, PERSON

_BODY = json.dumps(EXAMPLE).encode()


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way each prediction went that might have gone the short one."""
    went: list[str] = []
    take = ShortWay.take

    def watched(self: ShortWay, *asked: Any) -> bool:
        taken = take(self, *asked)
        went.append("short" if taken else "long")
        return taken

    monkeypatch.setattr(ShortWay, "take", watched)
    return went


@contextmanager
def _connected(api: Api) -> Iterator[socket.socket]:
    assert api.base_url.port is not None
    with socket.create_connection(("127.0.0.1", api.base_url.port), timeout=5) as connection:
        yield connection


def _request(key: str, body: bytes = _BODY, *, path: str = "/predict", more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


class _Fixed(float):
    """A figure that whoever sets it anew does not change."""

    def __get__(self, _: object, kind: type | None = None) -> float:
        return float(self)

    def __set__(self, _: object, value: float) -> None:
        pass


Answer = tuple[int, dict[str, str], dict[str, Any]]


def _answers(connection: socket.socket, count: int) -> list[Answer]:
    """So many answers, in their order: status, headers, body."""
    found: list[Answer] = []
    data = b""
    while len(found) < count:
        head, separator, rest = data.partition(b"\r\n\r\n")
        if separator:
            status, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(headers["content-length"])
            if len(rest) >= length:
                body = json.loads(rest[:length]) if "json" in headers["content-type"] else {}
                found.append((int(status.split()[1]), headers, body))
                data = rest[length:]
                continue
        received = connection.recv(65536)
        assert received, f"hung up after {len(found)} of {count} answers: {data!r}"
        data += received
    assert not data
    return found


def _without_chance(answer: Answer) -> Any:
    """An answer without what is never twice the same."""
    status, headers, body = answer
    own = {"date", "x-request-id", "content-length"}
    kept = {name: value for name, value in headers.items() if name not in own}
    said = {name: value for name, value in body.items() if name not in {"prediction_id", "latency_ms", "request_id"}}
    return status, kept, said


@pytest.mark.parametrize(
    ("body", "path", "more"),
    [
        (_BODY, "/predict", ""),
        (_BODY, "/models/heart_disease/predict", ""),
        (_BODY, "/models/nothing/predict", ""),
        (b'{"age": 4', "/predict", ""),
        (b"", "/predict", ""),
        (json.dumps(EXAMPLE | {"chol": "much"}).encode(), "/predict", ""),
        (b'{"rows": []}', "/predict", ""),
        (_BODY, "/predict", "Idempotency-Key: a b\r\n"),
        (_BODY, "/predict", "X-API-Key: second\r\n"),
    ],
)
def test_both_ways_answer_the_same(
    api: Api, installed: Installation, ways: list[str], body: bytes, path: str, more: str
) -> None:
    whole = _request(installed.keys.everything, body, path=path, more=more)
    with _connected(api) as connection:
        connection.sendall(whole)
        (short,) = _answers(connection, 1)
        connection.sendall(whole.replace(b"\r\nHost:", b"\r\nOrigin: https://page.example\r\nHost:"))
        (long,) = _answers(connection, 1)
    assert ways == ["short", "long"]
    assert _without_chance(short) == _without_chance(long)


@pytest.mark.parametrize("key", ["", "stw_dev_typo", "everything-but-wrong"])
def test_both_ways_refuse_the_same_keys_alike(api: Api, ways: list[str], key: str) -> None:
    with _connected(api) as connection:
        connection.sendall(_request(key))
        (short,) = _answers(connection, 1)
        connection.sendall(_request(key, more="Origin: https://page.example\r\n"))
        (long,) = _answers(connection, 1)
    assert ways == ["short", "long"]
    assert _without_chance(short) == _without_chance(long)
    assert short[0] == 401


def test_requests_that_came_at_once_are_answered_in_their_order_whichever_way_they_go(
    api: Api, installed: Installation, ways: list[str]
) -> None:
    key = installed.keys.everything
    bodies = [_BODY, b"no json", _BODY, json.dumps({"rows": [EXAMPLE] * 3}).encode()]
    requests = [_request(key, body, more=f"X-Request-ID: request-{at}\r\n") for at, body in enumerate(bodies)]
    live = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    last = _request(key, more="X-Request-ID: request-last\r\n")
    with _connected(api) as connection:
        connection.sendall(b"".join(requests) + live + last)
        answers = _answers(connection, 6)
    assert [status for status, _, _ in answers] == [200, 422, 200, 200, 200, 200]
    assert [headers["x-request-id"] for _, headers, _ in answers[:4]] == [f"request-{at}" for at in range(4)]
    assert answers[5][1]["x-request-id"] == "request-last"
    assert ways == ["short"] * 4  # the last one waits behind an answer that is not there yet
    told = [answers[at][2]["prediction_id"] for at in (0, 2, 5)]
    told += [one["prediction_id"] for one in answers[3][2]["predictions"]]
    wait_until(lambda: len(installed.rows("SELECT 1 FROM predictions")) == 6, 5)
    assert sorted(told) == sorted(str(row[0]) for row in installed.rows("SELECT id FROM predictions"))


def test_a_refused_key_is_answered_in_its_turn(api: Api, installed: Installation, ways: list[str]) -> None:
    keys = [installed.keys.everything, "mlp_dev_typo", installed.keys.everything]
    requests = [_request(key, more=f"X-Request-ID: request-{at}\r\n") for at, key in enumerate(keys)]
    with _connected(api) as connection:
        connection.sendall(b"".join(requests))
        answers = _answers(connection, 3)
    told = [(status, headers["x-request-id"]) for status, headers, _ in answers]
    assert told == [(200, "request-0"), (401, "request-1"), (200, "request-2")]
    assert ways == ["short"] * 3
    assert api.runtime.in_flight == 0


def test_what_goes_wrong_with_a_key_ends_its_request_alone(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = type(api.runtime.keys).check

    def touchy(self: Any, key: str | None, *others: Any) -> Any:
        if key == "touchy":
            raise ZeroDivisionError("secret detail")
        return check(self, key, *others)

    monkeypatch.setattr(type(api.runtime.keys), "check", touchy)
    good = _request(installed.keys.everything)
    with _connected(api) as connection:
        connection.sendall(good + _request("touchy") + good)
        told = _answers(connection, 3)
    assert [status for status, _, _ in told] == [200, 500, 200]
    assert "secret" not in json.dumps(told[1][2])
    assert api.runtime.in_flight == 0


def test_requests_that_came_together_share_what_is_left_of_the_day(api: Api, installed: Installation) -> None:
    key = installed.keys.everything
    with Session(installed.engine) as session, session.begin():
        api_keys.set_quota(session, PERSON, key.split("_")[2], 10)
    wait_until(lambda: any(one.rows_per_day == 10 for one in api.runtime.keys.known()), 5)
    four, two = (_request(key, json.dumps({"rows": [EXAMPLE] * rows}).encode()) for rows in (4, 2))
    with _connected(api) as connection:
        connection.sendall(four * 4 + two)
        assert [status for status, _, _ in _answers(connection, 5)] == [200, 200, 429, 429, 200]


def test_what_is_no_request_is_refused_after_the_answers_that_are_due(api: Api, installed: Installation) -> None:
    with _connected(api) as connection:
        connection.sendall(_request(installed.keys.everything) + b"no request\r\n\r\n")
        answers = _answers(connection, 2)
        assert connection.recv(1) == b""
    assert [status for status, _, _ in answers] == [200, 400]


def _computing(monkeypatch: pytest.MonkeyPatch, rows: int, seconds: float) -> bytes:
    """A body of so many rows, which then take so long."""
    compute = answering._computed

    def slow(requests: Any) -> Any:
        if len(requests[0].rows) == rows:
            time.sleep(seconds)
        return compute(requests)

    monkeypatch.setattr(answering, "_computed", slow)
    return json.dumps({"rows": [EXAMPLE] * rows}).encode()


def test_what_came_behind_a_slow_request_waits_for_it(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, large = installed.keys.everything, _computing(monkeypatch, 100, 0.3)
    bodies = [_BODY, _BODY, large, _BODY]
    requests = [_request(key, body, more=f"X-Request-ID: request-{at}\r\n") for at, body in enumerate(bodies)]
    requests.append(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: request-4\r\n\r\n")
    with _connected(api) as connection:
        connection.sendall(b"".join(requests))
        answers = _answers(connection, 5)
    assert [headers["x-request-id"] for _, headers, _ in answers] == [f"request-{at}" for at in range(5)]
    assert len(answers[2][2]["predictions"]) == 100


def test_a_connection_with_a_slow_request_behind_a_quick_one_is_not_idle(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, large = installed.keys.everything, _computing(monkeypatch, 100, 1.0)
    monkeypatch.setattr(ApiProtocol, "timeout_keep_alive", _Fixed(0.2), raising=False)
    with _connected(api) as connection:
        connection.sendall(_request(key) + _request(key, large))
        answers = _answers(connection, 2)
    assert [status for status, _, _ in answers] == [200, 200]


def test_a_request_may_come_in_two_pieces_cut_anywhere(api: Api, installed: Installation) -> None:
    whole = _request(installed.keys.everything)
    cuts = [*range(1, 40, 3), whole.index(b"\r\n\r\n") + 2, *range(whole.index(b"\r\n\r\n") + 4, len(whole), 25)]
    with _connected(api) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in cuts:
            connection.sendall(whole[:cut])
            api.get("/livez")  # the loop turns in between
            connection.sendall(whole[cut:])
            ((status, _, told),) = _answers(connection, 1)
            assert (status, told["model_version"]) == (200, 1)
    wait_until(lambda: len(installed.rows("SELECT 1 FROM predictions")) == len(cuts), 5)


def test_the_same_idempotency_key_twice_in_one_turn_is_one_prediction(api: Api, installed: Installation) -> None:
    request = _request(installed.keys.everything, more="Idempotency-Key: once\r\n")
    other = _request(
        installed.keys.everything, json.dumps(EXAMPLE | {"age": 40}).encode(), more="Idempotency-Key: once\r\n"
    )
    with _connected(api) as connection:
        connection.sendall(request + request + other)
        first, again, conflict = _answers(connection, 3)
    assert first[2] == again[2]
    assert "idempotent-replay" not in first[1]
    assert again[1]["idempotent-replay"] == "true"
    assert (conflict[0], conflict[2]["code"]) == (422, "idempotency_conflict")
    wait_until(lambda: api.runtime.shipper.depth == 0, 5)
    assert len(installed.rows("SELECT 1 FROM predictions")) == 1


def test_a_request_that_the_model_cannot_stand_ends_alone(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = api.runtime.predictor.serving("heart_disease")
    assert serving is not None
    answers = type(serving).answers

    def touchy(self: Any, rows: Any) -> Any:
        if any(row["age"] == 77 for row in rows):
            raise ZeroDivisionError("secret detail")
        return answers(self, rows)

    monkeypatch.setattr(type(serving), "answers", touchy)
    bad = _request(installed.keys.everything, json.dumps(EXAMPLE | {"age": 77}).encode())
    good = _request(installed.keys.everything)
    with _connected(api) as connection:
        connection.sendall(good + bad + good)
        told = _answers(connection, 3)
    assert [status for status, _, _ in told] == [200, 500, 200]
    assert "secret" not in json.dumps(told[1][2])
    wait_until(lambda: api.runtime.shipper.depth == 0, 5)
    stored = {str(row[0]) for row in installed.rows("SELECT id FROM predictions")}
    assert stored == {told[0][2]["prediction_id"], told[2][2]["prediction_id"]}
    assert api.runtime.in_flight == 0


def test_a_connection_that_is_used_is_not_hung_up_on_and_an_idle_one_is(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.connections.HEAD_S", 0.3)
    whole = _request(installed.keys.everything)
    with _connected(api) as connection:
        for _ in range(8):
            connection.sendall(whole)
            assert _answers(connection, 1)[0][0] == 200
            with pytest.raises(TimeoutError):
                connection.settimeout(0.1)
                connection.recv(1)
            connection.settimeout(5)
        connection.settimeout(10)
        assert connection.recv(1) == b""  # uvicorn's own patience with a connection that was used


def test_a_connection_that_must_end_ends_after_its_answer(api: Api, installed: Installation, ways: list[str]) -> None:
    with _connected(api) as connection:
        connection.sendall(_request(installed.keys.everything, more="Connection: close\r\n"))
        assert _answers(connection, 1)[0][0] == 200
        assert connection.recv(1) == b""
    with _connected(api) as connection:
        connection.sendall(_request(installed.keys.everything).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert _answers(connection, 1)[0][0] == 200
    assert ways == []


def test_who_wants_to_be_asked_for_the_body_first_is_asked(api: Api, installed: Installation, ways: list[str]) -> None:
    head, _, body = _request(installed.keys.everything, more="Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    with _connected(api) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert _answers(connection, 1)[0][0] == 200
    assert ways == []


def test_a_body_in_chunks_is_read_like_any_other(api: Api, installed: Installation) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {installed.keys.everything}\r\n".encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (_BODY[:10], _BODY[10:], b""))
    with _connected(api) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        assert _answers(connection, 1)[0][0] == 200
