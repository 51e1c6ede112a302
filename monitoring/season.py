"""Does a rhythm explain what moved? The window beside the version's earlier windows of the same part of the calendar.

Theory: what comes and goes with the calendar is no news. A month's last days bring other customers than the rest of it,
a weekend other patients than a Tuesday. A movement is the rhythm of a phase (`Monday`, `the last days of the month`)
when all of this holds: the version's earlier windows of that phase differ from those outside it; they did so more than
once (or once, over many rows, for a phase that comes but once a month); the window looks like them; and the movement
goes away again: most windows outside did not show it, or the phase and the rest together are the reference, which then
was taken from the same rhythm. The pooled windows of the phase stand where the reference stands otherwise: the window
must not differ from them by the very test that told the drift (`drift_detector.differing`).

So a shift that begins by chance on a month's last day is not swallowed: if it is another one than those days usually
bring, it differs from them at once; if it is the same and stays, it is seen on the first day after, which looks like no
earlier first day. Windows of the same occurrence (the other days of this month's end) say nothing about either side.

Measured on daily windows of 400 rows and 11 features, 3 of which move by 0.6 to 1.0 standard deviations: on a month's
last days all windows are explained from the 2nd occurrence on (of 0.35 to 0.6 deviations, too; 95 % if each window's
movement varies by 0.1; 85 % with windows of 100 rows), on weekends and nights from the 3rd. Of 7,600 windows after a
shift that stayed, grew slowly, or came and went without a calendar, with a rhythm beside it or without, none was
explained in full. The same movement as the rhythm's was, on the last days themselves and never on the day after;
another one on top of the rhythm's was in 2 % of its windows. Where two rhythms move the same features, the days of both
stay drift until they came together before.

Not seen: a rhythm of another version (bins are the version's own), the clock of the place (days are days in UTC), and a
phase that most windows lie across the edge of.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.vocabulary import USUALLY
from database.enums import MetricKind, Verdict
from database.models import DriftReport, MonitoringWindow, PerformanceMetric
from monitoring.drift_detector import EFFECT_FLOOR, DriftFinding, FeatureDrift, differing, psi, reference_shares
from monitoring.measurement import Measurement
from monitoring.thresholds import judge_drift

# A window belongs to a phase when this share of its time lies in one occurrence of it, and stands outside when at most
# the rest does: real windows are cut by rows, not at midnight.
WITHIN = 0.6
# A rhythm shows in this many earlier occurrences.
OCCURRENCES = 2
# In one alone, if its phase comes once a month or once a year and it brought this many times the window's rows.
ROWS_ALONE = 2
# Older occurrences than these say how it once was.
NEWEST_OCCURRENCES = 4
# How far the phase has to stand apart from the rest: two pools of many rows, so chance adds next to nothing.
APART = EFFECT_FLOOR / 2
# A movement that this share of the windows outside shows too has not gone away.
STAYED = 0.5
# How far back a rhythm is looked for, and in how many windows at most: with windows of a day half a year, with windows
# of an hour a week.
RHYTHM_REACHES, RHYTHM_WINDOWS = timedelta(days=400), 200
# Where the quality of an earlier window stands: on its sound rows if that was looked at.
QUALITY = (MetricKind.REALISED_CLEAN, MetricKind.REALISED)

_EDGE_DAYS = 3
_LONGEST = timedelta(days=31 / WITHIN)
_HOURS = 6
_PARTS = ("the night", "the morning", "the afternoon", "the evening")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_FIRST, _LAST = "the first days of the month", "the last days of the month"
_RARE = frozenset({_FIRST, _LAST, *_MONTHS})

Counts = NDArray[np.int64]
# The reference's share of each bin, by feature.
Shares = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Past:
    """An earlier window of the version: what fell into the bins of each feature, which of them had drifted, and how
    good its answers turned out to be (value and rows by metric)."""

    from_at: datetime
    to_at: datetime
    counts: Mapping[str, Sequence[int]]
    drifted: Collection[str] = ()
    quality: Mapping[str, tuple[float, int]] = field(default_factory=dict)


def past_of(window: MonitoringWindow, report: DriftReport, figures: Iterable[PerformanceMetric]) -> Past:
    """An earlier window as it was written; a report from before bins were kept has no counts."""
    quality = {
        (MetricKind(f.kind), f.metric_name): (f.metric_value, f.n)
        for f in figures
        if f.kind in QUALITY and f.metric_value is not None and f.metadata_.get("pooled", 1) == 1
    }
    names = {name for _, name in quality}
    known = {name: next(quality[kind, name] for kind in QUALITY if (kind, name) in quality) for name in names}
    counts = {str(entry["feature"]): entry.get("counts") or () for entry in report.features}
    return Past(window.from_at, window.to_at, counts, frozenset(report.drifted_features), known)


def _nothing() -> Sequence[Past]:
    return ()


@dataclass(frozen=True)
class Rhythm:
    """When the window was, and the version's windows before it. They are asked for only when something moved."""

    from_at: datetime
    to_at: datetime
    earlier: Callable[[], Sequence[Past]] = _nothing


@lru_cache(maxsize=2048)
def _phases_of(day: date, part: int | None) -> tuple[tuple[str, date], ...]:
    """The phases a day (or a quarter of it) belongs to, each with its occurrence: the day that occurrence began."""
    monday, first = day - timedelta(days=day.weekday()), day.replace(day=1)
    found = [(_DAYS[day.weekday()], day), (_MONTHS[day.month - 1], first)]
    found.append(("the weekend", monday) if day.weekday() >= 5 else ("the working days", monday))
    if day.day <= _EDGE_DAYS:
        found.append((_FIRST, first))
    if (day + timedelta(days=_EDGE_DAYS)).month != day.month:
        found.append((_LAST, first))
    if part is not None:
        found.append((_PARTS[part], day))
    return tuple(found)


@lru_cache(maxsize=2048)
def shares(from_at: datetime, to_at: datetime) -> Mapping[str, Mapping[date, float]]:
    """How much of a span lies in which occurrence of which phase."""
    begin, end = from_at.astimezone(UTC), to_at.astimezone(UTC)
    whole = end - begin
    found: dict[str, dict[date, float]] = {}
    if whole <= timedelta(0) or whole > _LONGEST:
        return found
    short = whole <= timedelta(hours=_HOURS) / WITHIN
    while begin < end:
        part = begin.hour // _HOURS if short else None
        midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        until = min(end, midnight + (timedelta(hours=(part + 1) * _HOURS) if part is not None else timedelta(days=1)))
        for name, occurrence in _phases_of(begin.date(), part):
            at = found.setdefault(name, {})
            at[occurrence] = at.get(occurrence, 0.0) + (until - begin) / whole
        begin = until
    return found


def phases(from_at: datetime, to_at: datetime) -> dict[str, date]:
    """The phases a span fits into, with the occurrence of each. A window of nine days has no weekday."""
    return {
        name: occurrence
        for name, at in shares(from_at, to_at).items()
        for occurrence, share in at.items()
        if share >= WITHIN
    }


@dataclass(frozen=True)
class _Sides:
    """The windows that can tell whether a phase has a rhythm: those of earlier occurrences, and those outside since."""

    name: str
    same: tuple[Past, ...]
    outside: tuple[Past, ...]
    occurrences: int

    def enough(self, feature: str, n: int) -> bool:
        rows = sum(sum(past.counts.get(feature, ())) for past in self.same)
        alone = self.name in _RARE and self.occurrences > 0 and rows >= ROWS_ALONE * n
        return bool(self.outside) and (self.occurrences >= OCCURRENCES or alone)


def _sides(name: str, now: date, earlier: Sequence[tuple[Past, Mapping[str, Mapping[date, float]]]]) -> _Sides:
    inside = [
        (occurrence, past)
        for past, lies in earlier
        for occurrence, share in lies.get(name, {}).items()
        if share >= WITHIN and occurrence != now
    ]
    kept = sorted({occurrence for occurrence, _ in inside})[-NEWEST_OCCURRENCES:]
    same = tuple(past for occurrence, past in inside if occurrence in kept)
    since = min((past.from_at for past in same), default=None)
    outside = tuple(
        past
        for past, lies in earlier
        if since is not None and past.from_at >= since and sum(lies.get(name, {}).values()) <= 1 - WITHIN
    )
    return _Sides(name, same, outside, len(kept))


def _pooled(windows: Iterable[Past], feature: str, bins: int) -> Counts:
    """What fell into each bin over all of these windows; reports that were written without counts say nothing."""
    known = [counts for window in windows if len(counts := window.counts.get(feature, ())) == bins]
    total: Counts = np.array(known, dtype=np.int64).reshape(-1, bins).sum(axis=0)
    return total


def _goes_away(sides: _Sides, feature: str, same: Counts, outside: Counts, reference: Sequence[float]) -> bool:
    """A shift that came to stay moves the rest as well, and no rhythm of the feature hides that."""
    if sum(feature in past.drifted for past in sides.outside) < STAYED * len(sides.outside):
        return True
    whole = same + outside
    return len(reference) == len(whole) and float(psi(whole, np.array(reference) * whole.sum())) < APART


def _explained(sides: _Sides, moved: Sequence[FeatureDrift], reference: Shares, rate: float) -> dict[str, float]:
    """The features whose movement is this phase's rhythm, and how far the phase stands apart in each."""
    apart: dict[str, float] = {}
    pairs = {}
    for feature in moved:
        now = np.asarray(feature.counts, dtype=np.int64)
        if not sides.enough(feature.feature, int(now.sum())):
            continue
        same = _pooled(sides.same, feature.feature, len(now))
        outside = _pooled(sides.outside, feature.feature, len(now))
        if not same.sum() or not outside.sum() or (contrast := float(psi(same, outside))) < APART:
            continue
        if not _goes_away(sides, feature.feature, same, outside, reference.get(feature.feature, ())):
            continue
        apart[feature.feature], pairs[feature.feature] = contrast, (now, same)
    other = differing(pairs, rate)
    return {name: contrast for name, contrast in apart.items() if name not in other}


@dataclass(frozen=True)
class Seasons:
    """What moved with the season it belongs to, and how good the answers were in earlier windows of that season."""

    drift: DriftFinding
    usual: tuple[Measurement, ...] = ()


def in_season(found: DriftFinding, rhythm: Rhythm | None, profile: Mapping[str, Any], rate: float) -> Seasons:
    """Name the season of every movement that has one.

    The report keeps what moved. Only what no rhythm explains counts for the verdict and the drift score: a window that
    looks as such windows always look is in order.
    """
    moved = [feature for feature in found.features if feature.drifted and feature.counts]
    mine = phases(rhythm.from_at, rhythm.to_at) if rhythm is not None and moved else {}
    if rhythm is None or not mine:
        return Seasons(found)
    reference = reference_shares(profile)
    earlier = [(past, shares(past.from_at, past.to_at)) for past in rhythm.earlier()]
    told = []
    for name, occurrence in mine.items():
        sides = _sides(name, occurrence, earlier)
        told.append((sides, _explained(sides, moved, reference, rate)))
    # The phase that explains the most comes first; of two, the one that stands apart more clearly.
    told.sort(key=lambda one: (len(one[1]), sum(one[1].values())), reverse=True)
    seasons: dict[str, str] = {}
    for sides, explained in told:
        for name in explained:
            seasons.setdefault(name, sides.name)
    if not seasons:
        return Seasons(found)
    features = tuple(_with(feature, seasons.get(feature.feature)) for feature in found.features)
    left = [feature for feature in features if feature.drifted and not feature.season]
    influence = min(1.0, sum(feature.influence for feature in left))
    drift = replace(found, features=features, verdict=judge_drift(influence, len(left)), drift_score=influence)
    return Seasons(drift, _usual(told[0][0]))


def _with(feature: FeatureDrift, season: str | None) -> FeatureDrift:
    if season is None:
        return feature
    why = f"{feature.why}; earlier windows of {season} looked the same"
    return replace(feature, season=season, verdict=Verdict.OK, why=why)


def _usual(sides: _Sides) -> tuple[Measurement, ...]:
    """How good the answers were in the earlier windows of the phase, by metric: what a loss now is held against."""
    found = []
    for metric in sorted({metric for past in sides.same for metric in past.quality}):
        known = [past.quality[metric] for past in sides.same if metric in past.quality]
        n = sum(rows for _, rows in known)
        value = sum(value * rows for value, rows in known) / n if n else None
        if value is not None:
            why = f"over {len(known)} earlier windows of {sides.name}"
            found.append(
                Measurement(
                    MetricKind.PREDICTION, USUALLY + metric, value, None, None, n, None, Verdict.OK, why,
                    {"of": sides.name},
                )
            )  # fmt: skip
    return tuple(found)
