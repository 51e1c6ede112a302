"""What a table's constraints cannot say: allowed moves, valid decisions, rows that never change, the latest truth.

Revision: b7d1f0a2c3e4, after the first schema
"""

from alembic import op

revision: str = "b7d1f0a2c3e4"
down_revision: str | None = "48e76a07b0ff"
branch_labels = None
depends_on = None

ARROWS = {
    "proposed": ("gathering_evidence", "pending_approval", "approved", "cancelled"),
    "gathering_evidence": ("pending_approval", "cancelled", "failed"),
    "pending_approval": ("approved", "rejected", "expired", "cancelled", "stale"),
    "stale": ("gathering_evidence", "cancelled"),
    "approved": ("executing", "expired", "cancelled", "stale"),
    "executing": ("verifying", "succeeded", "failed", "cancelled", "stale"),
    "verifying": ("succeeded", "reverted", "inconclusive"),
}

MOVES = """
CREATE TABLE action_arrows (from_status text NOT NULL, to_status text NOT NULL, PRIMARY KEY (from_status, to_status));

CREATE FUNCTION agent_actions_move() RETURNS trigger LANGUAGE plpgsql AS $$
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
          AND a.decided_at < NEW.expires_at AND NEW.proposed_by <> 'person:' || u.name;
        IF approving < NEW.approvers_needed THEN
            RAISE EXCEPTION 'action %: % of % approvals for this evidence', NEW.action_id, approving, NEW.approvers_needed
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_needs_approval';
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER agent_actions_move BEFORE INSERT OR UPDATE ON agent_actions
    FOR EACH ROW EXECUTE FUNCTION agent_actions_move();
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'append_only';
END $$;
"""

APPEND_ONLY_TABLES = ("audit_log", "approvals", "deployments", "labels")

OUTCOMES = """
CREATE VIEW prediction_outcomes AS
SELECT p.*, l.value AS actual, l.observed_at AS actual_observed_at, l.received_at AS actual_received_at
FROM predictions p
LEFT JOIN LATERAL (
    SELECT value, observed_at, received_at FROM labels
    WHERE prediction_id = p.id
    ORDER BY observed_at DESC, received_at DESC, revision DESC
    LIMIT 1
) l ON true;
COMMENT ON VIEW prediction_outcomes IS 'predictions with the truth as known now: the newest observation wins';
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute(MOVES)
    for begin, ends in ARROWS.items():
        for end in ends:
            op.execute(f"INSERT INTO action_arrows VALUES ('{begin}', '{end}')")
    op.execute(APPEND_ONLY)
    for table in APPEND_ONLY_TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(OUTCOMES)
    op.execute("INSERT INTO automation (id, state, changed_by, reason) VALUES (1, 'running', 'system:steward', 'installed')")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("DELETE FROM automation")
    op.execute("DROP VIEW prediction_outcomes")
    for table in APPEND_ONLY_TABLES:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
    op.execute("DROP FUNCTION refuse_change()")
    op.execute("DROP TRIGGER agent_actions_move ON agent_actions")
    op.execute("DROP FUNCTION agent_actions_move()")
    op.execute("DROP TABLE action_arrows")
