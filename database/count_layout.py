"""What a stored count of predictions holds, and how rows become one. Pure numpy.

All bins of a version lie in one flat array: those of each feature of its reference profile by name, unseen values and
nulls among them, then those of its scores, then latencies. Beside it stand the few sums that a window needs. All of it
is whole numbers, so counts may be added in any order and a count of raw rows equals them exactly.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from database.bins import Bins, Counts, Floats

# Scores are added as whole billionths.
SCORE_UNIT = 1e-9
# Bins of latencies, a quarter of an octave wide each: from 1/16 ms to 65 s. A quantile read from them is right to 19 %.
LATENCY_EDGES_MS: Floats = 2.0 ** np.arange(-4, 16.01, 0.25)
_RULES = 1  # another way of counting is another number here


Row = Mapping[str, Any]


@dataclass(frozen=True)
class Tally:
    """What some rows come to. `scores` and `squares` are in billionths; `uncertain` is 0 where the profile names no
    band."""

    n: int
    positives: int
    uncertain: int
    scores: int
    squares: int
    bins: Counts

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.n + other.n,
            self.positives + other.positives,
            self.uncertain + other.uncertain,
            self.scores + other.scores,
            self.squares + other.squares,
            self.bins + other.bins,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.figures == other.figures and np.array_equal(self.bins, other.bins)

    __hash__ = None  # type: ignore[assignment]  # holds an array

    @property
    def figures(self) -> tuple[int, int, int, int, int]:
        return self.n, self.positives, self.uncertain, self.scores, self.squares


class Layout:
    """The bins of one version, one after the other."""

    def __init__(self, profile: Mapping[str, Any]) -> None:
        entries: Mapping[str, Mapping[str, Any]] = profile.get("features") or {}
        features = {name: entries[name] for name in sorted(entries) if "shares" in entries[name]}
        scores: Mapping[str, Any] = profile.get("scores") or {}
        self.features = {name: Bins(one) for name, one in features.items()}
        self.score_edges: Floats = np.array(scores.get("edges") or (), dtype=np.float64)
        self.band: float | None = scores.get("uncertain_band")
        self._at: dict[str, slice] = {}
        end = 0
        for name, bins in self.features.items():
            self._at[name] = slice(end, end + bins.width)
            end += bins.width
        self._scores = slice(end, end + len(self.score_edges) + 1)
        self._latencies = slice(self._scores.stop, self._scores.stop + len(LATENCY_EDGES_MS) + 1)
        self.size = self._latencies.stop
        meaning = [
            _RULES,
            [[name, one["kind"], one.get("edges"), one.get("categories")] for name, one in features.items()],
            [self.score_edges.tolist(), self.band, LATENCY_EDGES_MS.tolist()],
        ]
        self.digest = hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:16]

    def tally(self, rows: Sequence[Row]) -> Tally:
        """Count rows. Each has `features`, `prediction`, `probability`, `threshold` and `latency_ms`, as a row of the
        spool does and one of the database."""
        bins = np.empty(self.size, dtype=np.int64)
        for (name, feature), values in zip(self.features.items(), self._columns(rows), strict=True):
            bins[self._at[name]] = feature.count(values)
        scores = np.array([row["probability"] for row in rows], dtype=np.float64)
        bins[self._scores] = binned(scores, self.score_edges)
        latencies = np.array([row["latency_ms"] for row in rows], dtype=np.float64)
        bins[self._latencies] = binned(latencies, LATENCY_EDGES_MS)
        uncertain = 0
        if self.band is not None:
            thresholds = np.array([row["threshold"] for row in rows], dtype=np.float64)
            uncertain = int((np.abs(scores - thresholds) < self.band).sum())
        return Tally(
            len(rows),
            [row["prediction"] for row in rows].count(1),
            uncertain,
            int(np.rint(scores / SCORE_UNIT).sum()),
            int(np.rint(scores * scores / SCORE_UNIT).sum()),
            bins,
        )

    def _columns(self, rows: Sequence[Row]) -> Iterable[Sequence[Any]]:
        features = [row["features"] for row in rows]
        names = list(self.features)
        if len(names) > 1 and rows:
            with contextlib.suppress(KeyError):  # a row may lack a feature
                return list(zip(*map(itemgetter(*names), features), strict=True))
        return ([one.get(name) for one in features] for name in names)

    def empty(self) -> Tally:
        return self.tally(())

    def of_feature(self, name: str, bins: Counts) -> Counts | None:
        """Rows in each bin of a feature; None for one the reference does not hold."""
        return bins[self._at[name]] if name in self._at else None

    def of_scores(self, bins: Counts) -> Counts:
        return bins[self._scores]

    def of_latencies(self, bins: Counts) -> Counts:
        return bins[self._latencies]


def binned(values: Floats, edges: Floats) -> Counts:
    """How many values lie between the edges; one that equals an edge lies above it."""
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def latency_quantile(counts: NDArray[Any], share: float) -> float | None:
    """The latency that this share of rows stayed under, read from its bins; None without rows."""
    total = int(counts.sum())
    if not total:
        return None
    ends = np.cumsum(counts)
    at = int(np.searchsorted(ends, share * total, side="left"))
    low, high = _ends_of(at)
    inside = (share * total - (ends[at] - counts[at])) / counts[at]
    return float(low + (high - low) * inside)


def _ends_of(at: int) -> tuple[float, float]:
    low = 0.0 if at == 0 else float(LATENCY_EDGES_MS[at - 1])
    high = float(LATENCY_EDGES_MS[min(at, len(LATENCY_EDGES_MS) - 1)])
    return low, high


def total(tallies: Iterable[Tally], layout: Layout) -> Tally:
    """The sum of some counts."""
    return sum(tallies, start=layout.empty())
