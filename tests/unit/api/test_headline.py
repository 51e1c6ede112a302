"""The overview's first sentence: it never calls healthy what nobody has judged."""

from datetime import UTC, datetime

from api.routes.overview import headline
from api.schemas.alerts import AlertOut
from api.schemas.common import MetricPoint
from api.schemas.models import VersionCard

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _serving() -> VersionCard:
    return VersionCard(
        version_id=1,
        version=1,
        algorithm="xgboost",
        status="production",
        is_active=True,
        accuracy=0.8,
        f1_score=0.8,
        precision=0.8,
        recall=0.8,
        roc_auc=None,
        threshold=0.5,
        training_rows=303,
        data_source="uci",
        synthetic=False,
        action_id=None,
        created_by="person:me",
        created_at=NOW,
        served_from=NOW,
        served_until=None,
        restorable=False,
    )


def _figure(verdict: str) -> MetricPoint:
    facts = dict.fromkeys(("value", "low", "high", "reference", "window_id", "seq", "from_at", "to_at", "labels_as_of"))
    return MetricPoint(
        kind="realised", metric="f1", n=10, verdict=verdict, version=1, created_at=NOW, metadata={}, **facts
    )


def _incident(severity: str) -> AlertOut:
    words = dict.fromkeys(("model_name", "alert_type", "cause", "title", "message", "status"), "x")
    nothing = dict.fromkeys(
        ("first_window_id", "last_window_id", "acknowledged_by", "resolved_by", "resolution_notes", "resolved_at")
    )
    return AlertOut(
        alert_id=1, severity=severity, evidence={}, occurrences=1, created_at=NOW, updated_at=NOW, **words, **nothing
    )


def test_without_a_version_it_does_not_serve() -> None:
    assert headline("m", None, [], [], []).state == "not_serving"


def test_no_figures_and_inconclusive_figures_are_unknown_not_healthy() -> None:
    assert headline("m", _serving(), [], [], []).state == "unknown"
    assert headline("m", _serving(), [], [], [_figure("inconclusive")]).state == "unknown"


def test_one_judged_figure_and_no_incident_is_healthy() -> None:
    said = headline("m", _serving(), [], [], [_figure("inconclusive"), _figure("ok")])
    assert said.sentence == "Nothing needs you. m is healthy."


def test_the_worst_incident_decides() -> None:
    figures = [_figure("ok")]
    assert headline("m", _serving(), [], [_incident("info")], figures).state == "healthy"
    assert headline("m", _serving(), [], [_incident("warning")], figures).state == "warning"
    assert headline("m", _serving(), [], [_incident("warning"), _incident("critical")], figures).state == "critical"


def test_a_figure_that_is_bad_without_an_incident_yet_is_not_healthy() -> None:
    assert headline("m", _serving(), [], [], [_figure("ok"), _figure("crit")]).state == "warning"
