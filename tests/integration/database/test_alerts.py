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


def test_an_alert_that_is_not_there_is_not_found(engine: Engine) -> None:
    with session_scope(engine) as session:
        with pytest.raises(NotFoundError, match="no alert 4711"):
            alerts.get(session, 4711)
        with pytest.raises(NotFoundError, match="no alert 4711"):
            alerts.acknowledge(session, BEN, 4711)
