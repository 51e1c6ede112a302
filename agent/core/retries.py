"""When a message that did not arrive is sent again. Pure.

The pauses are those the Standard Webhooks scheme recommends: quick at first, then over three days.
"""

from datetime import timedelta

PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
TRIES = 1 + len(PAUSES)
# Receivers that were down together are not called together again: each pause is longer by up to this share.
JITTER = 0.2


def pause_after(attempt: int, draw: float) -> timedelta | None:
    """How long to wait after this many tries, or None when it was the last. `draw` is drawn from 0 to 1."""
    return PAUSES[attempt - 1] * (1 + JITTER * draw) if attempt < TRIES else None
