"""What an incident remembers from look to look, so that people are called for news of it and for nothing else."""

from sqlalchemy import Engine

from database.connection import session_scope
from database.enums import Cause, IssueType, Severity
from database.queries import alerts
from database.queries.alerts import IncidentFacts
from database.queries.audit import AGENT
from tests.integration.agent.world import MODEL, register, window


def test_an_incident_remembers_the_window_it_began_in_and_the_one_it_took_its_severity_in(engine: Engine) -> None:
    cause = Cause.DATA_FAULT
    version = register(engine, serve=True)
    one, two, three = (window(engine, version.id).id for _ in range(3))

    def look(severity: Severity, *windows: int) -> tuple[int, int]:
        with session_scope(engine) as session:
            facts = IncidentFacts(IssueType.DATA_QUALITY, severity, "Zeros", "Half are 0", {}, windows)
            evidence = alerts.keep(session, AGENT, MODEL, cause, facts).evidence
            return evidence["opened_window"], evidence["graded_window"]

    assert look(Severity.WARNING, one) == (one, one)
    assert look(Severity.WARNING, one, two) == (one, one)
    assert look(Severity.CRITICAL, one, two, three) == (one, three)
    assert look(Severity.CRITICAL, one, two, three) == (one, three)
