"""An action counts the workers that died over it; a moved threshold is a change of what serves like any other.

Revision: 5c9e2a7d41b8, after the rules in the database
"""

import sqlalchemy as sa
from alembic import op

revision: str = "5c9e2a7d41b8"
down_revision: str | None = "b7d1f0a2c3e4"
branch_labels = None
depends_on = None

INDEX = "uq_agent_actions_changing"
IN_FLIGHT = "action_type IN ({}) AND status IN ('executing', 'verifying')"
CHANGING = IN_FLIGHT.format("'adjust_threshold', 'retrain_model', 'rollback_model'")
CHANGING_BEFORE = IN_FLIGHT.format("'retrain_model', 'rollback_model'")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.add_column(
        "agent_actions",
        sa.Column(
            "crashes",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="workers that died over it since its last move",
        ),
    )
    op.drop_index(INDEX, table_name="agent_actions")
    op.create_index(INDEX, "agent_actions", ["model_name"], unique=True, postgresql_where=sa.text(CHANGING))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_index(INDEX, table_name="agent_actions")
    op.create_index(INDEX, "agent_actions", ["model_name"], unique=True, postgresql_where=sa.text(CHANGING_BEFORE))
    op.drop_column("agent_actions", "crashes")
