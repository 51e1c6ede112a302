"""What each low-risk action really does, and that doing it twice does it once."""

import json
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select

from agent.actions.adjust_threshold import HIGHEST, LOWEST, STEP, best_threshold
from agent.actions.registry import handlers
from agent.core.asking import propose
from agent.core.asking_again import refresh_stale
from agent.core.executor import EXECUTING, GATHERING
from config.settings import ArtifactSettings, Settings
from database.artifact_keys import store_of
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.enums import ActionType, LabelFigure, MetricKind, Topic, Verdict
from database.models import Alert, ModelVersion, OutboxMessage, QuarantinedRow
from tests.integration.agent.conftest import MakeExecutor
from tests.integration.agent.world import (
    MODEL,
    POLICY,
    SOUND,
    SUSPECT,
    action_of,
    approved_automatic,
    cycle,
    drawn,
    metric,
    register,
    reread,
    window,
)


def test_there_is_a_handler_for_every_action_type() -> None:
    assert set(handlers()) == set(ActionType)


def test_suspect_rows_go_into_quarantine_once(engine: Engine, champion: int, make_executor: MakeExecutor) -> None:
    rows: list[tuple[Any, int, float]] = [(SUSPECT, 1, 0.9)] * 30 + [(SOUND, 0, 0.1)] * 70
    made = window(engine, champion, rows=rows, suspect_n=30)
    first, second = approved_automatic(engine, "validate_data", 2, window_id=made.id)
    make_executor().run_all(EXECUTING)
    results = [reread(engine, action_id).execution_result or {} for action_id in (first, second)]
    assert [(r["suspect"], r["quarantined"]) for r in results] == [(30, 30), (30, 0)]
    with session_scope(engine) as session:
        kept = list(session.scalars(select(QuarantinedRow)))
    assert len(kept) == 30
    assert {row.reason for row in kept} == {"chol is outside the expected 60 to 700"}


def test_a_window_that_is_not_there_fails_with_a_sentence(
    engine: Engine,
    make_executor: MakeExecutor,
) -> None:
    (action_id,) = approved_automatic(engine, "validate_data", 1, window_id=999)
    make_executor().run_all(EXECUTING)
    assert "no monitoring window with id 999" in str(reread(engine, action_id).outcome)


def test_diagnostics_hold_shares_and_no_rows(engine: Engine, champion: int, make_executor: MakeExecutor) -> None:
    made = window(engine, champion, rows=[(SOUND, 1, 0.9)] * 40, suspect_n=20, sentinel=True)
    (action_id,) = approved_automatic(engine, "collect_diagnostics", 1, window_id=made.id)
    make_executor().run_all(EXECUTING)
    found = reread(engine, action_id).execution_result or {}
    assert found["labels"] == {"labelled": 40, "positive": 40, "coverage": 1.0}
    assert found["drifted"][0]["feature"] == "thal"
    assert found["failed_checks"][0]["check"] == "sentinel"
    assert "trestbps" not in json.dumps(found)


def test_a_report_is_made_by_its_command(engine: Engine, champion: int, make_executor: MakeExecutor) -> None:
    made = window(engine, champion)
    (action_id,) = approved_automatic(engine, "generate_report", 1, window_id=made.id)
    make_executor().run_all(EXECUTING)
    done = reread(engine, action_id)
    assert (done.execution_result or {})["report"] == "r"
    assert done.outcome == "the drift report of window 1 was drawn"


def test_a_page_the_monitor_has_drawn_is_found_and_no_process_is_started(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    made = window(engine, champion)
    drawn(engine, made.id, report_path="from-the-monitor")
    (action_id,) = approved_automatic(engine, "generate_report", 1, window_id=made.id)
    make_executor().run_all(EXECUTING)
    done = reread(engine, action_id)
    assert (done.execution_result or {})["report"] == "from-the-monitor"
    assert "was there already" in str(done.outcome)


def test_people_are_told_of_an_incident_once_by_one_message_in_the_outbox(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    window(engine, champion)
    for _ in range(2):
        cycle(engine)
        make_executor().run_all(EXECUTING)
    with session_scope(engine) as session:
        (message,) = session.scalars(select(OutboxMessage).where(OutboxMessage.topic == Topic.INCIDENT_TOLD))
        assert session.scalars(select(Alert)).one().evidence["notified"] == "critical"
    assert message.payload["title"] == "The inputs changed and the answers got worse (Heart disease v1)"
    assert message.payload["text"] == (
        "Severity: critical. F1 fell to 0.620 from 0.820. The incident is on the dashboard."
    )
    assert message.payload["facts"]["action_id"] == str(action_of(engine, "send_alert").action_id)


# ---------------------------------------------------------------------------------------------------- the threshold


def scored(n: int, seed: int, shift: float) -> list[tuple[Any, int, float]]:
    """Labelled answers of a model whose scores are all too low by `shift`."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, n)
    scores = np.clip(0.5 + (truth - 0.5) * 0.3 + random.normal(0, 0.05, n) - shift, 0.01, 0.99)
    return [
        (SOUND | {"oldpeak": at / 100}, int(actual), float(score))
        for at, (actual, score) in enumerate(zip(truth, scores, strict=True))
    ]


def adjust(
    engine: Engine,
    settings: Settings,
    make: MakeExecutor,
    shift: float,
    *,
    mature: bool = True,
    turned: bool = False,
    worse_than_chance: bool = False,
) -> Any:
    store = ArtifactStore(settings.artifacts_dir)
    digest = store.put("serving_artifact", {"model.onnx": b"a model"}, {"threshold": 0.5})
    version = register(engine, serve=True, artifact_digest=digest)
    made = window(engine, version.id, rows=scored(200, 1, shift), mature=mature)
    with session_scope(engine) as session:
        if turned:
            session.add(metric(version.id, made.id, MetricKind.LABELS, LabelFigure.TURNED, 0.2, 0.9, Verdict.CRIT))
        if worse_than_chance:
            session.add(metric(version.id, made.id, MetricKind.REALISED, "roc_auc", 0.2, 0.9, Verdict.CRIT))
        propose(
            session, model_name=MODEL, action_type=ActionType.ADJUST_THRESHOLD, user_name="ann", reason="too few",
            params={}, policy=POLICY,
        )  # fmt: skip
    make().run_all(GATHERING)
    return action_of(engine, "adjust_threshold")


def test_a_better_threshold_becomes_a_version_of_its_own_with_proof(
    engine: Engine, agent_settings: Settings, make_executor: MakeExecutor
) -> None:
    action = adjust(engine, agent_settings, make_executor, shift=0.12)
    assert action.status == "pending_approval"
    assert action.evidence["metrics"][0]["verdict"] == "better"
    assert action.evidence["holdout"]["n"] == 100
    assert action.evidence["inaction"]["per_day"] is None  # a person asked; not known is said, not left out
    assert action.evidence["inaction"]["says"] == "what doing nothing costs is not known"
    with session_scope(engine) as session:
        made = session.get(ModelVersion, action.to_version_id)
    assert made is not None
    assert LOWEST <= made.threshold < 0.5
    assert 0.5 - made.threshold <= STEP + 1e-9
    signed = store_of(agent_settings.model_copy(update={"artifact": ArtifactSettings(unsigned="refuse")}))
    kept = signed.read(made.artifact_digest, "serving_artifact")
    assert kept.files["model.onnx"] == b"a model"
    assert kept.meta["threshold"] == made.threshold


def test_a_threshold_made_for_a_model_that_serves_no_more_is_not_asked_about_as_if_it_were_of_the_new_one(
    engine: Engine, agent_settings: Settings, make_executor: MakeExecutor
) -> None:
    action = adjust(engine, agent_settings, make_executor, shift=0.12)
    other = ArtifactStore(agent_settings.artifacts_dir).put(
        "serving_artifact", {"model.onnx": b"another model"}, {"threshold": 0.5}
    )
    newer = register(engine, serve=True, artifact_digest=other)
    window(engine, newer.id, rows=scored(200, 2, 0.12))
    with session_scope(engine) as session:
        assert refresh_stale(session)
    make_executor().run_all(GATHERING)
    ended = reread(engine, action.action_id)
    assert ended.status == "cancelled"
    assert "a new question has to be asked" in str(ended.outcome)


def test_a_threshold_that_is_right_is_not_asked_about(
    engine: Engine, agent_settings: Settings, make_executor: MakeExecutor
) -> None:
    action = adjust(engine, agent_settings, make_executor, shift=0.0)
    assert action.status == "cancelled"
    assert "shows no gain" in action.outcome


@pytest.mark.parametrize(
    "how",
    [{"mature": False}, {"turned": True}, {"worse_than_chance": True}],
    ids=["immature", "turned", "judged before turned labels had a figure of their own"],
)
def test_a_threshold_is_chosen_on_no_row_that_a_retrain_would_not_trust(
    engine: Engine, agent_settings: Settings, make_executor: MakeExecutor, how: dict[str, bool]
) -> None:
    other = register(engine)
    window(engine, other.id, rows=scored(200, 2, 0.12))  # sound, but not what the serving version said
    action = adjust(engine, agent_settings, make_executor, shift=0.12, **how)
    assert action.status == "cancelled"
    assert "0 labelled rows that can be trusted" in action.outcome


@pytest.mark.parametrize("current", [0.05, 0.1, 0.5, 0.88, 0.95])
def test_a_threshold_never_leaves_its_bounds(current: float) -> None:
    labels, scores = np.array([0, 1] * 50), np.linspace(0, 1, 100)
    found = best_threshold("f1", labels, scores, current)
    assert found == current or LOWEST <= found <= HIGHEST
    assert abs(found - current) <= STEP + 1e-9
