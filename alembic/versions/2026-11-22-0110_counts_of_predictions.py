"""Counts of predictions and of the truth about them, by minute; which predictions are counted.

Revision: 5e0b7c41d9a2, after old labels may go
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "5e0b7c41d9a2"
down_revision: str | None = "0d94a6f2b318"
branch_labels = None
depends_on = None


def _times() -> tuple[sa.Column, ...]:
    return (
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("span_minutes", sa.SmallInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
    )


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    # Rows that are there already, and those of an API that knows nothing of counts, are counted by the monitor.
    op.add_column(
        "predictions",
        sa.Column(
            "counted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether it is among the counts",
        ),
    )
    op.create_index(
        "ix_predictions_uncounted", "predictions", ["model_id", "created_at"], postgresql_where=sa.text("NOT counted")
    )
    op.create_table(
        "prediction_counts",
        *_times(),
        sa.Column("layout", sa.Text(), nullable=False, comment="which bins `bins` holds, in which order"),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("positives", sa.BigInteger(), nullable=False),
        sa.Column("uncertain", sa.BigInteger(), nullable=False),
        sa.Column("scores", sa.BigInteger(), nullable=False, comment="sum of the scores, in billionths"),
        sa.Column("squares", sa.BigInteger(), nullable=False, comment="sum of their squares, in billionths"),
        sa.Column("bins", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.CheckConstraint("span_minutes IN (1, 60, 1440)", name=op.f("ck_prediction_counts_span_of_a_count")),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model_versions.id"], name=op.f("fk_prediction_counts_model_id_model_versions")
        ),
        sa.PrimaryKeyConstraint(
            "model_id", "starts_at", "span_minutes", "generation", "layout", name=op.f("pk_prediction_counts")
        ),
    )
    op.create_index(
        "ix_prediction_counts_minutes",
        "prediction_counts",
        ["starts_at", "model_id"],
        postgresql_where=sa.text("span_minutes = 1"),
    )
    op.create_table(
        "label_counts",
        *_times(),
        sa.Column("true_positive", sa.BigInteger(), nullable=False),
        sa.Column("false_positive", sa.BigInteger(), nullable=False),
        sa.Column("true_negative", sa.BigInteger(), nullable=False),
        sa.Column("false_negative", sa.BigInteger(), nullable=False),
        sa.Column(
            "newest_received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when the last of these labels came",
        ),
        sa.CheckConstraint("span_minutes IN (1, 60, 1440)", name=op.f("ck_label_counts_span_of_a_count")),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model_versions.id"], name=op.f("fk_label_counts_model_id_model_versions")
        ),
        sa.PrimaryKeyConstraint("model_id", "starts_at", "span_minutes", "generation", name=op.f("pk_label_counts")),
    )
    # The minute that is going on is written several times a second: room beside it keeps its index as it is.
    op.execute("ALTER TABLE prediction_counts SET (fillfactor = 50)")
    op.execute("ALTER TABLE label_counts SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_table("label_counts")
    op.drop_table("prediction_counts")
    op.drop_index("ix_predictions_uncounted", "predictions")
    op.drop_column("predictions", "counted")
