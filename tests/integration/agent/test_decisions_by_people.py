"""Who may decide what, when, and on what; every refusal is a sentence."""

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from agent.core.approval_manager import decide, expire_overdue
from agent.core.asking import propose
from agent.core.asking_again import refresh_stale
from database.connection import session_scope
from database.enums import ActionType, Decision
from database.errors import ConflictError, ExpiredError, ForbiddenError, InvalidError, NotFoundError, StaleError
from database.models import AgentAction, User
from database.queries import actions
from tests.integration.agent.world import MODEL, POLICY, pending, register, reread, user


def say(engine: Engine, action: AgentAction, person: User, **changes: Any) -> AgentAction:
    given: dict[str, Any] = {
        "action_id": action.action_id,
        "user_id": person.id,
        "user_name": person.name,
        "decision": Decision.APPROVE,
        "comment": "looks right",
        "evidence_digest": action.evidence_digest,
        "seen_version": action.version,
        "idempotency_key": uuid4().hex,
    }
    with session_scope(engine) as session:
        return decide(session, **(given | changes))


@pytest.fixture
def question(engine: Engine, champion: int) -> AgentAction:
    return pending(engine, champion, register(engine))


def test_an_approver_approves(engine: Engine, question: AgentAction) -> None:
    done = say(engine, question, user(engine, "ann", "approver"))
    assert (done.status, done.reviewed_by, done.version) == ("approved", "ann", 3)


def test_a_rejection_needs_a_reason_and_ends_it(engine: Engine, question: AgentAction) -> None:
    ann = user(engine, "ann", "approver")
    with pytest.raises(InvalidError, match="comment"):
        say(engine, question, ann, decision=Decision.REJECT, comment="  ")
    done = say(engine, question, ann, decision=Decision.REJECT, comment="not on a Friday")
    assert (done.status, done.outcome) == ("rejected", "rejected by ann: not on a Friday")


def test_who_is_no_approver_is_refused_even_an_admin(engine: Engine, question: AgentAction) -> None:
    with pytest.raises(ForbiddenError, match="not an approver"):
        say(engine, question, user(engine, "root", "admin", "operator"))


@pytest.mark.parametrize("lost", ["UPDATE users SET disabled_at = now()", "UPDATE users SET roles = '{viewer}'"])
def test_the_vote_of_somebody_who_may_no_longer_approve_does_not_count(
    engine: Engine, champion: int, lost: str
) -> None:
    question = pending(engine, champion, register(engine), kind="rollback_model", approvers=2)
    people = [user(engine, name, "approver") for name in ("ann", "bob", "cleo")]
    assert say(engine, question, people[0]).status == "pending_approval"
    with session_scope(engine) as session:
        session.execute(text(lost + " WHERE name = 'ann'"))
        assert actions.approving_people(session, question) == 0
    assert say(engine, question, people[1]).status == "pending_approval"
    assert say(engine, question, people[2]).status == "approved"


def test_the_database_itself_does_not_count_such_a_vote(engine: Engine, question: AgentAction) -> None:
    say(engine, question, user(engine, "ann", "approver"))
    with session_scope(engine) as session:
        session.execute(text("UPDATE users SET disabled_at = now()"))
    with pytest.raises(IntegrityError, match="0 of 1 approvals"), session_scope(engine) as session:
        session.execute(text("UPDATE agent_actions SET status = 'executing', version = version + 1"))


def test_nobody_decides_what_they_asked_for(engine: Engine, champion: int) -> None:
    own = pending(engine, champion, register(engine), proposed_by="person:ann")
    with pytest.raises(ForbiddenError, match="somebody else must decide"):
        say(engine, own, user(engine, "ann", "approver"))


def test_the_second_to_decide_hears_who_was_first(engine: Engine, question: AgentAction) -> None:
    say(engine, question, user(engine, "ann", "approver"))
    with pytest.raises(ConflictError, match=r"already approved by ann at 20\d\d-"):
        say(engine, question, user(engine, "bob", "approver"))


def test_the_same_click_twice_decides_once(engine: Engine, question: AgentAction) -> None:
    ann = user(engine, "ann", "approver")
    first = say(engine, question, ann, idempotency_key="click-0001")
    again = say(engine, question, ann, idempotency_key="click-0001")
    assert again.version == first.version == 3
    with pytest.raises(ConflictError, match="another decision"):
        say(engine, question, ann, idempotency_key="click-0001", decision=Decision.REJECT)


def test_other_evidence_than_was_seen_is_stale(engine: Engine, question: AgentAction) -> None:
    ann = user(engine, "ann", "approver")
    with pytest.raises(StaleError, match="changed after this page"):
        say(engine, question, ann, evidence_digest="0" * 64)
    with pytest.raises(StaleError):
        say(engine, question, ann, seen_version=1)
    assert reread(engine, question.action_id).status == "pending_approval"


def test_too_late_is_too_late_by_the_databases_clock(engine: Engine, champion: int) -> None:
    late = pending(engine, champion, register(engine), expires=timedelta(seconds=-1))
    with pytest.raises(ExpiredError, match="ran out"):
        say(engine, late, user(engine, "ann", "approver"))
    with session_scope(engine) as session:
        assert [a.action_id for a in expire_overdue(session)] == [late.action_id]
    assert reread(engine, late.action_id).outcome == "nobody decided in time"


def test_two_people_are_two_people(engine: Engine, champion: int) -> None:
    risky = pending(engine, champion, register(engine), kind="rollback_model", approvers=2)
    ann, bob = user(engine, "ann", "approver"), user(engine, "bob", "approver")
    assert say(engine, risky, ann).status == "pending_approval"
    with pytest.raises(ConflictError, match="another approver is needed"):
        say(engine, risky, ann)
    assert say(engine, risky, bob).status == "approved"


def test_ten_people_at_once_make_one_decision(engine: Engine, question: AgentAction) -> None:
    people = [user(engine, f"p{n}", "approver") for n in range(10)]
    outcomes: list[str] = []

    def click(person: User) -> None:
        try:
            outcomes.append(say(engine, question, person).status)
        except ConflictError:
            outcomes.append("refused")

    threads = [threading.Thread(target=click, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["approved"] + ["refused"] * 9
    with session_scope(engine) as session:
        assert len(actions.approvals(session, question.action_id)) == 1


def test_an_unknown_action_is_not_found(engine: Engine, question: AgentAction) -> None:
    with pytest.raises(NotFoundError):
        say(engine, question, user(engine, "ann", "approver"), action_id=uuid4())


def test_when_another_version_serves_the_question_is_asked_again(engine: Engine, question: AgentAction) -> None:
    now = register(engine, serve=True)
    with session_scope(engine) as session:
        refresh_stale(session)
    again = reread(engine, question.action_id)
    assert (again.status, again.from_version_id, again.to_version_id) == ("gathering_evidence", now.id, None)
    with pytest.raises(ConflictError, match="gathering evidence"):
        say(engine, question, user(engine, "ann", "approver"))


def ask(engine: Engine, **changes: Any) -> AgentAction:
    given: dict[str, Any] = {
        "model_name": MODEL,
        "action_type": ActionType.ROLLBACK_MODEL,
        "user_name": "ann",
        "reason": "too many complaints",
        "params": {},
        "policy": POLICY,
    }
    with session_scope(engine) as session:
        return propose(session, **(given | changes))


def test_a_person_can_ask_and_others_decide(engine: Engine, champion: int) -> None:
    action = ask(engine)
    assert (action.status, action.proposed_by, action.approvers_needed) == ("gathering_evidence", "person:ann", 2)
    assert (action.risk_level, action.from_version_id) == (3, champion)


def test_what_a_person_cannot_ask_for_is_said(engine: Engine, champion: int) -> None:  # noqa: ARG001
    with pytest.raises(InvalidError, match="a person can ask for"):
        ask(engine, action_type=ActionType.SEND_ALERT)
    with pytest.raises(InvalidError, match="reason"):
        ask(engine, reason=" ")
    with pytest.raises(ConflictError, match="no version serves"):
        ask(engine, model_name="another")
    ask(engine)
    with pytest.raises(ConflictError, match="this is open already: ann asks to"):
        ask(engine, action_type=ActionType.RETRAIN_MODEL)


def test_the_database_itself_refuses_an_approval_nobody_gave(engine: Engine, question: AgentAction) -> None:
    with pytest.raises(Exception, match="0 of 1 approvals"), session_scope(engine) as session:
        session.execute(
            text("UPDATE agent_actions SET status = 'approved', version = version + 1 WHERE action_id = :id"),
            {"id": question.action_id},
        )
