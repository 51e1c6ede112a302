"""An incident that two people hold at once: who comes second sees what the first one did."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from database.connection import session_scope
from database.enums import ActorKind, AlertStatus, Cause, IssueType, Severity
from database.errors import ConflictError, NotFoundError
from database.queries import alerts
from database.queries.alerts import IncidentFacts
from database.queries.audit import Actor

FACTS = IncidentFacts(next(iter(IssueType)), next(iter(Severity)), "Fewer positives", "Half as many", {}, ())
ANNA, BEN = Actor(ActorKind.PERSON, "anna"), Actor(ActorKind.PERSON, "ben")


@pytest.fixture
def alert_id(engine: Engine) -> int:
    with session_scope(engine) as session:
        return alerts.keep(session, ANNA, "churn", next(iter(Cause)), FACTS).id


def test_an_alert_read_before_a_rival_resolved_it_cannot_be_acknowledged(engine: Engine, alert_id: int) -> None:
    with pytest.raises(ConflictError, match="resolved by anna"), session_scope(engine) as late:
        seen = alerts.get(late, alert_id)
        assert seen.status == AlertStatus.ACTIVE
        with session_scope(engine) as rival:
            alerts.resolve(rival, ANNA, alert_id, "the feed was repaired")
        alerts.acknowledge(late, BEN, alert_id)


def test_what_a_rival_noted_meanwhile_is_kept(engine: Engine, alert_id: int) -> None:
    with session_scope(engine) as late:
        seen = alerts.get(late, alert_id)
        with session_scope(engine) as rival:
            alerts.keep(rival, ANNA, "churn", Cause(seen.cause), replace(FACTS, evidence={"shown_in": "recall"}))
        alerts.note_sent(late, BEN, alert_id, "warning", ["log"])
    with session_scope(engine) as session:
        evidence = alerts.get(session, alert_id).evidence
        assert (evidence["notified"], evidence["shown_in"]) == ("warning", "recall")


@pytest.mark.parametrize(
    ("sent", "seen", "known"), [(None, "warning", "warning"), ("warning", "critical", "critical"),
                                ("critical", "warning", "critical")],
)  # fmt: skip
def test_who_acknowledges_an_incident_knows_it_at_the_severity_it_has_then(
    engine: Engine, alert_id: int, sent: str | None, seen: str, known: str
) -> None:
    def graded(severity: Severity) -> dict[str, object]:
        with session_scope(engine) as session:
            cause = Cause(alerts.get(session, alert_id).cause)
            return dict(alerts.keep(session, ANNA, "churn", cause, replace(FACTS, severity=severity)).evidence)

    if sent is not None:
        graded(Severity(sent))
        with session_scope(engine) as session:
            alerts.note_sent(session, ANNA, alert_id, sent, ["log"])
    graded(Severity(seen))
    with session_scope(engine) as session:
        alerts.acknowledge(session, BEN, alert_id)
    assert graded(Severity.CRITICAL)["notified"] == known  # whatever it became since
    with session_scope(engine) as session:
        assert alerts.acknowledge(session, ANNA, alert_id).evidence["notified"] == known


def test_an_alert_that_is_not_there_is_not_found(engine: Engine) -> None:
    with session_scope(engine) as session:
        with pytest.raises(NotFoundError, match="no alert 4711"):
            alerts.get(session, 4711)
        with pytest.raises(NotFoundError, match="no alert 4711"):
            alerts.acknowledge(session, BEN, 4711)
