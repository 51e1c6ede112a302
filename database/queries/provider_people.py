"""People an identity provider vouches for, and their browsers on the way there and back.

A person is the provider's issuer and its own name for them, never a name or an address that they could choose. Roles
are what their groups give at each sign-in.
"""

import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from database.crud import clock, first, locked, wait_for
from database.enums import ActorKind
from database.errors import ConflictError, ForbiddenError
from database.models import ProviderVisit, User
from database.queries import login_sessions, people
from database.queries.audit import Actor, append

VISIT_LASTS = timedelta(minutes=10)


@dataclass(frozen=True)
class Visit:
    """A browser sent to the provider: `secret` goes into its cookie, `state` through the provider and back."""

    secret: str
    state: str
    nonce: str
    verifier: str
    redirect_uri: str


@dataclass(frozen=True)
class Returned:
    """What was remembered of a visit whose browser came back. `session_digest`: the session it is to confirm, if so."""

    nonce: str
    verifier: str
    redirect_uri: str
    session_digest: str | None
    began_at: datetime


def _digest(hash_key: bytes, kind: str, value: str) -> str:
    return hmac.digest(hash_key, f"{kind}:{value}".encode(), "sha256").hex()


def begin_visit(session: Session, hash_key: bytes, visit: Visit, session_digest: str | None) -> None:
    """Remember what must fit when this browser comes back. Visits that never ended are forgotten."""
    session.execute(delete(ProviderVisit).where(ProviderVisit.expires_at < func.now()))
    now: datetime = session.execute(select(func.now())).scalar_one()
    session.add(
        ProviderVisit(
            visit_digest=_digest(hash_key, "visit", visit.secret),
            state_digest=_digest(hash_key, "state", visit.state),
            nonce=visit.nonce,
            verifier=visit.verifier,
            redirect_uri=visit.redirect_uri,
            session_digest=session_digest,
            expires_at=now + VISIT_LASTS,
        )
    )


def end_visit(session: Session, hash_key: bytes, secret: str, state: str) -> Returned | None:
    """The visit that comes back, which can come back once; None if none of this browser's fits or it took too long.

    The transaction is to be committed whatever happens next: a code that failed is not tried again.
    """
    visit = first(
        session,
        select(ProviderVisit).where(ProviderVisit.visit_digest == _digest(hash_key, "visit", secret)).with_for_update(),
    )
    if visit is None:
        return None
    session.delete(visit)
    fits = hmac.compare_digest(visit.state_digest, _digest(hash_key, "state", state))
    if not fits or visit.expires_at <= clock(session):
        return None
    return Returned(visit.nonce, visit.verifier, visit.redirect_uri, visit.session_digest, visit.created_at)


@dataclass(frozen=True)
class Vouched:
    """Whom a provider vouches for. `names`: what they may be called here, the best first."""

    issuer: str
    sub: str
    names: tuple[str, ...]
    roles: tuple[str, ...]

    @property
    def subject(self) -> str:
        return f"{self.issuer} {self.sub}"  # an issuer is an address, and holds no space


def plain_names(candidates: Iterable[object]) -> tuple[str, ...]:
    """Those of a provider's names for somebody that can be a name here, each once."""
    lowered = (one.strip().lower() for one in candidates if isinstance(one, str))
    return tuple(dict.fromkeys(one for one in lowered if people.NAME.match(one)))


def come_in(session: Session, vouched: Vouched) -> User | None:
    """The person themselves, with the roles their groups give now, made at their first sign-in.

    None: none of their groups is let in. Then whoever was known loses the roles and what they have open, as the
    transaction is committed. Raises `ForbiddenError` for who is disabled, and `ConflictError` if somebody else has
    every name they could have: a local user is never taken over.
    """
    wait_for(session, "people")
    user = first(session, locked(select(User).where(User.subject == vouched.subject)))
    if user is not None:
        if user.disabled_at is not None:
            raise ForbiddenError("this account is disabled; ask an administrator")
        _follow_groups(session, user, vouched.roles)
        return user if vouched.roles else None
    if not vouched.roles:
        return None
    taken = set(session.scalars(select(User.name).where(User.name.in_(vouched.names))))
    name = next((one for one in vouched.names if one not in taken), None)
    if name is None:
        raise ConflictError(
            f"the name {vouched.names[0]} belongs to somebody else here; ask an administrator"
            if vouched.names
            else "the provider gave no name that can be used here; ask an administrator"
        )
    actor = Actor(ActorKind.PERSON, name)
    return people.create_user(session, actor, name, None, vouched.roles, subject=vouched.subject)


def _follow_groups(session: Session, user: User, roles: Collection[str]) -> None:
    wanted = sorted(set(roles))
    if user.roles == wanted:
        return
    before, user.roles = user.roles, wanted
    session.flush()
    if not wanted:
        login_sessions.end_all(session, user.id)
    facts = {"before": before, "after": wanted, "by": "groups of the provider"}
    append(session, Actor(ActorKind.PERSON, user.name), "user.roles_changed", "user", user.name, facts)


def confirmed(session: Session, session_digest: str, vouched: Vouched, at: datetime) -> Actor | None:
    """The person of an open session, who showed again who they are. None: it is over, or somebody else came back."""
    user = first(session, select(User).where(User.subject == vouched.subject, User.disabled_at.is_(None)))
    if user is None or login_sessions.owner_of(session, session_digest) != user.id:
        return None
    return Actor(ActorKind.PERSON, user.name) if login_sessions.confirm(session, session_digest, at) else None
