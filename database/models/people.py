"""Who may do what, and the log of what was done."""

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from database import enums
from database.models.base import Base, Json, new_id, now, one_of


class ApiKey(Base):
    """A client program. The secret is shown once and kept only as a keyed hash."""

    __tablename__ = "api_keys"
    key_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    secret_digest: Mapped[str]
    scopes: Mapped[list[str]]
    models: Mapped[list[str] | None] = mapped_column(comment="null: every model")
    rows_per_day: Mapped[int | None] = mapped_column(comment="null: API_ROWS_PER_DAY; 0: no limit")
    owner: Mapped[str | None] = mapped_column(comment="the person who answers for it")
    created_by: Mapped[str]
    created_at: Mapped[datetime] = now()
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("rows_per_day >= 0", name="rows_per_day_counts"),
        # What it asks for, that person must not decide.
        CheckConstraint("owner IS NOT NULL OR NOT 'actions:propose' = ANY (scopes)", name="who_proposes_has_an_owner"),
    )


class KeyUsage(Base):
    """How many rows a key had answered on a day (UTC), by all processes: each adds what it counted, now and then."""

    __tablename__ = "key_usage"
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.key_id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True, comment="UTC")
    rows: Mapped[int]


class User(Base):
    """A person who can sign in."""

    __tablename__ = "users"
    id: Mapped[int] = new_id()
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None] = mapped_column(
        comment="argon2id; null: none was chosen yet, or a provider says who it is"
    )
    subject: Mapped[str | None] = mapped_column(
        unique=True, comment="issuer, a space, and the provider's own name for this person"
    )
    roles: Mapped[list[str]]
    created_at: Mapped[datetime] = now()
    disabled_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("roles <@ ARRAY['viewer', 'operator', 'approver', 'admin']", name="roles_known"),
        CheckConstraint("name ~ '^[a-z0-9._@-]{1,64}$'", name="name_plain"),
        CheckConstraint("password_hash IS NULL OR subject IS NULL", name="one_way_in"),
    )


class LoginSession(Base):
    """A signed-in browser. Only a keyed hash of its token is kept."""

    __tablename__ = "login_sessions"
    token_digest: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(Identity(always=False), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = now()
    seen_at: Mapped[datetime] = now()
    authenticated_at: Mapped[datetime | None] = mapped_column(
        comment="when this person last showed who they are; null: their provider did not say"
    )
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    user_agent: Mapped[str | None] = mapped_column(comment="what the browser calls itself, in short")
    address: Mapped[str | None] = mapped_column(comment="where it signed in from, as far as it was told")


class Invitation(Base):
    """A one-time link with which a person chooses a password. Only a keyed hash of its token is kept."""

    __tablename__ = "invitations"
    token_digest: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id"), index=True, comment="null: whoever opens it becomes the first administrator"
    )
    made_by: Mapped[str]
    created_at: Mapped[datetime] = now()
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ProviderVisit(Base):
    """A browser on its way to the identity provider and back: what must fit when it returns, kept for some minutes.

    The browser holds one secret in a cookie and brings another back in the address; only keyed hashes of both are here.
    """

    __tablename__ = "provider_visits"
    visit_digest: Mapped[str] = mapped_column(primary_key=True)
    state_digest: Mapped[str]
    nonce: Mapped[str]
    verifier: Mapped[str] = mapped_column(comment="PKCE")
    redirect_uri: Mapped[str]
    session_digest: Mapped[str | None] = mapped_column(
        comment="null: to sign in; else the session that is to be confirmed"
    )
    created_at: Mapped[datetime] = now()
    expires_at: Mapped[datetime]


class AuditEvent(Base):
    """The hash chain: every change of state, in the transaction of the change. The database refuses to alter it."""

    __tablename__ = "audit_log"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="gap-free")
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor: Mapped[str]
    verb: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    details: Mapped[Json]
    prev_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    __table_args__ = (
        one_of("actor_kind", enums.ActorKind),
        Index("ix_audit_log_object", "object_type", "object_id", "seq"),
        # What people filter by, newest first, however long the log is (`queries/audit_pages.py`).
        Index("ix_audit_log_actor", "actor", "seq"),
        Index("ix_audit_log_group", text("split_part(verb, '.', 1)"), "seq"),
        Index("ix_audit_log_at", "at", "seq"),
    )
