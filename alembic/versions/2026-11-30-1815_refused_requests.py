"""Refused requests are counted, by ten minutes and reason.

Revision: 5d7c1a90b3e2, after people on actions
"""

import sqlalchemy as sa
from alembic import op

revision: str = "5d7c1a90b3e2"
down_revision: str | None = "b71d04e6a9c2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.create_table(
        "refused_requests",
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False, comment="empty: of no model that is known"),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False, comment="what was expected; never what was sent"),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "starts_at", "model_name", "route", "status", "code", "field", "says", name=op.f("pk_refused_requests")
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_table("refused_requests")
