"""People say why they reject, talk about an action, and put it off for themselves.

Revision: b71d04e6a9c2, after quotas and owners of keys
"""

import sqlalchemy as sa
from alembic import op

revision: str = "b71d04e6a9c2"
down_revision: str | None = "b51f0d7ac3e2"
branch_labels = None
depends_on = None

REASONS = "'not_convinced', 'wrong_diagnosis', 'temporary', 'bad_timing', 'something_first', 'other'"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.add_column("approvals", sa.Column("reason_code", sa.Text(), comment="why it was rejected, in a word that can be counted"))
    op.create_check_constraint(op.f("ck_approvals_reason_code_known"), "approvals", f"reason_code IN ({REASONS})")
    op.create_check_constraint(
        op.f("ck_approvals_only_a_rejection_has_a_reason_code"), "approvals", "reason_code IS NULL OR decision = 'reject'"
    )
    op.create_table(
        "action_comments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(text) BETWEEN 1 AND 2000", name=op.f("ck_action_comments_text_says_something")),
        sa.ForeignKeyConstraint(["action_id"], ["agent_actions.action_id"], name=op.f("fk_action_comments_action_id_agent_actions")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_action_comments_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action_comments")),
        sa.UniqueConstraint("user_id", "idempotency_key", name=op.f("uq_action_comments_user_id_idempotency_key")),
    )
    op.create_index("ix_action_comments_action", "action_comments", ["action_id", "id"])
    op.create_table(
        "action_snoozes",
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["agent_actions.action_id"], name=op.f("fk_action_snoozes_action_id_agent_actions")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_action_snoozes_user_id_users")),
        sa.PrimaryKeyConstraint("action_id", "user_id", name=op.f("pk_action_snoozes")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_table("action_snoozes")
    op.drop_index("ix_action_comments_action", table_name="action_comments")
    op.drop_table("action_comments")
    op.drop_constraint(op.f("ck_approvals_only_a_rejection_has_a_reason_code"), "approvals")
    op.drop_constraint(op.f("ck_approvals_reason_code_known"), "approvals")
    op.drop_column("approvals", "reason_code")
