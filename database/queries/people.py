"""People who can sign in, their roles, and their sessions.

A password is kept as argon2id, a session token as a keyed hash. Roles and the account's state are read again for each
request, so taking a role away works at once.
"""

import hmac
import re
import secrets
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import first, one
from database.enums import ActorKind, Role
from database.errors import ConflictError, InvalidError
from database.models import LoginSession, User
from database.queries.audit import Actor, append

SHORTEST_PASSWORD = 12
_NAME = re.compile(r"^[a-z0-9._@-]{1,64}$")
# OWASP's smaller argon2id profile: 19 MiB each, so that a burst of sign-ins cannot exhaust a small machine.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_two_at_a_time = threading.Semaphore(2)
_SEEN_RESOLUTION = timedelta(seconds=30)


def hash_password(password: str) -> str:
    """argon2id. Raises `InvalidError` for a password that is too short."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidError(f"password: expected at least {SHORTEST_PASSWORD} characters")
    return _hasher.hash(password)


@cache
def _nobody() -> str:
    """Verified against when there is no such person, so that both answers take as long."""
    return _hasher.hash(secrets.token_urlsafe(16))


def _password_matches(stored: str, password: str) -> bool:
    with _two_at_a_time:
        try:
            return _hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def _checked_roles(roles: Collection[str]) -> list[str]:
    known = {role.value for role in Role}
    if not roles or not set(roles) <= known:
        raise InvalidError(f"roles: expected at least one of {', '.join(sorted(known))}")
    return sorted(set(roles))


def create_user(session: Session, actor: Actor, name: str, password: str, roles: Collection[str]) -> User:
    """A new person. Raises `InvalidError` for a name, password or role that cannot be, `ConflictError` if known."""
    if not _NAME.match(name):
        raise InvalidError("name: expected 1 to 64 of a-z, 0-9, dot, dash, underscore and @")
    if first(session, select(User).where(User.name == name)) is not None:
        raise ConflictError(f"there is a user {name} already")
    user = User(name=name, password_hash=hash_password(password), roles=_checked_roles(roles))
    session.add(user)
    session.flush()
    append(session, actor, "user.created", "user", name, {"roles": user.roles})
    return user


def by_name(session: Session | ReadSession, name: str) -> User:
    """Raises `NotFoundError`."""
    return one(session, select(User).where(User.name == name), f"there is no user {name}")


def roles_now(session: Session | ReadSession, user_id: int) -> Collection[str]:
    """What somebody may do at this moment; nothing when there is no such person, or they were disabled."""
    roles = session.scalar(select(User.roles).where(User.id == user_id, User.disabled_at.is_(None)))
    return tuple(roles or ())


def list_users(session: Session | ReadSession) -> list[User]:
    return list(session.scalars(select(User).order_by(User.name)))


def set_roles(session: Session, actor: Actor, name: str, roles: Collection[str]) -> User:
    """Replace a person's roles; it counts from their next request."""
    user = by_name(session, name)
    before, user.roles = user.roles, _checked_roles(roles)
    session.flush()
    append(session, actor, "user.roles_changed", "user", name, {"before": before, "after": user.roles})
    return user


def disable(session: Session, actor: Actor, name: str) -> User:
    """This person can no longer sign in, and what they have open ends."""
    user = by_name(session, name)
    if user.disabled_at is None:
        user.disabled_at = session.execute(select(func.now())).scalar_one()
        _end_sessions(session, user.id)
        append(session, actor, "user.disabled", "user", name)
    return user


def _end_sessions(session: Session, user_id: int) -> None:
    session.execute(
        update(LoginSession)
        .where(LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )


@dataclass(frozen=True)
class SignedIn:
    """The person behind a session token, with the roles they have now."""

    user_id: int
    name: str
    roles: tuple[str, ...]
    expires_at: datetime

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.PERSON, self.name)


def token_digest(hash_key: bytes, token: str) -> str:
    return hmac.digest(hash_key, b"session:" + token.encode(), "sha256").hex()


def sign_in(
    session: Session, *, name: str, password: str, hash_key: bytes, lifetime: timedelta
) -> tuple[str, SignedIn] | None:
    """A new session's token and person, or None: for an unknown name, a wrong password and a disabled account alike."""
    user = first(session, select(User).where(User.name == name))
    nobody = _nobody()
    matches = _password_matches(user.password_hash if user else nobody, password)
    if user is None or not matches or user.disabled_at is not None:
        return None
    token = secrets.token_urlsafe(32)
    now: datetime = session.execute(select(func.now())).scalar_one()
    row = LoginSession(token_digest=token_digest(hash_key, token), user_id=user.id, expires_at=now + lifetime)
    session.add(row)
    session.flush()
    append(session, Actor(ActorKind.PERSON, user.name), "session.started", "user", user.name)
    return token, SignedIn(user.id, user.name, tuple(user.roles), row.expires_at)


def person_of(session: Session, digest: str, idle: timedelta) -> SignedIn | None:
    """Who a session token belongs to, or None once it is over: signed out, too old, unused for `idle`, or disabled."""
    found = session.execute(
        select(LoginSession, User, func.now().label("now"))
        .join(User, User.id == LoginSession.user_id)
        .where(
            LoginSession.token_digest == digest,
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > func.now(),
            LoginSession.seen_at > func.now() - idle,
            User.disabled_at.is_(None),
        )
    ).one_or_none()
    if found is None:
        return None
    login, user, now = found
    if now - login.seen_at > _SEEN_RESOLUTION:
        login.seen_at = now
    return SignedIn(user.id, user.name, tuple(user.roles), login.expires_at)


def sign_out(session: Session, digest: str) -> None:
    """End a session; ending it twice changes nothing."""
    session.execute(
        update(LoginSession)
        .where(LoginSession.token_digest == digest, LoginSession.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
