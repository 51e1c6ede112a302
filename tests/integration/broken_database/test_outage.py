"""`make outage` in small: PostgreSQL is killed twice and then stays away, while clients ask."""

from dataclasses import replace

import pytest

from database.embedded import EmbeddedPostgres
from scripts.chaos import outage

SEED = 7
FINE = outage.Outage("fine", 9, 9, 0, 0, 0, 0, 0, 1.0, 1.0, 1.0)


@pytest.mark.slow
def test_nothing_answered_is_lost_doubled_or_refused_though_the_database_dies_twice_and_stays_away() -> None:
    def trouble(server: EmbeddedPostgres) -> None:
        outage.crashes(2, SEED)(server)
        outage.away(1.0)(server)

    # Only processes die here: what a commit wrote is with the kernel and need not reach the disk. It must be written,
    # though: with `synchronous_commit` off the same run does lose rows.
    found = outage.measure("two crashes, then away", trouble, {"fsync": "off"}, calm_s=0.5)
    assert found.as_promised, found.told()
    assert found.acknowledged == found.stored > 50


@pytest.mark.parametrize(
    "wrong", [{"lost": 1}, {"doubled": 1}, {"server_errors": 1}, {"other_errors": 1}, {"drained_s": 31.0}]
)
def test_one_figure_that_is_not_as_promised_is_enough(wrong: dict[str, float]) -> None:
    assert FINE.as_promised
    assert not replace(FINE, **wrong).as_promised  # type: ignore[arg-type]
