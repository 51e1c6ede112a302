"""When a message that did not arrive is tried again."""

from datetime import timedelta

import pytest

from agent.core.retries import JITTER, PAUSES, TRIES, pause_after


def test_the_pauses_grow_over_three_days_and_then_nobody_tries_again() -> None:
    pauses = [pause_after(attempt, 0.0) for attempt in range(1, TRIES)]
    assert pauses == list(PAUSES) == sorted(PAUSES)
    assert [str(pause) for pause in pauses[:3]] == ["0:00:05", "0:05:00", "0:30:00"]
    assert timedelta(hours=72) < sum(PAUSES, timedelta()) < timedelta(hours=84)
    assert pause_after(TRIES, 0.0) is None
    assert pause_after(TRIES + 5, 0.9) is None


@pytest.mark.parametrize("attempt", range(1, TRIES))
def test_a_pause_is_never_shorter_and_a_little_longer_at_random(attempt: int) -> None:
    shortest, longest = pause_after(attempt, 0.0), pause_after(attempt, 1.0)
    assert shortest is not None
    assert longest == shortest * (1 + JITTER)
