"""The real Prometheus, with our files: only addresses, intervals and the place of the key are other ones."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from config.settings import ROOT
from database.child_process import dying_with_us
from scripts.platform_roles import free_port
from scripts.proofs.prometheus.platform import HOST, wait_until

SOURCE = ROOT / "docker/prometheus"
EVERY = "2s"


@dataclass(frozen=True)
class Prometheus:
    """Asks a running one. `Json`: as its HTTP API answers."""

    url: str

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """The answer now; raises what the server says of a question it cannot read."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expr}, timeout=30)
        told = answer.json()
        if told["status"] != "success":
            raise ValueError(told["error"])
        found = told["data"]["result"]
        return found if isinstance(found, list) else [found]

    def alerts(self) -> dict[str, str]:
        """Alerts that fire or are about to, by name: `firing` outweighs `pending`."""
        told = httpx.get(f"{self.url}/api/v1/alerts", timeout=30).json()["data"]["alerts"]
        ranked = sorted(told, key=lambda one: one["state"] == "firing")
        return {one["labels"]["alertname"]: one["state"] for one in ranked}

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health."""
        groups = httpx.get(f"{self.url}/api/v1/rules", timeout=30).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextmanager
def prometheus(program: str, place: Path, targets: Mapping[str, str], key: str) -> Iterator[Prometheus]:
    """Started with our configuration, pointed at these targets; ended with the block."""
    port = free_port(HOST)
    settings = _configuration(place, {**targets, "prometheus": f"{HOST}:{port}"}, key)
    command = [program, f"--config.file={settings}", f"--storage.tsdb.path={place / 'data'}"]
    command += [f"--web.listen-address={HOST}:{port}", "--log.level=warn"]
    with (place / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(dying_with_us(command), stdout=log, stderr=log)
    server = Prometheus(f"http://{HOST}:{port}")
    try:
        wait_until(lambda: _ready(server), 30, f"Prometheus ({(place / 'prometheus.log')})")
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _ready(server: Prometheus) -> bool:
    try:
        return httpx.get(f"{server.url}/-/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _configuration(place: Path, targets: Mapping[str, str], key: str) -> Path:
    shutil.copytree(SOURCE / "rules", place / "rules")
    for path in (place / "rules").glob("*.yml"):
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            group["interval"] = EVERY
        path.write_text(yaml.safe_dump(rules))
    (place / "key").write_text(key)
    (place / "key").chmod(0o600)
    ours = yaml.safe_load((SOURCE / "prometheus.yml").read_text())
    ours["global"] |= {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY}
    del ours["alerting"]  # nobody is to be told of this
    ours["scrape_configs"] = [
        _scrape(one, targets, place) for one in ours["scrape_configs"] if one["job_name"] in targets
    ]
    path = place / "prometheus.yml"
    path.write_text(yaml.safe_dump(ours))
    return path


def _scrape(job: dict[str, Any], targets: Mapping[str, str], place: Path) -> dict[str, Any]:
    kept = {name: value for name, value in job.items() if not name.endswith("_configs")}
    if "authorization" in kept:
        kept["authorization"] = {"credentials_file": str(place / "key")}
    return kept | {"static_configs": [{"targets": [targets[job["job_name"]]]}]}
