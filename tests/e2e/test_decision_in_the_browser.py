"""A person opens the dashboard, reads the decision, approves it, and sees the new version serve and verified.

Meanwhile every process of the platform is killed at least once: no answer is lost, no action happens twice, and a
later `steward up` goes on with the same data.
"""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from database.connection import read_scope
from database.embedded import EmbeddedPostgres
from database.models import AgentAction, Deployment, ModelVersion, Prediction
from database.queries import audit
from tests.e2e.commands import Steward

LINK = re.compile(r"(http://127\.0\.0\.1:\d+/decision\?id=[0-9a-f-]{36})")
LOGIN = re.compile(r"sign in\s+(\S+)\s+/\s+(\S+)")
API = re.compile(r"API\s+(http://127\.0\.0\.1:\d+)/docs")


def _database(home: Path) -> Engine:
    return create_engine(EmbeddedPostgres(home / "postgres").url("steward"))


def _kill(home: Path, name: str) -> None:
    state = next((home / "run").glob("up-*.json")).read_text()
    found = re.search(rf'"{name}": (\d+)', state.split('"pids"')[1])
    assert found, state
    os.kill(int(found[1]), signal.SIGKILL)


def _wait_for_predictions(home: Path, count: int) -> None:
    engine = _database(home)
    deadline = time.monotonic() + 60
    with engine.connect() as connection:
        while (connection.execute(select(func.count()).select_from(Prediction)).scalar_one()) < count:
            assert time.monotonic() < deadline, "no patients arrive"
            time.sleep(0.1)
    engine.dispose()


def _kill_the_database_and_wait_for_the_next(home: Path, said: str) -> None:
    api, server = API.search(said), EmbeddedPostgres(home / "postgres")
    assert api
    killed = server.running_pid()
    _kill(home, "postgres")
    deadline = time.monotonic() + 60
    while server.running_pid() in {None, killed} or httpx.get(f"{api[1]}/readyz", timeout=10).json()["status"] != "ok":
        assert time.monotonic() < deadline, "the database does not come back"
        time.sleep(0.2)


def _sign_in(page: Page, name: str, password: str) -> None:
    page.locator(".st-key-login-name input").fill(name)
    page.locator(".st-key-login-password input").fill(password)
    page.locator(".st-key-login-submit button").click()


@pytest.mark.lane
@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_person_approves_and_the_loop_closes_through_kills(
    steward: Callable[..., Steward], browser: Browser, home: Path
) -> None:
    demo = steward("demo", "--json")
    demo.wait_for(lambda said: "serves: F1" in said, 90)
    _wait_for_predictions(home, 40)
    for name in ("postgres", "api", "monitor", "agent", "ui"):
        _kill(home, name)
        time.sleep(1.5)
    said = demo.wait_for(lambda text: bool(LINK.search(text) and LOGIN.search(text) and API.search(text)), 200)
    link, login = LINK.search(said), LOGIN.search(said)
    assert link
    assert login
    _kill_the_database_and_wait_for_the_next(home, said)  # the demo goes on waiting for the person
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(30_000)
    page.goto(link[1])
    _sign_in(page, login[1], login[2])
    approve = page.locator(".st-key-approve button")
    expect(approve).to_be_enabled()
    _kill(home, "agent")
    approve.click()
    confirm = page.locator(".st-key-confirm-approve button")
    expect(confirm).to_contain_text(re.compile(r"v\d+ → v\d+"))
    comment = page.locator(".st-key-approve-comment textarea")
    comment.fill("The loss is measured, and the change is watched.")
    comment.press("Control+Enter")
    confirm.click()
    demo.wait_for(lambda text: "succeeded:" in text, 120)
    page.reload()
    expect(page.get_by_text(re.compile("succeeded", re.IGNORECASE)).first).to_be_visible()
    page.close()
    _everything_happened_once(home)
    assert demo.interrupt() == 0
    assert _processes_of(home) == []
    _says_how_it_went(demo.report())
    _a_second_up_goes_on(steward, home)


def _everything_happened_once(home: Path) -> None:
    engine = _database(home)
    with Session(engine) as session:
        stored = session.scalar(select(func.count()).select_from(Prediction))
        activations = session.scalars(select(Deployment).order_by(Deployment.generation)).all()
        retrained = session.scalars(
            select(AgentAction).where(AgentAction.status == "succeeded", AgentAction.action_type == "retrain_model")
        ).all()
        serving = session.scalars(select(ModelVersion).where(ModelVersion.is_active)).one()
    assert stored == 294 + 200 + 123
    assert [row.generation for row in activations] == [1, 2]
    assert len(retrained) == 1
    assert serving.id == retrained[0].to_version_id
    with read_scope(engine) as session:
        report = audit.verify(session)
    assert report.ok, report.faults
    engine.dispose()


def _processes_of(home: Path) -> list[str]:
    """The command lines of the processes that belong to this home."""
    found = [
        (process.info["environ"] or {}, " ".join(process.info["cmdline"] or []))
        for process in psutil.process_iter(["environ", "cmdline"])
        if process.pid != os.getpid()
    ]
    return [line for environ, line in found if environ.get("STEWARD_HOME") == str(home) or str(home) in line]


def _says_how_it_went(report: dict[str, Any]) -> None:
    assert report["closed"] is True
    assert [hospital["name"] for hospital in report["hospitals"]] == ["hungarian", "va", "switzerland"]
    for hospital in report["hospitals"]:
        assert hospital["rows"] > 50
        assert hospital["versions"] == [1]
        f1 = hospital["metrics"]["f1"]
        assert f1["low"] <= f1["value"] <= f1["high"]
    zurich = report["hospitals"][2]
    assert "data_fault" in {diagnosis["cause"] for diagnosis in zurich["diagnoses"]}
    assert "retrain_model" not in {action["action"] for action in zurich["actions"] if action["cause"] == "data_fault"}
    decision = report["decision"]
    primary = decision["evidence"]["metrics"][0]
    assert primary["metric"] == "f1"
    assert primary["difference"] == pytest.approx(primary["after"] - primary["before"], abs=1e-6)
    assert primary["low"] <= primary["difference"] <= primary["high"]
    assert primary["n"] >= 30
    assert decision["status"] == "succeeded"
    assert decision["reviewed_by"] == "anna"
    assert report["serving"]["version"] == decision["to_version"] != decision["from_version"]
    assert report["figures"]["loop_closed"]["ok"] is True


def _a_second_up_goes_on(steward: Callable[..., Steward], home: Path) -> None:
    up = steward("up")
    said = up.wait_for(lambda text: "ready;" in text, 60)
    url = re.search(r"api: running at (http://\S+)", said)
    assert url
    health = httpx.get(f"{url[1]}/health", timeout=10).json()
    assert health["models"][0]["version"] >= 2
    refused = steward("up")
    assert refused.process.wait(30) == 1
    assert "already runs" in refused.said
    assert up.interrupt() == 0
    assert not list((home / "run").glob("up-*.json"))
