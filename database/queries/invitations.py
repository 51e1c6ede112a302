"""One-time links: how a person gets a password without anybody else knowing it.

A link is for one person, who has no password yet or is to set a new one; making another takes the one before back.
One link is for nobody in particular: whoever opens it on an installation without an administrator becomes the first.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import clock, first, locked, one, wait_for
from database.enums import ActorKind, Role
from database.errors import ConflictError, ExpiredError
from database.models import Invitation, User
from database.queries import login_sessions, people
from database.queries.audit import Actor, append
from database.queries.people import SignedIn, Whereabouts

LASTS = timedelta(hours=24)
UNKNOWN = "this link is not known here; ask for a new one"


@dataclass(frozen=True)
class Link:
    """A link that was made just now: its token is shown once and kept nowhere."""

    token: str
    expires_at: datetime


@dataclass(frozen=True)
class Invited:
    """For whom a link is. `name` None: the first administrator, who chooses a name."""

    name: str | None
    roles: tuple[str, ...]
    expires_at: datetime


def link_digest(hash_key: bytes, token: str) -> str:
    return hmac.digest(hash_key, b"invitation:" + token.encode(), "sha256").hex()


def invite(session: Session, actor: Actor, name: str, roles: list[str], hash_key: bytes) -> Link:
    """A new person, and the link with which they choose a password. Raises what `create_user` raises."""
    user = people.create_user(session, actor, name, None, roles)
    return _make(session, actor, user, hash_key)


def new_link(session: Session, actor: Actor, name: str, hash_key: bytes) -> Link:
    """A link with which somebody chooses a password anew. The old one is good until they do.

    Raises `NotFoundError`, and `ConflictError` for who is disabled or signs in through a provider.
    """
    user = people.by_name(session, name)
    if user.subject is not None:
        raise ConflictError(f"{name} signs in through the identity provider and has no password here")
    if user.disabled_at is not None:
        raise ConflictError(f"{name} is disabled; enable them first")
    return _make(session, actor, user, hash_key)


def first_link(session: Session, actor: Actor, hash_key: bytes) -> Link | None:
    """The link for the first administrator: None if there is a person already, or a link that still works."""
    wait_for(session, "people")
    if first(session, select(User.id)) is not None or _live_first(session) is not None:
        return None
    return _make(session, actor, None, hash_key)


def first_link_expires(session: Session | ReadSession) -> datetime | None:
    """Until when the link for the first administrator works that was made before; None if there is none."""
    return _live_first(session)


def _live_first(session: Session | ReadSession) -> datetime | None:
    return first(
        session,
        select(Invitation.expires_at).where(
            Invitation.user_id.is_(None), Invitation.used_at.is_(None), Invitation.expires_at > func.now()
        ),
    )


def _make(session: Session, actor: Actor, user: User | None, hash_key: bytes) -> Link:
    whose = Invitation.user_id.is_(None) if user is None else Invitation.user_id == user.id
    session.execute(
        update(Invitation)
        .where(whose, Invitation.used_at.is_(None), Invitation.expires_at > func.now())
        .values(expires_at=func.now())
    )
    token = secrets.token_urlsafe(32)
    now: datetime = session.execute(select(func.now())).scalar_one()
    row = Invitation(
        token_digest=link_digest(hash_key, token),
        user_id=user.id if user else None,
        made_by=str(actor),
        expires_at=now + LASTS,
    )
    session.add(row)
    session.flush()
    name = user.name if user else "first administrator"
    append(session, actor, "user.link_made", "user", name, {"expires_at": row.expires_at.isoformat()})
    return Link(token, row.expires_at)


def live_links(session: Session | ReadSession) -> dict[int, datetime]:
    """Until when each person's link works, by their number."""
    rows = session.execute(
        select(Invitation.user_id, func.max(Invitation.expires_at).label("until"))
        .where(Invitation.used_at.is_(None), Invitation.expires_at > func.now())
        .group_by(Invitation.user_id)
    )
    return {row.user_id: row.until for row in rows if row.user_id is not None}


def look(session: Session | ReadSession, digest: str) -> Invited:
    """For whom a link is, before it is used. Raises what `accept` raises."""
    row = one(session, select(Invitation).where(Invitation.token_digest == digest), UNKNOWN)
    user = _usable(session, row, session.execute(select(func.now())).scalar_one())
    return Invited(user.name, tuple(user.roles), row.expires_at) if user else Invited(None, ("admin",), row.expires_at)


def _usable(session: Session | ReadSession, row: Invitation, now: datetime) -> User | None:
    """The person a link is for, None for the first administrator."""
    if row.used_at is not None:
        raise ConflictError(
            "this link was used already: sign in with the password that was chosen then; if it was not you who chose "
            "it, tell an administrator at once"
        )
    if row.expires_at <= now:
        raise ExpiredError("this link no longer works; ask for a new one")
    if row.user_id is None:
        if first(session, select(User.id).where(User.roles.contains([Role.ADMIN.value]))) is not None:
            raise ConflictError("this installation has an administrator already; ask them for a link of your own")
        return None
    user = one(session, select(User).where(User.id == row.user_id), "there is no such user")
    if user.disabled_at is not None:
        raise ConflictError("this account is disabled; ask an administrator")
    return user


def accept(
    session: Session,
    *,
    token: str,
    name: str | None,
    password: str,
    hash_key: bytes,
    lifetime: timedelta,
    where: Whereabouts,
) -> tuple[str, SignedIn]:
    """Use a link up: the password is set, every session before it ends, and the person is signed in.

    Of two who use the same link at the same moment one wins. Raises `NotFoundError` (unknown), `ConflictError` (used,
    or no longer wanted), `ExpiredError` and `InvalidError` (a name or a password that cannot be).
    """
    digest = link_digest(hash_key, token)
    wait_for(session, "people")
    row = one(session, locked(select(Invitation).where(Invitation.token_digest == digest)), UNKNOWN)
    now = clock(session)  # not when this transaction began: a rival may have been waited for
    user = _usable(session, row, now)
    if user is None:
        chosen = Actor(ActorKind.PERSON, name or "")
        user = people.create_user(session, chosen, name or "", None, [Role.ADMIN.value])
    people.set_password(session, user, password)
    row.used_at = now
    ended = login_sessions.end_all(session, user.id)
    actor = Actor(ActorKind.PERSON, user.name)
    append(session, actor, "user.password_set", "user", user.name, {"sessions_ended": ended})
    return people.begin_session(
        session, user, hash_key=hash_key, lifetime=lifetime, where=where, authenticated_at=now, how="link"
    )
