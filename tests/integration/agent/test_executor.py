"""The queue under rivals, deaths, delays and the kill switch."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.core.executor import EXECUTING, GATHERING, Executor
from agent.core.transitions import move
from agent.core.work import Effect, Gathered, Json, Outcome, PermanentError, TemporaryError, Work
from config.settings import Settings
from database.connection import ReadSession, session_scope
from database.enums import ActionStatus, ActionType, Automation
from database.models import ActionStep, AgentAction, AuditEvent
from database.queries import actions, audit, automation
from database.queries.audit import SYSTEM, append
from scripts.chaos.waiting import wait_until
from tests.integration.agent.conftest import MakeExecutor
from tests.integration.agent.world import approve, approved_automatic, behind_its_back, pending, register, reread, user

Do = Callable[[Work], Json]


class Probe:
    """An action whose effect is one audit event, so that doubles and losses can be counted."""

    def __init__(self, prepare: Do = lambda _: {}) -> None:
        self._prepare = prepare

    def gather(self, work: Work) -> Gathered:
        raise PermanentError(f"{work.claim.action_id} asks nothing")

    def prepare(self, work: Work) -> Json:
        return self._prepare(work)

    def apply(self, session: Session, effect: Effect) -> Outcome:
        append(session, SYSTEM, "probe.effect", "action", effect.action.action_id)
        return Outcome("done", effect.prepared)


def probe(make: MakeExecutor, prepare: Do = lambda _: {}, worker: str = "w1") -> Executor:
    return make(worker=worker, known={ActionType.COLLECT_DIAGNOSTICS: Probe(prepare)})


def effects(engine: Engine) -> list[str]:
    with session_scope(engine) as session:
        return list(session.scalars(select(AuditEvent.object_id).where(AuditEvent.verb == "probe.effect")))


def one(engine: Engine, *, attempts: int = 3) -> UUID:
    (action_id,) = approved_automatic(engine, "collect_diagnostics", 1, attempts, window_id=1)
    return action_id


def test_two_workers_run_a_hundred_actions_exactly_once_each(engine: Engine, make_executor: MakeExecutor) -> None:
    ids = approved_automatic(engine, "collect_diagnostics", 100, window_id=1)
    counts: dict[str, int] = {}

    def work(name: str) -> None:
        counts[name] = probe(make_executor, worker=name).run_all(EXECUTING)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("w1", "w2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(effects(engine)) == sorted(map(str, ids))
    assert min(counts.values()) > 0
    with session_scope(engine) as session:
        assert set(session.scalars(select(AgentAction.status))) == {"succeeded"}
        assert audit.verify(ReadSession(session)).ok


VICTIMS_LEASE_S = 1.2
VICTIM = """
import sys, time
from pathlib import Path
from agent.core.executor import EXECUTING, Executor
from config.settings import AgentSettings, Settings
from database.address import database_url
from database.connection import make_engine
from database.enums import ActionType
from tests.integration.agent.test_executor import Probe
from tests.integration.agent.world import CONTRACT, MODEL, POLICY

def work(work):
    work.step("first", lambda: {"by": "victim"})
    Path(sys.argv[1]).write_text("here")
    while not Path(sys.argv[2]).exists():
        time.sleep(0.05)
    return {"end": "victim"}

settings = Settings(agent=AgentSettings(lease_s=1.2))
engine = make_engine(database_url(settings))
handlers = {ActionType.COLLECT_DIAGNOSTICS: Probe(work)}
Executor(engine, settings, {MODEL: CONTRACT}, POLICY, handlers, "victim").run_one(EXECUTING)
"""


def test_a_worker_killed_in_the_middle_is_taken_over_and_its_finished_steps_are_skipped(
    engine: Engine, make_executor: MakeExecutor, agent_settings: Settings, tmp_path: Path
) -> None:
    assert agent_settings.database.url is not None
    action_id = one(engine)
    victim = in_the_middle(tmp_path)
    try:
        heir = probe(make_executor, lambda w: w.step("first", lambda: {"by": "heir"}) | {"end": "heir"}, "heir")
        assert not heir.run_one(EXECUTING)  # it is alive, so it keeps what it holds
        os.kill(victim.pid, signal.SIGKILL)
    finally:
        victim.kill()
        victim.wait()
    wait_until(lambda: heir.run_one(EXECUTING), 10)
    assert_done_by_heir(engine, action_id)


def test_a_worker_stopped_for_two_leases_finds_its_late_writes_refused_and_the_effect_stays_one(
    engine: Engine, make_executor: MakeExecutor, agent_settings: Settings, tmp_path: Path
) -> None:
    assert agent_settings.database.url is not None
    action_id = one(engine)
    heir = probe(make_executor, lambda w: w.step("first", lambda: {"by": "heir"}) | {"end": "heir"}, "heir")
    victim = in_the_middle(tmp_path)
    try:
        os.kill(victim.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        wait_until(lambda: heir.run_one(EXECUTING), 10)
        wait_until(lambda: time.monotonic() - stopped > 2 * VICTIMS_LEASE_S, 10)
        (tmp_path / "go").write_text("on")
        os.kill(victim.pid, signal.SIGCONT)
        victim.wait(timeout=20)
    finally:
        victim.kill()
        victim.wait()
    assert victim.returncode == 0
    assert "agent.action.lease_lost" in (tmp_path / "said").read_text()
    assert_done_by_heir(engine, action_id)


def in_the_middle(tmp_path: Path) -> "subprocess.Popen[bytes]":
    """A worker in a process of its own that has finished its first step and is at the second until `go` is there."""
    flag, go = tmp_path / "here", tmp_path / "go"
    with (tmp_path / "said").open("wb") as said:
        victim = subprocess.Popen([sys.executable, "-c", VICTIM, str(flag), str(go)], stderr=said)
    wait_until(flag.exists, 20)
    return victim


def assert_done_by_heir(engine: Engine, action_id: UUID) -> None:
    done = reread(engine, action_id)
    assert done.status == "succeeded"
    assert done.execution_result is not None
    assert (done.execution_result["by"], done.execution_result["end"]) == ("victim", "heir")
    assert effects(engine) == [str(action_id)]


def test_a_worker_that_was_only_slow_writes_nothing_after_it_was_replaced(
    engine: Engine, make_executor: MakeExecutor
) -> None:
    action_id = one(engine)

    def lose_it(work: Work) -> Json:
        with session_scope(engine) as session:
            action = actions.get(session, work.claim.action_id)
            action.lease_epoch, action.lease_owner = action.lease_epoch + 1, "rival"
        return {}

    assert probe(make_executor, lose_it).run_one(EXECUTING)
    assert effects(engine) == []
    assert reread(engine, action_id).lease_owner == "rival"


def test_what_fails_for_now_is_tried_again_and_then_given_up(engine: Engine, make_executor: MakeExecutor) -> None:
    def fail(_: Work) -> Json:
        raise TemporaryError("the printer is out of paper")

    action_id = one(engine, attempts=2)
    executor = probe(make_executor, fail)
    assert executor.run_all(EXECUTING) == 1
    waiting = reread(engine, action_id)
    assert (waiting.status, waiting.attempts, waiting.lease_owner) == ("executing", 1, None)
    with session_scope(engine) as session:
        held = actions.get(session, action_id)
        assert held.run_after > actions.database_now(session)
        held.run_after = held.created_at
    assert executor.run_all(EXECUTING) == 1
    ended = reread(engine, action_id)
    assert ended.status == "failed"
    assert "out of paper (try 2 of 2)" in str(ended.outcome)
    with session_scope(engine) as session:  # who waits for it reads of each try that failed, and when the next comes
        tries = [event.details for event in audit.about(ReadSession(session), "action", [action_id])
                 if event.verb == "action.attempt_failed"]  # fmt: skip
    assert tries == [{"says": "the printer is out of paper", "try": 1, "of": 2, "again_in_s": tries[0]["again_in_s"]}]
    assert tries[0]["again_in_s"] > 0


def test_what_can_never_work_fails_at_once_and_a_bug_is_tried_again(
    engine: Engine, make_executor: MakeExecutor
) -> None:
    def never(_: Work) -> Json:
        raise PermanentError("no such window")

    def bug(_: Work) -> Json:
        raise KeyError("missing")

    first = one(engine)
    probe(make_executor, never).run_one(EXECUTING)
    assert reread(engine, first).status == "failed"
    second = one(engine)
    probe(make_executor, bug).run_one(EXECUTING)
    assert reread(engine, second).status == "executing"


def test_a_question_the_database_refuses_is_tried_again_and_then_failed(
    engine: Engine, make_executor: MakeExecutor
) -> None:
    class Refused(Probe):
        def apply(self, session: Session, effect: Effect) -> Outcome:
            session.execute(text("SELECT 1/0"))
            return super().apply(session, effect)

    action_id = one(engine, attempts=2)
    executor = make_executor(known={ActionType.COLLECT_DIAGNOSTICS: Refused()})
    assert executor.run_one(EXECUTING)
    waiting = reread(engine, action_id)
    assert (waiting.status, waiting.attempts, waiting.lease_owner) == ("executing", 1, None)
    with session_scope(engine) as session:
        actions.get(session, action_id).run_after = waiting.created_at
    assert executor.run_one(EXECUTING)
    ended = reread(engine, action_id)
    assert ended.status == "failed"
    assert "division by zero (try 2 of 2)" in str(ended.outcome)


def test_an_action_whose_database_goes_away_keeps_its_lease_and_spends_no_try(
    engine: Engine, make_executor: MakeExecutor
) -> None:
    class CutOff(Probe):
        def apply(self, session: Session, effect: Effect) -> Outcome:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return super().apply(session, effect)

    action_id = one(engine)
    assert make_executor(known={ActionType.COLLECT_DIAGNOSTICS: CutOff()}).run_one(EXECUTING)
    held = reread(engine, action_id)
    assert (held.status, held.attempts, held.lease_owner) == ("executing", 1, "w1")


def test_an_action_that_kills_every_worker_is_given_up(engine: Engine, make_executor: MakeExecutor) -> None:
    class Killed(BaseException):
        """Like kill -9 for the executor: nothing settles it."""

    def die(_: Work) -> Json:
        raise Killed

    action_id = one(engine, attempts=2)
    for _ in range(2 + actions.CRASHES_FORGIVEN):
        with pytest.raises(Killed):
            probe(make_executor, die).run_one(EXECUTING)
        with session_scope(engine) as session:
            actions.get(session, action_id).lease_until = actions.database_now(session) - timedelta(seconds=1)
    probe(make_executor).run_one(EXECUTING)
    ended = reread(engine, action_id)
    assert ended.status == "failed"
    assert "its worker died 5 times" in str(ended.outcome)
    assert effects(engine) == []


def test_the_database_lets_one_change_of_a_model_be_in_flight_whatever_its_kind(engine: Engine, champion: int) -> None:
    first = pending(engine, champion, register(engine), kind="adjust_threshold")
    second = pending(engine, champion, register(engine), kind="rollback_model")
    ann = user(engine, "ann", "approver")
    for action in (first, second):
        approve(engine, action, ann)
    with session_scope(engine) as session:
        move(session, SYSTEM, actions.get(session, first.action_id), ActionStatus.EXECUTING)
    with pytest.raises(IntegrityError, match="uq_agent_actions_changing"), session_scope(engine) as session:
        move(session, SYSTEM, actions.get(session, second.action_id), ActionStatus.EXECUTING)


def test_the_kill_switch_stops_claims_and_what_is_about_to_take_effect(
    engine: Engine, make_executor: MakeExecutor
) -> None:
    def turn(to: Automation) -> None:
        with session_scope(engine) as session:
            automation.set_state(session, SYSTEM, to, "test")

    action_id = one(engine)
    turn(Automation.PAUSED)
    assert not probe(make_executor).run_one(EXECUTING)
    turn(Automation.RUNNING)

    def pause_meanwhile(_: Work) -> Json:
        turn(Automation.PAUSED)
        return {}

    assert probe(make_executor, pause_meanwhile).run_one(EXECUTING)
    held = reread(engine, action_id)
    assert (held.status, held.lease_owner, held.attempts) == ("executing", None, 0)
    assert effects(engine) == []
    turn(Automation.STOPPED)
    assert not probe(make_executor).run_one(EXECUTING | GATHERING)
    turn(Automation.RUNNING)
    with session_scope(engine) as session:
        actions.get(session, action_id).run_after = held.created_at
    assert probe(make_executor).run_one(EXECUTING)
    assert effects(engine) == [str(action_id)]


def test_a_process_that_is_stopping_gives_its_work_back_untouched(engine: Engine, make_executor: MakeExecutor) -> None:
    action_id = one(engine)

    def told_to_stop(work: Work) -> Json:
        stopping = Work(work.engine, work.settings, work.contract, work.claim, lambda: True)
        return stopping.step("first", dict)

    assert probe(make_executor, told_to_stop).run_one(EXECUTING)
    back = reread(engine, action_id)
    assert (back.status, back.attempts, back.lease_owner) == ("executing", 0, None)
    assert probe(make_executor).run_one(EXECUTING)


def test_a_lease_is_kept_while_the_work_is_long(engine: Engine, make_executor: MakeExecutor) -> None:
    action_id = one(engine)
    rivals: list[bool] = []

    def long(_: Work) -> Json:
        time.sleep(2.6)  # longer than the lease of two seconds
        rivals.append(probe(make_executor, worker="rival").run_one(EXECUTING))
        return {}

    assert probe(make_executor, long).run_one(EXECUTING)
    assert rivals == [False]
    assert reread(engine, action_id).status == "succeeded"
    assert effects(engine) == [str(action_id)]


def test_a_dry_run_is_never_claimed(engine: Engine, make_executor: MakeExecutor) -> None:
    action_id = one(engine)
    with behind_its_back(engine) as session:  # no dry run is approved otherwise
        actions.get(session, action_id).dry_run = True
    assert not probe(make_executor).run_one(EXECUTING)


@pytest.mark.parametrize("epoch", [0, 7])
def test_a_step_of_an_outdated_epoch_is_refused(engine: Engine, make_executor: MakeExecutor, epoch: int) -> None:
    action_id = one(engine)

    def outdated(work: Work) -> Json:
        with session_scope(engine) as session:
            session.add(ActionStep(action_id=action_id, step="s", status="started", lease_epoch=epoch))
        with session_scope(engine) as session:
            actions.finish_step(session, action_id, "s", work.claim.epoch, {})
        return {}

    assert probe(make_executor, outdated).run_one(EXECUTING)
    assert effects(engine) == []
