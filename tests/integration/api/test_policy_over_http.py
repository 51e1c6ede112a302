"""The page in force is shown, another one is tried, and nothing a caller sends is ever kept or unfolded."""

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from agent import policy_trial
from agent.main import Agent
from config.agent_policy import AgentPolicy, load_policy
from database.queries import heartbeats
from tests.integration.agent.world import CONTRACT, MODEL, beat, cycle, window
from tests.integration.api.conftest import Api, Installation

Sent = dict[str, Any]


@pytest.fixture
def shipped(installed: Installation) -> str:
    return Path(installed.settings.platform.policy_file).read_text()


def check(api: Api, text: str, **more: Any) -> Sent:
    answer = api.post("/policy/check", json={"text": text, **more}, headers=api.sign_in("admin"))
    assert answer.status_code == 200, answer.text
    found: Sent = answer.json()
    return found


def test_the_page_in_force_says_who_goes_by_it_and_since_when(api: Api, installed: Installation, shipped: str) -> None:
    headers = api.sign_in("viewer")
    page = api.get("/policy", headers=headers).json()
    assert (page["text"], page["changed_on_disk"], page["goes_by"]) == (shipped, False, [])
    rules = {rule["action_type"]: rule for rule in page["rules"]}
    assert (rules["rollback_model"]["approvers"], rules["rollback_model"]["expires_s"]) == (2, 86_400)
    assert {"heart_disease"} == {line["model_name"] for line in page["thresholds"]}
    policy = load_policy(installed.settings.platform.policy_file)
    Agent(installed.engine, installed.settings, {}, policy).think()
    with Session(installed.engine) as session, session.begin():
        heartbeats.beat(session, "agent", "an older one", 15.0, {})
    agents = {one["instance"] == "an older one": one for one in api.get("/policy", headers=headers).json()["goes_by"]}
    assert agents[False]["same"] is True
    assert agents[False]["since"] is not None
    assert (agents[True]["same"], agents[True]["digest"]) == (False, None)


def test_the_same_page_differs_in_nothing(api: Api, installed: Installation, shipped: str) -> None:
    a_month(installed.engine, installed.version.id)
    found = check(api, shipped)
    assert (found["valid"], found["diff"], found["faults"]) == (True, "", [])
    (model,) = found["replay"]
    assert (model["model_name"], model["otherwise"]) == (MODEL, [])
    assert model["then"] > 0
    assert found["approximate"]


def a_month(engine: Engine, version_id: int) -> None:
    beat(engine)
    window(engine, version_id, lost=False, drift=0.0)
    cycle(engine)
    for _ in range(3):
        window(engine, version_id)
        cycle(engine)


def test_a_looser_page_is_told_by_line_by_diff_and_by_what_would_have_run_alone(
    api: Api, installed: Installation, shipped: str
) -> None:
    strict = shipped.replace("default: act", "default: suggest")
    held = AgentPolicy.model_validate(load_policy(installed.settings.platform.policy_file).model_dump())
    held = held.model_copy(update={"autonomy": {"default": "suggest"}})
    beat(installed.engine)
    window(installed.engine, installed.version.id, lost=False, drift=0.0)
    cycle(installed.engine, policy=held)
    window(installed.engine, installed.version.id)
    cycle(installed.engine, policy=held)
    found = check(api, shipped.replace("rollback_model:      {risk: high", "rollback_model:      {risk: medium"))
    assert any(one["then"].startswith("waits for 1 person") and "by itself" in one["now"]
               for one in found["replay"][0]["otherwise"])  # fmt: skip
    assert "-  rollback_model:      {risk: high" in found["diff"]
    told = check(api, strict)
    assert "+  default: suggest" in told["diff"]
    assert all(one["line"] is None or one["line"] > 0 for one in told["concerns"])


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("budget: 50", "budget: -1", "send_alert", "actions.send_alert.budget"),
        ("decides: person, approvers: 2", "decides: agent, approvers: 2", "rollback_model:", "actions.rollback_model"),
        ("stand_back: P1D", "stand_back: soon", "stand_back: soon", "stand_back"),
        ("stand_back: P1D", "stand_back: [", None, ""),
    ],
)
def test_a_fault_names_its_line_and_field(
    api: Api, shipped: str, old: str, new: str, line: str | None, field: str
) -> None:
    text = shipped.replace(old, new, 1)
    found = check(api, text)
    assert found["valid"] is False
    fault = found["faults"][0]
    assert fault["field"] == field
    assert fault["says"]
    if line is not None:
        assert line in text.splitlines()[fault["line"] - 1]
    assert (found["replay"], found["concerns"]) == ([], [])


def test_two_faults_are_two_and_a_page_of_many_keeps_each(api: Api, shipped: str) -> None:
    found = check(api, shipped.replace("budget: 50", "budget: -1").replace("attempts: 3", "attempts: 99"))
    assert len(found["faults"]) > 5
    assert {one["field"].rpartition(".")[2] for one in found["faults"]} == {"budget", "attempts"}
    assert all(one["line"] for one in found["faults"])


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nactions: {}\n",
        "actions: " + "[" * 50 + "]" * 50,
        "!!python/object/apply:os.system ['true']",
        "actions: !!python/name:os.system ''",
        "actions: {}\n---\nactions: {}\n",
        "- 1", "1999-99-99", "actions: 1999-13-45", "\t", "actions: {send_alert: {budget: 1e999}}", "{", "x: \ud7ff",
    ],
)  # fmt: skip
def test_what_is_no_page_is_a_fault_and_nothing_unfolds_or_runs(api: Api, text: str) -> None:
    assert check(api, text)["valid"] is False


def test_a_page_beyond_its_bounds_is_refused(api: Api, shipped: str) -> None:
    headers = api.sign_in("admin")
    assert check(api, shipped + "#" * (64 * 1024 - len(shipped)))["valid"] is True
    for body in ({"text": "#" * (64 * 1024 + 1)}, {"text": ""}, {"text": "a: 1", "days": 91}, {"text": "a: 1", "x": 1}):
        assert api.post("/policy/check", json=body, headers=headers).status_code == 422


def test_one_page_is_tried_at_a_time_and_the_next_is_asked_to_wait(
    api: Api, shipped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, body = api.sign_in("admin"), {"text": shipped}
    inside, go_on = threading.Event(), threading.Event()
    usual = policy_trial.try_page

    def slow(*given: Any) -> Any:
        inside.set()
        go_on.wait(10)
        return usual(*given)

    monkeypatch.setattr("api.routes.policy.try_page", slow)
    first: list[int] = []
    at_work = threading.Thread(
        target=lambda: first.append(api.post("/policy/check", json=body, headers=headers).status_code)
    )
    at_work.start()
    assert inside.wait(10)
    rival = api.post("/policy/check", json=body, headers=headers)
    go_on.set()
    at_work.join()
    assert (rival.status_code, rival.json()["code"], first) == (503, "busy", [200])
    assert int(rival.headers["retry-after"]) > 0
    assert api.post("/policy/check", json=body, headers=headers).status_code == 200


def test_a_file_that_changed_under_the_api_is_said_to_wait_for_the_next_start(
    api: Api, tmp_path: Path, shipped: str
) -> None:
    page = tmp_path / "page.yml"
    page.write_text(shipped.replace("stand_back: P1D", "stand_back: P2D"))
    platform = api.runtime.settings.platform.model_copy(update={"policy_file": page})
    api.runtime.settings = api.runtime.settings.model_copy(update={"platform": platform})
    headers = api.sign_in("viewer")
    found = api.get("/policy", headers=headers).json()
    assert (found["changed_on_disk"], found["stand_back_s"]) == (True, 86_400)
    page.unlink()
    gone = api.get("/policy", headers=headers).json()
    assert (gone["changed_on_disk"], "cannot be read" in gone["text"]) == (True, True)
    assert CONTRACT.name in {line["model_name"] for line in gone["thresholds"]}
