"""What is done to the API in a soak, and when, is drawn from the seed."""

import itertools

from scripts.chaos.serving.plan import Blow, schedule

ROWS = 1_000_000


def count(seed: int, blow: Blow, *, second: bool = True) -> int:
    return sum(one.blow is blow for one in schedule(ROWS, seed, kills=50, swaps=12, versions=3, second=second))


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    def made(seed: int) -> object:
        return schedule(ROWS, seed, kills=50, swaps=12, versions=3)

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_there_are_as_many_kills_and_swaps_as_asked_and_all_within_the_run() -> None:
    planned = schedule(ROWS, 1, kills=50, swaps=12, versions=3)
    assert (count(1, Blow.KILL), count(1, Blow.SWAP)) == (50, 12)
    assert list(planned) == sorted(planned)
    assert all(0 <= one.at_rows < ROWS for one in planned)


def test_each_swap_goes_to_another_version_than_the_one_that_serves() -> None:
    served = [0] + [one.which for one in schedule(ROWS, 1, kills=0, swaps=12, versions=3) if one.blow is Blow.SWAP]
    assert all(before != after for before, after in itertools.pairwise(served))


def test_the_second_replica_is_killed_only_while_there_is_one() -> None:
    planned = schedule(ROWS, 1, kills=200, swaps=0, versions=3)
    (up,), (down,) = (
        [one.at_rows for one in planned if one.blow is blow] for blow in (Blow.SECOND_UP, Blow.SECOND_DOWN)
    )
    seconds = [one.at_rows for one in planned if one.blow is Blow.KILL and one.which == 1]
    assert seconds
    assert up < min(seconds) <= max(seconds) < down
    assert count(1, Blow.SECOND_UP, second=False) == 0
