"""API keys: made once, shown once, kept as a keyed hash.

A key reads `stw_<env>_<key id>_<secret>_<checksum>`. The checksum lets anybody refuse a mistyped key without asking
the database; the secret has 256 random bits, so a fast keyed hash is enough.
"""

import hmac
import re
import secrets
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import locked, one
from database.enums import Scope
from database.errors import InvalidError
from database.models import ApiKey, User
from database.queries.audit import Actor, append

CHANNEL = "steward_keys"
_LONGEST_LIFETIME = timedelta(days=730)
_LONGEST_OVERLAP = timedelta(days=90)
_MOST_ROWS = 10**12
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
# What every key begins with, and no session.
BEGINS = "stw_"
_SHAPE = re.compile(r"stw_(?:dev|prod)_([a-z0-9]{8})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})", re.ASCII)


@dataclass(frozen=True)
class ParsedKey:
    """A well-formed key. Whether anybody knows it is another question."""

    key_id: str
    secret: str


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[rest] + digits
    return digits


def parse(plaintext: str) -> ParsedKey | None:
    """The parts of a key, or None when it cannot be one of ours."""
    match = _SHAPE.fullmatch(plaintext)
    if match is None or _checksum(plaintext[:-7]) != match[3]:
        return None
    return ParsedKey(match[1], match[2])


def digest(hash_key: bytes, secret: str) -> str:
    """What is stored instead of a secret."""
    return hmac.digest(hash_key, secret.encode(), "sha256").hex()


def create_key(
    session: Session,
    actor: Actor,
    name: str,
    scopes: Collection[Scope],
    models: Collection[str] | None,
    expires_in: timedelta,
    hash_key: bytes,
    env: Literal["development", "production"],
    *,
    rows_per_day: int | None = None,
    owner: str | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its plaintext, which nothing but this return value ever holds.

    `models=None` means every model; `rows_per_day`: None as the settings say, 0 without limit; `owner`: the person who
    answers for it. Raises `InvalidError` for an empty name, no scope, a lifetime outside of one minute to two years,
    or a key that may propose and has no owner, and `NotFoundError` for an owner who is no user.
    """
    if not name.strip():
        raise InvalidError("name: a key needs a name that says who uses it")
    if not scopes:
        raise InvalidError(f"scopes: expected at least one of {', '.join(Scope)}")
    if not timedelta(minutes=1) <= expires_in <= _LONGEST_LIFETIME:
        raise InvalidError(f"expires_in: expected one minute to {_LONGEST_LIFETIME.days} days")
    if owner is None and Scope.PROPOSE in scopes:
        raise InvalidError(f"owner: a key with the scope {Scope.PROPOSE} needs a person who answers for it")
    if owner is not None:
        # Asked here and not of `people`, which loads what checks passwords: who only predicts has no use for it.
        one(session, select(User).where(User.name == owner), f"there is no user {owner}")
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(8))
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(43))
    body = f"stw_{'prod' if env == 'production' else 'dev'}_{key_id}_{secret}"
    now: datetime = session.execute(select(func.now())).scalar_one()
    key = ApiKey(
        key_id=key_id,
        name=name.strip(),
        secret_digest=digest(hash_key, secret),
        scopes=sorted(Scope(scope).value for scope in scopes),
        models=sorted(models) if models is not None else None,
        rows_per_day=_checked_rows(rows_per_day),
        owner=owner,
        created_by=str(actor),
        expires_at=now + expires_in,
    )
    session.add(key)
    session.flush()
    facts = {
        "name": key.name,
        "scopes": key.scopes,
        "models": key.models,
        "expires_at": key.expires_at,
        "rows_per_day": key.rows_per_day,
        "owner": key.owner,
    }
    append(session, actor, "key.created", "api_key", key_id, facts)
    _tell_replicas(session)
    return key, f"{body}_{_checksum(body)}"


def _checked_rows(rows_per_day: int | None) -> int | None:
    if rows_per_day is not None and not 0 <= rows_per_day <= _MOST_ROWS:
        raise InvalidError(f"rows_per_day: expected 0 (no limit) to {_MOST_ROWS:,}")
    return rows_per_day


def set_quota(session: Session, actor: Actor, key_id: str, rows_per_day: int | None) -> ApiKey:
    """From now on the key has these rows a day; the replicas are told at commit.

    Raises `NotFoundError`, and `InvalidError` for a key that has ended or a number that cannot be.
    """
    key, _ = _locked_and_usable(session, key_id)
    before, key.rows_per_day = key.rows_per_day, _checked_rows(rows_per_day)
    session.flush()
    append(session, actor, "key.quota_set", "api_key", key_id, {"before": before, "after": key.rows_per_day})
    _tell_replicas(session)
    return key


def end_of(key: ApiKey, now: datetime) -> Literal["revoked", "expired"] | None:
    """How a key ended; None while it is good."""
    return "revoked" if key.revoked_at is not None else "expired" if key.expires_at <= now else None


def _locked_and_usable(session: Session, key_id: str) -> tuple[ApiKey, datetime]:
    """The key, and the time of the transaction, at which it is good."""
    key = one(session, locked(select(ApiKey).where(ApiKey.key_id == key_id)), f"there is no API key {key_id}")
    now: datetime = session.execute(select(func.now())).scalar_one()
    if end := end_of(key, now):
        raise InvalidError(f"the API key {key_id} has ended ({end}); make a new one")
    return key, now


def revoke_key(session: Session, actor: Actor, key_id: str) -> ApiKey:
    """End a key now; the replicas are told at commit. Revoking twice changes nothing. Raises `NotFoundError`."""
    key = one(session, locked(select(ApiKey).where(ApiKey.key_id == key_id)), f"there is no API key {key_id}")
    if key.revoked_at is None:
        key.revoked_at = session.execute(select(func.now())).scalar_one()
        session.flush()
        append(session, actor, "key.revoked", "api_key", key_id, {"name": key.name})
        _tell_replicas(session)
    return key


def rotate_key(
    session: Session,
    actor: Actor,
    key_id: str,
    overlap: timedelta,
    expires_in: timedelta,
    hash_key: bytes,
    env: Literal["development", "production"],
) -> tuple[ApiKey, str]:
    """A key that may do the same, and its plaintext. The old one works on for `overlap`, at most to its own end.

    Raises `NotFoundError`, and `InvalidError` for a key that has ended or an overlap outside of zero to ninety days.
    """
    old, now = _locked_and_usable(session, key_id)
    if not timedelta(0) <= overlap <= _LONGEST_OVERLAP:
        raise InvalidError(f"overlap: expected zero to {_LONGEST_OVERLAP.days} days")
    scopes = [Scope(scope) for scope in old.scopes]
    new, plaintext = create_key(
        session,
        actor,
        old.name,
        scopes,
        old.models,
        expires_in,
        hash_key,
        env,
        rows_per_day=old.rows_per_day,
        owner=old.owner,
    )
    old.expires_at = min(old.expires_at, now + overlap)
    session.flush()
    facts = {"name": old.name, "replaced_by": new.key_id, "expires_at": old.expires_at}
    append(session, actor, "key.rotated", "api_key", key_id, facts)
    return new, plaintext


def _tell_replicas(session: Session) -> None:
    session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})


def list_keys(session: Session | ReadSession) -> list[ApiKey]:
    """Every key ever made, newest first."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.key_id)))


def names_of(session: Session | ReadSession, key_ids: Collection[str]) -> dict[str, str]:
    """What these keys are called, as far as there are such."""
    rows = session.execute(select(ApiKey.key_id, ApiKey.name).where(ApiKey.key_id.in_(key_ids)))
    return {row.key_id: row.name for row in rows}


def owner_of(session: Session | ReadSession, key_id: str) -> tuple[ApiKey, User] | None:
    """A key with the person who answers for it, while they may sign in; None when there is nobody (any more)."""
    found = session.execute(
        select(ApiKey, User)
        .join(User, User.name == ApiKey.owner)
        .where(ApiKey.key_id == key_id, User.disabled_at.is_(None))
    ).one_or_none()
    return (found[0], found[1]) if found else None


def usable_keys(session: Session | ReadSession) -> list[ApiKey]:
    """Keys that are neither revoked nor expired."""
    return list(session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None), ApiKey.expires_at > func.now())))


def touch(session: Session, used_at: Mapping[str, datetime]) -> None:
    """Note when keys were last used."""
    for key_id, at in sorted(used_at.items()):
        session.execute(
            update(ApiKey)
            .where(ApiKey.key_id == key_id, func.coalesce(ApiKey.last_used_at, "-infinity") < at)
            .values(last_used_at=at)
        )
