"""Messages to the world outside, and how far each has come on each channel.

Revision: e2c9d41b7a06, after evidence bundles
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "e2c9d41b7a06"
down_revision: str | None = "7d2c94be61a0"
branch_labels = None
depends_on = None

TOPICS = (
    "'version.activated', 'incident.told', 'action.asked', 'action.approved', 'action.rejected', 'action.expired',"
    " 'action.failed', 'action.succeeded', 'action.reverted', 'action.inconclusive'"
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False, comment="the same on every try and every channel"),
        sa.Column("about", sa.Text(), nullable=False, comment="the event it tells of: one message each"),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="title, text, and the facts for programs",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "routed_at", sa.DateTime(timezone=True), nullable=True, comment="since then it has its deliveries"
        ),
        sa.CheckConstraint(f"topic IN ({TOPICS})", name=op.f("ck_outbox_topic_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("message_id", name=op.f("uq_outbox_message_id")),
        sa.UniqueConstraint("about", name=op.f("uq_outbox_about")),
    )
    op.create_index("ix_outbox_unrouted", "outbox", ["id"], postgresql_where=sa.text("routed_at IS NULL"))
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "lease",
            sa.Uuid(),
            nullable=True,
            comment="a new one for each try: late results of older ones do not count",
        ),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True, comment="in our words: never an address or a secret"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'sent', 'dead')", name=op.f("ck_deliveries_status_known")),
        sa.CheckConstraint("(status = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_deliveries_sent_has_time")),
        sa.ForeignKeyConstraint(["message_id"], ["outbox.message_id"], name=op.f("fk_deliveries_message_id_outbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("message_id", "channel", name=op.f("uq_deliveries_message_id_channel")),
    )
    op.create_index(
        "ix_deliveries_due", "deliveries", ["channel", "next_at"], postgresql_where=sa.text("status = 'pending'")
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_table("deliveries")
    op.drop_table("outbox")
