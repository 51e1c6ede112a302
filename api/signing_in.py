"""What every way of signing in shares: how fast one may try, where one sits, and who is told to be signed in."""

from datetime import timedelta
from time import monotonic

from fastapi import Request

from api.access import address_of
from api.errors import RefusalError, too_many
from api.runtime import Runtime
from api.schemas.people import Person, SeenFrom
from database.permissions import permissions_of
from database.queries.people import SignedIn, Whereabouts


def slow_down(runtime: Runtime, request: Request, name: str | None = None) -> None:
    """Raises 429 for a name, or an address, that tries too often."""
    for one in ([f"name:{name}"] if name else []) + [f"address:{address_of(request)}"]:
        if wait := runtime.login_buckets.take(one, 1.0, monotonic()):
            raise too_many("Too many attempts to sign in; wait a moment.", wait)


def slow_down_guesses(runtime: Runtime, person: SignedIn) -> None:
    """Raises 429 for somebody signed in who tries passwords too often. Nobody at the door uses this up for them."""
    if wait := runtime.login_buckets.take(f"person:{person.user_id}", 1.0, monotonic()):
        raise too_many("Too many attempts; wait a moment.", wait)


def where_from(request: Request, told: SeenFrom | None) -> Whereabouts:
    """What the dashboard says, else what the connection says."""
    if told is not None:
        return Whereabouts(told.address, told.user_agent)
    return Whereabouts(address_of(request), request.headers.get("user-agent"))


def lifetime(runtime: Runtime) -> timedelta:
    return timedelta(seconds=runtime.settings.api.session_max_s)


def person_out(person: SignedIn, step_up_s: int) -> Person:
    since = person.authenticated_at
    return Person(
        user_id=person.user_id,
        name=person.name,
        roles=list(person.roles),
        permissions=sorted(permissions_of(person.roles)),
        session_expires_at=person.expires_at,
        authenticated_at=since,
        confirmed_until=since + timedelta(seconds=step_up_s) if since else None,
        by_provider=person.by_provider,
    )


def wrong_password() -> RefusalError:
    """Not 401, which would mean that the session is over."""
    return RefusalError(403, "wrong_password", "The password is wrong.")
