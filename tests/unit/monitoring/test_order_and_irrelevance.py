"""What is concluded from rows depends on no order of rows or columns, and on no column that no answer rests on."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from agent.core.choices import ActionProposal
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import Diagnosis, diagnose
from agent.core.reading import promised, window_of
from agent.core.signals import Signals
from config.agent_policy import ActionRule, AgentPolicy
from config.model_contract import Feature, ModelContract
from database.enums import CHANGING, ActionType, WindowStatus
from database.models import DataQualityResult, DriftReport, MonitoringWindow, PerformanceMetric
from monitoring.measuring import Guard, Memory, measure_at_closing, measure_performance
from monitoring.windows import WindowRows
from scripts.lab.promises import kept
from training.suspects import suspect_reasons

Row = dict[str, Any]
Profile = dict[str, Any]
Draw = Callable[..., list[Row]]
Scores = Callable[[Sequence[Row]], np.ndarray[Any, Any]]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROWS = 120
EVERYTHING = AgentPolicy(
    actions={name: ActionRule(risk="low", decides="agent", budget=50) for name in ActionType},
    autonomy={"default": "act"},
)


class Clinic:
    """A model and what is known about it. Not a dataclass: hypothesis would print the whole of it."""

    def __init__(self, contract: ModelContract, profile: Profile, draw: Draw, scores_of: Scores) -> None:
        self.contract, self.profile, self.draw, self.scores_of = contract, profile, draw, scores_of

    def of(self, features: dict[str, Feature], described: dict[str, Any]) -> "Clinic":
        """The same with other columns."""
        contract = self.contract.model_copy(update={"features": features})
        return Clinic(contract, self.profile | {"features": described}, self.draw, self.scores_of)


@pytest.fixture(scope="module")
def clinic(contract: ModelContract, profile: Profile, draw: Draw, scores_of: Scores) -> Clinic:
    few = ("age", "cp", "chol", "thalach", "oldpeak", "ca", "thal")
    whole = Clinic(contract, profile, draw, scores_of)
    return whole.of({name: contract.features[name] for name in few}, {n: profile["features"][n] for n in few})


def quiet(row: Row, _: int) -> Row:
    return row


def older(row: Row, _: int) -> Row:
    return row | {"age": row["age"] + 14, "cp": 4, "thalach": row["thalach"] - 30}


def no_laboratory(row: Row, at: int) -> Row:
    return row | ({"chol": 0} if at % 3 else {})


def not_tested(row: Row, at: int) -> Row:
    return row | ({"ca": None, "thal": None} if at % 4 else {})


def worn_out(row: Row, _: int) -> Row:
    return row | {"oldpeak": 1.0}


WORLDS = (quiet, older, no_laboratory, not_tested, worn_out)


def arrived(
    clinic: Clinic, seed: int, world: Callable[[Row, int], Row], wrong: float
) -> tuple[list[Row], np.ndarray[Any, Any]]:
    """Rows of one window and their labels: what the model says is right, but for a share of `wrong`."""
    rng = np.random.default_rng(seed)
    rows = [world(row, at) for at, row in enumerate(clinic.draw(ROWS, rng))]
    scores = clinic.scores_of(rows)
    right = (rng.random(ROWS) < scores).astype(float)
    labels = np.where(rng.random(ROWS) < wrong, 1.0 - (scores >= 0.5), right)
    return rows, labels


def measured(clinic: Clinic, rows: Sequence[Row], labels: np.ndarray[Any, Any]) -> Signals:
    """As the monitor measures a window and the agent reads it."""
    contract, profile = clinic.contract, clinic.profile
    scores = clinic.scores_of(rows)
    window = WindowRows(
        features=tuple({name: row[name] for name in contract.feature_names} for row in rows),
        probabilities=scores,
        answers=scores >= 0.5,
        thresholds=np.full(len(rows), 0.5),
        latencies_ms=np.full(len(rows), 2.0),
        labels=labels,
        suspect=np.array([bool(suspect_reasons(contract, row)) for row in rows]),
        labels_as_of=NOW,
    )
    guard = Guard("the window", [])
    closing = measure_at_closing(
        contract, profile, window, Memory(), busy=timedelta(hours=1), guard=guard, promises=kept
    )
    judged = measure_performance(contract, profile, window, window, 1, guard)
    assert guard.faults == []
    stored = MonitoringWindow(
        id=10, seq=1, model_id=1, status=WindowStatus.MATURE, n=len(rows), labelled_n=len(rows),
        suspect_n=int(window.suspect.sum()), from_at=NOW - timedelta(hours=2), to_at=NOW - timedelta(hours=1),
    )  # fmt: skip
    told = [*closing.to_rows(1, 10), *(one.to_row(1, 10, NOW) for one in judged)]
    read = window_of(
        contract,
        stored,
        [row for row in told if isinstance(row, PerformanceMetric)],
        next(row for row in told if isinstance(row, DriftReport)),
        [row for row in told if isinstance(row, DataQualityResult)],
    )
    return replace(promised(contract, NOW), version_id=1, version=1, windows=(read,), monitor_silent_s=1.0)


def told(found: Sequence[Diagnosis]) -> list[tuple[Any, ...]]:
    """What a conclusion is made of, to the sixth digit: sums in another order differ in the last."""

    def loss(one: Diagnosis) -> tuple[Any, ...] | None:
        harm = one.harm
        if harm is None:
            return None
        return harm.figure.name, harm.figure.kind, harm.figure.n, round(harm.loss, 6)

    return sorted(
        (d.cause, d.issue, d.severity, round(d.support, 6), d.windows, loss(d), sorted(r.cause for r in d.rejected))
        for d in found
    )


def mixed(clinic: Clinic, rng: random.Random) -> Clinic:
    """The same model, its columns in another order in the contract and in the profile."""
    features, described = list(clinic.contract.features.items()), list(clinic.profile["features"].items())
    rng.shuffle(features)
    rng.shuffle(described)
    return clinic.of(dict(features), dict(described))


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=4, deadline=None, derandomize=True, phases=(Phase.generate,))
@given(seed=st.integers(0, 999), wrong=st.sampled_from((0.0, 0.5)), order=st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_changes_no_conclusion(
    clinic: Clinic, world: Callable[[Row, int], Row], seed: int, wrong: float, order: random.Random
) -> None:
    rows, labels = arrived(clinic, seed, world, wrong)
    places = list(range(len(rows)))
    order.shuffle(places)
    turned = [dict(reversed(rows[place].items())) for place in places]
    straight = diagnose(measured(clinic, rows, labels))
    assert told(diagnose(measured(mixed(clinic, order), turned, labels[places]))) == told(straight)


def with_noise(clinic: Clinic) -> Clinic:
    """The same model with a column no answer rests on, which lay between 0 and 10 when it was trained."""
    edges = list(np.arange(1.0, 10.0))
    described = {"kind": "numeric", "null_share": 0.0, "influence": 0.0, "edges": edges, "shares": [0.1] * 10 + [0.0]}
    sample = list(np.random.default_rng(1).uniform(0, 10, int(clinic.profile["n"])))
    noise = Feature(label="Noise", kind="numeric", range=(-1e6, 1e6))
    return clinic.of(
        clinic.contract.features | {"noise": noise},
        clinic.profile["features"] | {"noise": described | {"sample": sample}},
    )


def changes(found: Signals) -> set[ActionType]:
    """Which changes of what serves would be proposed, where the page forbids none."""
    choices = decide(diagnose(found), EVERYTHING, (), NOW, signals=found)
    return {c.action_type for c in choices if isinstance(c, ActionProposal)} & CHANGING


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=4, deadline=None, derandomize=True, phases=(Phase.generate,))
@given(seed=st.integers(0, 999), wrong=st.sampled_from((0.0, 0.5)), by=st.floats(5, 1000))
def test_a_column_no_answer_rests_on_may_move_as_it_likes_and_brings_no_change(
    clinic: Clinic, world: Callable[[Row, int], Row], seed: int, wrong: float, by: float
) -> None:
    rows, labels = arrived(clinic, seed, world, wrong)
    values = np.random.default_rng(seed).uniform(0, 10, len(rows)) + by
    moved = [row | {"noise": float(value)} for row, value in zip(rows, values, strict=True)]
    beside = measured(with_noise(clinic), moved, labels)
    assert next(f for f in beside.windows[0].features if f.name == "noise").drifted
    found = changes(beside)
    assert not found or found <= changes(measured(clinic, rows, labels))
