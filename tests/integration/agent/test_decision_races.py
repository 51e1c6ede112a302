"""Rivals at one decision: exactly one counts, and everybody else hears in words why theirs did not."""

import os
import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, func, insert, select, text, update
from sqlalchemy.orm import Session

from agent.core.aftercare import watch_changes
from agent.core.approval_manager import expire_overdue
from agent.core.asking import ask
from agent.core.asking_again import refresh_stale
from agent.core.executor import EXECUTING, Executor
from agent.core.transitions import move
from agent.core.work import Effect, Outcome
from config.agent_policy import AgentPolicy
from database.connection import ReadSession, session_scope
from database.enums import ActionStatus, ActionType, Automation, Decision
from database.errors import ConflictError, ExpiredError, StaleError
from database.models import AgentAction, Approval, AuditEvent, Deployment, User
from database.queries import actions, audit, automation, model_versions
from database.queries.audit import SYSTEM, digest_of
from scripts.crash.checker import violations
from tests.integration.agent.conftest import MakeExecutor, known_handlers
from tests.integration.agent.test_decisions_by_people import say
from tests.integration.agent.test_executor import Probe, effects, probe
from tests.integration.agent.test_life_of_a_retrain import changed, serving, settle
from tests.integration.agent.world import (
    MODEL,
    POLICY,
    approve,
    approved_automatic,
    behind_its_back,
    evidence_about,
    forged,
    pending,
    register,
    reread,
    user,
    verification,
)

APPROVE, REJECT = Decision.APPROVE, Decision.REJECT
LEASE = timedelta(seconds=2)
# How often each race is run; the proof at length is `STEWARD_RACES=250`.
RACES = int(os.environ.get("STEWARD_RACES", "40"))
TOLD = r"already (approved|rejected) by (ann|bob) at 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"


def questions(engine: Engine, champion: int, many: int, approvers: int = 1) -> list[AgentAction]:
    """Many questions about one version, in a few statements."""
    to = register(engine)
    evidence = evidence_about(to)
    common = {
        "model_name": MODEL, "action_type": "retrain_model", "cause": None, "risk_level": 2,
        "requires_approval": True, "approvers_needed": approvers, "question": "?", "why": {}, "params": {},
        "from_version_id": champion, "to_version_id": to.id, "proposed_by": "agent:agent", "evidence": evidence,
        "evidence_digest": digest_of(evidence), "max_attempts": 3, "status": "proposed",
    }  # fmt: skip
    with session_scope(engine) as session:
        session.execute(
            insert(AgentAction),
            [common | {"action_id": (made := uuid4()), "dedupe_key": str(made)} for _ in range(many)],
        )
        session.execute(
            text("UPDATE agent_actions SET status = 'pending_approval', version = 2, expires_at = now() + '1 day'")
        )
        return list(session.scalars(select(AgentAction).order_by(AgentAction.id)))


def broken(session: Session) -> list[str]:
    """What is not as it must be, but for the log of the moves that these questions were put in place with."""
    return [says for says in violations(session, lease=LEASE) if not says.startswith("I7")]


def meet(*rivals: Callable[[], Any]) -> list[Any]:
    """Let them begin at the same instant; what each came to, an error as a value."""
    barrier = threading.Barrier(len(rivals))

    def run(rival: Callable[[], Any]) -> Any:
        barrier.wait(timeout=30)
        try:
            return rival()
        except ConflictError as error:
            return error

    with ThreadPoolExecutor(len(rivals)) as pool:
        return list(pool.map(run, rivals))


def rows(engine: Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


@pytest.mark.parametrize("second", [APPROVE, REJECT])
def test_two_approvers_at_many_questions_make_one_decision_each(
    engine: Engine, champion: int, second: Decision
) -> None:
    asked = questions(engine, champion, RACES)
    people = [user(engine, name, "approver") for name in ("ann", "bob")]
    winners: Counter[str] = Counter()
    for action in asked:
        came_to = meet(
            partial(say, engine, action, people[0]), partial(say, engine, action, people[1], decision=second)
        )
        (won,) = [one for one in came_to if isinstance(one, AgentAction)]
        (lost,) = [one for one in came_to if isinstance(one, ConflictError)]
        assert (won.action_id, won.version) == (action.action_id, 3)
        winners[won.status] += 1
        told = re.fullmatch(TOLD, str(lost))
        assert told, str(lost)
        assert told.groups() == (won.status, won.reviewed_by)
    assert winners.total() == rows(engine, "SELECT count(*) FROM approvals") == RACES
    assert set(winners) <= {"approved", "rejected" if second is REJECT else "approved"}
    with session_scope(engine) as session:
        assert broken(session) == []


def test_two_who_are_both_needed_are_counted_once_each_however_they_meet(engine: Engine, champion: int) -> None:
    asked = questions(engine, champion, 16, approvers=2)
    ann, bob = user(engine, "ann", "approver"), user(engine, "bob", "approver")
    for action in asked[:8]:  # each clicks twice, all at once
        came_to = meet(*(partial(say, engine, action, p) for p in (ann, ann, bob, bob)))
        assert sorted(type(one).__name__ for one in came_to) == ["AgentAction"] * 2 + ["ConflictError"] * 2
        assert reread(engine, action.action_id).status == "approved"
    for action in asked[8:]:  # one person alone is never two
        came_to = meet(*(partial(say, engine, action, ann) for _ in range(3)))
        refused = [str(one) for one in came_to if isinstance(one, ConflictError)]
        assert refused == ["you have approved this already; another approver is needed"] * 2
        assert reread(engine, action.action_id).status == "pending_approval"
    assert rows(engine, "SELECT count(*) FROM approvals") == 8 * 2 + 8


def test_one_key_for_two_questions_at_the_same_instant_decides_one_of_them(engine: Engine, champion: int) -> None:
    asked = questions(engine, champion, 20)
    ann = user(engine, "ann", "approver")
    for first, second in zip(asked[::2], asked[1::2], strict=True):
        key = uuid4().hex
        came_to = meet(*(partial(say, engine, a, ann, idempotency_key=key) for a in (first, second)))
        (lost,) = [str(one) for one in came_to if isinstance(one, ConflictError)]
        assert lost == "this idempotency key was used for another decision"
    assert rows(engine, "SELECT count(*) FROM approvals") == 10


# ---------------------------------------------------------------------------------------------------------- expiry


def test_around_the_moment_of_expiry_it_is_either_decided_in_time_or_expired(engine: Engine, champion: int) -> None:
    asked = questions(engine, champion, max(60, RACES))
    ann = user(engine, "ann", "approver")
    chance, told = random.Random(7), Counter[str]()  # noqa: S311  (no secret)
    lag = [20.0]  # how long a decision takes here, found on the way: so the moment stays in the middle of the race

    def at_the_last_moment(action: AgentAction, ms: float) -> Any:
        with session_scope(engine) as session:
            session.execute(
                text(
                    forged(
                        "UPDATE agent_actions SET expires_at = clock_timestamp() + :ms * interval '1 ms' WHERE id = :id"
                    )
                ),
                {"ms": lag[0] + ms, "id": action.id},
            )
        (one, _) = meet(partial(say, engine, action, ann), partial(_expire, engine))
        lag[0] += 10 if isinstance(one, ExpiredError) else -10
        return one

    with ThreadPoolExecutor(4) as pool:
        came_to = list(pool.map(lambda a: at_the_last_moment(a, chance.uniform(-50, 50)), asked))
    _expire_all(engine)
    with session_scope(engine) as session:
        votes = {vote.action_id: vote for vote in session.scalars(select(Approval))}
        stands = {action.action_id: action for action in session.scalars(select(AgentAction))}
    for action, one in zip(asked, came_to, strict=True):
        now, vote = stands[action.action_id], votes.get(action.action_id)
        assert now.expires_at is not None
        if isinstance(one, AgentAction):
            assert vote is not None
            assert vote.decided_at < now.expires_at
            assert now.reviewed_by == "ann"  # and then void as well, for nobody carried it out in time
            assert now.status in {"approved", "expired"}
        else:
            assert isinstance(one, ExpiredError), one
            assert str(one).startswith("the time to decide ran out at 20")
            assert (vote, now.status, now.reviewed_by) == (None, "expired", None)
        told[type(one).__name__] += 1
    assert min(told["AgentAction"], told["ExpiredError"]) >= 5, told
    with session_scope(engine) as session:
        assert broken(session) == []


def _expire(engine: Engine) -> None:
    with session_scope(engine) as session:
        expire_overdue(session, at_most=1)


def _expire_all(engine: Engine) -> None:
    with session_scope(engine) as session:
        expire_overdue(session)


def test_a_decision_that_is_overtaken_by_the_clock_while_it_is_written_is_too_late(
    engine: Engine, champion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = pending(engine, champion, register(engine))
    ann = user(engine, "ann", "approver")
    counted = actions.approving_people

    def then_time_runs_out(session: Any, action: AgentAction) -> int:
        session.execute(text(forged("UPDATE agent_actions SET expires_at = clock_timestamp()")))
        session.refresh(action)
        return counted(session, action)

    monkeypatch.setattr(actions, "approving_people", then_time_runs_out)
    with pytest.raises(ExpiredError, match="the time to decide ran out at"):
        say(engine, question, ann)
    assert rows(engine, "SELECT count(*) FROM approvals") == 0


def test_an_approval_of_what_changes_nothing_is_void_after_its_time_too(
    engine: Engine, make_executor: MakeExecutor
) -> None:
    action_id = _approved_message(engine, user(engine, "ann", "approver"))
    changed(engine, action_id, expires_at=reread(engine, action_id).updated_at)
    assert not probe(make_executor).run_one(EXECUTING)
    ended = reread(engine, action_id)
    assert (ended.status, effects(engine)) == ("expired", [])


# ------------------------------------------------------------------------------------------- the world moved meanwhile


def _approved_message(engine: Engine, person: User) -> UUID:
    """A harmless action that waited for a person, as under autonomy `suggest`."""
    action_id = uuid4()
    with session_scope(engine) as session:
        action = AgentAction(
            action_id=action_id, model_name=MODEL, action_type="collect_diagnostics", risk_level=1,
            requires_approval=True, approvers_needed=1, dedupe_key=str(action_id), question="?", why={},
            params={"window_id": 1}, proposed_by="agent:agent", max_attempts=3,
        )  # fmt: skip
        session.add(action)
        session.flush()
        ask(session, SYSTEM, action, {"says": "?"}, POLICY)
    say(engine, reread(engine, action_id), person)
    return action_id


def test_a_click_on_what_was_asked_about_another_version_is_stale_and_nothing_executes(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question = pending(engine, champion, register(engine))
    now = register(engine, serve=True)
    ann = user(engine, "ann", "approver")
    with pytest.raises(StaleError, match=f"v{now.version} serves now, not the version this is about"):
        say(engine, question, ann)
    assert not make_executor().run_one(EXECUTING)
    assert (serving(engine), rows(engine, "SELECT count(*) FROM approvals")) == (now.id, 0)
    with session_scope(engine) as session:
        refresh_stale(session)
    with pytest.raises(StaleError, match="look again when it is asked anew"):
        say(engine, question, ann)


def test_an_approval_of_an_earlier_asking_never_counts_for_a_later_one_though_the_proof_is_the_same(
    engine: Engine, champion: int
) -> None:
    question = pending(engine, champion, to := register(engine), kind="rollback_model", approvers=2)
    ann, bob, cleo = (user(engine, name, "approver") for name in ("ann", "bob", "cleo"))
    for _ in range(2):
        _ask_again(engine, question, to.id, champion)
        say(engine, question := reread(engine, question.action_id), ann)
    _ask_again(engine, question, to.id, champion)
    question = reread(engine, question.action_id)
    assert say(engine, question, bob).status == "pending_approval"
    assert say(engine, question, ann).status == "approved"
    with pytest.raises(ConflictError, match="already approved by ann"):
        say(engine, question, cleo)


def _ask_again(engine: Engine, question: AgentAction, to_id: int, champion: int) -> None:
    """The world moved and moved back, and the same proof was found again."""
    with session_scope(engine) as session:
        action = actions.locked(session, question.action_id)
        for status in (ActionStatus.STALE, ActionStatus.GATHERING_EVIDENCE):
            action.status, action.version = status, action.version + 1
            session.flush()
        ask(session, SYSTEM, action, evidence_about(model_versions.get(session, to_id)), POLICY, to_version_id=to_id,
            from_version_id=champion)  # fmt: skip


@pytest.mark.parametrize("lost", ["UPDATE users SET disabled_at = now()", "UPDATE users SET roles = '{viewer}'"])
@pytest.mark.parametrize("when", ["before it is claimed", "while it is carried out"])
def test_who_may_no_longer_approve_takes_the_approval_along_and_it_is_asked_again(
    engine: Engine, champion: int, make_executor: MakeExecutor, lost: str, when: str
) -> None:
    question = pending(engine, champion, register(engine))
    say(engine, question, user(engine, "ann", "approver"))

    def loses() -> None:
        with session_scope(engine) as session:
            session.execute(text(lost))

    if when == "before it is claimed":
        loses()
    make_executor(known=_meanwhile(loses)).run_all(EXECUTING)
    assert (reread(engine, question.action_id).status, serving(engine)) == ("stale", champion)


def test_a_harmless_action_whose_approver_lost_the_role_is_let_go(engine: Engine, make_executor: MakeExecutor) -> None:
    action_id = _approved_message(engine, user(engine, "ann", "approver"))
    with session_scope(engine) as session:
        session.execute(text("UPDATE users SET roles = '{viewer}'"))
    probe(make_executor).run_all(EXECUTING)
    assert (reread(engine, action_id).status, effects(engine)) == ("cancelled", [])


@pytest.mark.parametrize("lost", ["the role", "the time"])
def test_a_harmless_action_whose_approval_is_gone_by_the_time_it_takes_effect_is_let_go(
    engine: Engine, make_executor: MakeExecutor, lost: str
) -> None:
    action_id = _approved_message(engine, user(engine, "ann", "approver"))

    def lose(_: object) -> dict[str, Any]:
        if lost == "the time":
            changed(engine, action_id, expires_at=reread(engine, action_id).updated_at)
        else:
            with session_scope(engine) as session:
                session.execute(text("UPDATE users SET roles = '{viewer}'"))
        return {}

    probe(make_executor, lose).run_all(EXECUTING)
    assert (reread(engine, action_id).status, effects(engine)) == ("cancelled", [])


def test_evidence_that_compares_with_another_version_than_serves_is_gathered_again_and_never_counts(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question, other = pending(engine, champion, to := register(engine)), register(engine)
    with session_scope(engine) as session:  # another version served while it was gathered, and went again
        action = actions.locked(session, question.action_id)
        for status in (ActionStatus.STALE, ActionStatus.GATHERING_EVIDENCE):
            move(session, SYSTEM, action, status)
        evidence = evidence_about(to, champion={"version_id": other.id, "version": other.version})
        ask(session, SYSTEM, action, evidence, POLICY, to_version_id=to.id)
    ann, question = user(engine, "ann", "approver"), reread(engine, question.action_id)
    with pytest.raises(StaleError, match="its evidence will be gathered again"):
        say(engine, question, ann)
    approve(engine, question, ann)
    make_executor().run_one(EXECUTING)
    assert (reread(engine, question.action_id).status, serving(engine)) == ("stale", champion)
    with session_scope(engine) as session:
        refresh_stale(session)
    assert reread(engine, question.action_id).status == "gathering_evidence"


def _page(**rules: dict[str, Any]) -> AgentPolicy:
    """The page, edited."""
    edited = {name: POLICY.rule(name).model_copy(update=changes) for name, changes in rules.items()}
    return POLICY.model_copy(update={"actions": {**POLICY.actions, **edited}})


def _under(page: AgentPolicy, make: MakeExecutor) -> Executor:
    executor = make()
    executor._policy = page
    return executor


def test_a_page_that_asks_for_more_people_now_sends_what_was_approved_back_to_be_asked(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question = pending(engine, champion, register(engine))
    say(engine, question, user(engine, "ann", "approver"))
    strict = _under(_page(retrain_model={"approvers": 2}), make_executor)
    strict.run_all(EXECUTING)
    assert (reread(engine, question.action_id).status, serving(engine)) == ("stale", champion)
    with session_scope(engine) as session:
        refresh_stale(session)
    with session_scope(engine) as session:
        ask(session, SYSTEM, actions.locked(session, question.action_id), {"says": "better"}, strict._policy)
    again = reread(engine, question.action_id)
    assert (again.status, again.approvers_needed) == ("pending_approval", 2)


def test_what_the_agent_may_no_longer_do_by_itself_is_let_go(engine: Engine, make_executor: MakeExecutor) -> None:
    (action_id,) = approved_automatic(engine, "collect_diagnostics", 1, window_id=1)
    _under(_page(collect_diagnostics={"decides": "person"}), make_executor).run_all(EXECUTING)
    assert reread(engine, action_id).status == "cancelled"


# ------------------------------------------------------------------------------------------------------ kill switch


def _meanwhile(do: Callable[[], object], at: str = "prepare") -> Any:
    """The real retrain, with something happening just before this part of it."""
    real = known_handlers()[ActionType.RETRAIN_MODEL]

    class Interrupted(Probe):
        def prepare(self, work: Any) -> Any:
            if at == "prepare":
                do()
            return real.prepare(work)

        def apply(self, session: Any, effect: Effect) -> Outcome:
            if at == "apply":
                do()
            return real.apply(session, effect)

    return {ActionType.RETRAIN_MODEL: Interrupted()}


def _turn(engine: Engine, to: Automation) -> None:
    with session_scope(engine) as session:
        automation.set_state(session, SYSTEM, to, "test")


@pytest.mark.parametrize("pressed", [Automation.PAUSED, Automation.STOPPED])
@pytest.mark.parametrize("when", ["before the claim", "before it takes effect"])
def test_the_kill_switch_leaves_nothing_half_active_and_the_change_waits_for_it(
    engine: Engine, champion: int, make_executor: MakeExecutor, pressed: Automation, when: str
) -> None:
    question = pending(engine, champion, register(engine))
    say(engine, question, user(engine, "ann", "approver"))
    if when == "before the claim":
        _turn(engine, pressed)
    make_executor(known=_meanwhile(lambda: _turn(engine, pressed))).run_all(EXECUTING)
    held = reread(engine, question.action_id)
    stands = "approved" if when == "before the claim" else "executing"
    assert (held.status, held.lease_owner, serving(engine)) == (stands, None, champion)
    assert not make_executor().run_one(EXECUTING)
    _turn(engine, Automation.RUNNING)
    changed(engine, question.action_id, run_after=held.created_at)
    for _ in range(2):
        make_executor().run_all(EXECUTING)
    assert (reread(engine, question.action_id).status, serving(engine)) == ("verifying", question.to_version_id)
    with session_scope(engine) as session:
        assert session.scalar(select(func.count()).where(Deployment.action_id == question.action_id)) == 1
        assert broken(session) == []


def test_who_presses_the_kill_switch_while_it_takes_effect_hears_only_when_it_has(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question = pending(engine, champion, register(engine))
    say(engine, question, user(engine, "ann", "approver"))
    pressed: list[threading.Thread] = []

    def press() -> None:
        pressed.append(threading.Thread(target=_turn, args=(engine, Automation.STOPPED)))
        pressed[0].start()
        while not rows(engine, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert pressed[0].is_alive()

    make_executor(known=_meanwhile(press, "apply")).run_all(EXECUTING)
    pressed[0].join(timeout=20)
    assert (reread(engine, question.action_id).status, serving(engine)) == ("verifying", question.to_version_id)
    with session_scope(engine) as session:
        order = session.scalars(
            select(AuditEvent.verb)
            .where(AuditEvent.verb.in_(["action.verifying", "automation.stopped"]))
            .order_by(AuditEvent.seq)
        )
        assert list(order) == ["action.verifying", "automation.stopped"]


# ------------------------------------------------------------------------------------------------------- afterwards


def watched(engine: Engine, champion: int, make_executor: MakeExecutor) -> AgentAction:
    """A retrain that a person approved and that serves now."""
    question = pending(engine, champion, register(engine))
    approve(engine, question, user(engine, "ann", "approver"))
    make_executor().run_all(EXECUTING)
    return question


@pytest.mark.parametrize("bad", [True, False])
def test_two_agents_that_watch_at_the_same_time_settle_a_change_once(
    engine: Engine, champion: int, make_executor: MakeExecutor, bad: bool
) -> None:
    question = watched(engine, champion, make_executor)
    verification(engine, question, -0.3 if bad else 0.15, 0.02, 200)
    came_to = meet(*(lambda: settle(engine) for _ in range(4)))
    assert sorted(len(one) for one in came_to) == [0, 0, 0, 1]
    assert serving(engine) == (champion if bad else question.to_version_id)
    assert rows(engine, "SELECT count(*) FROM deployments") == (3 if bad else 2)
    with session_scope(engine) as session:
        assert broken(session) == []


def test_what_a_revert_put_back_is_never_reverted_itself(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question = watched(engine, champion, make_executor)
    verification(engine, question, -0.3, 0.02, 200)
    assert [one.status for one in settle(engine)] == ["reverted"]
    verification(engine, question, -0.5, 0.02, 200)  # what serves again is bad as well
    for _ in range(3):
        assert settle(engine) == []
        make_executor().run_all(EXECUTING)
    assert (serving(engine), rows(engine, "SELECT count(*) FROM deployments")) == (champion, 3)
    with session_scope(engine) as session:
        assert watch_changes(session, actions.database_now(session) + timedelta(days=30)) == []
        assert audit.verify(ReadSession(session)).ok


def test_a_revert_that_the_databases_guards_refuse_ends_and_says_so(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question = watched(engine, champion, make_executor)
    verification(engine, question, -0.3, 0.02, 200)
    with engine.begin() as connection:  # an old row that does not fit
        connection.execute(text(forged("UPDATE deployments SET action_id = NULL")))
    assert [one.status for one in settle(engine)] == ["inconclusive"]
    assert "not reverted: " in str(reread(engine, question.action_id).outcome)
    assert serving(engine) == question.to_version_id


def test_a_change_that_cannot_be_judged_holds_up_no_other(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    spoiled = pending(engine, champion, register(engine), kind="rollback_model")
    with behind_its_back(engine) as session:
        session.execute(
            update(AgentAction)
            .where(AgentAction.action_id == spoiled.action_id)
            .values(model_name="another", status=ActionStatus.VERIFYING, execution_result={"generation": "?"})
        )
    question = watched(engine, champion, make_executor)
    verification(engine, question, -0.3, 0.02, 200)
    assert [one.action_id for one in settle(engine)] == [question.action_id]
    assert (serving(engine), reread(engine, spoiled.action_id).status) == (champion, "verifying")
