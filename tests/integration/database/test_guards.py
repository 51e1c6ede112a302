"""What people's decisions guard, the database guards alone: against the agent's own login, and against our own bugs."""

import json
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from agent.core.asking import ask
from agent.core.transitions import move
from database.agent_role import AGENT_LOGIN, make_agent_login
from database.connection import session_scope
from database.enums import ActionStatus, Automation
from database.models import AgentAction, Approval, ModelVersion
from database.queries import actions, automation, model_versions
from database.queries.audit import AGENT, SYSTEM, digest_of
from tests.integration.agent.world import (
    MODEL,
    POLICY,
    TESTER,
    approve,
    evidence_about,
    pending,
    register,
    reread,
    user,
)


@pytest.fixture(params=["agent", "owner"])
def writer(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Engine]:
    """The agent's login, and the owner of the tables: both are bound."""
    make_agent_login(engine.url)
    made = create_engine(engine.url.set(username=AGENT_LOGIN) if request.param == "agent" else engine.url)
    yield made
    made.dispose()


@pytest.fixture
def champion(engine: Engine) -> ModelVersion:
    return register(engine, serve=True)


@pytest.fixture
def approved(engine: Engine, champion: ModelVersion) -> AgentAction:
    question = pending(engine, champion.id, register(engine))
    approve(engine, question, user(engine, "ann", "approver"))
    return reread(engine, question.action_id)


def refused(writer: Engine, by: str, *statements: str, **values: object) -> None:
    """The last statement (or the end of the transaction) is refused by this guard."""
    with pytest.raises(DBAPIError) as caught, writer.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)
    found = getattr(getattr(caught.value.orig, "diag", None), "constraint_name", None)
    assert found == by, caught.value


def put_in_place(
    writer: Engine, version_id: int, before_id: int, action_id: uuid.UUID | None, actor: object = AGENT
) -> None:
    """All that activating writes, by somebody who skips every check of our code."""
    with writer.begin() as connection:
        for statement in (
            "UPDATE model_versions SET is_active = false, status = 'archived' WHERE is_active",
            "UPDATE model_versions SET is_active = true, status = 'production' WHERE id = :version",
            "INSERT INTO deployments (model_name, generation, version_id, previous_version_id, action_id,"
            " actor, reason) SELECT :model, max(generation) + 1, :version, :before, :action, :actor, 'x'"
            " FROM deployments",
        ):
            connection.execute(
                text(statement),
                {"version": version_id, "before": before_id, "action": action_id, "actor": str(actor), "model": MODEL},
            )


def executing(engine: Engine, action: AgentAction) -> AgentAction:
    with session_scope(engine) as session:
        return move(session, AGENT, actions.get(session, action.action_id), ActionStatus.EXECUTING)


# ----------------------------------------------------------------------------------------------------- what serves


def test_nothing_serves_before_it_was_approved(engine: Engine, writer: Engine, champion: ModelVersion) -> None:
    target = register(engine)
    question = pending(engine, champion.id, target)
    with pytest.raises(DBAPIError, match="the action is pending_approval"):
        put_in_place(writer, target.id, champion.id, question.action_id)
    with pytest.raises(DBAPIError, match="no such action"):
        put_in_place(writer, target.id, champion.id, uuid.uuid4())


def test_exactly_what_was_approved_serves_once(
    engine: Engine, writer: Engine, champion: ModelVersion, approved: AgentAction
) -> None:
    with pytest.raises(DBAPIError, match="the action is approved"):
        put_in_place(writer, int(approved.to_version_id or 0), champion.id, approved.action_id)
    executing(engine, approved)
    with pytest.raises(DBAPIError, match="not the one that was approved"):
        put_in_place(writer, register(engine).id, champion.id, approved.action_id)
    put_in_place(writer, int(approved.to_version_id or 0), champion.id, approved.action_id)
    with pytest.raises(DBAPIError, match="took effect before"):
        put_in_place(writer, champion.id, int(approved.to_version_id or 0), approved.action_id)


def test_a_change_that_is_watched_is_taken_back_once_and_only_to_what_served(
    engine: Engine, writer: Engine, champion: ModelVersion, approved: AgentAction
) -> None:
    new, other = int(approved.to_version_id or 0), register(engine)
    executing(engine, approved)
    put_in_place(writer, new, champion.id, approved.action_id)
    with session_scope(engine) as session:
        move(session, AGENT, actions.get(session, approved.action_id), ActionStatus.VERIFYING)
    with pytest.raises(DBAPIError, match="not the version that served before"):
        put_in_place(writer, other.id, new, approved.action_id)
    put_in_place(writer, champion.id, new, approved.action_id)
    with pytest.raises(DBAPIError, match="not the version that served before"):
        put_in_place(writer, new, champion.id, approved.action_id)


def test_what_serves_is_not_changed_while_people_have_paused(
    engine: Engine, writer: Engine, champion: ModelVersion, approved: AgentAction
) -> None:
    executing(engine, approved)
    with session_scope(engine) as session:
        automation.set_state(session, TESTER, Automation.PAUSED, "wait")
    with pytest.raises(DBAPIError, match="automation is not running"):
        put_in_place(writer, int(approved.to_version_id or 0), champion.id, approved.action_id)


def test_a_vote_lost_before_it_takes_effect_does_not_count(
    engine: Engine, writer: Engine, champion: ModelVersion, approved: AgentAction
) -> None:
    executing(engine, approved)
    with engine.begin() as connection:
        connection.execute(text("UPDATE users SET disabled_at = now()"))
    with pytest.raises(DBAPIError, match="not enough people"):
        put_in_place(writer, int(approved.to_version_id or 0), champion.id, approved.action_id)


def test_without_an_action_only_a_persons_command_replaces_a_version_and_never_the_agents_login(
    engine: Engine, writer: Engine, champion: ModelVersion
) -> None:
    target = register(engine)
    with pytest.raises(DBAPIError, match=r"approved action only|only a first version or a person's command"):
        put_in_place(writer, target.id, champion.id, None, SYSTEM)
    if writer.url.username == AGENT_LOGIN:
        with pytest.raises(DBAPIError, match="approved action only"):
            put_in_place(writer, target.id, champion.id, None, TESTER)
    else:
        put_in_place(writer, target.id, champion.id, None, TESTER)


def test_the_active_version_is_what_the_newest_deployment_says(
    engine: Engine, writer: Engine, champion: ModelVersion
) -> None:
    refused(
        writer, "version_deployed",
        "UPDATE model_versions SET is_active = false, status = 'archived' WHERE is_active",
        "UPDATE model_versions SET is_active = true, status = 'production' WHERE id = :other",
        other=register(engine).id,
    )  # fmt: skip
    with session_scope(engine) as session:
        assert model_versions.active(session, MODEL).id == champion.id  # type: ignore[union-attr]


def test_a_deployment_that_skips_a_generation_is_refused(writer: Engine, champion: ModelVersion) -> None:
    refused(
        writer, "deployment_decided",
        "INSERT INTO deployments (model_name, generation, version_id, previous_version_id, actor, reason)"
        " VALUES (:model, 3, :id, :id, 'person:x', 'x')",
        model=MODEL, id=champion.id,
    )  # fmt: skip


def test_a_temporary_table_does_not_stand_in_for_one_of_ours(
    engine: Engine, writer: Engine, champion: ModelVersion
) -> None:
    question = pending(engine, champion.id, register(engine))
    refused(
        writer, "action_needs_approval",
        "CREATE TEMPORARY TABLE users AS SELECT 1::bigint AS id, 'x' AS name, '{approver}'::text[] AS roles,"
        " NULL::timestamptz AS disabled_at",
        "CREATE TEMPORARY TABLE approvals AS SELECT action_id, 1::bigint AS user_id, 'approve' AS decision,"
        " evidence_digest, now() AS decided_at FROM agent_actions",
        "UPDATE agent_actions SET status = 'approved', version = version + 1 WHERE action_id = :id",
        id=question.action_id,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------- what was asked


FROZEN = (
    "action_type = 'retrain_model', approvers_needed = 0, requires_approval = false", "approvers_needed = 2",
    "risk_level = 3", "dedupe_key = 'x'", "proposed_by = 'person:x'", "dry_run = true", "created_at = now()",
    "question = 'x'", "why = '{\"a\": 1}'", "params = '{\"a\": 1}'", "evidence = '{}'", "evidence_digest = 'x'",
    "expires_at = now() + interval '9 d'", "from_version_id = NULL", "to_version_id = NULL", "success_test = '{}'",
    "outcome = 'x'", "execution_result = '{}'", "reviewed_by = 'x'", "model_name = 'x'",
    "action_id = gen_random_uuid()", "cause = 'seasonal'", "alert_id = 7",
    "recommended = NOT coalesce(recommended, false)",
    "reviewed_at = now() - interval '1 d'", "max_attempts = 99", "executed_at = now()", "verified_at = now()",
)  # fmt: skip
MOVING = "status = 'executing', version = version + 1"


# What a worker writes while it works. The moves themselves are guarded by the arrows.
OF_THE_WORK = {
    "status",
    "version",
    "lease_owner",
    "lease_epoch",
    "lease_until",
    "attempts",
    "crashes",
    "run_after",
    "updated_at",
}


def test_every_column_of_an_action_is_tried_or_is_the_works_own() -> None:
    tried = {change.split(" = ")[0] for several in FROZEN for change in several.split(", ") if " = " in change}
    assert tried | OF_THE_WORK | {"id"} == {column.name for column in AgentAction.__table__.columns}
    assert not tried & OF_THE_WORK


def test_what_was_approved_stays_as_it_was(engine: Engine, approved: AgentAction, subtests: pytest.Subtests) -> None:
    changes = ("version = version + 1", *FROZEN, *(f"{change}, {MOVING}" for change in FROZEN))
    for change in changes:
        with subtests.test(change):
            refused(
                engine, "action_frozen", f"UPDATE agent_actions SET {change} WHERE action_id = :id",  # noqa: S608
                id=approved.action_id,
            )  # fmt: skip


def test_the_agents_login_changes_nothing_of_what_was_approved_nor_of_what_ended(
    engine: Engine, writer: Engine, champion: ModelVersion, approved: AgentAction
) -> None:
    assert approved.from_version_id == champion.id
    refused(writer, "action_frozen", "UPDATE agent_actions SET evidence = '{}'")
    with session_scope(engine) as session:
        move(session, SYSTEM, actions.get(session, approved.action_id), ActionStatus.CANCELLED)
    for change in ("outcome = 'x'", "lease_owner = 'x'", "run_after = now()"):
        refused(writer, "action_frozen", f"UPDATE agent_actions SET {change}")  # noqa: S608


@pytest.mark.usefixtures("approved")
def test_an_approval_is_not_prolonged_by_asking_the_same_again(writer: Engine) -> None:
    refused(
        writer,
        "action_asked_anew",
        "UPDATE agent_actions SET status = 'stale', version = version + 1",
        "UPDATE agent_actions SET status = 'gathering_evidence', version = version + 1",
        "UPDATE agent_actions SET status = 'pending_approval', version = version + 1,"
        " expires_at = now() + interval '10 years'",
    )


def test_people_sign_the_evidence_that_is_shown(engine: Engine, writer: Engine, champion: ModelVersion) -> None:
    shown = pending(engine, champion.id, register(engine))
    with engine.begin() as connection:
        for status in ("stale", "gathering_evidence"):
            connection.execute(
                text("UPDATE agent_actions SET status = :status, version = version + 1"), {"status": status}
            )
    refused(
        writer, "action_digest",
        "UPDATE agent_actions SET status = 'pending_approval', version = version + 1, evidence = '{\"other\": 1}'",
    )  # fmt: skip
    assert reread(engine, shown.action_id).evidence_digest == shown.evidence_digest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON)
def test_the_database_computes_the_very_digest_our_code_does(engine: Engine, value: object) -> None:
    with engine.connect() as connection:
        read, digest = connection.execute(
            text("SELECT v, json_digest(v) FROM (SELECT CAST(:value AS jsonb) AS v) AS given"),
            {"value": json.dumps(value)},
        ).one()
    assert digest == digest_of(read)


def test_evidence_with_a_negative_zero_can_still_be_carried_out(engine: Engine, champion: ModelVersion) -> None:
    first = pending(engine, champion.id, register(engine))
    with session_scope(engine) as session:
        held = move(session, SYSTEM, actions.get(session, first.action_id), ActionStatus.STALE)
        held = move(session, SYSTEM, held, ActionStatus.GATHERING_EVIDENCE)
        ask(session, AGENT, held, {"difference": -0.0}, POLICY)
    asked = reread(engine, first.action_id)
    assert asked.evidence_digest == digest_of(asked.evidence)


# ------------------------------------------------------------------------------------------ versions and decisions


def test_a_version_stays_what_was_registered(writer: Engine, champion: ModelVersion, subtests: pytest.Subtests) -> None:
    assert champion.is_active
    changes = (
        "artifact_digest = 'x'",
        "contract_digest = 'x'",
        "threshold = 0.4",
        "metrics = '{\"a\": 1}'",
        "version = 9",
    )
    for change in changes:
        with subtests.test(change):
            refused(writer, "version_frozen", f"UPDATE model_versions SET {change}")  # noqa: S608
    with writer.begin() as connection:
        connection.execute(text("UPDATE model_versions SET mlflow_version = '3'"))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("UPDATE users SET disabled_at = now()", "is disabled"),
        ("UPDATE users SET roles = '{admin}'", "is no approver"),
        ("UPDATE users SET name = 'asker'", "asked for it"),
        ("UPDATE agent_actions SET status = 'cancelled', version = version + 1", "it is cancelled"),
    ],
)
def test_the_database_records_no_decision_that_does_not_count(
    engine: Engine, champion: ModelVersion, spoil: str, says: str
) -> None:
    question = pending(engine, champion.id, register(engine), proposed_by="person:asker")
    ann = user(engine, "ann", "approver")
    with engine.begin() as connection:
        connection.execute(text(spoil))
    with pytest.raises(DBAPIError, match=says), session_scope(engine) as session:
        session.add(_vote(question, ann.id))


def test_a_decision_is_about_what_was_seen_and_happens_now(engine: Engine, champion: ModelVersion) -> None:
    question = pending(engine, champion.id, register(engine))
    ann = user(engine, "ann", "approver")
    with pytest.raises(DBAPIError, match="other evidence was seen"), session_scope(engine) as session:
        session.add(_vote(question, ann.id, evidence_digest=digest_of(evidence_about(champion))))
    with session_scope(engine) as session:
        before = actions.database_now(session)
        vote = _vote(question, ann.id, decided_at=question.created_at)
        session.add(vote)
        session.flush()
        session.refresh(vote)
        assert before <= vote.decided_at <= actions.database_now(session)


def _vote(question: AgentAction, user_id: int, **changes: object) -> Approval:
    given = {"evidence_digest": question.evidence_digest, "decision": "approve", "comment": ""} | changes
    return Approval(action_id=question.action_id, user_id=user_id, idempotency_key=uuid.uuid4().hex, **given)
