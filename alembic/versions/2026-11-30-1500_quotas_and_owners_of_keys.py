"""A key has rows a day, and a person who answers for it where it may propose; that person does not decide on it.

Revision: 3a9f5c20d7e4, after unclaimed labels
"""

import sqlalchemy as sa
from alembic import op

revision: str = "3a9f5c20d7e4"
down_revision: str | None = "8c3f52e7a1d0"
branch_labels = None
depends_on = None

WHO_ANSWERS = """
CREATE FUNCTION approvals_not_by_who_answers() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM agent_actions a JOIN users u ON u.id = NEW.user_id
        WHERE a.action_id = NEW.action_id AND a.why ->> 'answers_for' = 'person:' || u.name
    ) THEN
        RAISE EXCEPTION 'no decision on action %: a key of this person asked for it', NEW.action_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_valid';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER approvals_not_by_who_answers BEFORE INSERT ON approvals
    FOR EACH ROW EXECUTE FUNCTION approvals_not_by_who_answers();
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.add_column("api_keys", sa.Column("rows_per_day", sa.BigInteger(), comment="null: API_ROWS_PER_DAY; 0: no limit"))
    op.add_column("api_keys", sa.Column("owner", sa.Text(), comment="the person who answers for it"))
    op.create_check_constraint("rows_per_day_counts", "api_keys", "rows_per_day >= 0")
    op.create_check_constraint("who_proposes_has_an_owner", "api_keys", "owner IS NOT NULL OR NOT 'actions:propose' = ANY (scopes)")
    op.create_table(
        "key_usage",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.key_id"], name=op.f("fk_key_usage_key_id_api_keys")),
        sa.PrimaryKeyConstraint("key_id", "day", name=op.f("pk_key_usage")),
    )
    op.execute(WHO_ANSWERS)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("DROP TRIGGER approvals_not_by_who_answers ON approvals")
    op.execute("DROP FUNCTION approvals_not_by_who_answers()")
    op.drop_table("key_usage")
    op.drop_constraint(op.f("ck_api_keys_who_proposes_has_an_owner"), "api_keys")
    op.drop_constraint(op.f("ck_api_keys_rows_per_day_counts"), "api_keys")
    op.drop_column("api_keys", "owner")
    op.drop_column("api_keys", "rows_per_day")
