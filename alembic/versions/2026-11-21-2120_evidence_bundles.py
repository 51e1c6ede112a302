"""Every bundle of evidence that people were asked about, kept as it was shown.

Revision: 7d2c94be61a0, after changes that need people
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "7d2c94be61a0"
down_revision: str | None = "5b90e2d7c418"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.create_table(
        "evidence_bundles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column(
            "version", sa.BigInteger(), nullable=False, comment="the action's when it was asked; a decision names it"
        ),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("from_version_id", sa.BigInteger(), nullable=True, comment="what served when it was asked"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"], ["agent_actions.action_id"], name=op.f("fk_evidence_bundles_action_id_agent_actions")
        ),
        sa.ForeignKeyConstraint(
            ["from_version_id"], ["model_versions.id"], name=op.f("fk_evidence_bundles_from_version_id_model_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_bundles")),
        sa.UniqueConstraint("action_id", "version", name=op.f("uq_evidence_bundles_action_id_version")),
    )
    # What people were asked about last is still on the action.
    op.execute(
        "INSERT INTO evidence_bundles (action_id, version, digest, evidence, from_version_id, expires_at, created_at)"
        " SELECT action_id, version, evidence_digest, evidence, from_version_id, expires_at, updated_at"
        " FROM agent_actions WHERE evidence IS NOT NULL AND evidence_digest IS NOT NULL AND expires_at IS NOT NULL"
    )
    op.execute(
        "CREATE TRIGGER evidence_bundles_append_only BEFORE UPDATE OR DELETE ON evidence_bundles"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER evidence_bundles_no_truncate BEFORE TRUNCATE ON evidence_bundles"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_table("evidence_bundles")
