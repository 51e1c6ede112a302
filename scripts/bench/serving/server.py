"""A server under test: a process group of its own on the server's core, asleep while another one is measured."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from config.settings import ROOT
from scripts.bench.machine import Cores, pinned
from scripts.bench.serving.targets import Target
from scripts.platform_roles import free_port

HOST = "127.0.0.1"
STARTS_S = 90.0
_STOPS_S = 10.0


class Server:
    """One process with its children. Raises `RuntimeError` with its last words when it does not start."""

    def __init__(self, target: Target, cores: Cores, log: Path) -> None:
        self.target, self.port, self._log = target, free_port(HOST), log
        began = time.perf_counter()
        with pinned(cores.server), log.open("wb") as said:
            self._process = subprocess.Popen(
                [str(part) for part in target.command(self.port)],
                cwd=ROOT, env=os.environ | dict(target.environment), stdin=subprocess.DEVNULL, stdout=said,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            self.answer = self._first_answer()
        except RuntimeError:
            self.stop()
            raise
        self.seconds_to_answer = time.perf_counter() - began

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.port

    def _first_answer(self) -> httpx.Response:
        """Ask the very request until it is answered well."""
        target, until = self.target, time.monotonic() + STARTS_S
        headers = {"Content-Type": "application/json", **dict(target.headers)}
        heard = "no answer"
        with httpx.Client(base_url=f"http://{HOST}:{self.port}", timeout=10, headers=headers) as client:
            while time.monotonic() < until and self._process.poll() is None:
                with suppress(httpx.TransportError):
                    answer = client.post(target.path, content=target.body)
                    if answer.status_code == 200:
                        return answer
                    heard = f"{answer.status_code} {answer.text[:200]}"
                time.sleep(0.005)
        last = self._log.read_text(errors="replace").strip().splitlines()[-3:]
        raise RuntimeError(f"{target.name} did not start: {heard}; {' | '.join(last)}")

    def probability(self) -> float | None:
        """What it computed for its request."""
        return self.target.probability(json.loads(self.answer.content)) if self.target.probability else None

    @property
    def pid(self) -> int:
        return self._process.pid

    def family(self) -> list[psutil.Process]:
        """It and its children."""
        root = psutil.Process(self._process.pid)
        return [root, *root.children(recursive=True)]

    def resident_mb(self) -> float:
        return sum(one.memory_info().rss for one in self.family()) / 1e6

    @contextmanager
    def awake(self) -> Iterator[None]:
        """It runs within the block only."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def sleep(self) -> None:
        self._signal(signal.SIGSTOP)

    def stop(self) -> None:
        """End it and all it started: in order if it can, and for good."""
        with suppress(ProcessLookupError):
            family = self.family()
            self._signal(signal.SIGCONT)
            self._process.terminate()
            _, alive = psutil.wait_procs(family, timeout=_STOPS_S)
            for one in alive:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        for one in self.family():
            with suppress(psutil.NoSuchProcess):
                one.send_signal(number)
