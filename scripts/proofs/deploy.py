"""`make prove-deploy`: deployments to a hosting service on this machine, with everything that can go wrong.

Behind Render's API (a stand-in, `scripts/proofs/hosting`) real API and dashboard processes serve from a real
PostgreSQL; the agent is a process that only lives. `python -m scripts.delivery.deploy` runs as the workflow runs it, in
a process of its own. Each scene ends with a look at what really serves; exit code 1 when one is not as promised.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from config.model_contract import load_contract
from config.settings import ApiSettings, DatabaseSettings, PlatformSettings, Settings, SpoolSettings
from database.address import database_url
from database.artifact_store import ArtifactStore
from database.connection import make_engine, session_scope
from database.enums import ActorKind, Scope
from database.queries import model_versions
from database.queries.audit import Actor
from scripts.chaos.api_process import environment_of
from scripts.chaos.small_model import put_model
from scripts.chaos.waiting import wait_until
from scripts.crash.server import CARELESS, own_server, quick_place
from scripts.crash.world import MODEL, client_key, version_columns
from scripts.platform_roles import api_command
from scripts.proofs.hosting.address import HOST
from scripts.proofs.hosting.server import FINE, KEY, LOST, Hosting
from scripts.proofs.hosting.services import Image, Service
from scripts.proofs.scenes import NotAsPromisedError, expect, play

REGISTRY = "ghcr.io/example/steward"
ROLES = ("api", "agent", "ui")
WITHOUT_UI = ("api", "agent")  # a dashboard takes its time to start
_PERSON = Actor(ActorKind.PERSON, "proof")
# Much starts at once, and on a busy machine others run as well.
_STARTS_S = 120.0
_ENDS_S = 400.0
_LIVES = "import time; time.sleep(3600)"


@dataclass(frozen=True)
class Ground:
    """What the scenes play on. `key` is a program's."""

    hosting: Hosting
    services: Mapping[str, Service]
    key: str
    place: Path

    def deploy(self, release: str, roles: Sequence[str] = ROLES, healthy_s: float = 60.0) -> "subprocess.Popen[str]":
        """The command, as the workflow calls it, for one release of some images."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        environment |= {f"RENDER_SERVICE_ID_{role.upper()}": self.services[role].id for role in ROLES}
        environment |= {"RENDER_API_KEY": KEY, "RENDER_API_URL": self.hosting.url, "STEWARD_SMOKE_KEY": self.key}
        images = [part for role in roles for part in (f"--{role}", image(role, release))]
        command = [sys.executable, "-m", "scripts.delivery.deploy", *images, "--revision", release]
        command += ["--report", str(self.report), "--poll-s", "0.1", "--pause-s", "0.1"]
        command += ["--deploy-s", "240", "--healthy-s", f"{healthy_s:g}"]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @property
    def report(self) -> Path:
        return self.place / "report.json"

    def serving(self) -> str:
        """The release that answers at the public address."""
        front = self.services["api"].front
        if front is None:
            raise NotAsPromisedError("the API has no address")
        return str(httpx.get(f"{front.url}/readyz", timeout=10).json()["revision"])


def image(role: str, release: str) -> str:
    return f"{REGISTRY}-{role}:{release}"


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 1 when a scene did not end as promised."""
    parser = argparse.ArgumentParser(prog="python -m scripts.proofs.deploy", description=__doc__)
    parser.parse_args(argv)
    return play(_ground(), SCENES)


@contextmanager
def _ground() -> Iterator[Ground]:
    """A migrated database, a version that serves, and release `one` live on all three services."""
    with own_server("deploy", "steward", CARELESS, place=quick_place()) as (server, place):
        url = server.url("steward").render_as_string(hide_password=False)
        settings = Settings(
            platform=PlatformSettings(
                home=place / "home", secret_key=SecretStr("of the proof, long enough for anybody")
            ),
            database=DatabaseSettings(url=SecretStr(url)),
            api=ApiSettings(poll_s=0.2),
            spool=SpoolSettings(ship_interval_s=0.05),
        )
        key = _furnish(settings)
        images: dict[str, Image] = {}
        with Hosting(images, within_s=_STARTS_S) as hosting:
            # Render asks for /livez alone: what answers there and is not ready is ours to find.
            services = {
                "api": hosting.add("api", health_path="/livez"),
                "agent": hosting.add("agent", health_path=None),
                "ui": hosting.add("ui", health_path="/_stcore/health"),
            }
            images.update(_images(settings, place, services["api"]))
            for role, service in services.items():
                service.start(f"dep-first-{role}", image(role, "one"), "manual")
            for service in services.values():
                wait_until(lambda service=service: service.live is not None, _STARTS_S)
            yield Ground(hosting, services, key, place)


def _furnish(settings: Settings) -> str:
    """A version that serves, and a program's key."""
    contract = load_contract(MODEL, settings.platform.contracts_dir)
    digest = put_model(ArtifactStore(settings.artifacts_dir), contract)
    engine = make_engine(database_url(settings), settings.database, application="steward-proof")
    try:
        with session_scope(engine) as session:
            version = model_versions.register(session, _PERSON, **version_columns(contract, digest))
            model_versions.activate(session, _PERSON, version, expected_active_id=None, reason="the first version")
            return client_key(session, settings, _PERSON, "smoke", [Scope.PREDICT])
    finally:
        engine.dispose()


def _images(settings: Settings, place: Path, api: Service) -> dict[str, Image]:
    """What may be deployed. `unready` starts and answers, and has no model; `locked` is ready, and knows no key."""
    contracts = place / "contracts"
    contracts.mkdir()
    page = settings.platform.contracts_dir / f"{MODEL}.yml"
    shutil.copy(page, contracts)
    (contracts / "unborn.yml").write_text(page.read_text().replace(f"name: {MODEL}", "name: unborn", 1))
    usual = environment_of(settings)
    spoiled: dict[str, dict[str, str]] = {
        "one": {},
        "two": {},
        "three": {},
        "unready": {"STEWARD_DEFAULT_MODEL": "unborn", "STEWARD_CONTRACTS_DIR": str(contracts)},
        "locked": {"STEWARD_SECRET_KEY": "another one, under which no key of ours is known"},
    }
    found = {}
    for release, changes in spoiled.items():
        environment = {**usual, **changes, "STEWARD_REVISION": release}
        found[image("api", release)] = Image(lambda port: api_command(HOST, port), environment)
        found[image("agent", release)] = Image(lambda _port: [sys.executable, "-c", _LIVES])
        dashboard = {"UI_API_URL": api.front.url if api.front else ""}
        found[image("ui", release)] = Image(lambda _port: [sys.executable, "-m", "ui.serve"], dashboard, "UI_PORT")
    return found


def a_good_release(ground: Ground) -> None:
    """A good release takes the place of the old one, service after service."""
    _ends(ground, ground.deploy("two"), 0, serving="two")


def an_image_that_is_not_there(ground: Ground) -> None:
    """An image that cannot be pulled: the old one never stops serving."""
    report = _ends(ground, ground.deploy("absent"), 1, serving="two")
    expect("api: ghcr.io/example/steward-api:two never stopped serving" in report["steps"], report)


def a_release_that_is_not_ready(ground: Ground) -> None:
    """A release that starts and is alive, but not ready: the image before it is restored, and verified."""
    report = _ends(ground, ground.deploy("unready", healthy_s=5), 1, serving="two")
    expect("/readyz: answers 503" in report["why"], report)
    expect(not any(step.startswith("ui:") for step in report["steps"]), report)


def a_release_that_fails_its_smoke_test(ground: Ground) -> None:
    """A release that is healthy and knows no key: all three services go back, the last one first."""
    report = _ends(ground, ground.deploy("locked"), 1, serving="two")
    expect("predicts: POST /predict answered 401" in report["why"], report)
    live = ground.services["ui"].live
    expect(live is not None and live.image == image("ui", "two"), {"ui": live and live.image})
    back = [step.partition(":")[0] for step in report["steps"] if "asked to go back" in step]
    expect(back == ["ui", "agent", "api"], report)


def a_hosting_service_with_bad_days(ground: Ground) -> None:
    """The hosting API answers 500, 429 and 503 for a while and loses an answer: one deploy is made, not two."""
    ground.hosting.bad_days.extend([500, 429, *[FINE] * 7, 503, FINE, 502, LOST])
    made = len(ground.services["api"].deploys)
    _ends(ground, ground.deploy("three", WITHOUT_UI), 0, serving="three")
    expect(len(ground.services["api"].deploys) == made + 1, {"deploys": len(ground.services["api"].deploys)})
    expect(not ground.hosting.bad_days, {"left": list(ground.hosting.bad_days)})


def killed_in_the_middle_and_run_again(ground: Ground) -> None:
    """Killed when one service of three was deployed, and run again: the second run finishes it."""
    process = ground.deploy("one", WITHOUT_UI)
    _until(process, "api: healthy")
    process.kill()
    process.communicate()
    report = _ends(ground, ground.deploy("one", WITHOUT_UI), 0, serving="one")
    expect("api: ghcr.io/example/steward-api:one serves already" in report["steps"], report)


def interrupted_in_the_middle(ground: Ground) -> None:
    """Told to end when one service of three was deployed: it puts that one back before it ends."""
    process = ground.deploy("two", WITHOUT_UI)
    _until(process, "api: healthy")
    process.send_signal(signal.SIGTERM)
    report = _ends(ground, process, 1, serving="one")
    expect(report["why"] == "interrupted (SIGTERM)", report)


def _until(process: "subprocess.Popen[str]", line: str) -> None:
    """Read until it said so."""
    if process.stdout is None:
        raise NotAsPromisedError("the command has no output")
    for said in process.stdout:
        print(f"    {said.rstrip()}", flush=True)
        if said.strip() == line:
            return
    raise NotAsPromisedError(f"the command ended without saying `{line}`")


def _ends(ground: Ground, process: "subprocess.Popen[str]", code: int, *, serving: str) -> dict[str, Any]:
    """Wait for the end; the exit code, what is told of it and what serves must agree."""
    said, _ = process.communicate(timeout=_ENDS_S)
    for line in said.splitlines():
        print(f"    {line}", flush=True)
    report: dict[str, Any] = json.loads(ground.report.read_text()) if ground.report.exists() else {}
    expect(process.returncode == code, {"exit code": process.returncode, **report})
    expect(report["restored"] is (None if code == 0 else True), report)
    expect(ground.serving() == serving, {"serving": ground.serving()})
    for role in WITHOUT_UI:
        live = ground.services[role].live
        expect(live is not None and live.image == image(role, serving), {role: live and live.image})
    expect(ground.key not in said and KEY not in said, {"said": "a key stands in what was printed"})
    print(f"    exit code {code}, {serving} serves", flush=True)
    return report


SCENES: tuple[Callable[[Ground], None], ...] = (
    a_good_release,
    an_image_that_is_not_there,
    a_release_that_is_not_ready,
    a_release_that_fails_its_smoke_test,
    a_hosting_service_with_bad_days,
    killed_in_the_middle_and_run_again,
    interrupted_in_the_middle,
)


if __name__ == "__main__":
    sys.exit(main())
