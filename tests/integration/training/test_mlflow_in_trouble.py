"""An MLflow that is down, answers 500 or hangs costs a projection seconds, and is told so by the answer."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from training import registry
from training.registry import Registry


class Mlflow(BaseHTTPRequestHandler):
    """Healthy where it is asked, and a 500 everywhere else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def broken() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mlflow)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def hanging() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:  # it accepts, and never answers
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("how", ["down", "broken", "hanging"])
def test_a_projection_that_cannot_be_done_now_says_so_soon(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(registry, "_CONNECT_S", 0.5)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = "http://127.0.0.1:9" if how == "down" else request.getfixturevalue(how)
    began = time.monotonic()
    assert Registry(uri, None).project_aliases("demo", "1", None) is False
    assert time.monotonic() - began < 10
