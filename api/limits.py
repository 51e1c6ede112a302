"""How much a client may ask: token buckets, one per key or address, in a table that cannot grow for ever."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

_MOST_BUCKETS = 10_000


@dataclass
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """Each name has a bucket of `burst` tokens that refills by `rate` a second. Safe to share between threads."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, cost: float, now: float) -> float:
        """Take `cost` tokens: 0 if they were there, else how many seconds until they will be (nothing is taken).

        A cost above the whole bucket counts as the whole bucket, so that it is never impossible.
        """
        cost = min(cost, self._burst)
        with self._lock:
            bucket = self._buckets.get(name)
            if bucket is None:
                bucket = self._buckets[name] = _Bucket(self._burst, now)
                if len(self._buckets) > _MOST_BUCKETS:
                    self._buckets.popitem(last=False)
            else:
                self._buckets.move_to_end(name)
            bucket.tokens = min(self._burst, bucket.tokens + max(0.0, now - bucket.at) * self._rate)
            bucket.at = now
            if bucket.tokens >= cost:
                bucket.tokens -= cost
                return 0.0
            return (cost - bucket.tokens) / self._rate
