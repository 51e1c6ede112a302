"""Services whose deploys really start processes: a new one takes over when it is healthy, else the old one stays."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from scripts.proofs.hosting.address import HOST
from scripts.proofs.hosting.forwarder import Forwarder

_LOOK_S = 0.05
_WORKER_LIVES_S = 0.3
_ENDS_S = 15.0
OVER = frozenset({"live", "deactivated", "build_failed", "update_failed", "canceled"})


@dataclass(frozen=True)
class Image:
    """What an image would run: a command for a port, its environment beside ours, and what it calls the port there."""

    command: Callable[[int], list[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    port_variable: str = "PORT"


@dataclass
class Deploy:
    """One deploy and, while it serves, its process."""

    id: str
    image: str
    trigger: str
    status: str = "created"
    process: "subprocess.Popen[bytes] | None" = None
    port: int = 0
    canceled: threading.Event = field(default_factory=threading.Event)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_ENDS_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(_ENDS_S)


class Service:
    """A service made from an image. `health_path` None: a worker, which nobody can reach."""

    def __init__(
        self,
        service_id: str,
        name: str,
        images: Mapping[str, Image],
        health_path: str | None,
        *,
        within_s: float,
        free_port: Callable[[], int],
    ) -> None:
        self.id, self.name, self.health_path = service_id, name, health_path
        self.deploys: list[Deploy] = []  # the newest first
        self.front = Forwarder() if health_path else None
        self._images, self._within_s, self._free_port = images, within_s, free_port
        self._changing = threading.Lock()  # one deploy at a time, as the hosting service does it

    @property
    def live(self) -> Deploy | None:
        return next((one for one in self.deploys if one.status == "live"), None)

    def start(self, deploy_id: str, image: str, trigger: str) -> Deploy:
        """Begin a deploy; it goes on by itself."""
        deploy = Deploy(deploy_id, image, trigger)
        self.deploys.insert(0, deploy)
        threading.Thread(target=self._run, args=(deploy,), daemon=True).start()
        return deploy

    def _run(self, deploy: Deploy) -> None:
        with self._changing:
            deploy.status = "build_in_progress"
            image = self._images.get(deploy.image)
            if image is None:
                deploy.status = "build_failed"
                return
            deploy.status = "update_in_progress"
            deploy.port = self._free_port()
            environment = {**os.environ, **image.environment, image.port_variable: str(deploy.port)}
            deploy.process = subprocess.Popen(
                image.command(deploy.port), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            healthy = self._becomes_healthy(deploy)
            if healthy and not deploy.canceled.is_set():
                self._takes_over(deploy)
            else:
                deploy.end()
                deploy.status = "canceled" if deploy.canceled.is_set() else "update_failed"

    def _becomes_healthy(self, deploy: Deploy) -> bool:
        begun = time.monotonic()
        while time.monotonic() < begun + self._within_s and not deploy.canceled.is_set():
            if deploy.process is None or deploy.process.poll() is not None:
                return False
            if self.health_path is None:
                if time.monotonic() > begun + _WORKER_LIVES_S:
                    return True
            elif _answers(f"http://{HOST}:{deploy.port}{self.health_path}"):
                return True
            time.sleep(_LOOK_S)
        return False

    def _takes_over(self, deploy: Deploy) -> None:
        old = self.live
        if self.front is not None:
            self.front.port = deploy.port
        if old is not None:
            old.status = "deactivated"
        deploy.status = "live"
        if old is not None:
            old.end()

    def close(self) -> None:
        for deploy in self.deploys:
            deploy.canceled.set()
        with self._changing:
            for deploy in self.deploys:
                deploy.end()
        if self.front is not None:
            self.front.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0).status_code == 200
    except httpx.HTTPError:
        return False
