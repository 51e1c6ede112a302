"""The slots of schedules, what became of each, and up to when each schedule was looked at.

Revision: c3f7a1905d2e, after figures about segments and labels
"""

import sqlalchemy as sa
from alembic import op

revision: str = "c3f7a1905d2e"
down_revision: str | None = "8e41c7d03b5a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.create_table(
        "schedules_seen",
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column(
            "looked_until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="what became of every slot up to here is known",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("schedule", "model_name", name=op.f("pk_schedules_seen")),
    )
    op.create_table(
        "schedule_slots",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column(
            "action_id", sa.Uuid(), nullable=True, comment="what was proposed, or the open change that superseded it"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('claimed', 'skipped', 'superseded')", name=op.f("ck_schedule_slots_status_known")
        ),
        sa.CheckConstraint("status <> 'claimed' OR action_id IS NOT NULL", name=op.f("ck_schedule_slots_claimed_acts")),
        sa.ForeignKeyConstraint(
            ["action_id"], ["agent_actions.action_id"], name=op.f("fk_schedule_slots_action_id_agent_actions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_slots")),
        sa.UniqueConstraint(
            "schedule",
            "model_name",
            "scheduled_for",
            name=op.f("uq_schedule_slots_schedule_model_name_scheduled_for"),
        ),
    )
    op.execute(
        "CREATE TRIGGER schedule_slots_append_only BEFORE UPDATE OR DELETE ON schedule_slots"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER schedule_slots_no_truncate BEFORE TRUNCATE ON schedule_slots"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_table("schedule_slots")
    op.drop_table("schedules_seen")
