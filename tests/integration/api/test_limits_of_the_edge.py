"""What is refused before anybody parses it: slow bodies, too many at once, foreign origins."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from api.main import create_app
from config.settings import ApiSettings
from tests.integration.api.conftest import Api, Installation, serve
from tests.serving_factories import EXAMPLE

ORIGIN = "https://dashboard.example"


@pytest.fixture
def tight(installed: Installation) -> Iterator[Api]:
    """An API with little patience and room for two."""
    api = ApiSettings(poll_s=0.2, body_timeout_s=0.5, max_concurrency=2, cors_origins=(ORIGIN,), docs=False)
    yield from serve(create_app(installed.settings.model_copy(update={"api": api})))


def _drip(api: Api) -> socket.socket:
    """A connection that has promised a body and does not send it."""
    port = api.base_url.port
    assert port is not None
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
    return connection


def test_a_body_that_does_not_arrive_gets_408(tight: Api) -> None:
    with _drip(tight) as connection:
        began = time.monotonic()
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body_timeout" in answer or b"problem+json" in answer
    assert time.monotonic() - began < 3


def test_more_at_once_than_allowed_get_503_and_health_still_answers(tight: Api, installed: Installation) -> None:
    dripping = [_drip(tight) for _ in range(2)]
    threading.Event().wait(0.1)
    refused = tight.predict(installed.keys.everything)
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert "retry-after" in refused.headers
    assert tight.get("/livez").status_code == 200
    for connection in dripping:
        connection.recv(4096)
        connection.close()
    assert tight.predict(installed.keys.everything).status_code == 200


def test_a_declared_size_is_refused_before_the_body_is_read(tight: Api) -> None:
    port = tight.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"POST /labels HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200000000\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_only_known_origins_are_told_that_they_may_read(tight: Api) -> None:
    known = tight.get("/livez", headers={"Origin": ORIGIN})
    foreign = tight.get("/livez", headers={"Origin": "https://evil.example"})
    assert known.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in foreign.headers


def test_documentation_can_be_switched_off(tight: Api) -> None:
    assert [tight.get(path).status_code for path in ("/docs", "/openapi.json", "/redoc")] == [404] * 3


def test_an_error_nobody_foresaw_is_a_problem_without_a_trace_of_the_inside(
    tight: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> object:
        raise ZeroDivisionError("secret detail")

    serving = tight.runtime.predictor.serving("heart_disease")
    assert serving is not None
    monkeypatch.setattr(type(serving), "answers", broken)
    answer = tight.post("/predict", json=EXAMPLE, headers={"X-API-Key": installed.keys.everything})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
