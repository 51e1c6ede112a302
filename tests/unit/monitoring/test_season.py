"""A rhythm explains what comes and goes with the calendar, and nothing that came to stay."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from database.enums import MetricKind, Verdict
from database.models import DriftReport, MonitoringWindow, PerformanceMetric
from monitoring.drift_detector import DriftFinding, FeatureDrift
from monitoring.season import Past, Rhythm, Seasons, in_season, past_of, phases

DAY = timedelta(days=1)
FEATURES = ("age", "dose", "weight")
EDGES = (-1.0, -0.5, 0.0, 0.5, 1.0)
ROWS = 400
RATE = 0.05
Shift = Callable[[datetime], Mapping[str, float]]


def _counts(values: Any) -> tuple[int, ...]:
    counts = np.bincount(np.searchsorted(EDGES, values, side="right"), minlength=len(EDGES) + 1)
    return (*counts.tolist(), 0)


_REFERENCE = np.random.default_rng(0).normal(size=20_000)
_SHARES = [count / len(_REFERENCE) for count in _counts(_REFERENCE)]
PROFILE = {"features": {name: {"kind": "numeric", "edges": EDGES, "shares": _SHARES} for name in FEATURES}}


def _finding(counts: Mapping[str, tuple[int, ...]], drifted: set[str]) -> DriftFinding:
    features = tuple(
        FeatureDrift(
            name, "numeric", 0.3, 0.1, 0.001, ROWS, 0.0, 0.0, 0.3, name in drifted,
            Verdict.WARN if name in drifted else Verdict.OK, "moved", counts=counts[name],
        )
        for name in FEATURES
    )  # fmt: skip
    influence = 0.3 * len(drifted)
    return DriftFinding(features, None, Verdict.WARN if drifted else Verdict.OK, influence)


def live(shift: Shift, days: int, *, start: datetime, step: timedelta = DAY) -> list[tuple[datetime, Seasons]]:
    """A life of `days` windows. What a shift names has drifted."""
    rng = np.random.default_rng(5)
    pasts: list[Past] = []
    found = []
    for number in range(days):
        at = start + number * step
        moved = shift(at)
        counts = {name: _counts(rng.normal(moved.get(name, 0.0), 1.0, ROWS)) for name in FEATURES}
        rhythm = Rhythm(at, at + step, partial(tuple, pasts))
        found.append((at, in_season(_finding(counts, set(moved)), rhythm, PROFILE, RATE)))
        pasts.append(Past(at, at + step, counts, frozenset(moved), {"f1": (0.8 - 0.1 * bool(moved), 100)}))
    return found


def named(seasons: Seasons) -> set[str]:
    return {feature.season for feature in seasons.drift.features if feature.drifted}


def month_end(at: datetime) -> bool:
    return (at + 3 * DAY).month != at.month


JANUARY = datetime(2025, 1, 1, tzinfo=UTC)
LAST_DAYS = "the last days of the month"


@pytest.mark.parametrize(
    ("begin", "length", "fits"),
    [
        (datetime(2025, 1, 6, tzinfo=UTC), DAY, {"Monday", "the working days", "January"}),
        (datetime(2025, 1, 4, tzinfo=UTC), 2 * DAY, {"the weekend", "January"}),
        (datetime(2025, 1, 6, tzinfo=UTC), 9 * DAY, {"January"}),
        (datetime(2025, 1, 6, tzinfo=UTC), 60 * DAY, set()),
        (datetime(2025, 1, 31, tzinfo=UTC), DAY, {"Friday", "the working days", "January", LAST_DAYS}),
        (datetime(2025, 2, 1, 1, tzinfo=UTC), timedelta(hours=2),
         {"Saturday", "the weekend", "February", "the first days of the month", "the night"}),
    ],
)  # fmt: skip
def test_a_window_belongs_to_the_phases_that_its_span_fits_into(
    begin: datetime, length: timedelta, fits: set[str]
) -> None:
    assert set(phases(begin, begin + length)) == fits


def test_a_window_that_lies_half_in_one_day_and_half_in_the_next_has_no_weekday() -> None:
    noon = datetime(2025, 1, 6, 12, tzinfo=UTC)
    assert set(phases(noon, noon + DAY)) == {"the working days", "January"}


def test_a_months_end_is_explained_from_its_second_occurrence_on_and_the_report_keeps_what_moved() -> None:
    life = live(lambda at: {"age": 0.8, "dose": -0.8} if month_end(at) else {}, 95, start=JANUARY)
    for at, seasons in life:
        if not month_end(at):
            continue
        if at.month == 1:
            assert named(seasons) == {""}
            assert seasons.drift.verdict is Verdict.WARN
        else:
            assert named(seasons) == {LAST_DAYS}
            assert (seasons.drift.verdict, seasons.drift.drift_score) == (Verdict.OK, 0.0)
            assert seasons.drift.drifted_features == ["age", "dose"]
            assert seasons.drift.drift_detected is True


def test_a_weekend_is_explained_from_the_third_on() -> None:
    life = live(lambda at: {"age": 0.8} if at.weekday() >= 5 else {}, 40, start=datetime(2025, 1, 6, tzinfo=UTC))
    weekends = [seasons for at, seasons in life if at.weekday() >= 5]
    assert [named(one) for one in weekends[:4]] == [{""}] * 4
    assert all(named(one) <= {"the weekend", "Saturday", "Sunday"} for one in weekends[4:])


def test_a_shift_that_begins_on_a_months_last_days_and_stays_is_drift_on_every_day() -> None:
    begins = datetime(2025, 3, 29, tzinfo=UTC)
    life = live(lambda at: {"age": 0.8} if at >= begins else {}, 150, start=JANUARY)
    assert all(named(seasons) == {""} for at, seasons in life if at >= begins)


def test_the_seasons_own_movement_that_stays_is_drift_again_on_the_day_after() -> None:
    begins = datetime(2025, 3, 29, tzinfo=UTC)
    life = live(lambda at: {"age": 0.8} if month_end(at) or at >= begins else {}, 115, start=JANUARY)
    by_day = dict(life)
    assert named(by_day[datetime(2025, 3, 31, tzinfo=UTC)]) == {LAST_DAYS}
    after = [named(seasons) for at, seasons in life if at.month == 4 and not month_end(at)]
    assert after
    assert all(names == {""} for names in after)


def test_another_movement_than_the_season_usually_brings_is_drift_at_once() -> None:
    def shift(at: datetime) -> Mapping[str, float]:
        if at >= datetime(2025, 3, 29, tzinfo=UTC):
            return {"age": -0.8, "dose": 0.8}
        return {"age": 0.8} if month_end(at) else {}

    on_the_day = dict(live(shift, 90, start=JANUARY))[datetime(2025, 3, 29, tzinfo=UTC)]
    assert named(on_the_day) == {""}


def test_only_what_the_season_does_not_explain_counts_for_the_verdict() -> None:
    def shift(at: datetime) -> Mapping[str, float]:
        season = {"age": 0.8} if month_end(at) else {}
        return {**season, **({"weight": 0.8} if at >= datetime(2025, 3, 29, tzinfo=UTC) else {})}

    both = dict(live(shift, 90, start=JANUARY))[datetime(2025, 3, 30, tzinfo=UTC)].drift
    assert {feature.feature: feature.season for feature in both.features if feature.drifted} == {
        "age": LAST_DAYS, "weight": "",
    }  # fmt: skip
    assert both.drift_score == pytest.approx(0.3)
    assert both.verdict is Verdict.WARN


def test_a_lasting_shift_is_not_taken_for_the_rhythm_of_the_working_days_because_weekends_have_one() -> None:
    begins = datetime(2025, 2, 15, tzinfo=UTC)

    def shift(at: datetime) -> Mapping[str, float]:
        size = 0.9 * (at.weekday() >= 5) + 0.7 * (at >= begins)
        return {"age": size} if size else {}

    life = live(shift, 110, start=JANUARY)
    after = [named(seasons) for at, seasons in life if at >= begins + 7 * DAY]
    assert after.count({""}) >= 0.95 * len(after)


def test_the_season_says_how_good_the_answers_usually_are_in_it() -> None:
    life = dict(live(lambda at: {"age": 0.8} if month_end(at) else {}, 60, start=JANUARY))
    (usual,) = life[datetime(2025, 2, 28, tzinfo=UTC)].usual
    assert (usual.kind, usual.name, usual.facts["of"]) == (MetricKind.PREDICTION, "usual_f1", LAST_DAYS)
    assert usual.value == pytest.approx(0.7)
    assert usual.n == 300


def test_earlier_windows_are_not_read_when_nothing_moved() -> None:
    def never() -> tuple[Past, ...]:
        raise AssertionError

    still = _finding(dict.fromkeys(FEATURES, _counts(_REFERENCE[:ROWS])), set())
    assert in_season(still, Rhythm(JANUARY, JANUARY + DAY, never), PROFILE, RATE).drift is still


def test_a_report_from_before_bins_were_kept_is_read_and_explains_nothing() -> None:
    report = DriftReport(features=[{"feature": "age", "score": 0.3}], drifted_features=["age"])
    window = MonitoringWindow(from_at=JANUARY, to_at=JANUARY + DAY)
    old = past_of(window, report, ())
    assert old.counts == {"age": ()}
    moved = _finding(dict.fromkeys(FEATURES, _counts(_REFERENCE[:ROWS] + 1)), {"age"})
    rhythm = Rhythm(JANUARY + 7 * DAY, JANUARY + 8 * DAY, lambda: [old])
    assert in_season(moved, rhythm, PROFILE, RATE).drift is moved


def test_the_quality_of_an_earlier_window_is_that_of_its_sound_rows() -> None:
    def figure(kind: MetricKind, value: float, **facts: int) -> PerformanceMetric:
        return PerformanceMetric(kind=kind, metric_name="f1", metric_value=value, n=90, metadata_=facts)

    figures = [
        figure(MetricKind.REALISED, 0.5),
        figure(MetricKind.REALISED_CLEAN, 0.8),
        figure(MetricKind.REALISED_CLEAN, 0.1, pooled=3),
    ]
    report: Any = SimpleNamespace(features=[], drifted_features=[])
    window: Any = SimpleNamespace(from_at=JANUARY, to_at=JANUARY + DAY)
    assert past_of(window, report, figures).quality == {"f1": (0.8, 90)}
