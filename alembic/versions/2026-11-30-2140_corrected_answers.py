"""A retrain may have been tried because answers were corrected; feedback is found without reading every label.

Revision: c3a85f10d947, after refused requests
"""

import sqlalchemy as sa
from alembic import op

revision: str = "c3a85f10d947"
down_revision: str | None = "5d7c1a90b3e2"
branch_labels = None
depends_on = None

BEFORE = (
    "'data_fault', 'label_feed_fault', 'covariate_shift_harmless', 'covariate_shift_harmful', 'prior_shift', "
    "'concept_drift', 'bad_release', 'seasonal', 'low_confidence', 'unknown'"
)


def _known(causes: str) -> None:
    for table in ("alerts", "agent_actions"):
        name = op.f(f"ck_{table}_cause_known")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"cause IN ({causes})")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    _known(f"{BEFORE}, 'corrected_answers'")
    op.create_index("ix_labels_feedback", "labels", ["received_at"], postgresql_where=sa.text("source = 'feedback'"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_index("ix_labels_feedback", "labels")
    # The release before has no word for it.
    op.execute("UPDATE agent_actions SET cause = 'unknown' WHERE cause = 'corrected_answers'")
    _known(BEFORE)
