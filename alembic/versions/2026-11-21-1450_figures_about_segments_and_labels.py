"""Two more kinds of figures: about a part of the rows, and about how the labels come.

Revision: 8e41c7d03b5a, after votes of those who may still approve
"""

from alembic import op

revision: str = "8e41c7d03b5a"
down_revision: str | None = "91b4c6d2e0fa"
branch_labels = None
depends_on = None

BEFORE = "'realised', 'realised_clean', 'estimated', 'prediction', 'verification'"
NAME = "ck_performance_metrics_kind_known"


def _known(kinds: str) -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_constraint(op.f(NAME), "performance_metrics", type_="check")
    op.create_check_constraint(op.f(NAME), "performance_metrics", f"kind IN ({kinds})")


def upgrade() -> None:
    _known(f"{BEFORE}, 'segment', 'labels'")


def downgrade() -> None:
    # The release before has no word for these, and nothing else rests on them.
    op.execute("DELETE FROM performance_metrics WHERE kind IN ('segment', 'labels')")
    _known(BEFORE)
