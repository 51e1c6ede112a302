"""Token buckets and ids."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from api import limits
from api.limits import Buckets
from api.prediction_ids import new_ids


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    buckets = Buckets(rate=10, burst=5)
    assert [buckets.take("a", 1, now=0.0) for _ in range(5)] == [0.0] * 5
    assert buckets.take("a", 1, now=0.0) == 0.1
    assert buckets.take("a", 1, now=0.1) == 0.0


def test_one_name_does_not_pay_for_another() -> None:
    buckets = Buckets(rate=1, burst=1)
    assert buckets.take("a", 1, now=0.0) == 0.0
    assert buckets.take("b", 1, now=0.0) == 0.0


def test_a_cost_above_the_bucket_is_possible_when_it_is_full() -> None:
    buckets = Buckets(rate=1, burst=10)
    assert buckets.take("a", 1000, now=0.0) == 0.0
    assert buckets.take("a", 1, now=0.5) == 0.5


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    buckets = Buckets(rate=1, burst=1)
    assert buckets.take("a", 1, now=100.0) == 0.0
    assert buckets.take("a", 1, now=0.0) > 0


def test_the_table_does_not_grow_for_ever() -> None:
    buckets = Buckets(rate=1, burst=1)
    for at in range(limits._MOST_BUCKETS + 100):
        buckets.take(str(at), 1, now=0.0)
    assert len(buckets._buckets) <= limits._MOST_BUCKETS


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 2)), max_size=60))
def test_never_more_than_burst_and_rate_allow(asked: list[tuple[float, float]]) -> None:
    buckets, now, taken = Buckets(rate=3, burst=7), 0.0, 0.0
    for cost, pause in asked:
        now += pause
        taken += min(cost, 7) if buckets.take("a", cost, now) == 0.0 else 0
        assert taken <= 7 + 3 * now + 1e-6


def test_ids_are_uuid7_of_their_millisecond_and_all_different() -> None:
    ids = [UUID(text) for text in new_ids(5000, 1_700_000_000_123)]
    assert len(set(ids)) == 5000
    assert {one.version for one in ids} == {7}
    assert {one.variant for one in ids} == {"specified in RFC 4122"}
    assert {one.int >> 80 for one in ids} == {1_700_000_000_123}
    assert max(new_ids(10, 1)) < min(new_ids(10, 2))
