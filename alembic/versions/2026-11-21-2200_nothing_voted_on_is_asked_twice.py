"""Votes count for one asking: evidence somebody has decided on is never put before people again.

Otherwise who has the agent's login could ask the same again with more time, and old approvals would count.

Revision: c41f0a7be935, after the guards of what serves
"""

from alembic import op

revision: str = "c41f0a7be935"
down_revision: str | None = "7d3f6b1c9e52"
branch_labels = None
depends_on = None

ASKED_ANEW = """
CREATE FUNCTION agent_actions_asked_anew() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM approvals WHERE action_id = NEW.action_id AND evidence_digest = NEW.evidence_digest) THEN
        RAISE EXCEPTION 'action %: this evidence was decided on before', NEW.action_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_asked_anew';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER agent_actions_asked_anew BEFORE UPDATE ON agent_actions FOR EACH ROW
    WHEN (NEW.status = 'pending_approval' AND OLD.status <> 'pending_approval')
    EXECUTE FUNCTION agent_actions_asked_anew();
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute(ASKED_ANEW)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("DROP TRIGGER agent_actions_asked_anew ON agent_actions")
    op.execute("DROP FUNCTION agent_actions_asked_anew()")
