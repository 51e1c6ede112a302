"""Corrected answers lead to one try, whoever looks; what was tried or learnt is not tried again."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text, update

from agent.core.asking import Asking, request_change
from agent.core.cycle import run_cycle
from agent.core.executor import EXECUTING, GATHERING
from config.agent_policy import AgentPolicy, Corrections
from database.connection import read_scope, session_scope
from database.enums import ActionType, Automation, Cause, LabelSource
from database.models import AgentAction, Prediction
from database.queries import actions, automation, corrections, model_versions
from database.queries.audit import SYSTEM
from database.queries.labels import NewLabel, record
from tests.integration.agent.conftest import MakeExecutor
from tests.integration.agent.world import (
    CONTRACT,
    MODEL,
    POLICY,
    SOUND,
    approve,
    behind_its_back,
    cycle,
    register,
    reread,
    user,
    window,
)

EAGER = POLICY.model_copy(update={"corrections": Corrections(pause=timedelta(0))})


def answered(engine: Engine, version_id: int, n: int = 20) -> list[UUID]:
    """A window of sound rows that are not labelled wrongly yet: half of them answered 1."""
    rows = [(SOUND | {"age": 30 + at}, at % 2, 0.9 if at % 2 else 0.1) for at in range(n)]
    made = window(engine, version_id, lost=False, drift=0.0, rows=rows)
    with read_scope(engine) as session:
        query = select(Prediction.id).where(Prediction.created_at >= made.from_at, Prediction.created_at < made.to_at)
        return list(session.scalars(query.order_by(Prediction.created_at)))


def correct(engine: Engine, ids: list[UUID], key: str = "k1") -> None:
    """Somebody says that each of these answers was wrong."""
    with session_scope(engine) as session:
        answers = corrections.answers_of(session, ids, None)
        told = [NewLabel(one, 1 - answers[one], datetime.now(UTC), dated=False) for one in ids]
        record(session, told, key_id=key, source=LabelSource.FEEDBACK, allowed_models=None)


def tries(engine: Engine) -> list[AgentAction]:
    with session_scope(engine) as session:
        query = select(AgentAction).where(AgentAction.cause == Cause.CORRECTED_ANSWERS).order_by(AgentAction.id)
        return list(session.scalars(query))


def test_five_corrected_answers_are_tried_asked_about_and_take_effect_when_approved(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    ids = answered(engine, champion)
    correct(engine, ids[:4])
    cycle(engine)
    assert tries(engine) == []
    correct(engine, ids[4:7], "k2")
    cycle(engine)
    (action,) = tries(engine)
    assert (action.status, action.requires_approval, action.proposed_by) == ("gathering_evidence", True, "agent:agent")
    assert action.why["says"] == "7 corrected answers since what v1 learnt: 3 false alarms, 4 missed"
    assert action.params["corrections"]["by_key"] == [["k1", 4], ["k2", 3]]
    assert make_executor("better").run_one(GATHERING)
    asked = reread(engine, action.action_id)
    assert asked.status == "pending_approval"
    approve(engine, asked, user(engine, "ann", "approver"))
    assert make_executor("better").run_one(EXECUTING)
    assert reread(engine, action.action_id).status == "verifying"
    with read_scope(engine) as session:
        serving = model_versions.active(session, MODEL)
        assert serving is not None
        assert serving.action_id == action.action_id


def test_one_that_is_not_worth_it_ends_by_itself_and_the_count_begins_anew(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    ids = answered(engine, champion, 40)
    correct(engine, ids[:5])
    cycle(engine, policy=EAGER)
    assert make_executor("no").run_one(GATHERING)
    (ended,) = tries(engine)
    assert (ended.status, ended.outcome) == ("cancelled", "12 labelled rows, 30 are needed")
    for more in (ids[:5], ids[5:9]):  # the same ones again, and too few new ones
        correct(engine, more)
        cycle(engine, policy=EAGER)
        assert len(tries(engine)) == 1
    correct(engine, ids[9:10])
    cycle(engine)
    assert len(tries(engine)) == 1, "the page as it is shipped waits a day"
    cycle(engine, policy=EAGER)
    assert [one.params["corrections"]["n"] for one in tries(engine)] == [5, 5]


def test_what_comes_while_a_try_is_under_way_counts_for_the_next_one(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    ids = answered(engine, champion, 40)
    correct(engine, ids[:6])
    cycle(engine, policy=EAGER)
    correct(engine, ids[6:10])
    cycle(engine, policy=EAGER)
    assert make_executor("no").run_one(GATHERING)
    cycle(engine, policy=EAGER)
    assert len(tries(engine)) == 1, "four are not five"
    correct(engine, ids[10:11])
    cycle(engine, policy=EAGER)
    assert [one.params["corrections"]["n"] for one in tries(engine)] == [6, 5]


def test_a_try_that_failed_for_another_reason_leaves_them_waiting(engine: Engine, champion: int) -> None:
    ids = answered(engine, champion)
    correct(engine, ids[:5])
    cycle(engine, policy=EAGER)
    with session_scope(engine) as session:
        session.execute(update(AgentAction).values(status="failed", version=AgentAction.version + 1))
        since = corrections.counted_since(session, MODEL, champion, dry_runs=False)
        assert corrections.waiting(session, MODEL, since).n == 5


def test_rivals_that_see_the_same_corrections_make_one_proposal(engine: Engine, champion: int) -> None:
    correct(engine, answered(engine, champion)[:5])
    start = threading.Barrier(4)
    faults: list[BaseException] = []

    def look() -> None:
        start.wait()
        try:
            for _ in range(3):
                cycle(engine)
        except BaseException as error:  # noqa: BLE001
            faults.append(error)

    rivals = [threading.Thread(target=look) for _ in range(4)]
    for one in rivals:
        one.start()
    for one in rivals:
        one.join()
    assert faults == []
    assert len(tries(engine)) == 1


def test_what_the_serving_version_was_taught_no_longer_waits(engine: Engine, champion: int) -> None:
    ids = answered(engine, champion)
    correct(engine, ids[:6])
    with session_scope(engine) as session:
        action = request_change(session, Asking.shell(SYSTEM), MODEL, ActionType.RETRAIN_MODEL, "a test", {}, POLICY)
        action_id, read_at = action.action_id, actions.database_now(session)
    correct(engine, ids[6:8])
    version = register(engine, serve=True, action_id=action_id, dataset_digest="5eed" * 16)
    moved = register(engine, serve=True, dataset_digest="5eed" * 16)  # the same model with another threshold
    proof = {"training": {"labels_read_at": read_at.isoformat()}}
    with behind_its_back(engine) as session:
        session.execute(update(AgentAction).values(evidence=proof))
    with session_scope(engine) as session:
        for one in (version, moved):
            since = corrections.counted_since(session, MODEL, one.id, dry_runs=False)
            assert since == read_at
            assert corrections.waiting(session, MODEL, since).n == 2


def test_a_flood_by_one_key_is_one_try_that_names_the_key(engine: Engine, champion: int) -> None:
    ids = answered(engine, champion, 3000)
    correct(engine, ids, "evil")
    correct(engine, ids[:3], "k2")
    for _ in range(3):
        cycle(engine)
    (action,) = tries(engine)
    assert action.params["corrections"]["by_key"] == [["evil", 3000]]
    assert "3000 of the 3000 came by one key, evil" in action.why["for"][1]["says"]


def test_old_ones_and_those_of_other_models_do_not_count(engine: Engine, champion: int) -> None:
    ids = answered(engine, champion)
    correct(engine, ids[:5])
    with session_scope(engine) as session:
        later = run_cycle(
            session, contract=CONTRACT, policy=POLICY, agent="t", dry_run=False,
            now=datetime.now(UTC) + timedelta(days=91),
        )  # fmt: skip
        assert later.proposed == ()
        assert corrections.waiting(session, "another", datetime.now(UTC) - timedelta(days=1)).n == 0


@pytest.mark.parametrize("held", ["dry run", "observe"])
def test_who_only_looks_records_it_once_and_leaves_them_to_the_real_one(
    engine: Engine, champion: int, held: str
) -> None:
    correct(engine, answered(engine, champion)[:5])
    watching = POLICY if held == "dry run" else AgentPolicy.model_validate(
        POLICY.model_dump() | {"autonomy": {"default": "observe"}}
    )  # fmt: skip
    for _ in range(3):
        cycle(engine, dry_run=held == "dry run", policy=watching)
    (only,) = tries(engine)
    assert (only.status, only.dry_run, only.outcome) == ("cancelled", True, "dry run")
    cycle(engine)
    assert [one.dry_run for one in tries(engine)] == [True, False]


def test_while_automation_is_paused_the_question_is_prepared_and_nothing_is_carried_out(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    correct(engine, answered(engine, champion)[:5])
    cycle(engine)
    with session_scope(engine) as session:
        automation.set_state(session, SYSTEM, Automation.PAUSED, "test")
    assert make_executor("better").run_one(GATHERING)
    (action,) = tries(engine)
    approve(engine, action, user(engine, "ann", "approver"))
    assert not make_executor("better").run_one(EXECUTING)


def test_many_labels_are_not_read_to_find_the_few_corrections(engine: Engine, champion: int) -> None:
    assert champion
    told: dict[str, Any] = {"model": MODEL, "since": datetime.now(UTC), "until": datetime.now(UTC), "most": 10}
    with session_scope(engine) as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = session.execute(text(f"EXPLAIN {corrections._COUNTED.text}"), told).scalars()
        assert "ix_labels_feedback" in "\n".join(plan)
