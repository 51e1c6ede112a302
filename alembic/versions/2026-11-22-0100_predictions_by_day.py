"""Predictions lie in one partition a day: what is old goes by dropping a table, and a question reads only its days.

A table that holds rows becomes the partition of everything up to tomorrow, as it stands: nothing is copied. Its new
index and the proof of its bound are made while it serves; then everything is put in place under one short lock.

Revision: 5b1d8e60c7f4, after the votes that are never asked for twice
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision: str = "5b1d8e60c7f4"
down_revision: str | None = "c41f0a7be935"
branch_labels = None
depends_on = None

NEW_KEY = "pk_predictions_by_day"
BOUND = "ck_predictions_before"
ORDER = "ix_predictions_model_name_created_at"
VERSIONS = "fk_predictions_model_id_model_versions"

# Nobody waits for those that build an index beside traffic, so they may wait for a long transaction themselves.
PATIENT = "SET lock_timeout = '60s'"
SHORT = "SET lock_timeout = '1s'"

OUTCOMES = """
CREATE OR REPLACE VIEW prediction_outcomes AS
SELECT p.*, l.value AS actual, l.observed_at AS actual_observed_at, l.received_at AS actual_received_at
FROM predictions p
LEFT JOIN LATERAL (
    SELECT value, observed_at, received_at FROM labels
    WHERE prediction_id = p.id
    ORDER BY observed_at DESC, received_at DESC, revision DESC
    LIMIT 1
) l ON true
"""

# Whoever could do something with the table may do it with the one in its place; what is inside it is nobody's business.
RIGHTS = """
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT r.rolname, a.privilege_type, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a
        JOIN pg_roles r ON r.oid = a.grantee WHERE c.oid = '{old}'::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT %s ON {new} TO %I', given.privilege_type, given.rolname)
            || CASE WHEN given.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END;
        EXECUTE format('REVOKE ALL ON {old} FROM %I', given.rolname);
    END LOOP;
END $$
"""


def upgrade() -> None:
    # Rows of today and tomorrow, and of a clock that is a little ahead, still belong to the table as it is.
    end = datetime.now(UTC).date() + timedelta(days=2)
    before = f"predictions_before_{end:%Y%m%d}"
    beyond = f"created_at >= '{end} 00:00:00+00'"
    if _any("predictions"):
        _prepare(f"created_at < '{end} 00:00:00+00'", provable=not _any("predictions", beyond))
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE")
    holds_rows = _any("predictions")
    op.execute(f"ALTER TABLE predictions RENAME TO {before}")
    op.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS {NEW_KEY} ON {before} (id, created_at)")
    op.execute(f"ALTER TABLE {before} DROP CONSTRAINT pk_predictions")
    op.execute(f"ALTER TABLE {before} ADD CONSTRAINT {before}_pkey PRIMARY KEY USING INDEX {NEW_KEY}")
    op.execute(f"ALTER INDEX {ORDER} RENAME TO {before}_model_name_created_at_id_idx")
    op.execute(
        f"CREATE TABLE predictions (LIKE {before} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        " PARTITION BY RANGE (created_at)"
    )
    op.execute(f"ALTER TABLE predictions DROP CONSTRAINT IF EXISTS {BOUND}")
    op.execute("ALTER TABLE predictions ADD CONSTRAINT pk_predictions PRIMARY KEY (id, created_at)")
    op.execute(
        f"ALTER TABLE predictions ADD CONSTRAINT {VERSIONS} FOREIGN KEY (model_id) REFERENCES model_versions (id)"
    )
    op.execute(f"CREATE INDEX {ORDER} ON predictions (model_name, created_at, id)")
    op.execute("CREATE TABLE predictions_default PARTITION OF predictions DEFAULT")
    if holds_rows:
        op.execute(
            f"WITH late AS (DELETE FROM {before} WHERE {beyond} RETURNING *) INSERT INTO predictions SELECT * FROM late"
        )
        op.execute(
            f"ALTER TABLE predictions ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ('{end} 00:00:00+00')"
        )
        op.execute(f"ALTER TABLE {before} DROP CONSTRAINT IF EXISTS {BOUND}")
    op.execute(OUTCOMES)
    op.execute(RIGHTS.format(old=before, new="predictions"))
    if not holds_rows:
        op.execute(f"DROP TABLE {before}")


def downgrade() -> None:
    """Copies every row: a table of a day cannot be part of a plain one."""
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE predictions RENAME TO predictions_by_day")
    op.execute("ALTER TABLE predictions_by_day RENAME CONSTRAINT pk_predictions TO predictions_by_day_pkey")
    op.execute(f"ALTER INDEX {ORDER} RENAME TO ix_predictions_by_day")
    op.execute("CREATE TABLE predictions (LIKE predictions_by_day INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    op.execute("INSERT INTO predictions SELECT * FROM predictions_by_day")
    op.execute("ALTER TABLE predictions ADD CONSTRAINT pk_predictions PRIMARY KEY (id)")
    op.execute(
        f"ALTER TABLE predictions ADD CONSTRAINT {VERSIONS} FOREIGN KEY (model_id) REFERENCES model_versions (id)"
    )
    op.execute(f"CREATE INDEX {ORDER} ON predictions (model_name, created_at, id)")
    op.execute(OUTCOMES)
    op.execute(RIGHTS.format(old="predictions_by_day", new="predictions"))
    op.execute("DROP TABLE predictions_by_day")


def _any(table: str, condition: str = "true") -> bool:
    return bool(op.get_bind().scalar(sa.text(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {condition})")))


def _prepare(bound: str, *, provable: bool) -> None:
    """All that takes long, while the table serves. A run that was killed here is begun again."""
    with op.get_context().autocommit_block():
        op.execute(PATIENT)
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NEW_KEY}")
        op.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {NEW_KEY} ON predictions (id, created_at)")
        op.execute(SHORT)
        op.execute(f"ALTER TABLE predictions DROP CONSTRAINT IF EXISTS {BOUND}")
        if provable:
            op.execute(f"ALTER TABLE predictions ADD CONSTRAINT {BOUND} CHECK ({bound}) NOT VALID")
            op.execute(f"ALTER TABLE predictions VALIDATE CONSTRAINT {BOUND}")
