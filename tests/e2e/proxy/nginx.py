"""Real nginx with the configuration of `docker/nginx`: only addresses and places are replaced."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scripts.platform_roles import free_port

CONFIGURATION = Path(__file__).parents[3] / "docker" / "nginx"


class Nginx:
    """In front of these replicas of the API and this dashboard; `place` is a directory everybody may pass through."""

    def __init__(self, place: Path, api: Sequence[int], dashboard: int) -> None:
        self.port = free_port("127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port}"
        self._place, self._log = place, place / "access.log"
        self._configure(api, dashboard)
        self._process: subprocess.Popen[bytes] | None = None

    def _configure(self, api: Sequence[int], dashboard: int) -> None:
        parts = self._place / "steward"
        parts.mkdir(parents=True)
        words = {" /tmp/": f" {self._place}/", "/dev/stdout": str(self._log), "/etc/nginx/steward/": f"{parts}/"}
        words["error_log stderr"] = f"error_log {self._place}/error.log"
        main = _replaced((CONFIGURATION / "nginx.conf").read_text(), words)
        (self._place / "nginx.conf").write_text(main)
        upstreams = (CONFIGURATION / "upstreams.conf").read_text()
        upstreams = re.sub(r"^resolver .*\n", "", upstreams, flags=re.MULTILINE)
        one = re.search(r"^ *server api:8000 resolve(.*);$", upstreams, re.MULTILINE)
        assert one
        replicas = "\n".join(f"server 127.0.0.1:{port}{one[1]};" for port in api)
        told = {one[0].strip(): replicas, "server ui:8501 resolve": f"server 127.0.0.1:{dashboard}"}
        (parts / "upstreams.conf").write_text(_replaced(upstreams, told))
        listen = {"listen 8080": f"listen 127.0.0.1:{self.port}", "/etc/nginx/steward/": f"{parts}/"}
        (parts / "listen.conf").write_text(_replaced((CONFIGURATION / "listen-plain.conf").read_text(), listen))
        (parts / "locations.conf").write_text((CONFIGURATION / "locations.conf").read_text())

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/bin")
        if program is None and not os.environ.get("CI"):
            pytest.skip("nginx is not installed: apt install nginx-light")
        assert program, "nginx is not installed: apt install nginx-light"
        configuration = str(self._place / "nginx.conf")
        self._process = subprocess.Popen(
            [program, "-p", str(self._place), "-c", configuration, "-g", "daemon off;"], stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    assert self._process.stderr
                    raise RuntimeError(self._process.stderr.read().decode()) from None
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=20)

    def log(self) -> list[dict[str, Any]]:
        """What it wrote of each request."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]


def _replaced(text: str, words: dict[str, str]) -> str:
    """Each must be there: what was renamed in the configuration is noticed here."""
    for old, new in words.items():
        assert old in text, f"{old!r} is not in the configuration"
        text = text.replace(old, new)
    return text
