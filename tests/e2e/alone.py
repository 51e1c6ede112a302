"""The dashboard's process alone, over a small world in memory instead of the API."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from tests.dashboard.api import FakeApi, asgi

STARTED = re.compile(r"ui\.listening url=(http://127\.0\.0\.1:\d+)")


@dataclass
class Dashboard:
    """A running dashboard, and the world it shows."""

    url: str
    fake: FakeApi
    process: subprocess.Popen[bytes]

    def show(self, **world: Any) -> FakeApi:
        """Replace the world by a fresh one."""
        self.fake.__dict__.update(FakeApi(**world).__dict__)
        return self.fake


def _serve_fake(fake: FakeApi) -> tuple[uvicorn.Server, socket.socket, threading.Thread]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(partial(asgi, fake), interface="asgi3", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    return server, listener, thread


@contextmanager
def running(log: Path) -> Iterator[Dashboard]:
    """A dashboard in a process of its own, on a world of its own."""
    fake = FakeApi()
    server, listener, thread = _serve_fake(fake)
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "ui.serve"],
            env={**os.environ, "UI_PORT": "0", "UI_API_URL": f"http://127.0.0.1:{listener.getsockname()[1]}"},
            stderr=stream,
        )
    try:
        deadline = time.monotonic() + 60
        while not (found := STARTED.search(log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Dashboard(found[1], fake, process)
    finally:
        process.kill()
        process.wait(10)
        server.should_exit = True
        thread.join(10)
        listener.close()
