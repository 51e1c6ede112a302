"""Labels whose prediction has not come in thirty days, and how far the search for them has got.

Revision: 8c3f52e7a1d0, after counts of predictions
"""

import sqlalchemy as sa
from alembic import op

revision: str = "8c3f52e7a1d0"
down_revision: str | None = "5e0b7c41d9a2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.create_table(
        "unclaimed_labels",
        sa.Column("label_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("prediction_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("label_id", name=op.f("pk_unclaimed_labels")),
    )
    op.create_index("ix_unclaimed_labels_prediction_id", "unclaimed_labels", ["prediction_id"])
    op.create_table(
        "label_search",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), autoincrement=False, nullable=False),
        sa.Column("label_id", sa.BigInteger(), nullable=False, comment="the last label that was looked up"),
        sa.CheckConstraint("id = 1", name=op.f("ck_label_search_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_search")),
    )
    # Labels that are there already are looked up by and by.
    op.execute("INSERT INTO label_search (label_id) VALUES (0)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_table("label_search")
    op.drop_table("unclaimed_labels")
