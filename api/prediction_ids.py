"""Ids for predictions: UUIDv7, made here, so that a row has its id before any database knows it.

They begin with the time, so that neighbours in time are neighbours in an index.
"""

from api.randomness import POOL

# A digit of four random bits, of which two are the variant's.
_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def new_ids(count: int, now_ms: int) -> list[str]:
    """`count` different ids for the millisecond `now_ms` (74 random bits each)."""
    return ids_of(POOL.take(10 * count).hex(), now_ms)


def ids_of(digits: str, now_ms: int) -> list[str]:
    """An id for each 20 hexadecimal `digits`: the same digits give the same ids."""
    time = f"{now_ms:012x}"
    head = f"{time[:8]}-{time[8:]}-7"
    return [
        f"{head}{digits[at : at + 3]}-{_VARIANTS[digits[at + 3]]}{digits[at + 4 : at + 7]}-{digits[at + 7 : at + 19]}"
        for at in range(0, len(digits), 20)
    ]
