"""Ids for predictions: UUIDv7, made here, so that a row has its id before any database knows it.

They begin with the time, so that neighbours in time are neighbours in an index.
"""

import os

_VARIANT = "89ab"


def new_ids(count: int, now_ms: int) -> list[str]:
    """`count` different ids for the millisecond `now_ms` (74 random bits each)."""
    time = f"{now_ms:012x}"
    head = f"{time[:8]}-{time[8:]}-7"
    random = os.urandom(10 * count)
    ids = []
    for begin in range(0, len(random), 10):
        part = random[begin : begin + 10]
        digits = part.hex()
        ids.append(f"{head}{digits[:3]}-{_VARIANT[part[9] & 3]}{digits[3:6]}-{digits[6:18]}")
    return ids
