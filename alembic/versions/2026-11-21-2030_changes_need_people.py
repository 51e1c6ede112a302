"""What changes what serves always needs a person, whoever writes the row and whatever the policy page says.

Revision: 5b90e2d7c418, after the slots of schedules
"""

from alembic import op

revision: str = "5b90e2d7c418"
down_revision: str | None = "c3f7a1905d2e"
branch_labels = None
depends_on = None

NAME = "ck_agent_actions_change_needs_people"
CHANGING = "'adjust_threshold', 'retrain_model', 'rollback_model'"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.create_check_constraint(
        op.f(NAME), "agent_actions", f"requires_approval OR action_type NOT IN ({CHANGING})"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_constraint(op.f(NAME), "agent_actions", type_="check")
