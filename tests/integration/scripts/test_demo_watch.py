"""A hospital's findings are what the agent wrote down while its patients came, about its patients."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from database.connection import read_scope, session_scope
from database.models import AgentCycle, MonitoringWindow
from scripts.demo_watch import diagnoses_between
from tests.integration.agent.world import MODEL, register, window


def _concluded(engine: Engine, after: MonitoringWindow, *diagnoses: dict[str, Any]) -> None:
    """A pass of the agent, half a minute after this window."""
    with session_scope(engine) as session:
        session.add(
            AgentCycle(
                model_name=MODEL, agent="test", window_id=after.id, observed={}, diagnoses=list(diagnoses),
                decisions=[], dry_run=False, seconds=0.1, created_at=after.to_at + timedelta(seconds=30),
            )
        )  # fmt: skip


def _fault(about: MonitoringWindow, says: str) -> dict[str, Any]:
    facts = {"cause": "data_fault", "issue": "data_quality", "severity": "critical", "says": says}
    return facts | {"windows": [about.id], "support": 1.0, "for": []}


def test_each_hospital_is_told_what_was_concluded_from_its_own_patients_while_they_came(engine: Engine) -> None:
    version = register(engine, serve=True)
    first, second, third = (window(engine, version.id) for _ in range(3))
    _concluded(engine, first, _fault(first, "13 of 50 rows"))
    _concluded(engine, second, _fault(first, "13 of 50 rows"))
    _concluded(engine, third, _fault(first, "13 of 50 rows"), _fault(third, "50 of 50 rows"))
    spans = [(seen.from_at, seen.to_at + timedelta(seconds=45)) for seen in (first, second, third)]
    with read_scope(engine) as session:
        told = [[found["says"] for found in diagnoses_between(session, MODEL, *span)] for span in spans]
    assert told == [["13 of 50 rows"], [], ["50 of 50 rows"]]
