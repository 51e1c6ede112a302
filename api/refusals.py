"""Requests of client programs that were refused, counted by reason: in memory, added up in the database now and then.

Counted are predictions and labels, whatever stood against them: a value (422), a key, a quota, or trouble of our own
(5xx). Not counted is what never came to a route: a body that is too large, a house that is full. No value a client sent
is kept, only names of the contract's fields and what was expected. A process that is killed takes with it what it
counted in the last seconds.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from api.errors import Fault, RefusalError
from config.model_contract import ModelContract
from database.queries.refused import SLICE, Reason

# So many different reasons are kept apart until they are told; more are one.
MOST = 500
_COUNTED = frozenset({"/predict", "/models/{name}/predict", "/labels", "/feedback"})
_PLACE = re.compile(r"^rows(?=\[)|\[\d+\]\.?")
_POSITION = re.compile(r" \(near character \d+\)")
_OF_LABELS = ("prediction_id", "actual", "observed_at", "correct_label", "comment", "labels")
_OF_REQUESTS = ("(body)", "rows", "Idempotency-Key")
ANOTHER_FIELD, OTHERS = "(a field that is none)", "(other reasons)"
_LONGEST = 200


def _told(message: str) -> str:
    """What was expected, without what a library quotes of what it found."""
    if "`" in message:
        message = message.partition("`")[0].rpartition(",")[0]
    return _POSITION.sub("", message)[:_LONGEST]


def _one_of_many(reason: Reason) -> Reason:
    return reason._replace(field=OTHERS if reason.field else "", says="")


class Refusals:
    """Safe from any thread; a lock is held for a moment only."""

    def __init__(self, contracts: Mapping[str, ModelContract]) -> None:
        self._models = frozenset(contracts)
        features = (name for contract in contracts.values() for name in contract.features)
        self._fields = frozenset((*features, *_OF_LABELS, *_OF_REQUESTS))
        self._counted: Counter[Reason] = Counter()
        self._lock, self._one_tells = threading.Lock(), threading.Lock()

    def count(self, route: str, model_name: str | None, refusal: RefusalError, now: float) -> None:
        """A request to this route was refused, or failed."""
        if route not in _COUNTED:
            return
        slice_s = SLICE.total_seconds()
        starts_at = datetime.fromtimestamp(now - now % slice_s, UTC)
        model = model_name if model_name in self._models else ""
        whole = Reason(starts_at, model or "", route, refusal.status, refusal.code)
        parts = {whole._replace(field=field, says=says) for field, says in map(self._named, refusal.errors)}
        with self._lock:
            for reason in (whole, *parts):
                full = len(self._counted) >= MOST and reason not in self._counted
                self._counted[_one_of_many(reason) if full else reason] += 1

    def tell(self, add: Callable[[Mapping[Reason, int]], None]) -> None:
        """Have what was counted added up. When `add` raises, all of it is told again next time."""
        with self._one_tells:
            with self._lock:
                told, self._counted = self._counted, Counter()
            if not told:
                return
            try:
                add(told)
            except Exception:
                with self._lock:
                    self._counted += told
                raise

    def _named(self, fault: Fault) -> tuple[str, str]:
        """The field without its place in a batch, and what was expected of it."""
        field = _PLACE.sub("", fault.field) or "(body)"
        known = field if field in self._fields else ANOTHER_FIELD
        return known, _told(fault.message)
