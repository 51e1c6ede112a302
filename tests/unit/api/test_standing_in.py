"""Which versions may answer in the place of one that cannot be loaded: never one that people went back from."""

from dataclasses import replace

import pytest

from api.serving import Desired
from api.standing_in import MOST_STAND_INS, before


def deployments(*versions: int) -> list[Desired]:
    return [
        Desired("m", generation, version * 10, version, f"{version}" * 64, "uci")
        for generation, version in enumerate(versions, start=1)
    ]


@pytest.mark.parametrize(
    ("versions", "may"),
    [
        ((), []),
        ((1,), []),
        ((1, 2), [(1, 1)]),
        ((1, 2, 3), [(2, 2), (1, 1)]),
        # Gone back to 1: 2 was bad.
        ((1, 2, 1), []),
        # Gone back from 3 to 2: below 2 lies 1. Gone back from 3 to 1: 2 was skipped, and may not come back either.
        ((1, 2, 3, 2), [(1, 1)]),
        ((1, 2, 3, 1), []),
        # After going back, a new one stands on what was gone back to, with the generation of that.
        ((1, 2, 1, 3), [(1, 3)]),
        ((1, 2, 3, 2, 4), [(2, 4), (1, 1)]),
        # What was gone back from and put in place again later was approved again.
        ((1, 2, 1, 2), [(1, 3)]),
        ((1, 2, 1, 2, 3), [(2, 4), (1, 3)]),
        ((1, 2, 3, 1, 2, 1, 4), [(1, 6)]),
    ],
)
def test_what_lies_below_stands_in_and_what_was_gone_back_from_does_not(
    versions: tuple[int, ...], may: list[tuple[int, int]]
) -> None:
    assert [(one.version, one.generation) for one in before(deployments(*versions))] == may


def test_a_long_history_is_not_tried_to_its_beginning() -> None:
    found = before(deployments(*range(1, 30)))
    assert [one.version for one in found] == [28, 27, 26, 25, 24]
    assert len(found) == MOST_STAND_INS


def test_what_may_stand_in_makes_no_other_deployment_of_it() -> None:
    first, second = deployments(1, 2)
    assert replace(second, before=(first,)) == second
