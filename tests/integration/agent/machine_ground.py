"""What the state machine stands on: its policy page, an emptied database, a clock that jumps, and what took effect."""

from datetime import timedelta

from sqlalchemy import Engine, text

from config.agent_policy import ActionRule
from database.enums import CHANGING, ActionType
from database.models import Base
from tests.integration.agent import action_model as promised
from tests.integration.agent.stopped_worker import EFFECT
from tests.integration.agent.world import POLICY

MINUTE = timedelta(minutes=1)
RETRAIN, ROLLBACK, NOTE = ActionType.RETRAIN_MODEL, ActionType.ROLLBACK_MODEL, ActionType.COLLECT_DIAGNOSTICS
PAGE = POLICY.model_copy(
    update={
        "actions": {
            str(kind): ActionRule(
                risk=promised.RISKS[kind].name.lower(),
                decides="person" if kind in CHANGING else "agent",
                approvers=max(1, promised.APPROVERS[kind]),
                attempts=promised.ATTEMPTS,
                expires=promised.EXPIRES * MINUTE,
            )
            for kind in (RETRAIN, ROLLBACK, NOTE)
        },
        "verification": POLICY.verification.model_copy(update={"deadline": promised.DEADLINE * MINUTE}),
    }
)


def wiped(engine: Engine) -> None:
    """An empty world in the same database: nothing is as cheap, and the rows that never change are in the way."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in reversed(Base.metadata.sorted_tables):
            if table.name not in {"automation", "prediction_outcomes"}:  # one row that stays, and a view
                connection.execute(table.delete())
        connection.execute(text("UPDATE automation SET state = 'running'"))


def aged(engine: Engine, minutes: int) -> None:
    """Time goes by: every moment that a rule asks about lies further back."""
    moments = {
        "agent_actions": ("run_after", "lease_until", "expires_at", "executed_at", "reviewed_at", "created_at"),
        "approvals": ("decided_at",),
    }
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table, columns in moments.items():
            shifts = ", ".join(f"{column} = {column} - :by" for column in columns)
            connection.execute(text(f"UPDATE {table} SET {shifts}"), {"by": minutes * MINUTE})  # noqa: S608


# What took effect, by action; and of the changes of what serves, who approved what they rest on and may do so now.
EFFECTS = text(
    "SELECT action_id::text, count(*) FROM deployments WHERE action_id IS NOT NULL GROUP BY 1"
    " UNION ALL SELECT object_id, count(*) FROM audit_log WHERE verb = :verb GROUP BY 1"
).bindparams(verb=EFFECT)
VALID = text(
    "SELECT count(DISTINCT u.id) FROM agent_actions a"
    " JOIN approvals v USING (action_id) JOIN users u ON u.id = v.user_id"
    " WHERE a.action_id = CAST(:action_id AS uuid) AND v.decision = 'approve' AND v.evidence_digest = a.evidence_digest"
    " AND 'approver' = ANY(u.roles) AND a.proposed_by <> 'person:' || u.name AND v.decided_at < a.expires_at"
)
