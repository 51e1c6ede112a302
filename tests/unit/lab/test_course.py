"""The agent's life on streams whose drift is known: it leaves alone what is well, and mends what broke."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import config
from config.agent_policy import AgentPolicy, load_policy
from scripts.lab.backtest import POLICIES, Backtest, run_backtest
from scripts.lab.course import Course
from scripts.lab.generators import Made, hyperplane
from scripts.lab.ground import Ground
from scripts.lab.learner import candidates_for
from scripts.lab.page import page_of
from scripts.lab.played import Played
from scripts.lab.stream import Stream

ROWS, WINDOW, DRIFT = 3000, 150, 1650
LEARNER = candidates_for(ROWS, ("logistic_regression",))


@cache
def shipped() -> AgentPolicy:
    return load_policy(Path(config.__file__).parent / "agent_policy.yml")


@pytest.fixture(scope="module")
def policy() -> AgentPolicy:
    return shipped()


def ground_of(made: Made, *, delay: int = 1) -> Ground:
    return Ground.of(made.contract, made.stream, made.windows(WINDOW, delay=delay), LEARNER)


def live(ground: Ground, policy: AgentPolicy) -> Course:
    course = Course(ground, policy)
    for at in range(len(ground.windows.spans)):
        course.step(at)
    return course


def drifting(seed: int = 3) -> Made:
    return hyperplane(ROWS, seed, drift_at=(DRIFT,), features=4)


@cache
def lived(delay: int) -> tuple[Ground, Played]:
    """The same life for every test that only looks at it."""
    ground = ground_of(drifting(), delay=delay)
    return ground, live(ground, shipped()).played


@pytest.fixture(scope="module")
def backtest(policy: AgentPolicy) -> Backtest:
    return run_backtest(lived(1)[0], policy, cost_per_retrain=10.0)


def drift_window(ground: Ground) -> int:
    return next(at for at, span in enumerate(ground.windows.spans) if span.stop > DRIFT)


def test_without_drift_nothing_is_retrained(policy: AgentPolicy) -> None:
    played = live(ground_of(hyperplane(ROWS, 5, drift_at=(), features=4)), policy).played
    assert played.changes == []
    tries = [one for line in played.timeline for one in line["actions"] if one["action"] == "retrain_model"]
    assert {one["status"] for one in tries} <= {"cancelled"}, "nobody was asked"


def test_abrupt_concept_drift_is_named_and_a_retrain_mends_it() -> None:
    ground, played = lived(1)
    begins = drift_window(ground)
    before = [line for line in played.timeline if line["window"] - 1 < begins]
    after = [line for line in played.timeline if line["window"] - 1 >= begins]
    assert not any(line["actions"] for line in before)
    assert "concept_drift" in {one["cause"] for line in after for one in line["diagnosis"]}
    change = played.changes[0]
    assert change.kind == "retrain_model"
    assert change.at - begins <= 4
    metrics = np.array([value or 0.0 for value in played.metrics(ground)])
    assert metrics[begins + 1] < metrics[:begins].mean() - 0.1
    assert metrics[played.changes[-1].at + 1 :].mean() > metrics[begins + 1] + 0.1
    statuses = [one["status"] for line in after for one in line["actions"] if one["action"] == "retrain_model"]
    assert "succeeded" in statuses


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_nobody_learns_a_label_that_has_not_arrived(delay: int) -> None:
    ground, played = lived(delay)
    made = [(change.at, change.after) for change in played.changes if change.kind == "retrain_model"]
    made += [(at, version) for at in (4, 9) if (version := ground.retrained(at)) is not None]
    assert played.changes
    for at, version in made:
        arrived = ground.windows.spans[at - delay].stop
        assert max(version.taught_by) < arrived
        assert max(version.taught_by) >= arrived - WINDOW


def test_labels_that_come_later_are_acted_on_later() -> None:
    assert lived(3)[1].changes[0].at - lived(0)[1].changes[0].at == 3


def test_truth_that_is_not_due_yet_changes_nothing_before_it_is(policy: AgentPolicy) -> None:
    """The labels of the last windows are turned round: everything until they are due must be as it was."""
    ground, played = lived(1)
    honest, rows = played.timeline, ground.stream.rows
    labels = ground.stream.labels.copy()
    cut = ground.windows.spans[14].start
    labels[cut:] = 1 - labels[cut:]
    turned = Ground.of(ground.contract, Stream(rows, labels), ground.windows, ground.candidates)
    other = live(turned, policy).played.timeline

    def seen(line: dict[str, Any]) -> Any:
        return line["diagnosis"], line["actions"], line["effect"]

    assert [seen(line) for line in honest[:15]] == [seen(line) for line in other[:15]]
    assert [seen(line) for line in honest[15:]] != [seen(line) for line in other[15:]]


def test_the_same_history_is_lived_the_same_way(policy: AgentPolicy) -> None:
    again = live(ground_of(drifting()), policy).played
    assert again.timeline == lived(1)[1].timeline


def test_who_may_only_observe_changes_nothing(policy: AgentPolicy) -> None:
    watching = policy.model_copy(update={"autonomy": {"default": "observe"}})
    played = live(ground_of(drifting()), watching).played
    assert played.changes == []
    assert any(one["says"] == "dry run" for line in played.timeline for one in line["actions"])


def test_every_policy_is_scored_and_no_fixed_rule_beats_hindsight(backtest: Backtest) -> None:
    assert tuple(backtest.scores) == POLICIES
    ruled = {name: score.cost for name, score in backtest.scores.items() if name != "agent"}
    assert min(ruled.values()) == backtest.scores["hindsight"].cost
    assert backtest.scores["never"].retrains == 0
    # Not after the first window, whose labels have not come yet, nor after the last.
    assert backtest.scores["every_window"].retrains == len(backtest.ground.windows.spans) - 2
    assert backtest.scores["agent"].cost < backtest.scores["never"].cost


def test_the_report_says_what_scripts_depend_on(backtest: Backtest) -> None:
    report = json.loads(json.dumps(backtest.to_json(1.0), allow_nan=False))
    assert set(report["policies"]) == set(POLICIES)
    assert {"score", "retrains", "cost", "regret"} <= set(report["policies"]["agent"])
    assert all({"value", "low", "high", "n", "bar", "ok", "why"} == set(one) for one in report["figures"].values())
    assert len(report["timeline"]) == len(backtest.ground.windows.spans)


def test_the_page_needs_nothing_else_and_quotes_what_it_shows(backtest: Backtest) -> None:
    page = page_of(backtest)
    assert "What the agent would have done: Hyperplane" in page
    assert "best in hindsight" in page
    assert not re.search(r"<(script|img|iframe)[^>]*\ssrc=|<link", page.split("</script>")[-1])
    assert not re.search(r"<script[^>]*\ssrc=", page)
