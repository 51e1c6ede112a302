"""Whom predictions are about, as keyed hashes, and whose were erased.

Revision: 8b3d0c94e7f1, after corrected answers
"""

import sqlalchemy as sa
from alembic import op

revision: str = "8b3d0c94e7f1"
down_revision: str | None = "c3a85f10d947"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.create_table(
        "prediction_subjects",
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="keyed hash"),
        sa.Column("prediction_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="of the prediction"),
        sa.PrimaryKeyConstraint("model_name", "subject", "prediction_id", name=op.f("pk_prediction_subjects")),
    )
    op.create_index("ix_prediction_subjects_created_at", "prediction_subjects", ["created_at"])
    op.create_table(
        "subject_erasures",
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="keyed hash"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model_name", "subject", name=op.f("pk_subject_erasures")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_table("subject_erasures")
    op.drop_table("prediction_subjects")
