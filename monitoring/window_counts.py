"""A window too large to be read row by row: what its counts say, and a random sample for what only rows can tell.

Figures of the counts are those of a full scan. A sample is drawn by a fixed seed, so a window that is judged again is
judged on the same rows; every figure that rests on one says so (`told`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from config.model_contract import ModelContract
from database.connection import ReadSession
from database.count_layout import Layout, Row, Tally, latency_quantile
from database.models import ModelVersion
from database.queries import count_reads, predictions
from database.queries.count_reads import Truths
from database.queries.predictions import LabelProgress, Outcome, Share
from monitoring.checks.outcome import QualityCheck
from monitoring.measurement import Measurement
from monitoring.windows import WindowRows, columns_of
from training.evaluator import Confusion

# A window of at most so many rows is read whole; of a larger one, so many are drawn.
LARGE, SAMPLE_ROWS = 20_000, 10_000
# So few rows are counted as quickly as their counts are read.
FEW = 2_000
# They are drawn from at most so many minutes, each chosen as often as it has rows.
SAMPLE_MINUTES = 100
_SEED = 20_240_601


@dataclass(frozen=True)
class WindowCounts:
    """What all rows of a window come to."""

    layout: Layout
    tally: Tally
    truths: Truths

    @property
    def n(self) -> int:
        return self.tally.n

    @property
    def confusion(self) -> Confusion:
        tp, fp, tn, fn = self.truths
        return Confusion(tp=tp, fp=fp, fn=fn, tn=tn)

    @property
    def labelled_n(self) -> int:
        return sum(self.truths)

    @property
    def latency_p95_ms(self) -> float | None:
        return latency_quantile(self.layout.of_latencies(self.tally.bins), 0.95)

    def __add__(self, other: "WindowCounts") -> "WindowCounts":
        truths = np.array(self.truths) + np.array(other.truths)
        return replace(self, tally=self.tally + other.tally, truths=tuple(truths.tolist()))


@dataclass(frozen=True)
class LargeWindow:
    """The counts of a window, and the rows that were drawn from it."""

    counts: WindowCounts
    sample: WindowRows


def large_window(
    session: Session | ReadSession, contract: ModelContract, version: ModelVersion, from_at: datetime, to_at: datetime
) -> LargeWindow | None:
    """Counts and sample of a version's rows in [from_at, to_at); None where the counts cannot tell, and the window has
    to be read whole."""
    layout = Layout(version.reference_profile)
    found = count_reads.inside(session, version.id, layout, from_at, to_at)
    if found is None:
        return None
    tally, truths, shares = found.tally, np.array(found.truths), [*found.spans]
    places = [Share(span.starts_at, span.ends_at, span.n, span.generation) for span in shares]
    for begin, end in found.edges:
        rows = predictions.outcomes_between(session, version.model_name, version.id, begin, end)
        tally = tally + layout.tally([_row(one) for one in rows])
        truths = truths + truths_of(rows)
        places.append(Share(begin, end, len(rows)))
    counts = WindowCounts(layout, tally, tuple(truths.tolist()))
    drawn = predictions.drawn(session, version.model_name, version.id, chosen(places, SAMPLE_ROWS), _SEED)
    return LargeWindow(counts, columns_of(drawn, contract))


def large_progress(
    session: Session | ReadSession,
    model_name: str,
    model_id: int,
    from_at: datetime,
    to_at: datetime,
    as_of: datetime | None,
) -> LabelProgress | None:
    """How much truth a large window has, from counts; None where they cannot tell, or where labels came since `as_of`
    and have to be counted one by one."""
    found = count_reads.truth_inside(session, model_id, from_at, to_at)
    if found is None:
        return None
    n, labelled, newest = found.n, found.labelled_n, found.newest_label_at
    for begin, end in found.edges:
        edge = predictions.label_progress(session, model_name, model_id, begin, end, as_of)
        n, labelled = n + edge.n, labelled + edge.labelled_n
        newest = max((one for one in (newest, edge.newest_at) if one is not None), default=None)
    if as_of is None:
        return LabelProgress(n, labelled, labelled, newest)
    return LabelProgress(n, labelled, 0, newest) if newest is None or newest <= as_of else None


def _row(outcome: Outcome) -> Row:
    return {
        "features": outcome.features,
        "prediction": outcome.prediction,
        "probability": outcome.probability,
        "threshold": outcome.threshold,
        "latency_ms": outcome.latency_ms,
    }


def truths_of(rows: Sequence[Outcome]) -> "np.ndarray[Any, Any]":
    """True and false positives, true and false negatives of the rows whose truth is known."""
    found = np.zeros(4, dtype=np.int64)
    for one in rows:
        if one.actual is not None:
            found[{(1, 1): 0, (1, 0): 1, (0, 0): 2, (0, 1): 3}[(one.prediction, one.actual)]] += 1
    return found


def chosen(places: Sequence[Share], rows: int) -> list[Share]:
    """The places to draw from, each with the part of its rows to take: every row of all is as likely to be drawn."""
    counts = np.array([place.n for place in places], dtype=np.float64)
    total = counts.sum()
    if total <= rows:
        return [place for place in places if place.n]
    draws = min(SAMPLE_MINUTES, rows)
    step = total / draws
    begin = np.random.default_rng(_SEED).random() * step
    ends = np.cumsum(counts)
    hits = np.bincount(
        np.searchsorted(ends, begin + step * np.arange(draws), side="right").clip(max=len(places) - 1),
        minlength=len(places),
    )
    return [
        replace(place, part=min(1.0, hit * rows / draws / place.n))
        for place, hit in zip(places, hits.tolist(), strict=True)
        if hit and place.n
    ]


def told(figures: Sequence[Measurement], sample: int, n: int) -> tuple[Measurement, ...]:
    """Figures that rest on a sample say so."""
    facts = {"sample": sample, "window_rows": n}
    return tuple(replace(one, why=f"{one.why}; {_of(sample, n)}", facts={**one.facts, **facts}) for one in figures)


def told_checks(checks: Sequence[QualityCheck], sample: int, n: int) -> tuple[QualityCheck, ...]:
    """Checks that rest on a sample say so; those of all rows stay as they are."""
    return tuple(
        one
        if one.n == n
        else replace(
            one,
            details={
                **one.details,
                "why": f"{one.details.get('why', one.name)}; {_of(sample, n)}",
                "sample": sample,
                "window_rows": n,
            },
        )
        for one in checks
    )


def _of(sample: int, n: int) -> str:
    return f"a random sample of {sample:,} of the window's {n:,} rows"
