"""How long the evidence of a decision was on the screen; and the audit log is paged by who and by what.

Revision: 5d21c7a90b3e, after quotas and owners of keys
"""

import sqlalchemy as sa
from alembic import op

revision: str = "5d21c7a90b3e"
down_revision: str | None = "3a9f5c20d7e4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    said = "how long the evidence was on the screen, as the caller claims"
    op.add_column("approvals", sa.Column("read_s", sa.REAL(), comment=said))
    op.create_check_constraint("read_s_is_a_time", "approvals", "read_s BETWEEN 0 AND 2592000")
    op.create_index("ix_audit_log_actor", "audit_log", ["actor", "seq"])
    op.create_index("ix_audit_log_group", "audit_log", [sa.text("split_part(verb, '.', 1)"), "seq"])
    op.create_index("ix_audit_log_at", "audit_log", ["at", "seq"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_index("ix_audit_log_at", "audit_log")
    op.drop_index("ix_audit_log_group", "audit_log")
    op.drop_index("ix_audit_log_actor", "audit_log")
    op.drop_constraint(op.f("ck_approvals_read_s_is_a_time"), "approvals")
    op.drop_column("approvals", "read_s")
