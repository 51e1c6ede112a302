"""The answers themselves: share of positives, confidence, score distribution, latency, volume. Pure.

None of this needs labels. A share is compared with the version's out-of-fold answers by exact intervals at 99 %,
because it is looked at in every window; latency and volume have no reference but the windows before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from config.model_contract import ModelContract
from config.vocabulary import LATENCY, ROWS_PER_HOUR
from config.yardsticks import slow_from
from database.count_layout import SCORE_UNIT
from database.enums import MetricKind, Verdict
from database.models import PerformanceMetric
from monitoring.drift_detector import FeatureDrift
from monitoring.measurement import Measurement
from monitoring.thresholds import CAREFUL_Z, judge_share, share_estimate
from monitoring.volume import Traffic, judge_volume
from monitoring.window_counts import WindowCounts, told
from monitoring.windows import WindowRows


@dataclass(frozen=True)
class Answers:
    """What is looked at of a window's answers: of all its rows, whether they were read or only counted."""

    n: int
    positives: int
    uncertain: int
    mean: float
    deviation: float
    latency_p95_ms: float
    latency_from: str = ""


@dataclass(frozen=True)
class Before:
    """What the version's earlier windows had: p95 latencies, and rows in how many hours."""

    latencies_p95_ms: Sequence[float] = ()
    traffic: Sequence[Traffic] = ()


def predictions(
    contract: ModelContract,
    profile: Mapping[str, Any],
    rows: WindowRows,
    score_drift: FeatureDrift | None,
    *,
    counts: WindowCounts | None = None,
    hours: float,
    before: Before,
    until: datetime | None = None,
) -> tuple[Measurement, ...]:
    """The figures about the answers of one window that lasted `hours`, up to `until` if that is known. Of a window that
    was counted, `rows` are a sample."""
    seen = _of_rows(contract, rows) if counts is None else _of_counts(counts)
    uncertain = _share(contract, profile, "uncertain_share", seen.uncertain, seen.n, only_more=True)
    if counts is not None and counts.layout.band != contract.monitoring.uncertain_band:
        drawn = _share(contract, profile, "uncertain_share", _uncertain(contract, rows), rows.n, only_more=True)
        (uncertain,) = told([drawn], rows.n, counts.n)
    found = [
        _share(contract, profile, "positive_share", seen.positives, seen.n, only_more=False),
        uncertain,
        _mean_score(contract, seen),
        _latency(contract, seen, before.latencies_p95_ms),
        _volume(Traffic(seen.n, hours, until), before.traffic),
    ]
    if score_drift is not None:
        found.append(_score_psi(score_drift))
    return tuple(found)


def _of_rows(contract: ModelContract, rows: WindowRows) -> Answers:
    if rows.n < 2:
        return Answers(rows.n, int(rows.answers.sum()), _uncertain(contract, rows), 0.0, 0.0, 0.0)
    return Answers(
        rows.n,
        int(rows.answers.sum()),
        _uncertain(contract, rows),
        float(rows.probabilities.mean()),
        float(rows.probabilities.std(ddof=1)),
        float(np.quantile(rows.latencies_ms, 0.95)),
    )


def _of_counts(counts: WindowCounts) -> Answers:
    n, mean = counts.n, counts.tally.scores * SCORE_UNIT / counts.n
    spread = max(0.0, counts.tally.squares * SCORE_UNIT - n * mean * mean)
    return Answers(
        n,
        counts.tally.positives,
        counts.tally.uncertain,
        mean,
        (spread / max(1, n - 1)) ** 0.5,
        counts.latency_p95_ms or 0.0,
        ", read from counts",
    )


def _uncertain(contract: ModelContract, rows: WindowRows) -> int:
    return int((np.abs(rows.probabilities - rows.thresholds) < contract.monitoring.uncertain_band).sum())


def _share(
    contract: ModelContract, profile: Mapping[str, Any], name: str, hits: int, n: int, *, only_more: bool
) -> Measurement:
    reference = profile.get("scores", {}).get(name)
    current = share_estimate(hits, n)
    kind = MetricKind.PREDICTION
    if reference is None:
        why = "the version's reference profile does not hold this share"
        return Measurement(kind, name, current.value, current.low, current.high, n, None, Verdict.INCONCLUSIVE, why)
    judged = judge_share(
        hits, n, reference, int(profile["n"]), min_rows=contract.monitoring.min_rows, only_more=only_more
    )
    return Measurement(
        kind,
        name,
        current.value,
        current.low,
        current.high,
        n,
        reference,
        judged.verdict,
        judged.why,
        {"difference": judged.difference, "difference_low": judged.low, "difference_high": judged.high},
    )


def _mean_score(contract: ModelContract, rows: Answers) -> Measurement:
    kind, name = MetricKind.PREDICTION, "mean_score"
    if rows.n < contract.monitoring.min_rows:
        why = f"{rows.n} rows, at least {contract.monitoring.min_rows} are needed to judge"
        return Measurement(kind, name, None, None, None, rows.n, None, Verdict.INCONCLUSIVE, why)
    mean = rows.mean
    half = CAREFUL_Z * rows.deviation / rows.n**0.5
    why = "shown beside the score distribution, which is what is judged"
    return Measurement(kind, name, mean, max(0.0, mean - half), min(1.0, mean + half), rows.n, None, Verdict.OK, why)


def _latency(contract: ModelContract, rows: Answers, before: Sequence[float]) -> Measurement:
    kind, name = MetricKind.PREDICTION, LATENCY
    if rows.n < contract.monitoring.min_rows:
        why = f"{rows.n} rows, at least {contract.monitoring.min_rows} are needed to judge"
        return Measurement(kind, name, None, None, None, rows.n, None, Verdict.INCONCLUSIVE, why)
    p95 = rows.latency_p95_ms
    usual = float(np.median(before)) if before else None
    if usual is None:
        why = f"p95 {p95:.1f} ms{rows.latency_from}, the version's first window"
        return Measurement(kind, name, p95, None, None, rows.n, None, Verdict.OK, why)
    verdict = Verdict.WARN if p95 > slow_from(usual) else Verdict.OK
    why = f"p95 {p95:.1f} ms{rows.latency_from}, usually {usual:.1f} ms"
    return Measurement(kind, name, p95, None, None, rows.n, usual, verdict, why)


def _volume(now: Traffic, before: Sequence[Traffic]) -> Measurement:
    found = judge_volume(now, before)
    facts = {"hours": now.hours, "until": now.until.isoformat() if now.until else None}
    return Measurement(
        MetricKind.PREDICTION,
        ROWS_PER_HOUR,
        now.rate,
        None,
        None,
        now.rows,
        found.usual,
        found.verdict,
        found.why,
        facts,
    )


def traffic_of(figure: PerformanceMetric) -> Traffic | None:
    """What an earlier window's figure says about its traffic; None where it was not measured."""
    told = figure.metadata_
    if not figure.metric_value:
        return None
    hours = float(told.get("hours") or (figure.n or 0) / float(figure.metric_value))
    until = datetime.fromisoformat(told["until"]) if told.get("until") else None
    return Traffic(figure.n or 0, hours, until, odd=figure.verdict == Verdict.CRIT)


def _score_psi(drift: FeatureDrift) -> Measurement:
    facts = {"threshold": drift.threshold, "p": drift.p, "drifted": drift.drifted}
    return Measurement(
        MetricKind.PREDICTION, "score_psi", drift.score, None, None, drift.n, None, drift.verdict, drift.why, facts
    )
