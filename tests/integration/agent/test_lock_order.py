"""People lock an incident and then write to the audit chain; the agent takes its locks in the same order."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from agent.core.aftercare import watch_changes
from agent.core.executor import EXECUTING
from database.connection import session_scope
from database.enums import ActorKind, Cause, IssueType, Severity
from database.queries import actions, alerts
from database.queries.audit import SYSTEM, Actor
from tests.integration.agent.conftest import MakeExecutor
from tests.integration.agent.world import MODEL, approve, cycle, pending, register, user, verification, window

FACTS = alerts.IncidentFacts(next(iter(IssueType)), Severity.WARNING, "Worse answers", "f1 fell", {}, ())
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')")


def settle(engine: Engine) -> None:
    with session_scope(engine) as session:
        watch_changes(session, actions.database_now(session))


@pytest.mark.parametrize("agents_work", [cycle, settle])
def test_a_person_who_holds_an_incident_is_waited_for_before_the_audit_chain(
    engine: Engine, champion: int, make_executor: MakeExecutor, agents_work: Callable[[Engine], object]
) -> None:
    with session_scope(engine) as session:
        held = [alerts.keep(session, SYSTEM, MODEL, c, FACTS).id for c in (Cause.CONCEPT_DRIFT, Cause.PRIOR_SHIFT)][1]
    if agents_work is cycle:  # ends both incidents: the end of the first is audited before the second is touched
        for _ in range(2):
            window(engine, champion, lost=False, drift=0.0)
    else:  # ends a change, which is audited, and then its incident
        change = pending(engine, champion, register(engine), alert_id=held)
        approve(engine, change, user(engine, "bob", "approver"))
        make_executor().run_all(EXECUTING)
        verification(engine, change, 0.1, 0.02, 200)
    with ThreadPoolExecutor() as other, session_scope(engine) as person:
        alerts._locked(person, held)
        agent = other.submit(agents_work, engine)
        while not person.execute(WAITING).scalar_one():
            assert not agent.done(), agent.result()
            time.sleep(0.02)
        alerts.acknowledge(person, Actor(ActorKind.PERSON, "ann"), held)
        person.commit()
        agent.result(timeout=20)
    with session_scope(engine) as session:
        ended = alerts.get(session, held)
        assert (ended.acknowledged_by, ended.resolved_by) == ("ann", "agent")
