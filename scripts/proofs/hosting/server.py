"""Render's API over the services of this machine, with bad days on demand."""

import itertools
import json
import re
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from scripts.platform_roles import free_port
from scripts.proofs.hosting.address import HOST
from scripts.proofs.hosting.services import OVER, Deploy, Image, Service

KEY = "rnd_a-key-of-the-stand-in"
FINE = 200  # in `bad_days`: answered as always
LOST = 0  # in `bad_days`: what was asked is done, and the connection breaks before the answer
_PLACE = re.compile(
    r"/v1/services/(?P<service>[^/]+)(?:/(?P<what>deploys|rollback)(?:/(?P<deploy>[^/]+)(?:/cancel)?)?)?"
)


class Hosting:
    """The account: services, and what its API will answer next whatever it is asked (`bad_days`)."""

    def __init__(self, images: Mapping[str, Image], *, within_s: float = 30.0) -> None:
        self.bad_days: deque[int] = deque()
        self.asked: list[tuple[str, str]] = []
        self._images, self._within_s = images, within_s
        self._services: dict[str, Service] = {}
        self._numbers = itertools.count(1)
        self._server = ThreadingHTTPServer((HOST, 0), type("Handler", (_Handler,), {"hosting": self}))
        self.url = f"http://{HOST}:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in self._services.values():
            service.close()
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, *, health_path: str | None) -> Service:
        """A service that has not been deployed yet."""
        made = Service(
            f"srv-{name}", name, self._images, health_path,
            within_s=self._within_s, free_port=lambda: free_port(HOST),
        )  # fmt: skip
        self._services[made.id] = made
        return made

    def answer(self, method: str, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """Status and body."""
        self.asked.append((method, path))
        found = _PLACE.fullmatch(path)
        service = self._services.get(found["service"]) if found else None
        if found is None or service is None:
            return 404, {"message": "not found: service"}
        if method == "GET" and found["what"] is None:
            return 200, _service(service)
        if method == "GET" and found["deploy"] is None:
            return 200, [{"deploy": _deploy(one), "cursor": one.id} for one in service.deploys]
        if found["deploy"] is not None:
            return self._of_one(service, found["deploy"], cancel=method == "POST")
        return self._start(service, found["what"], body)

    def _of_one(self, service: Service, deploy_id: str, *, cancel: bool) -> tuple[int, Any]:
        deploy = next((one for one in service.deploys if one.id == deploy_id), None)
        if deploy is None:
            return 404, {"message": "not found: deploy"}
        if cancel:
            if deploy.status in OVER:
                return 400, {"message": "deploy cannot be canceled"}
            deploy.canceled.set()
        return 200, _deploy(deploy)

    def _start(self, service: Service, what: str | None, body: Mapping[str, Any]) -> tuple[int, Any]:
        new = f"dep-{next(self._numbers)}"
        if what == "deploys":
            image = str(body.get("imageUrl", ""))
            known = service.deploys[0].image if service.deploys else image
            if image.partition("@")[0].partition(":")[0] != known.partition("@")[0].partition(":")[0]:
                return 400, {"message": "invalid image: host, repository and name must match the service's"}
            return 201, _deploy(service.start(new, image, "api"))
        earlier = next((one for one in service.deploys if one.id == body.get("deployId")), None)
        if earlier is None or earlier.status not in {"live", "deactivated"}:
            return 400, {"message": "invalid deploy to roll back to"}
        return 201, _deploy(service.start(new, earlier.image, "rollback"))


def _service(service: Service) -> dict[str, Any]:
    image = service.deploys[0].image if service.deploys else "registry.example/none"
    details = {"url": service.front.url} if service.front else {}
    return {"id": service.id, "name": service.name, "imagePath": image, "serviceDetails": details}


def _deploy(deploy: Deploy) -> dict[str, Any]:
    return {"id": deploy.id, "status": deploy.status, "trigger": deploy.trigger, "image": {"ref": deploy.image}}


class _Handler(BaseHTTPRequestHandler):
    hosting: Hosting
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length) or b"{}") if length else {}
        bad = self.hosting.bad_days.popleft() if self.hosting.bad_days else FINE
        if bad not in {FINE, LOST}:
            self._send(bad, {"message": "try again later"}, {"Retry-After": "0"} if bad == 429 else {})
            return
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._send(401, {"message": "Unauthorized"}, {})
            return
        status, body = self.hosting.answer(self.command, urlsplit(self.path).path, sent)
        if bad == LOST:
            self.close_connection = True
            return
        self._send(status, body, {})

    do_GET = do_POST = _serve  # noqa: N815

    def _send(self, status: int, body: Any, headers: dict[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet: who asked what is in `Hosting.asked`."""
