"""The command that deploys, where there is nothing to go back to, or no way back."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from scripts.chaos.waiting import wait_until
from scripts.delivery import deploy
from scripts.delivery.render import Patience, Render
from scripts.delivery.rollout import Interrupted, Part, roll_out
from scripts.proofs.hosting.server import KEY, Hosting
from scripts.proofs.hosting.services import Image, Service
from scripts.smoke.checks import Check

NAME = "ghcr.io/example/steward-agent"
LIVES = Image(lambda _port: [sys.executable, "-c", "import time; time.sleep(60)"])
DIES = Image(lambda _port: [sys.executable, "-c", "raise SystemExit(1)"])
Deploying = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def images() -> dict[str, Image]:
    return {f"{NAME}:1": LIVES, f"{NAME}:2": LIVES, f"{NAME}:dies": DIES}


@pytest.fixture
def hosting(images: dict[str, Image]) -> Iterator[Hosting]:
    with Hosting(images, within_s=5) as found:
        yield found


@pytest.fixture
def agent(hosting: Hosting) -> Service:
    return hosting.add("agent", health_path=None)


@pytest.fixture
def deploying(hosting: Hosting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deploying:
    monkeypatch.setenv("RENDER_API_KEY", KEY)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("RENDER_SERVICE_ID_AGENT", "srv-agent")
    monkeypatch.delenv("RENDER_SERVICE_ID_UI", raising=False)

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        quick = ["--url", hosting.url, "--poll-s", "0.02", "--pause-s", "0.02", "--deploy-s", "8", "--healthy-s", "1"]
        code = deploy.main([*arguments, *quick, "--report", str(report)])
        return code, json.loads(report.read_text()) if report.exists() else {}

    return run


def live(service: Service) -> str | None:
    return service.live.image if service.live else None


def test_the_first_deployment_of_all_has_nothing_to_go_back_to_and_a_person_is_needed(
    deploying: Deploying, agent: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = deploying("--agent", f"{NAME}:dies")
    assert (code, report["restored"]) == (deploy.BROKEN, False)
    assert "nothing served before" in capsys.readouterr().out
    assert live(agent) is None
    assert deploying("--agent", f"{NAME}:1")[0] == deploy.DONE


def test_what_cannot_be_put_back_is_no_success(
    deploying: Deploying, agent: Service, images: dict[str, Image], capsys: pytest.CaptureFixture[str]
) -> None:
    deploying("--agent", f"{NAME}:1")
    deploying("--agent", f"{NAME}:2")
    images[f"{NAME}:1"] = DIES
    code, report = deploying("--agent", f"{NAME}:2", "--back")
    assert (code, report["restored"]) == (deploy.BROKEN, False)
    assert "could not be put back" in capsys.readouterr().out
    assert live(agent) == f"{NAME}:2"


def test_back_restores_what_served_before_and_twice_changes_nothing(deploying: Deploying, agent: Service) -> None:
    deploying("--agent", f"{NAME}:1")
    deploying("--agent", f"{NAME}:2")
    assert deploying("--agent", f"{NAME}:2", "--back")[0] == deploy.DONE
    assert live(agent) == f"{NAME}:1"
    code, report = deploying("--agent", f"{NAME}:2", "--back")
    assert code == deploy.DONE
    assert report["steps"] == [f"agent: {NAME}:2 does not serve; nothing to put back"]


def test_a_deploy_that_is_under_way_goes_on_and_is_not_made_twice(
    deploying: Deploying, agent: Service, hosting: Hosting
) -> None:
    agent.start("dep-of-another-run", f"{NAME}:1", "api")
    wait_until(lambda: agent.deploys[0].status != "created", 5)
    code, _ = deploying("--agent", f"{NAME}:1")
    assert code == deploy.DONE
    assert [one.id for one in agent.deploys] == ["dep-of-another-run"]
    assert ("POST", "/v1/services/srv-agent/deploys") not in hosting.asked


def test_an_image_without_a_service_is_refused_before_anything_is_touched(
    deploying: Deploying, hosting: Hosting, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = deploying("--agent", f"{NAME}:1", "--ui", "ghcr.io/example/steward-ui:1")
    assert (code, report) == (1, {})
    assert "--ui was given, but RENDER_SERVICE_ID_UI is not set" in capsys.readouterr().err
    assert hosting.asked == []


def test_without_a_key_it_says_which_one(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RENDER_API_KEY")
    assert deploying("--agent", f"{NAME}:1")[0] == 1
    assert "set RENDER_API_KEY (or RENDER_API_KEY_FILE" in capsys.readouterr().err


def test_told_to_end_at_the_very_last_moment_it_is_taken_back_and_no_success(
    deploying: Deploying, agent: Service, hosting: Hosting
) -> None:
    deploying("--agent", f"{NAME}:1")
    client = Render(SecretStr(KEY), hosting.url, Patience(poll_s=0.02, first_pause_s=0.02))

    def say(line: str) -> None:
        if line.startswith("everything is healthy"):
            raise Interrupted("interrupted (SIGTERM)")

    done = roll_out(client, [Part("agent", "srv-agent", f"{NAME}:2")], lambda _: [], say)
    client.close()
    assert (done.ok, done.restored) == (False, True)
    assert live(agent) == f"{NAME}:1"


@pytest.fixture
def client(hosting: Hosting) -> Iterator[Render]:
    client = Render(SecretStr(KEY), hosting.url, Patience(poll_s=0.02, first_pause_s=0.02))
    yield client
    client.close()


@pytest.mark.parametrize("at", ["failed", "agent: asked to go back"])
def test_told_to_end_while_it_puts_back_it_puts_back_all_the_same(
    deploying: Deploying, agent: Service, client: Render, hosting: Hosting, at: str
) -> None:
    deploying("--agent", f"{NAME}:1")
    told = [False]

    def say(line: str) -> None:
        if line.startswith(at) and not told[0]:
            told[0] = True
            raise Interrupted("interrupted (SIGTERM)")

    asked_before = len(hosting.asked)
    smoke = [Check("predict", False, "answers 500")]
    done = roll_out(client, [Part("agent", "srv-agent", f"{NAME}:2")], lambda _: smoke, say)
    assert (done.ok, done.restored, done.why) == (False, True, "predict: answers 500")
    assert live(agent) == f"{NAME}:1"
    assert hosting.asked[asked_before:].count(("POST", "/v1/services/srv-agent/rollback")) == 1


def test_a_fault_of_our_own_takes_the_deployment_back_as_well(
    deploying: Deploying, agent: Service, client: Render
) -> None:
    deploying("--agent", f"{NAME}:1")

    def smoke(_: object) -> list[Check]:
        raise ValueError("not a URL")

    done = roll_out(client, [Part("agent", "srv-agent", f"{NAME}:2")], smoke, lambda _: None)
    assert (done.ok, done.restored, done.why) == (False, True, "ValueError: not a URL")
    assert live(agent) == f"{NAME}:1"
