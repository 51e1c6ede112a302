"""API keys: making, rotating and revoking them. Every change is audited; a secret is shown once and never logged."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy.orm import Session

from api.dependencies import PersonMay
from api.runtime import Runtime, runtime_of
from api.schemas.keys import KeyIn, KeyList, KeyMade, KeyOut, RotateIn
from api.strict_json import StrictRoute
from database.connection import ReadSession
from database.models import ApiKey
from database.permissions import Permission
from database.queries import api_keys, key_usage
from database.queries.actions import database_now
from database.queries.people import SignedIn

router = APIRouter(prefix="/keys", tags=["keys"], route_class=StrictRoute)
Admin = Annotated[SignedIn, Depends(PersonMay(Permission.ADMINISTER))]
KeyId = Annotated[str, Path(pattern=r"^[a-z0-9]{8}$")]


@router.get("", summary="Every key ever made, newest first")
def listed(request: Request, _: Admin) -> KeyList:
    """Secrets are not kept and cannot be shown."""
    runtime = runtime_of(request)
    with runtime.reading() as session:
        now = database_now(session)
        used = key_usage.of_day(session, now.date())
        return KeyList(keys=[_key(runtime, one, now, used.get(one.key_id, 0)) for one in api_keys.list_keys(session)])


@router.post("", summary="Make a key", status_code=201)
def make(request: Request, person: Admin, sent: KeyIn) -> KeyMade:
    """`secret` is in this answer only. A key that may propose needs a person who answers for it."""
    runtime = runtime_of(request)
    for name in sent.models or ():
        runtime.contract(name)
    with runtime.writing() as session:
        key, secret = api_keys.create_key(
            session,
            person.actor,
            name=sent.name,
            scopes=sorted(set(sent.scopes)),
            models=sorted(set(sent.models)) if sent.models is not None else None,
            expires_in=timedelta(days=sent.days),
            hash_key=runtime.settings.platform.hash_key,
            env=runtime.settings.platform.env,
            rows_per_day=sent.rows_per_day,
            owner=sent.owner,
        )
        return _made(runtime, session, key, secret)


@router.post("/{key_id}/rotate", summary="Make a key that may do the same", status_code=201)
def rotate(request: Request, person: Admin, key_id: KeyId, sent: RotateIn) -> KeyMade:
    """Both work until the old one ends."""
    runtime = runtime_of(request)
    with runtime.writing() as session:
        key, secret = api_keys.rotate_key(
            session,
            person.actor,
            key_id,
            overlap=timedelta(days=sent.overlap_days),
            expires_in=timedelta(days=sent.days),
            hash_key=runtime.settings.platform.hash_key,
            env=runtime.settings.platform.env,
        )
        return _made(runtime, session, key, secret)


@router.post("/{key_id}/revoke", summary="End a key now")
def revoke(request: Request, person: Admin, key_id: KeyId) -> KeyOut:
    """Replicas refuse it within a second or two. Revoking twice changes nothing."""
    runtime = runtime_of(request)
    with runtime.writing() as session:
        return _key(runtime, api_keys.revoke_key(session, person.actor, key_id), database_now(session), 0)


def _made(runtime: Runtime, session: Session, key: ApiKey, secret: str) -> KeyMade:
    session.refresh(key)
    return KeyMade(key=_key(runtime, key, database_now(ReadSession(session)), 0), secret=secret)


def _key(runtime: Runtime, key: ApiKey, now: datetime, rows_today: int) -> KeyOut:
    quota = runtime.settings.api.rows_per_day if key.rows_per_day is None else key.rows_per_day
    return KeyOut(
        key_id=key.key_id,
        name=key.name,
        scopes=key.scopes,
        models=key.models,
        owner=key.owner,
        rows_per_day=quota or None,
        rows_today=rows_today,
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
        ended=api_keys.end_of(key, now),
    )
