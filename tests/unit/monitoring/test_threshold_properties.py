"""Verdicts for any figures: what must hold whatever was measured."""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from config.shares import wilson
from database.enums import Verdict
from monitoring.thresholds import (
    CAREFUL_Z,
    SHARE_MARGIN,
    difference_of,
    judge,
    judge_drift,
    judge_share,
    share_estimate,
)
from training.evaluator import Estimate

BETTER = [Verdict.CRIT, Verdict.WARN, Verdict.OK]
quick = settings(max_examples=150, deadline=None, derandomize=True)
shares = st.floats(0, 1)
levels = st.floats(0.5, 4)


@st.composite
def counts(draw: st.DrawFn, most: int = 2000) -> tuple[int, int]:
    """Hits among some rows."""
    n = draw(st.integers(1, most))
    return draw(st.integers(0, n)), n


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    value = draw(shares)
    return Estimate(value, draw(st.floats(0, value)), draw(st.floats(value, 1)), draw(st.integers(0, 500)))


def moved(found: Estimate, by: float) -> Estimate:
    """The same figure and interval, all of it lower."""
    value, low, high = (None if part is None else part - by for part in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.n)


@quick
@given(estimates(), estimates(), shares, st.floats(0, 0.2), st.integers(0, 200))
def test_a_lower_figure_is_never_judged_milder(
    current: Estimate, reference: Estimate, by: float, margin: float, min_rows: int
) -> None:
    higher = judge(current, reference, margin=margin, min_rows=min_rows)
    lower = judge(moved(current, by), reference, margin=margin, min_rows=min_rows)
    if higher.verdict is Verdict.INCONCLUSIVE:
        assert lower.verdict is Verdict.INCONCLUSIVE
    else:
        assert BETTER.index(lower.verdict) <= BETTER.index(higher.verdict)


@quick
@given(estimates(), estimates(), st.floats(0, 0.2), st.floats(0, 0.2))
def test_a_wider_margin_never_makes_a_verdict_graver(
    current: Estimate, reference: Estimate, margin: float, more: float
) -> None:
    narrow = judge(current, reference, margin=margin, min_rows=0).verdict
    assert BETTER.index(judge(current, reference, margin=margin + more, min_rows=0).verdict) >= BETTER.index(narrow)


@quick
@given(estimates(), estimates(), st.floats(0, 0.2), st.floats(0, 1))
def test_surer_of_the_same_figure_never_makes_a_verdict_milder(
    current: Estimate, reference: Estimate, margin: float, keep: float
) -> None:
    value, low, high = current.value or 0.0, current.low or 0.0, current.high or 0.0
    surer = replace(current, low=value - keep * (value - low), high=value + keep * (high - value))
    order = [judge(one, reference, margin=margin, min_rows=0).verdict for one in (surer, current)]
    assert BETTER.index(order[0]) <= BETTER.index(order[1])


@quick
@given(counts(300), st.integers(2, 20), counts())
def test_more_rows_of_the_same_share_never_turn_a_loss_into_none(
    seen: tuple[int, int], times: int, known: tuple[int, int]
) -> None:
    few, many = (share_estimate(seen[0] * k, seen[1] * k, 1.96) for k in (1, times))
    reference = share_estimate(*known, 1.96)
    order = [judge(one, reference, margin=0.03, min_rows=0).verdict for one in (many, few)]
    assert BETTER.index(order[0]) <= BETTER.index(order[1])


@quick
@given(estimates(), st.none() | estimates(), st.floats(0, 0.2), st.integers(1, 1000))
def test_too_few_rows_are_inconclusive_whatever_they_show(
    current: Estimate, reference: Estimate | None, margin: float, lacking: int
) -> None:
    found = judge(current, reference, margin=margin, min_rows=current.n + lacking)
    assert (found.verdict, found.difference) == (Verdict.INCONCLUSIVE, None)


@quick
@given(estimates(), estimates())
def test_a_difference_lies_within_its_interval_and_is_turned_by_turning_the_sides(
    one: Estimate, other: Estimate
) -> None:
    found, back = difference_of(one, other), difference_of(other, one)
    assert found is not None
    assert back is not None
    assert found[1] <= found[0] <= found[2]
    assert [round(part, 9) for part in found] == [round(-part, 9) for part in (back[0], back[2], back[1])]


@quick
@given(counts(), levels)
def test_the_interval_of_a_share_holds_it_and_stays_between_none_and_all(seen: tuple[int, int], z: float) -> None:
    low, high = wilson(*seen, z)
    assert 0.0 <= low <= seen[0] / seen[1] + 1e-12
    assert seen[0] / seen[1] - 1e-12 <= high <= 1.0
    assert low < high


@quick
@given(counts(), levels, st.floats(0, 2))
def test_the_interval_of_a_share_widens_with_its_level(seen: tuple[int, int], z: float, more: float) -> None:
    inner, outer = wilson(*seen, z), wilson(*seen, z + more)
    assert outer[0] <= inner[0] + 1e-12
    assert inner[1] <= outer[1] + 1e-12


@quick
@given(counts(), levels, st.integers(2, 20))
def test_the_interval_of_a_share_narrows_with_rows(seen: tuple[int, int], z: float, times: int) -> None:
    few, many = wilson(*seen, z), wilson(seen[0] * times, seen[1] * times, z)
    assert many[1] - many[0] < few[1] - few[0]


@quick
@given(counts(), levels)
def test_one_hit_more_lifts_both_ends(seen: tuple[int, int], z: float) -> None:
    hits, n = seen
    assume(hits < n)
    fewer, more = wilson(hits, n, z), wilson(hits + 1, n, z)
    assert fewer[0] <= more[0] + 1e-12
    assert fewer[1] <= more[1] + 1e-12


@quick
@given(counts(), counts(), st.integers(0, 100))
def test_a_share_further_from_the_reference_is_never_judged_milder(
    seen: tuple[int, int], known: tuple[int, int], further: int
) -> None:
    (hits, n), reference = seen, known[0] / known[1]
    away = min(n, hits + further) if hits / n >= round(reference * known[1]) / known[1] else max(0, hits - further)
    near, far = (judge_share(count, n, reference, known[1], min_rows=0).verdict for count in (hits, away))
    assert BETTER.index(far) <= BETTER.index(near)


@quick
@given(counts(), counts(), st.booleans())
def test_a_share_is_alarmed_about_only_when_it_moved_by_the_margin(
    seen: tuple[int, int], known: tuple[int, int], only_more: bool
) -> None:
    found = judge_share(*seen, known[0] / known[1], known[1], min_rows=0, only_more=only_more)
    if found.verdict is not Verdict.OK:
        assert found.difference is not None
        assert abs(found.difference) >= SHARE_MARGIN
        assert found.difference > 0 or not only_more
        low, high = wilson(*seen, CAREFUL_Z)
        assert not low <= round(known[0]) / known[1] <= high


@quick
@given(shares, shares, st.integers(0, 20), st.integers(0, 20))
def test_drift_of_more_influence_or_more_features_is_never_judged_milder(
    influence: float, more: float, drifted: int, others: int
) -> None:
    order = (judge_drift(influence + more, drifted + others), judge_drift(influence, drifted))
    assert BETTER.index(order[0]) <= BETTER.index(order[1])


def test_a_share_of_no_rows_does_not_exist_and_is_no_reference() -> None:
    assert share_estimate(0, 0) == Estimate(None, None, None, 0)
    assert judge_share(5, 50, 0.0, 0, min_rows=30).verdict is Verdict.INCONCLUSIVE
