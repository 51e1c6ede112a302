"""Stored rows are read as what they say, and what is missing stays missing."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import config
from agent.core.harm import Harm, performance_holds
from agent.core.incidents import could_show, settled_by_people
from agent.core.pricing import price_of_inaction
from agent.core.reading import (
    incident_of,
    number,
    pace_of,
    past_of,
    promised,
    replay_of,
    rows_compared,
    share,
    window_of,
)
from agent.core.signals import Part, Replay
from agent.core.verifier import SuccessTest
from config.model_contract import load_contract
from config.segments import Segment
from database.enums import Cause, MetricKind, Severity, Verdict, WindowStatus
from database.models import AgentAction, Alert, DataQualityResult, DriftReport, MonitoringWindow, PerformanceMetric
from tests.unit.agent.signal_factory import lost, signals, window

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CONTRACT = load_contract("heart_disease", Path(config.__file__).parent / "models")


def compared(name: str = "f1", value: float | None = -0.1, **changes: float | None) -> PerformanceMetric:
    ends = {"low": -0.2, "high": 0.0} | changes
    return PerformanceMetric(kind=MetricKind.VERIFICATION, metric_name=name, metric_value=value, n=60, **ends)


def test_the_newest_whole_comparison_counts() -> None:
    rows = [compared(value=-0.3), compared("accuracy"), compared()]
    assert replay_of("f1", rows, 7) == Replay("f1", -0.1, -0.2, 0.0, 60, 7)
    for broken in ([], [compared(value=None)], [compared(low=None)], [compared(high=None)], [compared("accuracy")]):
        assert replay_of("f1", broken, 7) is None


def test_nan_and_nothing_are_no_number() -> None:
    assert [number(value) for value in (None, float("nan"), float("inf"), 0, "2.5")] == [None, None, None, 0.0, 2.5]


@pytest.mark.parametrize(("hits", "n"), [(0, 30), (15, 30), (30, 30)])
def test_a_share_comes_with_an_interval_that_holds_it(hits: int, n: int) -> None:
    value, low, high = share(hits, n)
    assert -1e-12 <= low <= value + 1e-12
    assert value - 1e-12 <= high <= 1 + 1e-12
    assert high - low > 0.05


@pytest.mark.parametrize(
    ("status", "evidence", "known"),
    [
        ("active", {}, None),
        ("active", {"notified": "warning"}, Severity.WARNING),
        ("acknowledged", {}, Severity.CRITICAL),
    ],
)
def test_people_know_of_an_incident_they_were_told_of_or_acknowledged(
    status: str, evidence: dict[str, str], known: Severity | None
) -> None:
    alert = Alert(id=3, cause="data_fault", severity="critical", status=status, evidence=evidence)
    assert incident_of(alert).notified is known


@pytest.mark.parametrize("cause", ["data_fault", None])
def test_an_action_is_read_with_what_its_proof_rests_on(cause: str | None) -> None:
    action = AgentAction(
        action_id=uuid4(), action_type="retrain_model", cause=cause, status="approved", created_at=NOW, updated_at=NOW,
        dry_run=False, params={"evidence_seq": 4}, dedupe_key="k", question="?", why={}, recommended=True,
        evidence={"metrics": [{"n": 80}]},
    )  # fmt: skip
    found = past_of(action)
    assert (found.cause, found.evidence_seq, found.evidence_rows) == (Cause(cause) if cause else None, 4, 80)


def test_a_proof_without_figures_rests_on_no_rows() -> None:
    proofs: list[dict[str, Any] | None] = [None, {}, {"metrics": []}, {"metrics": [{}]}]
    assert list(map(rows_compared, proofs)) == [0, 0, 0, 0]


def test_a_check_of_the_table_has_no_column_and_no_limits() -> None:
    row = MonitoringWindow(
        id=1, seq=1, model_id=1, status=WindowStatus.CLOSED, n=100, labelled_n=0, suspect_n=0, from_at=NOW, to_at=NOW
    )
    checks = [
        DataQualityResult(check_name=name, column_name=column, verdict="crit", failed_rows=3, n=100, details={})
        for name, column in (("duplicates", None), ("expected", "chol"))
    ]
    read = window_of(CONTRACT, row, checks=checks)
    table, chol = read.checks
    assert (table.label, table.sound, read.mature, read.drift) == ("", "", False, Verdict.INCONCLUSIVE)
    assert chol.sound.endswith("mg/dl")


def test_a_window_that_could_not_be_judged_does_not_show_that_a_loss_is_over() -> None:
    unknown = window(1, lost(verdict=Verdict.INCONCLUSIVE))
    assert not could_show(Cause.CONCEPT_DRIFT, unknown, signals(unknown))
    assert could_show(Cause.DATA_FAULT, unknown, signals(unknown))
    assert could_show(Cause.CONCEPT_DRIFT, window(1), signals(window(1)))


def test_what_a_person_closed_is_settled_until_a_newer_window_shows_it() -> None:
    diagnosed = [(Cause.DATA_FAULT, (10, 20)), (Cause.CONCEPT_DRIFT, (30,)), (Cause.UNKNOWN, ())]
    assert settled_by_people(diagnosed, {Cause.DATA_FAULT: 20, Cause.CONCEPT_DRIFT: 20}) == {Cause.DATA_FAULT}


def test_what_a_loss_in_a_window_that_is_no_longer_read_costs_is_not_known() -> None:
    gone = Harm(lost(), 0.2, 0.16, 0.24, window_id=990, window_seq=99)
    assert "accuracy could not be computed" in price_of_inaction(signals(window(1)), gone).says


def test_a_success_test_is_read_as_it_was_written_down() -> None:
    stored = {"metric": "f1", "margin": 0.05, "min_rows": 60, "max_rows": 240, "deadline_s": 3600.0}
    test = SuccessTest.from_json(stored)
    assert (test.looks, test.deadline.total_seconds()) == ((60, 120, 240), 3600.0)


def test_how_long_labels_took_is_read_in_seconds_and_only_where_it_was_measured() -> None:
    def wait(took: float | None, usual: float | None, **facts: float) -> PerformanceMetric:
        return PerformanceMetric(kind=MetricKind.LABELS, metric_value=took, reference=usual, metadata_=facts)

    assert pace_of(wait(None, 2.0)) is None
    whole, alone = pace_of(wait(1.0, 2.0, limit_h=6.0)), pace_of(wait(1.0, None))
    assert whole is not None
    assert alone is not None
    assert (whole.took_s, whole.usual_s, whole.limit_s) == (3600.0, 7200.0, 21600.0)
    assert (alone.took_s, alone.usual_s, alone.limit_s) == (3600.0, None, None)


def test_before_the_first_window_nothing_shows_that_quality_holds() -> None:
    assert performance_holds(signals()) is None


def test_before_a_version_serves_there_is_only_what_the_contract_promises() -> None:
    found = promised(CONTRACT, NOW)
    assert (found.primary, found.blind) == (CONTRACT.quality.metric, "no version serves")


def test_what_moved_is_read_under_the_name_people_know_and_an_unknown_column_under_its_own() -> None:
    row = MonitoringWindow(
        id=1, seq=1, model_id=1, status=WindowStatus.MATURE, n=100, labelled_n=0, suspect_n=0, from_at=NOW, to_at=NOW
    )
    features = [{"feature": "chol", "drifted": True, "influence": 0.2}, {"feature": "gone", "score": None}]
    moved = window_of(CONTRACT, row, drift=DriftReport(features=features, verdict="warn", drift_score=0.2)).features
    assert [(f.title, f.drifted, f.influence) for f in moved] == [
        (CONTRACT.features["chol"].label, True, 0.2), ("gone", False, 0.0),
    ]  # fmt: skip


def test_a_figure_of_a_part_is_read_with_its_rows_and_one_of_all_rows_without() -> None:
    row = MonitoringWindow(
        id=1, seq=1, model_id=1, status=WindowStatus.MATURE, n=100, labelled_n=100, suspect_n=0, from_at=NOW, to_at=NOW
    )

    def stored(facts: dict[str, Any]) -> PerformanceMetric:
        return PerformanceMetric(
            kind=MetricKind.SEGMENT, metric_name="accuracy", metric_value=0.6, n=40, verdict="crit", metadata_=facts
        )

    north = {"segment": {"feature": "site", "category": "north"}, "share": 0.4, "expected": 0.9}
    figures = window_of(CONTRACT, row, [stored(north), stored({})]).figures
    assert [f.part for f in figures] == [Part(Segment("site", category="north"), 0.4, 0.9), None]
