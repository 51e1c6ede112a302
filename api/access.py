"""Who may call what programs and probes call, and which of it is answered in front of FastAPI.

FastAPI reads these off the routes; what stands in front of it (`api/front.py`, `api/health.py`) asks the same objects.
"""

from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple

from starlette.requests import Request

from api.errors import RefusalError, too_many
from api.keys import Client, now_utc
from api.runtime import Runtime, runtime_of
from database.enums import Scope
from database.queries import api_keys

UNKNOWN_ADDRESS = "unknown"
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def address_of(request: Request) -> str:
    return request.client.host if request.client else UNKNOWN_ADDRESS


class Anybody:
    """No key and no session needed."""

    async def __call__(self) -> None:
        return None


class ClientMay:
    """A program with an API key of this scope."""

    def __init__(self, scope: Scope, *, or_loopback: bool = False) -> None:
        self.scope, self.or_loopback = scope, or_loopback

    async def __call__(self, request: Request) -> Client:
        return self.client(runtime_of(request), request.headers.get("x-api-key"), address_of(request))

    def client(self, runtime: Runtime, key: str | None, address: str) -> Client:
        """The program behind a key that asks from an address. Raises `RefusalError`."""
        if self.or_loopback and key is None and address in _LOOPBACK:
            return Client("loopback", None)
        try:
            client = runtime.keys.check(key, self.scope, now_utc())
        except RefusalError as refusal:
            raise _slowed(runtime, address, refusal) from None
        wait = runtime.key_buckets.take(client.key_id, 1.0, monotonic())
        if wait:
            raise too_many("This API key asks too often.", wait)
        return client


def _slowed(runtime: Runtime, address: str, refusal: RefusalError) -> RefusalError:
    """The refusal itself, or 429 for an address that keeps guessing."""
    if refusal.status != 401:
        return refusal
    wait = runtime.failure_buckets.take(address, 1.0, monotonic())
    return too_many("Too many requests without a valid key from this address.", wait) if wait else refusal


class Address(NamedTuple):
    """What logs and metrics call an address that is answered in front: the template of its route."""

    path: str


def scraper_key(request: Request) -> str | None:
    """The key of whoever scrapes: as `X-API-Key`, or as `Authorization: Bearer`, all that Prometheus can send.

    A bearer that is no key is a person's session, which counts for nothing here, and harms nothing on this machine.
    """
    if (key := request.headers.get("x-api-key")) is not None:
        return key
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    return token if kind.lower() == "bearer" and token.startswith(api_keys.BEGINS) else None


OPEN = Anybody()
PREDICTS = ClientMay(Scope.PREDICT)
SCRAPES = ClientMay(Scope.METRICS, or_loopback=True)

# The routes that declare these addresses name the very same objects: `dependencies.refuse_other_ways_in`.
PREDICTIONS: Mapping[str, ClientMay] = {"/predict": PREDICTS, "/models/{name}/predict": PREDICTS}
PROBES: Mapping[str, Anybody | ClientMay] = {"/livez": OPEN, "/readyz": OPEN, "/health": OPEN, "/metrics": SCRAPES}
