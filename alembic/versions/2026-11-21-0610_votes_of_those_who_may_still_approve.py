"""Only people who may still approve count at the last gate: not the disabled, not those who lost the role.

Revision: 91b4c6d2e0fa, after crashes and threshold changes
"""

from alembic import op

revision: str = "91b4c6d2e0fa"
down_revision: str | None = "5c9e2a7d41b8"
branch_labels = None
depends_on = None

STILL_MAY = "AND u.disabled_at IS NULL AND 'approver' = ANY(u.roles)"
MOVES = """
CREATE OR REPLACE FUNCTION agent_actions_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    approving integer;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'proposed' THEN
            RAISE EXCEPTION 'action % must begin as proposed, not %', NEW.action_id, NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_begins_proposed';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.lease_epoch < OLD.lease_epoch THEN
        RAISE EXCEPTION 'action %: lease epoch cannot go back', NEW.action_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_epoch_forward';
    END IF;
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM action_arrows WHERE from_status = OLD.status AND to_status = NEW.status) THEN
        RAISE EXCEPTION 'action %: % cannot become %', NEW.action_id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_arrow';
    END IF;
    IF NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'action %: a move counts its version up by one', NEW.action_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_version_counts';
    END IF;
    -- The last gate: nothing that needs approval is approved or executed without enough people who signed exactly this.
    IF NEW.status IN ('approved', 'executing') AND NEW.requires_approval THEN
        SELECT count(DISTINCT a.user_id) INTO approving
        FROM approvals a JOIN users u ON u.id = a.user_id
        WHERE a.action_id = NEW.action_id AND a.decision = 'approve' AND a.evidence_digest = NEW.evidence_digest
          AND a.decided_at < NEW.expires_at AND NEW.proposed_by <> 'person:' || u.name
          /* who may approve */;
        IF approving < NEW.approvers_needed THEN
            RAISE EXCEPTION 'action %: % of % approvals for this evidence', NEW.action_id, approving, NEW.approvers_needed
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_needs_approval';
        END IF;
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute(MOVES.replace("/* who may approve */", STILL_MAY))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute(MOVES.replace("/* who may approve */", ""))
