"""Who may do what, and the log of what was done."""

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
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
    password_hash: Mapped[str] = mapped_column(comment="argon2id")
    roles: Mapped[list[str]]
    created_at: Mapped[datetime] = now()
    disabled_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("roles <@ ARRAY['viewer', 'operator', 'approver', 'admin']", name="roles_known"),
        CheckConstraint("name ~ '^[a-z0-9._@-]{1,64}$'", name="name_plain"),
    )


class LoginSession(Base):
    """A signed-in browser. Only a keyed hash of its token is kept."""

    __tablename__ = "login_sessions"
    token_digest: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = now()
    seen_at: Mapped[datetime] = now()
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


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
