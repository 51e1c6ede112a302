"""A webhook on this machine that keeps what it is sent, as Slack's incoming ones take it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scripts.proofs.hosting.address import HOST


@dataclass
class Slack:
    """`texts` came; `statuses` are what it answers next, then 200."""

    url: str = ""
    texts: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@contextmanager
def webhook() -> Iterator[Slack]:
    """Listens as long as the block."""
    found = Slack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = found.statuses.pop(0) if found.statuses else 200
            if status == 200:
                found.texts.append(sent["text"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://{HOST}:{server.server_port}/services/T0/B0/a-secret"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
