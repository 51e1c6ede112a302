"""One-time links, people of an identity provider, sessions that say where they are and when somebody last proved who they are.

Revision: b51f0d7ac3e2, after reading time and audit pages
"""

import sqlalchemy as sa
from alembic import op

revision: str = "b51f0d7ac3e2"
down_revision: str | None = "5d21c7a90b3e"
branch_labels = None
depends_on = None

ONE_WAY_IN = "password_hash IS NULL OR subject IS NULL"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.alter_column("users", "password_hash", nullable=True, comment="argon2id; null: none was chosen yet, or a provider says who it is")
    op.add_column("users", sa.Column("subject", sa.Text(), comment="issuer, a space, and the provider's own name for this person"))
    op.create_unique_constraint(op.f("uq_users_subject"), "users", ["subject"])
    op.create_check_constraint("one_way_in", "users", ONE_WAY_IN)

    op.add_column("login_sessions", sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False))
    op.create_unique_constraint(op.f("uq_login_sessions_id"), "login_sessions", ["id"])
    op.add_column(
        "login_sessions",
        sa.Column(
            "authenticated_at",
            sa.DateTime(timezone=True),
            comment="when this person last showed who they are; null: their provider did not say",
        ),
    )
    op.execute("UPDATE login_sessions SET authenticated_at = created_at")
    op.add_column("login_sessions", sa.Column("user_agent", sa.Text(), comment="what the browser calls itself, in short"))
    op.add_column("login_sessions", sa.Column("address", sa.Text(), comment="where it signed in from, as far as it was told"))
    op.create_index("ix_login_sessions_user_id", "login_sessions", ["user_id"])

    op.create_table(
        "invitations",
        sa.Column("token_digest", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), comment="null: whoever opens it becomes the first administrator"),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_invitations_user_id_users")),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_invitations")),
    )
    op.create_index("ix_invitations_user_id", "invitations", ["user_id"])

    op.create_table(
        "provider_visits",
        sa.Column("visit_digest", sa.Text(), nullable=False),
        sa.Column("state_digest", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False, comment="PKCE"),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("session_digest", sa.Text(), comment="null: to sign in; else the session that is to be confirmed"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("visit_digest", name=op.f("pk_provider_visits")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_table("provider_visits")
    op.drop_table("invitations")
    op.drop_index("ix_login_sessions_user_id", "login_sessions")
    op.drop_column("login_sessions", "address")
    op.drop_column("login_sessions", "user_agent")
    op.drop_column("login_sessions", "authenticated_at")
    op.drop_column("login_sessions", "id")
    # Who has no password cannot sign in to the older code; they keep their rows, under a hash that nothing fits.
    op.execute("UPDATE users SET password_hash = '!' WHERE password_hash IS NULL")
    op.drop_constraint(op.f("ck_users_one_way_in"), "users")
    op.drop_column("users", "subject")
    op.alter_column("users", "password_hash", nullable=False, comment="argon2id")
