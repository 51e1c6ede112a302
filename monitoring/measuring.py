"""What is measured about a window, at closing and when its labels have come. Pure: rows in, figures out.

The monitor writes them (`judging`), a backtest keeps them in memory; both measure by this code. A check that fails
becomes an inconclusive verdict with the reason and never keeps the others from looking.
"""

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from loguru import logger

from config.model_contract import ModelContract
from config.vocabulary import CLOSING, COULD_NOT_LOOK, LATENCY, ROWS_PER_HOUR
from database.enums import LabelFigure, MetricKind, Verdict
from database.models import DataQualityResult, DriftReport, PerformanceMetric
from monitoring import (
    data_quality,
    drift_detector,
    performance_estimator,
    performance_monitor,
    prediction_monitor,
    segment_search,
    turned_labels,
)
from monitoring.checks.outcome import QualityCheck
from monitoring.drift_detector import DriftFinding
from monitoring.measurement import Measurement, could_not_look
from monitoring.performance_estimator import ESTIMATED, Confirmation, Record, record_of
from monitoring.prediction_monitor import Before, traffic_of
from monitoring.season import Rhythm, Seasons, in_season
from monitoring.standardised import standardised
from monitoring.window_counts import WindowCounts, told
from monitoring.windows import WindowRows
from training.data_validation import Promises, validate
from training.evaluator import METRICS

# How many earlier windows tell how right the estimates have been, and what is usual.
RECORD_WINDOWS = 20
# The figures of earlier windows that say what is usual.
USUAL = (LATENCY, ROWS_PER_HOUR)

Found = TypeVar("Found")
Profile = Mapping[str, Any]


@dataclass(frozen=True)
class Guard:
    """Lets a check fail alone: its reason is kept, and something inconclusive takes its place."""

    window: str
    faults: list[str]
    reasons: dict[str, str] = field(default_factory=dict)

    def look(self, check: str, look: Callable[[], Found], instead: Callable[[str], Found]) -> Found:
        try:
            return look()
        except Exception as error:  # noqa: BLE001  whatever a check trips over must not blind the others
            self.faults.append(f"{check} of {self.window}: {place_of(error)}")
            logger.error("monitor.check.failed check={} window={} error={}", check, self.window, place_of(error))
            why = f"could not look: {type(error).__name__}: {error}"
            self.reasons[check] = why
            return instead(why)

    def stumbles(self, stage: str, n: int) -> tuple[QualityCheck, ...]:
        """Each check that failed, to be kept with the window: a check that is blind must show as such."""
        return tuple(
            QualityCheck(COULD_NOT_LOOK, None, Verdict.INCONCLUSIVE, 0, n, {"check": check, "stage": stage, "why": why})
            for check, why in self.reasons.items()
        )


def place_of(error: Exception) -> str:
    """What went wrong and where, for the log: without the message, which may quote a patient's values."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


@dataclass(frozen=True)
class Memory:
    """What the version's earlier windows showed: what is usual, and how right its estimates have been, by metric."""

    before: Before = field(default_factory=Before)
    records: Mapping[str, Record] = field(default_factory=dict)
    rhythm: Rhythm | None = None


def memory_of(
    usual: Iterable[PerformanceMetric], told: Iterable[PerformanceMetric], rhythm: Rhythm | None = None
) -> Memory:
    """`usual`: figures named in `USUAL`, the newest window's first; `told`: estimated and realised ones."""
    known = list(usual)
    latencies = [f.metric_value for f in known if f.metric_name == LATENCY and f.metric_value is not None]
    traffic = [one for f in known if f.metric_name == ROWS_PER_HOUR and (one := traffic_of(f)) is not None]
    own = {(f.window_id, f.kind, f.metric_name): f for f in told if f.metadata_.get("pooled", 1) == 1}
    confirmations: dict[str, list[Confirmation]] = {metric: [] for metric in ESTIMATED}
    for (window_id, kind, metric), estimate in own.items():
        shown = own.get((window_id, MetricKind.REALISED, metric))
        if kind == MetricKind.ESTIMATED and shown is not None and shown.verdict != Verdict.INCONCLUSIVE:
            confirmations[metric] += _confirmed(estimate, shown)
    records = {metric: record_of(found) for metric, found in confirmations.items()}
    return Memory(Before(latencies, traffic), records, rhythm)


def _confirmed(estimate: PerformanceMetric, shown: PerformanceMetric) -> Iterable[Confirmation]:
    parts = (estimate.metric_value, estimate.low, estimate.high, shown.metric_value)
    known = [part for part in parts if part is not None]
    return [Confirmation(*known)] if len(known) == len(parts) else []


@dataclass(frozen=True)
class AtClosing:
    """What a window shows before any label."""

    drift: DriftFinding
    figures: tuple[Measurement, ...]
    checks: tuple[QualityCheck, ...]

    def drift_row(self, model_id: int, window_id: int) -> DriftReport:
        return DriftReport(
            model_id=model_id,
            window_id=window_id,
            drift_detected=self.drift.drift_detected,
            drift_score=self.drift.drift_score,
            drifted_features=self.drift.drifted_features,
            features=[feature.to_json() for feature in self.drift.features],
            verdict=self.drift.verdict,
        )

    def to_rows(self, model_id: int, window_id: int) -> list[DriftReport | PerformanceMetric | DataQualityResult]:
        return [
            self.drift_row(model_id, window_id),
            *(one.to_row(model_id, window_id, None) for one in self.figures),
            *(one.to_row(model_id, window_id) for one in self.checks),
        ]


def measure_at_closing(
    contract: ModelContract,
    profile: Profile,
    rows: WindowRows,
    memory: Memory,
    *,
    busy: timedelta,
    guard: Guard,
    promises: Promises = validate,
    counts: WindowCounts | None = None,
) -> AtClosing:
    """Drift, answers, estimates and data checks of a window whose rows took `busy` to come. Of a window that was
    counted, `rows` are a sample."""

    def look_for_drift() -> DriftFinding:
        if counts is None:
            return drift_detector.detect(contract, profile, rows.features, rows.probabilities)
        return drift_detector.detect_counted(contract, profile, counts.layout, counts.tally)

    drift = guard.look(
        "drift",
        look_for_drift,
        lambda _: DriftFinding((), None, Verdict.INCONCLUSIVE, None),
    )
    seasons = guard.look(
        "season",
        lambda: in_season(drift, memory.rhythm, profile, contract.monitoring.false_alarm_rate),
        lambda _: Seasons(drift),
    )
    answers = guard.look(
        "predictions",
        lambda: prediction_monitor.predictions(
            contract,
            profile,
            rows,
            drift.score,
            hours=busy.total_seconds() / 3600,
            before=memory.before,
            until=memory.rhythm.to_at if memory.rhythm else None,
            counts=counts,
        ),
        lambda why: could_not_look(MetricKind.PREDICTION, ("positive_share", "uncertain_share"), rows.n, why),
    )
    estimates = guard.look(
        "estimate",
        lambda: performance_estimator.estimated(contract, profile, rows, memory.records),
        lambda why: could_not_look(MetricKind.ESTIMATED, ESTIMATED, rows.n, why),
    )
    checks = guard.look(
        "data quality",
        lambda: data_quality.check(contract, profile, rows, promises, counts),
        lambda _: (),
    )
    if counts is not None:
        estimates = told(estimates, rows.n, counts.n)
    return AtClosing(seasons.drift, (*answers, *estimates, *seasons.usual), (*checks, *guard.stumbles(CLOSING, rows.n)))


def measure_performance(
    contract: ModelContract,
    profile: Profile,
    rows: WindowRows,
    together: WindowRows,
    pooled: int,
    guard: Guard,
    counts: tuple[WindowCounts | None, WindowCounts | None] = (None, None),
) -> tuple[Measurement, ...]:
    """The window's own figures, those of the version's last `pooled` mature windows `together` with it, and whether the
    labels they rest on are swapped; what was lost, as it would be had one thing stayed as it was; and the parts of the
    rows that lost more than the rest. The last rows `together`
    are the window's own. `counts`: of the window and of all together, where their rows are samples."""
    own, whole = counts

    def look() -> tuple[Measurement, ...]:
        alone = performance_monitor.realised(contract, profile, rows, counts=own)
        if pooled == 1:
            return alone
        return alone + performance_monitor.realised(contract, profile, together, pooled=pooled, counts=whole)

    def explain() -> tuple[Measurement, ...]:
        alone = standardised(contract, profile, rows, found)
        return alone if pooled == 1 else alone + standardised(contract, profile, together, found, pooled)

    found = guard.look("performance", look, lambda why: could_not_look(MetricKind.REALISED, METRICS, rows.n, why))
    explained = guard.look("explanation", explain, lambda _: ())
    labels = guard.look(
        "labels turned",
        lambda: (turned_labels.turned(contract, profile, rows),),
        lambda why: could_not_look(MetricKind.LABELS, (LabelFigure.TURNED,), rows.n, why),
    )

    def look_at_parts() -> tuple[Measurement, ...]:
        alone = segment_search.search(contract, profile, rows)
        if pooled == 1:
            return alone
        return alone + segment_search.search(contract, profile, together, pooled=pooled, newest=rows.n)

    parts = guard.look(
        "segments",
        look_at_parts,
        lambda why: could_not_look(MetricKind.SEGMENT, (segment_search.METRIC,), rows.n, why),
    )
    rest = explained + labels + parts
    if whole is not None:
        rest = told(rest, together.n, whole.n)
    return found + rest
