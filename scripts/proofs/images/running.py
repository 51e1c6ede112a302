"""Each role in its container, doing its work: what is asked of it is what a person or a balancer would ask."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from scripts.proofs.images.engine import Engine, EngineError
from scripts.proofs.images.world import World

MODEL = "heart_disease"
_PATIENCE_S = 180.0
Say = Callable[[str], None]


class RunningError(RuntimeError):
    """A role did not do its work; the message says which, and ends with its log."""


class Containers:
    """The roles as `docker-compose.yml` runs them, on this machine's network."""

    def __init__(self, engine: Engine, world: World, say: Say) -> None:
        self._engine, self._world, self._say = engine, world, say
        self._running: list[str] = []
        port = world.ports
        self._platform = {
            "STEWARD_ENV": "production",
            "STEWARD_SECRET_KEY_FILE": "/run/secrets/steward_secret_key",
            "DATABASE_MIGRATE": "false",
            "ARTIFACT_DIR": "/var/lib/steward-artifacts",
            "ARTIFACT_TRUSTED_DIR": "/var/lib/steward-trusted",
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port['mlflow']}",
            "API_HOST": "127.0.0.1",
        }
        self._owner = {**self._platform, "DATABASE_URL_FILE": "/run/secrets/database_url"}
        self._key = world.secret("steward_secret_key")
        self._owned = [self._key, world.secret("database_url")]

    def all(self, data: Path | None) -> None:
        """Everything in the order of the Compose file. Raises `RunningError` or `EngineError`."""
        self._job("migrate", "api", ["steward", "migrate"], self._owner, self._owned)
        self.mlflow()
        self.train(data)
        self.api()
        self.ui()
        self.monitor()
        self.agent()
        self.backup()

    def _shared(self, files: str, trusted: str) -> list[str]:
        return [
            self._world.volume("artifacts", "/var/lib/steward-artifacts", files),
            self._world.volume("trusted", "/var/lib/steward-trusted", trusted),
        ]

    def mlflow(self) -> None:
        """MLflow's server, by its own login."""
        port = self._world.ports["mlflow"]
        told = {"DATABASE_URL_FILE": "/run/secrets/mlflow_database_url", "DATABASE_MIGRATE": "false"}
        told |= {"MLFLOW_HOST": "127.0.0.1", "MLFLOW_PORT": str(port)}
        volumes = [self._world.secret("mlflow_database_url"), self._world.volume("mlflow", "/var/lib/steward")]
        self._start("mlflow", "training", told, volumes)
        self._until("mlflow", lambda: httpx.get(f"http://127.0.0.1:{port}/health").status_code == httpx.codes.OK)
        self._healthy("mlflow")

    def train(self, data: Path | None) -> None:
        """The first version, signed by the trainer's key and made to serve."""
        told = {**self._owner, "ARTIFACT_KEY_FILE": "/var/lib/steward-signing/artifact.key"}
        volumes = [*self._owned, *self._shared("rw", "rw"), self._world.volume("training", "/var/lib/steward")]
        volumes.append(self._world.volume("signing", "/var/lib/steward-signing"))
        if data is not None:
            told["STEWARD_DATA_DIR"] = "/data"
            volumes.append(f"{data}:/data:ro")
        self._job("train", "training", ["steward", "train", MODEL, "--activate"], told, volumes)

    def api(self) -> None:
        """Ready, and `steward smoke` finds a deployment that predicts and is closed to strangers."""
        port = self._world.ports["api"]
        volumes = [*self._owned, *self._shared("ro", "ro"), self._world.volume("spool", "/var/lib/steward")]
        self._start("api", "api", {**self._owner, "API_PORT": str(port)}, volumes)
        self._until("api", lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == httpx.codes.OK)
        self._healthy("api")
        made = self._inside("api", "steward", "keys", "create", "proof", "--scope", "predict:write", "--json")
        key = json.loads(made)["key"]
        before = self._stored()
        self._smoke(["--model", MODEL], key)
        self._until("api", lambda: self._stored() > before)
        self._say(f"api: predicts, and what it predicted is stored (rows: {self._stored()})")

    def ui(self) -> None:
        """The sign-in page, from a container that knows no database."""
        port = self._world.ports["ui"]
        api = f"http://127.0.0.1:{self._world.ports['api']}"
        self._start("ui", "ui", {"UI_HOST": "127.0.0.1", "UI_PORT": str(port), "UI_API_URL": api}, [])
        address = f"http://127.0.0.1:{port}"
        self._until("ui", lambda: httpx.get(f"{address}/_stcore/health").status_code == httpx.codes.OK)
        self._healthy("ui")
        page = httpx.get(address, headers={"Accept": "text/html"}, follow_redirects=True)
        if page.status_code != httpx.codes.OK or 'type="password"' not in page.text:
            raise RunningError(f"ui: its sign-in page answers {page.status_code} and asks for no password")
        self._say("ui: shows its sign-in page")

    def monitor(self) -> None:
        volumes = [*self._owned, *self._shared("rw", "ro"), self._world.volume("monitor", "/var/lib/steward")]
        volumes.append(self._world.volume("audit", "/var/lib/steward-audit"))
        told = {**self._owner, "AUDIT_KEY_FILE": "/var/lib/steward-audit/audit.key"}
        told["AUDIT_CHECKPOINT_FILE"] = "/var/lib/steward-audit/audit-checkpoints.jsonl"
        self._start("monitor", "training", told, volumes)
        self._beats("monitor")

    def agent(self) -> None:
        """By its own login and no other."""
        told = {**self._platform, "AGENT_DATABASE_URL_FILE": "/run/secrets/agent_database_url"}
        told["ARTIFACT_KEY_FILE"] = "/var/lib/steward-signing/artifact.key"
        volumes = [self._key, self._world.secret("agent_database_url"), *self._shared("rw", "rw")]
        volumes += [self._world.volume("agent", "/var/lib/steward")]
        volumes += [self._world.volume("signing", "/var/lib/steward-signing")]
        self._start("agent", "agent", told, volumes)
        self._beats("agent")

    def backup(self) -> None:
        """All that is state, while everything runs, by the programs of PostgreSQL that the image carries."""
        told = {**self._owner, "BACKUP_DIR": "/var/lib/steward-backups"}
        volumes = [*self._owned, *self._shared("ro", "ro"), self._world.volume("training", "/var/lib/steward")]
        volumes.append(self._world.volume("backups", "/var/lib/steward-backups"))
        self._job("backup", "training", ["steward", "backup"], told, volumes)

    def stop(self) -> None:
        """End every container, and say how each ended."""
        self._engine.remove(*(self._name(role) for role in reversed(self._running)))
        self._running.clear()

    # ------------------------------------------------------------------------------------------------------ the steps

    def _name(self, role: str) -> str:
        return f"proof-{role}-{os.getpid()}"

    def _job(self, name: str, image: str, command: list[str], told: dict[str, str], volumes: list[str]) -> None:
        began = time.monotonic()
        self._engine.container(
            f"localhost/steward-{image}:proof", self._name(name), command, environment=told, volumes=volumes
        )
        self._say(f"{name}: done in {time.monotonic() - began:.0f} s")

    def _start(self, role: str, image: str, told: dict[str, str], volumes: list[str]) -> None:
        command = ["steward", "up", "--only", role]
        self._running.append(role)
        self._engine.container(
            f"localhost/steward-{image}:proof", self._name(role), command,
            environment=told, volumes=volumes, detach=True,
        )  # fmt: skip

    def _inside(self, role: str, *command: str) -> str:
        return self._engine.run("podman", "exec", self._name(role), *command)

    def _until(self, role: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                if holds():
                    return
            except (httpx.HTTPError, EngineError):
                pass
            if time.monotonic() > deadline:
                raise RunningError(
                    f"{role}: not within {_PATIENCE_S:.0f} s; its log:\n{self._engine.logs(self._name(role))}"
                )
            time.sleep(0.5)

    def _healthy(self, role: str) -> None:
        """What its health check says, run inside as the engine would."""
        self._until(role, lambda: bool(self._inside(role, "steward", "healthy", role) or True))
        self._say(f"{role}: runs and is healthy")

    def _beats(self, role: str) -> None:
        self._until(role, lambda: bool(self._world.ask(f"SELECT 1 FROM heartbeats WHERE service = '{role}'")))  # noqa: S608 - one of two names of ours
        self._healthy(role)

    def _stored(self) -> int:
        ((count,),) = self._world.ask("SELECT count(*) FROM predictions")
        return int(str(count))

    def _smoke(self, options: list[str], key: str) -> None:
        url = f"http://127.0.0.1:{self._world.ports['api']}"
        done = subprocess.run(
            [sys.executable, "-m", "scripts.cli", "smoke", url, *options],
            env={**os.environ, "STEWARD_SMOKE_KEY": key}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RunningError(f"api: `steward smoke` finds fault:\n{done.stdout}{done.stderr}")
