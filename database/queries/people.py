"""People who can sign in, their roles and passwords.

A password is kept as argon2id, a session token as a keyed hash. Roles and the account's state are read again for each
request, so taking a role away works at once. Whoever signs in through an identity provider has no password here.
"""

import re
import secrets
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import any_, func, literal, or_, select, update
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import first, locked, one, wait_for
from database.enums import ActorKind, Role
from database.errors import ConflictError, ForbiddenError, InvalidError
from database.models import LoginSession, User
from database.queries import login_sessions
from database.queries.audit import Actor, append
from database.queries.login_sessions import Whereabouts, token_digest

__all__ = ["Whereabouts", "token_digest"]

SHORTEST_PASSWORD = 12
NAME = re.compile(r"^[a-z0-9._@-]{1,64}$")
NOWHERE = Whereabouts()
# OWASP's smaller argon2id profile: 19 MiB each, so that a burst of sign-ins cannot exhaust a small machine.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_two_at_a_time = threading.Semaphore(2)
_SEEN_RESOLUTION = timedelta(seconds=30)


def hash_password(password: str) -> str:
    """argon2id. Raises `InvalidError` for a password that is too short."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidError(f"password: expected at least {SHORTEST_PASSWORD} characters")
    with _two_at_a_time:
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


def create_user(
    session: Session,
    actor: Actor,
    name: str,
    password: str | None,
    roles: Collection[str],
    *,
    subject: str | None = None,
) -> User:
    """A new person. Without a password they need a link, or their provider's word for them, to sign in.

    Raises `InvalidError` for a name, password or role that cannot be, `ConflictError` if known.
    """
    if not NAME.fullmatch(name):
        raise InvalidError("name: expected 1 to 64 of a-z, 0-9, dot, dash, underscore and @")
    wait_for(session, "people")  # of two who make the same person at once, one is told
    if first(session, select(User).where(User.name == name)) is not None:
        raise ConflictError(f"there is a user {name} already")
    hashed = None if password is None else hash_password(password)
    user = User(name=name, password_hash=hashed, subject=subject, roles=_checked_roles(roles))
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


def approvers(session: ReadSession) -> list[str]:
    """Everybody who may decide now, by name."""
    may = literal(Role.APPROVER.value) == any_(User.roles)
    return list(session.scalars(select(User.name).where(may, User.disabled_at.is_(None)).order_by(User.name)))


def list_users(session: Session | ReadSession) -> list[User]:
    return list(session.scalars(select(User).order_by(User.name)))


def last_seen(session: Session | ReadSession) -> dict[int, datetime]:
    """When each person was last there, by their number."""
    rows = session.execute(select(LoginSession.user_id, func.max(LoginSession.seen_at)).group_by(LoginSession.user_id))
    return dict(rows.all())


# ------------------------------------------------------------------------------------------------- who administers


def _held(session: Session, actor: Actor, name: str) -> User:
    """A person, held against every rival who administers, if the one who wants to change them still may.

    One at a time: two administrators who take the role from each other at the same moment would leave none.
    """
    wait_for(session, "people")
    if actor.kind is ActorKind.PERSON:
        who = first(session, locked(select(User).where(User.name == actor.name)))
        if who is not None and (who.disabled_at is not None or Role.ADMIN not in who.roles):
            raise ForbiddenError("you are no longer an administrator")
    return one(session, locked(select(User).where(User.name == name)), f"there is no user {name}")


def _another_admin(session: Session, user: User) -> None:
    """Raises `ConflictError` if nobody but this person could administer."""
    others = session.scalar(
        select(func.count())
        .select_from(User)
        .where(
            User.id != user.id,
            User.disabled_at.is_(None),
            User.roles.contains([Role.ADMIN.value]),
            or_(User.password_hash.is_not(None), User.subject.is_not(None)),
        )
    )
    if Role.ADMIN in user.roles and user.disabled_at is None and not others:
        raise ConflictError(f"{user.name} is the last administrator who can sign in; make another one first")


def set_roles(session: Session, actor: Actor, name: str, roles: Collection[str]) -> User:
    """Replace a person's roles; it counts from their next request.

    Raises `ForbiddenError` for an administrator who would no longer be one, `ConflictError` for the last one and for a
    person whose roles their provider gives.
    """
    user, wanted = _held(session, actor, name), _checked_roles(roles)
    if user.subject is not None:
        raise ConflictError(f"{name} signs in through the identity provider, whose groups give the roles")
    if Role.ADMIN in user.roles and Role.ADMIN not in wanted:
        if actor == Actor(ActorKind.PERSON, name):
            raise ForbiddenError("you cannot take the role admin from yourself; ask another administrator")
        _another_admin(session, user)
    before, user.roles = user.roles, wanted
    session.flush()
    append(session, actor, "user.roles_changed", "user", name, {"before": before, "after": user.roles})
    return user


def disable(session: Session, actor: Actor, name: str) -> User:
    """This person can no longer sign in, and what they have open ends.

    Raises `ForbiddenError` for oneself and `ConflictError` for the last administrator.
    """
    user = _held(session, actor, name)
    if actor == Actor(ActorKind.PERSON, name):
        raise ForbiddenError("you cannot disable yourself; ask another administrator")
    if user.disabled_at is None:
        _another_admin(session, user)
        user.disabled_at = session.execute(select(func.now())).scalar_one()
        login_sessions.end_all(session, user.id)
        append(session, actor, "user.disabled", "user", name)
    return user


def enable(session: Session, actor: Actor, name: str) -> User:
    """This person may sign in again, as before."""
    user = _held(session, actor, name)
    if user.disabled_at is not None:
        user.disabled_at = None
        append(session, actor, "user.enabled", "user", name)
    return user


def end_sessions(session: Session, actor: Actor, name: str) -> int:
    """Sign somebody out everywhere; how many sessions that were open."""
    user = _held(session, actor, name)
    ended = login_sessions.end_all(session, user.id)
    append(session, actor, "user.sessions_ended", "user", name, {"sessions": ended})
    return ended


# ------------------------------------------------------------------------------------------------------ signing in


@dataclass(frozen=True)
class SignedIn:
    """The person behind a session token, with the roles they have now.

    `authenticated_at`: when they last showed who they are, if that is known. `by_provider`: an identity provider says
    who they are, and there is no password here.
    """

    user_id: int
    name: str
    roles: tuple[str, ...]
    expires_at: datetime
    session_id: int = 0
    authenticated_at: datetime | None = None
    by_provider: bool = False

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.PERSON, self.name)


def signed_in(user: User, login: LoginSession) -> SignedIn:
    return SignedIn(
        user.id,
        user.name,
        tuple(user.roles),
        login.expires_at,
        login.id,
        login.authenticated_at,
        user.subject is not None,
    )


def begin_session(
    session: Session,
    user: User,
    *,
    hash_key: bytes,
    lifetime: timedelta,
    where: Whereabouts,
    authenticated_at: datetime | None,
    how: str,
) -> tuple[str, SignedIn]:
    """A session for somebody who has just shown who they are; `how`, for the log."""
    token, row = login_sessions.start(
        session,
        user_id=user.id,
        hash_key=hash_key,
        lifetime=lifetime,
        authenticated_at=authenticated_at,
        where=where,
    )
    append(session, Actor(ActorKind.PERSON, user.name), "session.started", "user", user.name, {"by": how})
    return token, signed_in(user, row)


def sign_in(
    session: Session,
    *,
    name: str,
    password: str,
    hash_key: bytes,
    lifetime: timedelta,
    where: Whereabouts = NOWHERE,
) -> tuple[str, SignedIn] | None:
    """A new session's token and person, or None: for an unknown name, a wrong password, a disabled account and one
    without a password alike."""
    user = first(session, select(User).where(User.name == name))
    nobody = _nobody()
    stored = user.password_hash if user else None
    matches = _password_matches(stored or nobody, password)
    if user is None or stored is None or not matches:
        return None
    # Hashing takes a while: who set a new password meanwhile, or disabled this person, ended the sessions there were.
    user = one(session, locked(select(User).where(User.id == user.id)), "there is no such user")
    if user.password_hash != stored or user.disabled_at is not None:
        return None
    now: datetime = session.execute(select(func.now())).scalar_one()
    return begin_session(
        session,
        user,
        hash_key=hash_key,
        lifetime=lifetime,
        where=where,
        authenticated_at=now,
        how="password",
    )


def person_of(session: Session, digest: str, idle: timedelta, *, used: bool = True) -> SignedIn | None:
    """Who a session token belongs to, or None once it is over: signed out, too old, unused for `idle`, or disabled.

    `used`: this is a use of it, from which `idle` counts anew.
    """
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
    if used and now - login.seen_at > _SEEN_RESOLUTION:
        login.seen_at = now
    return signed_in(user, login)


def sign_out(session: Session, digest: str) -> None:
    """End a session; ending it twice changes nothing."""
    session.execute(
        update(LoginSession)
        .where(LoginSession.token_digest == digest, LoginSession.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )


def is_password_of(session: Session, user_id: int, password: str) -> bool:
    """Whether this is a person's password. Takes as long for somebody who has none."""
    stored = session.scalar(select(User.password_hash).where(User.id == user_id, User.disabled_at.is_(None)))
    return _password_matches(stored or _nobody(), password) and stored is not None


def set_password(session: Session, user: User, password: str) -> None:
    """Raises `InvalidError` for one that is too short, `ConflictError` for somebody their provider vouches for."""
    if user.subject is not None:
        raise ConflictError(f"{user.name} signs in through the identity provider and has no password here")
    user.password_hash = hash_password(password)
    session.flush()


def change_password(session: Session, person: SignedIn, digest: str, old: str, new: str) -> bool:
    """A new password for who knows the old one; every other session of theirs ends. False: the old one is wrong."""
    user = one(session, locked(select(User).where(User.id == person.user_id)), "there is no such user")
    if not is_password_of(session, user.id, old):
        return False
    set_password(session, user, new)
    ended = login_sessions.end_all(session, user.id, but=digest)
    append(session, person.actor, "user.password_changed", "user", user.name, {"sessions_ended": ended})
    return True
