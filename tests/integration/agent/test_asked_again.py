"""A question about a world that moved: the old page is refused with the difference, and it is asked anew once."""

import threading
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from agent.core.approval_manager import decide
from agent.core.asking import ask
from agent.core.asking_again import Again, reevaluate, refresh_stale, since_asked
from database.connection import session_scope
from database.enums import ActionStatus, Decision
from database.errors import ConflictError, ExpiredError, IntegrityError, NotFoundError, StaleError
from database.models import AgentAction, User
from database.queries import actions, evidence_bundles
from database.queries.audit import AGENT, digest_of
from tests.integration.agent.world import POLICY, approve, evidence_about, forged, pending, register, reread, user


@pytest.fixture
def champion(engine: Engine) -> int:
    return register(engine, serve=True).id


@pytest.fixture
def question(engine: Engine, champion: int) -> AgentAction:
    return pending(engine, champion, register(engine))


@pytest.fixture
def ann(engine: Engine) -> User:
    return user(engine, "ann", "approver")


def say(engine: Engine, page: AgentAction, person: User, decision: Decision = Decision.APPROVE) -> AgentAction:
    """Decide on what `page` shows."""
    with session_scope(engine) as session:
        return decide(
            session,
            action_id=page.action_id,
            user_id=person.id,
            user_name=person.name,
            decision=decision,
            comment="because",
            evidence_digest=str(page.evidence_digest),
            seen_version=page.version,
            idempotency_key=uuid4().hex,
        )


def again(engine: Engine, page: AgentAction, name: str = "ann") -> Again:
    with session_scope(engine) as session:
        return reevaluate(
            session, action_id=page.action_id, user_name=name, seen_version=page.version, reason="older than a day"
        )


def gathered(engine: Engine, question: AgentAction, **evidence: object) -> AgentAction:
    """The agent comes back with evidence and asks."""
    to = register(engine)
    with session_scope(engine) as session:
        held = actions.locked(session, question.action_id)
        return ask(session, AGENT, held, evidence_about(to, **evidence), POLICY, to_version_id=to.id)


def test_an_old_page_hears_what_is_different_now(engine: Engine, question: AgentAction, ann: User) -> None:
    now = register(engine, serve=True)
    with session_scope(engine) as session:
        refresh_stale(session)
    with pytest.raises(StaleError, match="gathering evidence") as during:
        say(engine, question, ann)
    old = str(question.evidence_digest)[:8]
    assert during.value.differences == (
        ("Version that serves", f"v{now.version - 2}", f"v{now.version}"),
        ("Evidence", old, "being gathered again"),
    )
    asked = gathered(engine, question, recommendation="none")
    with pytest.raises(StaleError, match="changed after this page") as after:
        say(engine, question, ann)
    said = {what: (then, today) for what, then, today in after.value.differences}
    assert said["Version that serves"] == (f"v{now.version - 2}", f"v{now.version}")
    assert said["Recommendation"] == ("approve", "nothing: it does not decide")
    assert said["Evidence"] == (old, str(asked.evidence_digest)[:8])
    assert "F1, new minus old" not in said
    assert say(engine, asked, ann).status == "approved"


def test_nobody_approves_about_a_version_that_no_longer_serves_but_may_reject_it(
    engine: Engine, question: AgentAction, ann: User
) -> None:
    register(engine, serve=True)
    with pytest.raises(StaleError, match="serves now") as caught:
        say(engine, question, ann)
    assert [what for what, _, _ in caught.value.differences] == ["Version that serves"]
    assert say(engine, question, ann, Decision.REJECT).status == "rejected"


def test_one_click_gathers_anew_by_name_and_a_second_one_changes_nothing(
    engine: Engine, question: AgentAction, ann: User
) -> None:
    first = again(engine, question)
    assert (first.began, first.action.status) == (True, "gathering_evidence")
    second = again(engine, question, "bob")
    assert (second.began, second.says) == (False, "The evidence is being gathered already.")
    asked = gathered(engine, question, says="newer")
    late = again(engine, question)
    assert (late.began, late.says, late.action.version) == (False, "Newer evidence is here already.", asked.version)
    with session_scope(engine) as session:
        told = session.execute(
            text("SELECT actor, details->>'says' FROM audit_log WHERE verb = 'action.stale' ORDER BY seq")
        ).all()
    assert [tuple(row) for row in told] == [("ann", "ann asks for newer evidence: older than a day")]
    assert say(engine, asked, ann).status == "approved"


def test_ten_clicks_at_once_begin_it_once(engine: Engine, question: AgentAction) -> None:
    began: list[bool] = []
    threads = [threading.Thread(target=lambda: began.append(again(engine, question).began)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(began) == [False] * 9 + [True]
    assert reread(engine, question.action_id).version == question.version + 2


def test_votes_on_the_old_evidence_do_not_count_for_the_new(engine: Engine, champion: int, ann: User) -> None:
    risky = pending(engine, champion, register(engine), kind="rollback_model", approvers=2)
    assert say(engine, risky, ann).status == "pending_approval"
    again(engine, risky)
    asked = gathered(engine, risky)
    with session_scope(engine) as session:
        assert actions.approving_people(session, asked) == 0
        found = since_asked(session, asked)
    assert found is not None
    assert found[0].digest == risky.evidence_digest
    assert say(engine, asked, ann).status == "pending_approval"
    assert say(engine, asked, user(engine, "bob", "approver")).status == "approved"


def test_what_is_not_open_is_refused_with_a_sentence(engine: Engine, champion: int, question: AgentAction) -> None:
    approve(engine, question, user(engine, "bob", "approver"))
    with pytest.raises(ConflictError, match="only an open question can be asked again; this is approved"):
        again(engine, question)
    with session_scope(engine) as session:
        late = pending(engine, champion, register(engine), kind="rollback_model")
        session.execute(
            text(forged("UPDATE agent_actions SET expires_at = now() - interval '1 s' WHERE action_id = :id")),
            {"id": late.action_id},
        )
    with pytest.raises(ExpiredError, match="the time to decide ran out at"):
        again(engine, late)
    assert reread(engine, late.action_id).status == ActionStatus.PENDING_APPROVAL


def test_everything_people_were_asked_about_stays_on_record(engine: Engine, question: AgentAction) -> None:
    again(engine, question)
    asked = gathered(engine, question, says="newer")
    with session_scope(engine) as session:
        for page in (question, asked):
            kept = evidence_bundles.signed(session, page.action_id, str(page.evidence_digest))
            assert (kept.evidence, kept.version) == (page.evidence, page.version)
        with pytest.raises(NotFoundError):
            evidence_bundles.signed(session, question.action_id, "0" * 64)
    for change in ("UPDATE evidence_bundles SET evidence = '{}'", "DELETE FROM evidence_bundles"):
        with pytest.raises(DBAPIError, match="append-only"), session_scope(engine) as session:
            session.execute(text(change))


def test_kept_evidence_that_is_not_what_its_digest_says_is_never_shown(engine: Engine, question: AgentAction) -> None:
    false = digest_of({"kind": "other"})
    with session_scope(engine) as session:
        session.execute(
            text(
                "INSERT INTO evidence_bundles (action_id, version, digest, evidence, expires_at)"
                " SELECT action_id, 99, :digest, evidence, expires_at FROM evidence_bundles"
            ),
            {"digest": false},
        )
        with pytest.raises(IntegrityError, match="not what its digest says"):
            evidence_bundles.signed(session, question.action_id, false)
