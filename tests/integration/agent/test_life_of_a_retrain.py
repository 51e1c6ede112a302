"""From a loss to a verified new version, and every way it can go otherwise."""

import shutil
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select

from agent.actions.command import run, run_json
from agent.core.aftercare import watch_changes
from agent.core.approval_manager import decide, expire_overdue
from agent.core.asking_again import refresh_stale
from agent.core.executor import EXECUTING, GATHERING
from agent.core.work import Gathered, InterruptedWorkError, PermanentError, TemporaryError, Work
from config.settings import Settings
from database.connection import ReadSession, session_scope
from database.enums import ActionType, Automation, Decision
from database.models import AgentAction, Alert, AuditEvent, Deployment
from database.queries import actions, audit, automation, model_versions
from database.queries.audit import SYSTEM
from tests.integration.agent.conftest import MakeExecutor, known_handlers
from tests.integration.agent.test_executor import Probe
from tests.integration.agent.world import (
    MODEL,
    POLICY,
    action_of,
    approve,
    behind_its_back,
    cycle,
    pending,
    register,
    reread,
    user,
    verification,
    window,
)


def serving(engine: Engine) -> int:
    with session_scope(engine) as session:
        version = model_versions.active(session, MODEL)
        assert version is not None
        return version.id


def settle(engine: Engine) -> list[AgentAction]:
    with session_scope(engine) as session:
        return watch_changes(session, actions.database_now(session))


def asked(engine: Engine, champion: int, make: MakeExecutor) -> AgentAction:
    """A retrain question as the agent really brings it about."""
    window(engine, champion)
    cycle(engine)
    make().run_all(GATHERING)
    return action_of(engine, "retrain_model")


def test_a_window_judged_while_the_proof_is_gathered_is_newer_than_the_proof(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    window(engine, champion)
    cycle(engine)
    known = dict(known_handlers())
    retrain = known[ActionType.RETRAIN_MODEL]

    class Meanwhile(Probe):
        def gather(self, work: Work) -> Gathered:
            window(engine, champion)
            return retrain.gather(work)

    make_executor(known=known | {ActionType.RETRAIN_MODEL: Meanwhile()}).run_all(GATHERING)
    assert action_of(engine, "retrain_model").params["evidence_seq"] == 1


def decided(engine: Engine, question: AgentAction, name: str = "ann") -> None:
    person = user(engine, name, "approver")
    with session_scope(engine) as session:
        decide(
            session, action_id=question.action_id, user_id=person.id, user_name=name,
            decision=Decision.APPROVE, comment="", evidence_digest=str(question.evidence_digest),
            seen_version=question.version, idempotency_key=uuid4().hex,
        )  # fmt: skip


def test_the_whole_life(engine: Engine, champion: int, make_executor: MakeExecutor) -> None:
    question = asked(engine, champion, make_executor)
    assert (question.status, question.recommended, question.params["evidence_seq"]) == ("pending_approval", True, 1)
    assert question.evidence is not None
    assert question.evidence["inaction"]["per_day"] == 21.0
    assert serving(engine) == champion
    decided(engine, question)
    make_executor().run_all(EXECUTING)
    watched = reread(engine, question.action_id)
    assert watched.status == "verifying"
    assert serving(engine) == question.to_version_id
    assert settle(engine) == []
    verification(engine, watched, 0.15, 0.1, POLICY.verification.min_rows)
    assert [a.status for a in settle(engine)] == ["succeeded"]
    ended = reread(engine, question.action_id)
    assert f"no loss of more than {POLICY.verification.margin:g}" in str(ended.outcome)
    with session_scope(engine) as session:
        assert session.scalars(select(Alert.status).where(Alert.id == ended.alert_id)).one() == "resolved"
        verbs = list(session.scalars(select(AuditEvent.verb).where(AuditEvent.object_id == str(question.action_id))))
        assert verbs == [
            "action.proposed", "action.gathering_evidence", "action.pending_approval", "action.approve",
            "action.approved", "action.executing", "action.verifying", "action.succeeded",
        ]  # fmt: skip
        assert audit.verify(ReadSession(session)).ok


def test_a_change_that_turns_out_worse_is_taken_back_once(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question = asked(engine, champion, make_executor)
    decided(engine, question)
    make_executor().run_all(EXECUTING)
    verification(engine, question, -0.3, 0.1, POLICY.verification.min_rows)
    with session_scope(engine) as session:
        automation.set_state(session, SYSTEM, Automation.PAUSED, "holiday")
    assert settle(engine) == []  # nothing takes effect while the kill switch is on
    with session_scope(engine) as session:
        automation.set_state(session, SYSTEM, Automation.RUNNING, "back")
    assert [a.status for a in settle(engine)] == ["reverted"]
    assert settle(engine) == []
    assert serving(engine) == champion
    with session_scope(engine) as session:
        assert len(list(session.scalars(select(Deployment.id)))) == 3


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_a_version_whose_files_cannot_be_read_never_becomes_what_should_serve(
    engine: Engine, champion: int, agent_settings: Settings, make_executor: MakeExecutor, how: str
) -> None:
    question = asked(engine, champion, make_executor)
    decided(engine, question)
    assert question.evidence is not None
    files = agent_settings.artifacts_dir / "sha256" / str(question.evidence["challenger"]["artifact_digest"])
    if how == "damaged":
        (files / "model.onnx").write_bytes(b"another model")
    else:
        shutil.rmtree(files)
    make_executor().run_all(EXECUTING)
    ended = reread(engine, question.action_id)
    assert ended.status == "failed"
    assert "the version to activate cannot be loaded: artifact" in str(ended.outcome)
    assert serving(engine) == champion


def test_what_somebody_replaced_meanwhile_is_not_judged(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question = asked(engine, champion, make_executor)
    decided(engine, question)
    make_executor().run_all(EXECUTING)
    other = register(engine, serve=True)
    assert [a.status for a in settle(engine)] == ["inconclusive"]
    assert serving(engine) == other.id


def test_too_little_data_withdraws_the_question_with_the_reason(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    window(engine, champion)
    cycle(engine)
    make_executor("no").run_all(GATHERING)
    ended = action_of(engine, "retrain_model")
    assert (ended.status, ended.outcome) == ("cancelled", "12 labelled rows, 30 are needed")


def test_a_trainer_without_an_answer_is_tried_again_and_then_given_up(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    window(engine, champion)
    cycle(engine)
    question = action_of(engine, "retrain_model")
    for _ in range(3):
        with session_scope(engine) as session:
            actions.get(session, question.action_id).run_after = question.created_at
        make_executor("crash").run_all(GATHERING)
    ended = reread(engine, question.action_id)
    assert ended.status == "failed"
    assert "try 3 of 3" in str(ended.outcome)


def test_evidence_gathered_twice_makes_one_version(engine: Engine, champion: int, make_executor: MakeExecutor) -> None:
    question = asked(engine, champion, make_executor)
    first = question.to_version_id
    other = register(engine, serve=True)
    with session_scope(engine) as session:
        refresh_stale(session)
    make_executor().run_all(GATHERING)
    again = reread(engine, question.action_id)
    assert (again.status, again.to_version_id, again.from_version_id) == ("pending_approval", first, other.id)
    assert again.version > question.version


def test_approved_for_a_world_that_moved_goes_back_to_be_asked(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question = asked(engine, champion, make_executor)
    decided(engine, question)
    now = register(engine, serve=True)
    make_executor().run_all(EXECUTING)
    assert reread(engine, question.action_id).status == "stale"
    assert serving(engine) == now.id
    with session_scope(engine) as session:
        refresh_stale(session)
    make_executor().run_all(GATHERING)
    again = reread(engine, question.action_id)
    assert (again.status, again.reviewed_by, again.from_version_id) == ("pending_approval", None, now.id)


def changed(engine: Engine, action_id: UUID, **fields: object) -> None:
    with behind_its_back(engine) as session:
        action = actions.get(session, action_id)
        for name, value in fields.items():
            setattr(action, name, value)


@pytest.mark.parametrize("field", ["evidence", "to_version_id", "evidence_digest", "from_version_id"])
def test_an_action_altered_after_its_approval_never_takes_effect(
    engine: Engine, champion: int, make_executor: MakeExecutor, field: str
) -> None:
    target, other = register(engine), register(engine)
    question = pending(engine, champion, target)
    approve(engine, question, user(engine, "ann", "approver"))
    altered: dict[str, object] = {
        "evidence": {**(question.evidence or {}), "says": "even better"},
        "to_version_id": other.id,
        "evidence_digest": "0" * 64,
        "from_version_id": other.id,
    }
    changed(engine, question.action_id, **{field: altered[field]})
    make_executor().run_all(EXECUTING)
    assert serving(engine) == champion
    assert reread(engine, question.action_id).status == "stale"


def test_an_approval_that_ran_out_before_it_was_carried_out_is_void(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    question = pending(engine, champion, register(engine), expires=timedelta(seconds=1.0))
    approve(engine, question, user(engine, "ann", "approver"))
    time.sleep(1.1)
    make_executor().run_all(EXECUTING)
    with session_scope(engine) as session:
        expire_overdue(session)
    assert reread(engine, question.action_id).status in {"expired", "cancelled"}
    assert serving(engine) == champion


def test_one_change_at_a_time(engine: Engine, champion: int, make_executor: MakeExecutor) -> None:
    first, second = pending(engine, champion, register(engine)), register(engine)
    rollback = pending(engine, champion, second, kind="rollback_model")
    ann = user(engine, "ann", "approver")
    approve(engine, first, ann)
    approve(engine, rollback, ann)
    make_executor().run_all(EXECUTING)
    assert reread(engine, first.action_id).status == "verifying"
    assert reread(engine, rollback.action_id).status == "approved"


def test_a_command_is_ended_when_it_takes_too_long_or_the_process_stops() -> None:
    began = time.monotonic()
    with pytest.raises(TemporaryError, match="longer than 1 s"):
        run_json(["/bin/sleep", "30"], timeout_s=1, interrupted=lambda: False)
    with pytest.raises(InterruptedWorkError):
        run_json(["/bin/sleep", "30"], timeout_s=60, interrupted=lambda: True)
    assert time.monotonic() - began < 8


def test_a_command_that_is_not_there_or_says_no() -> None:
    with pytest.raises(PermanentError, match="cannot be started"):
        run(["/no/such/program"], timeout_s=1, interrupted=lambda: False)
    no = run_json(["/bin/echo", '{"ok": false, "says": "no"}'], timeout_s=5, interrupted=lambda: False)
    assert no == {"ok": False, "says": "no"}
