"""Labels stay as they are for half a year at least; then the tables' owner may delete them with their predictions.

Revision: 0d94a6f2b318, after predictions by day
"""

from alembic import op

revision: str = "0d94a6f2b318"
down_revision: str | None = "5b1d8e60c7f4"
branch_labels = None
depends_on = None

KEPT = """
CREATE FUNCTION labels_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.received_at >= clock_timestamp() - interval '183 days'
        OR NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER')
    THEN
        RAISE EXCEPTION 'labels is append-only for 183 days: DELETE refused'
            USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'append_only';
    END IF;
    RETURN OLD;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute(KEPT)
    op.execute("DROP TRIGGER labels_append_only ON labels")
    op.execute(
        "CREATE TRIGGER labels_append_only BEFORE UPDATE ON labels FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute("CREATE TRIGGER labels_kept BEFORE DELETE ON labels FOR EACH ROW EXECUTE FUNCTION labels_kept()")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("DROP TRIGGER labels_kept ON labels")
    op.execute("DROP FUNCTION labels_kept()")
    op.execute("DROP TRIGGER labels_append_only ON labels")
    op.execute(
        "CREATE TRIGGER labels_append_only BEFORE UPDATE OR DELETE ON labels"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
