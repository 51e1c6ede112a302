"""Who a client program is: API keys checked against a table in memory, so that an outage locks nobody out."""

import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.errors import RefusalError, unauthenticated, unavailable
from database.enums import Scope
from database.queries.api_keys import digest, parse

_NOBODY = "0" * 64


@dataclass(frozen=True)
class KnownKey:
    """A usable key as the database last showed it."""

    key_id: str
    secret_digest: str
    scopes: frozenset[str]
    models: frozenset[str] | None
    expires_at: datetime
    rows_per_day: int | None = None


@dataclass(frozen=True)
class Client:
    """The program behind a request."""

    key_id: str
    models: frozenset[str] | None
    rows_per_day: int | None = None

    def may_use(self, model_name: str) -> bool:
        return self.models is None or model_name in self.models


class KeyTable:
    """Key digests in memory. Replaced as a whole by the watcher; read by every request."""

    def __init__(self, hash_key: bytes, is_current: Callable[[], bool]) -> None:
        self._hash_key = hash_key
        # While the table may be older than the database, an unknown key is not called wrong.
        self._is_current = is_current
        self._keys: dict[str, KnownKey] = {}
        # What was found right since the table was last replaced, by a keyed digest: no plaintext stays.
        self._verified: dict[bytes, KnownKey] = {}
        self._memory_key = os.urandom(32)
        self._used: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def replace(self, keys: Sequence[KnownKey]) -> None:
        self._keys = {key.key_id: key for key in keys}
        self._verified = {}

    def known(self) -> list[KnownKey]:
        return list(self._keys.values())

    def check(self, plaintext: str | None, scope: Scope, now: datetime) -> Client:
        """The client a key belongs to.

        Raises `RefusalError`: 401 for no key, a malformed, unknown, wrong or expired one (one answer for all of them),
        403 for a key without this scope, 503 for an unknown key while the database cannot be asked.
        """
        if not plaintext:
            raise unauthenticated("Send an API key in the header X-API-Key.", "ApiKey")
        name = hashlib.blake2b(plaintext.encode(), digest_size=16, key=self._memory_key).digest()
        verified = self._verified
        known = verified.get(name)
        if known is None:
            known = verified[name] = self._known(plaintext)
        if known.expires_at <= now:
            raise unauthenticated("This API key is not valid.", "ApiKey")
        if scope not in known.scopes:
            raise RefusalError(403, "forbidden", f"This API key does not have the scope {scope}.")
        self._used[known.key_id] = now
        return Client(known.key_id, known.models, known.rows_per_day)

    def _known(self, plaintext: str) -> KnownKey:
        """The key as the table has it. Raises `RefusalError`."""
        parsed = parse(plaintext)
        if parsed is None:
            raise unauthenticated("This API key is not valid.", "ApiKey")
        known = self._keys.get(parsed.key_id)
        matches = hmac.compare_digest(digest(self._hash_key, parsed.secret), known.secret_digest if known else _NOBODY)
        if known is None and not self._is_current():
            raise unavailable("database_unavailable", "This key cannot be checked now; keys used before still work.")
        if known is None or not matches:
            raise unauthenticated("This API key is not valid.", "ApiKey")
        return known

    def take_used(self) -> dict[str, datetime]:
        """Which keys were used since the last call, and when."""
        with self._lock:
            used, self._used = self._used, {}
        return used

    def give_back(self, used: dict[str, datetime]) -> None:
        """What `take_used` gave and could not be stored."""
        with self._lock:
            self._used = used | self._used


def now_utc() -> datetime:
    return datetime.now(UTC)
