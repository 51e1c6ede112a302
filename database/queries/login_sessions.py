"""Signed-in browsers: begun, shown to their person, ended.

A session is kept as a keyed hash of its token; its number is what people see of it and can do nothing else with.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import first
from database.errors import NotFoundError
from database.models import LoginSession

_LONGEST_AGENT, _LONGEST_ADDRESS = 80, 64
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")
# The first that fits: each later one is claimed by those before it, too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("Version", "Safari"),
)


@dataclass(frozen=True)
class Whereabouts:
    """Where somebody signs in from, as far as it was told: shown to them later, and trusted for nothing."""

    address: str | None = None
    user_agent: str | None = None


def short_agent(user_agent: str | None) -> str | None:
    """A browser's long name for itself in a few words: `Firefox 141 on Windows`. What is no browser stays as it is."""
    if not user_agent:
        return None
    system = next((one for one in _SYSTEMS if one in user_agent), "")
    for mark, name in _BROWSERS:
        if found := re.search(rf"\b{mark}/(\d+)", user_agent):
            return f"{name} {found[1]}" + (f" on {system.replace(' OS X', '')}" if system else "")
    plain = "".join(character for character in user_agent if character.isprintable())
    return plain[:_LONGEST_AGENT] or None


def token_digest(hash_key: bytes, token: str) -> str:
    return hmac.digest(hash_key, b"session:" + token.encode(), "sha256").hex()


def start(
    session: Session,
    *,
    user_id: int,
    hash_key: bytes,
    lifetime: timedelta,
    authenticated_at: datetime | None,
    where: Whereabouts,
) -> tuple[str, LoginSession]:
    """A new session and its token, which is nowhere else."""
    token = secrets.token_urlsafe(32)
    now: datetime = session.execute(select(func.now())).scalar_one()
    row = LoginSession(
        token_digest=token_digest(hash_key, token),
        user_id=user_id,
        authenticated_at=authenticated_at,
        expires_at=now + lifetime,
        user_agent=short_agent(where.user_agent),
        address=where.address[:_LONGEST_ADDRESS] if where.address else None,
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return token, row


def live_of(session: Session | ReadSession, user_id: int, idle: timedelta) -> list[LoginSession]:
    """The sessions in which this person can do something now, the last used first."""
    return list(
        session.scalars(
            select(LoginSession)
            .where(
                LoginSession.user_id == user_id,
                LoginSession.revoked_at.is_(None),
                LoginSession.expires_at > func.now(),
                LoginSession.seen_at > func.now() - idle,
            )
            .order_by(LoginSession.seen_at.desc(), LoginSession.id.desc())
        )
    )


def count_live(session: Session | ReadSession, idle: timedelta) -> dict[int, int]:
    """How many live sessions each person has, by their number."""
    rows = session.execute(
        select(LoginSession.user_id, func.count())
        .where(
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > func.now(),
            LoginSession.seen_at > func.now() - idle,
        )
        .group_by(LoginSession.user_id)
    )
    return dict(rows.all())


def end_one(session: Session, user_id: int, session_id: int) -> None:
    """End one of this person's sessions. Somebody else's looks like one that is not there: `NotFoundError`."""
    query = select(LoginSession).where(LoginSession.id == session_id, LoginSession.user_id == user_id)
    row = first(session, query.with_for_update())
    if row is None:
        raise NotFoundError("you have no such session")
    if row.revoked_at is None:
        row.revoked_at = session.execute(select(func.now())).scalar_one()


def end_all(session: Session, user_id: int, *, but: str | None = None) -> int:
    """End every session of a person, save the one with the digest `but`; how many had not been ended before."""
    ended = session.scalars(
        update(LoginSession)
        .where(
            LoginSession.user_id == user_id,
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > func.now(),
            LoginSession.token_digest != (but or ""),
        )
        .values(revoked_at=func.now())
        .returning(LoginSession.id)
    )
    return len(ended.all())


def owner_of(session: Session, digest: str) -> int | None:
    """The number of the person of a session, whether or not it has ended."""
    return session.scalar(select(LoginSession.user_id).where(LoginSession.token_digest == digest))


def confirm(session: Session, digest: str, at: datetime) -> bool:
    """Somebody showed again, in this session, who they are. False when it has ended meanwhile."""
    confirmed = session.scalars(
        update(LoginSession)
        .where(
            LoginSession.token_digest == digest,
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > func.now(),
        )
        .values(authenticated_at=at)
        .returning(LoginSession.id)
    )
    return confirmed.one_or_none() is not None
