"""From stored rows to stored verdicts: closing a window, judging its performance, judging it again.

Reading and writing happen here, thinking elsewhere. Everything about one window is written in the transaction that
closes it, so a monitor that dies leaves either a whole window or none. A check that fails becomes an inconclusive
verdict with the reason and never keeps the others from looking.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from loguru import logger
from sqlalchemy.orm import Session

from config.fault_points import fault_point
from config.model_contract import ModelContract
from config.vocabulary import JUDGING
from database.connection import ReadSession
from database.enums import MetricKind, Verdict, WindowStatus
from database.models import Deployment, ModelVersion, MonitoringWindow, PerformanceMetric
from database.queries import model_versions, predictions, windows
from database.queries.predictions import LabelProgress
from monitoring import cutting, label_monitor
from monitoring.measurement import Measurement
from monitoring.measuring import (
    RECORD_WINDOWS,
    USUAL,
    Guard,
    Memory,
    measure_at_closing,
    measure_performance,
    memory_of,
)
from monitoring.performance_estimator import ESTIMATED
from monitoring.performance_monitor import POOLED_WINDOWS
from monitoring.season import QUALITY, RHYTHM_REACHES, RHYTHM_WINDOWS, Past, Rhythm, past_of
from monitoring.volume import CLOCK, USUAL_DAYS, USUAL_WINDOWS
from monitoring.window_counts import FEW, LARGE, WindowCounts, large_progress, large_window
from monitoring.windows import (
    CLOCK_SLACK,
    Cut,
    Takeover,
    WindowRows,
    columns_of,
    is_mature,
    joined,
    needs_another_look,
)

# Versions that served lately may still have rows in no window.
RECENT_DEPLOYMENTS = 10


@dataclass(frozen=True)
class Closed:
    """A window that was just closed, and which of its checks could not look."""

    window: MonitoringWindow
    faults: tuple[str, ...]


def close_next_window(session: Session, contract: ModelContract, now: datetime) -> Closed | None:
    """Close the model's next window with everything measured at closing, or None if no rows make one yet."""
    deployments = model_versions.deployments(ReadSession(session), contract.name, RECENT_DEPLOYMENTS)
    if not deployments:
        return None
    serving = Takeover(deployments[0].generation, deployments[0].created_at)
    spans = []
    for version_id in {one.version_id for one in deployments}:
        mine = [one for one in deployments if one.version_id == version_id]
        span = _next_span(session, contract, version_id, mine, serving, now)
        spans += [span] if span else []
    if not spans:
        return None
    # In the order of what served when, so that a version that came back follows the one between.
    return _close(session, contract, min(spans, key=lambda span: span.generation))


@dataclass(frozen=True)
class _Span:
    """The next window of one version, not yet written. `busy`: how long its rows took to come."""

    version_id: int
    generation: int
    from_at: datetime
    cut: Cut
    busy: timedelta


def _next_span(
    session: Session,
    contract: ModelContract,
    version_id: int,
    deployments: list[Deployment],
    serving: Takeover,
    now: datetime,
) -> _Span | None:
    """Where a version's next window begins, and where it is cut. Windows of one activation leave no gap between them,
    so a row that comes late still falls into one."""
    last = windows.newest_of_version(session, version_id)
    begin = cutting.begin_of(last, deployments)
    found = cutting.next_cut_of(session, contract, version_id, begin, now, serving)
    if found is None:
        return None
    opening, cut = found
    began = {one.generation: one.created_at for one in deployments}.get(opening.generation)
    first = opening.created_at
    goes_on = last is not None and began is not None and began <= last.to_at
    # An activation's first window begins with it, as the slowest clock may have it, and not with the row that reached
    # the database first: one that comes later may have been answered before it.
    from_at = first if began is None else min(first, max(begin, began - CLOCK_SLACK))
    return _Span(version_id, opening.generation, from_at, cut, cut.to_at - (begin if goes_on else first))


def _close(session: Session, contract: ModelContract, span: _Span) -> Closed:
    version = model_versions.get(session, span.version_id)
    large = large_window(session, contract, version, span.from_at, span.cut.to_at) if span.cut.rows > LARGE else None
    rows = large.sample if large else _between(session, contract, version.id, span.from_at, span.cut.to_at)
    window = MonitoringWindow(
        model_name=contract.name,
        model_id=version.id,
        seq=windows.next_seq(session, contract.name),
        from_at=span.from_at,
        to_at=span.cut.to_at,
        status=WindowStatus.CLOSED,
        **_extent(rows, large.counts if large else None),
    )
    session.add(window)
    session.flush()
    faults: list[str] = []
    guard = Guard(f"{contract.name} window {window.seq}", faults)
    found = measure_at_closing(
        contract,
        version.reference_profile,
        rows,
        _memory(session, window),
        busy=span.busy,
        guard=guard,
        counts=large.counts if large else None,
    )
    fault_point("monitor.window_computed")
    session.add_all(found.to_rows(version.id, window.id))
    session.flush()
    fault_point("monitor.after_metric_insert")
    logger.info(
        "monitor.window.closed model={} seq={} version={} why={} rows={} labelled={} suspect={} drift={}",
        contract.name,
        window.seq,
        version.version,
        span.cut.why,
        window.n,
        window.labelled_n,
        window.suspect_n,
        found.drift.verdict,
    )
    return Closed(window, tuple(faults))


def _extent(rows: WindowRows, counts: WindowCounts | None) -> dict[str, int]:
    """What a window says of its rows; how many are suspect is what a sample says, where there is one."""
    suspects, labelled = int(rows.suspect.sum()), int(rows.labelled.sum())
    if counts is None:
        return {"n": rows.n, "labelled_n": labelled, "suspect_n": suspects}
    suspect = round(suspects / rows.n * counts.n) if rows.n else 0
    return {"n": counts.n, "labelled_n": counts.labelled_n, "suspect_n": suspect}


def _memory(session: Session, window: MonitoringWindow) -> Memory:
    """What the version's earlier windows showed."""
    earlier = [one.id for one in windows.of_version_before(session, window, RECORD_WINDOWS)]
    same_time = windows.at_this_time_before(session, window, days=USUAL_DAYS, within=CLOCK, limit=USUAL_WINDOWS)
    return memory_of(
        windows.figures_of(session, [*earlier, *same_time], (MetricKind.PREDICTION,), USUAL),
        windows.figures_of(session, earlier, (MetricKind.ESTIMATED, MetricKind.REALISED), ESTIMATED),
        Rhythm(window.from_at, window.to_at, lambda: _pasts(session, window)),
    )


def _pasts(session: Session, window: MonitoringWindow) -> list[Past]:
    """The version's earlier windows, as far back as a rhythm may reach."""
    found = windows.reports_before(session, window, window.from_at - RHYTHM_REACHES, RHYTHM_WINDOWS)
    figures: defaultdict[int | None, list[PerformanceMetric]] = defaultdict(list)
    for figure in windows.figures_of(session, [one.id for one, _ in found], QUALITY):
        figures[figure.window_id].append(figure)
    return [past_of(one, report, figures[one.id]) for one, report in found]


@dataclass(frozen=True)
class Judged:
    """A window whose performance was just judged (again, when labels came after the first time)."""

    window: MonitoringWindow
    again: bool
    faults: tuple[str, ...]


def judge_performance(
    session: Session, contract: ModelContract, window: MonitoringWindow, now: datetime
) -> Judged | None:
    """Judge a window against the labels known now, if it is mature and they say something new; None otherwise.

    The counts on the window are kept up to date either way: rows that reached the database after closing count too.
    """
    progress = _progress(session, window)
    again = window.status == WindowStatus.MATURE
    window.n, window.labelled_n = max(progress.n, window.suspect_n), progress.labelled_n
    faults: list[str] = []
    guard = Guard(f"{contract.name} window {window.seq}", faults)
    _look_at_labels(session, contract, window, now, guard)
    if again and not needs_another_look(progress.labelled_n - progress.newer, progress.newer):
        return None
    if not again and not is_mature(progress.n, progress.labelled_n, window.to_at, contract, now):
        return None
    version = model_versions.get(session, window.model_id)
    rows, counts = _rows(session, contract, version, window)
    earlier = windows.mature_before(session, window, POOLED_WINDOWS - 1)
    together, all_counts = _rows(session, contract, version, *reversed(earlier), window) if earlier else (rows, counts)
    found = measure_performance(
        contract, version.reference_profile, rows, together, len(earlier) + 1, guard, (counts, all_counts)
    )
    as_of = progress.newest_at if counts else rows.labels_as_of
    session.add_all(one.to_row(version.id, window.id, as_of) for one in found)
    _keep_stumbles(session, window, guard, n=rows.n)
    window.status, window.judged_at, window.labels_as_of = WindowStatus.MATURE, now, as_of
    for name, value in _extent(rows, counts).items():
        setattr(window, name, value)
    session.flush()
    fault_point("monitor.window_judged")
    _log_judged(contract, window, found, again)
    return Judged(window, again, tuple(faults))


def _keep_stumbles(session: Session, window: MonitoringWindow, guard: Guard, n: int) -> None:
    """Once for each check, however often the window is judged."""
    if not guard.reasons:
        return
    known = {one.details.get("check") for one in windows.checks_of(session, window.id)}
    new = [one for one in guard.stumbles(JUDGING, n) if one.details["check"] not in known]
    session.add_all(one.to_row(window.model_id, window.id) for one in new)


def _look_at_labels(
    session: Session, contract: ModelContract, window: MonitoringWindow, now: datetime, guard: Guard
) -> None:
    """Keep how long the window's labels took and from where they come, whether or not it can be judged."""
    if not window.labelled_n:  # nothing is said of none, and there may be a month of such windows in every pass
        return
    own = windows.figures_of(session, [window.id], (MetricKind.LABELS,))
    earlier = windows.label_figures_before(session, window, label_monitor.EARLIER)
    found = guard.look(
        "labels",
        lambda: label_monitor.look_at_labels(
            contract,
            window,
            own,
            earlier,
            rows=lambda: _rows(session, contract, model_versions.get(session, window.model_id), window)[0],
            came=lambda count: predictions.labels_there_at(
                session, window.model_name, window.model_id, window.from_at, window.to_at, count
            ),
            now=now,
        ),
        lambda _: (),
    )
    session.add_all(one.to_row(window.model_id, window.id, window.labels_as_of) for one in found)


def _rows(
    session: Session, contract: ModelContract, version: ModelVersion, *spans: MonitoringWindow
) -> tuple[WindowRows, WindowCounts | None]:
    """The rows of some windows of a version, one after the other; if one of them is large, what was drawn of each,
    and the counts of all."""
    if all(one.n <= LARGE for one in spans):
        return joined([_between(session, contract, version.id, one.from_at, one.to_at) for one in spans]), None
    found = [large_window(session, contract, version, one.from_at, one.to_at) for one in spans]
    known = [one for one in found if one is not None]
    if len(known) < len(spans):
        return joined([_between(session, contract, version.id, one.from_at, one.to_at) for one in spans]), None
    counts = [one.counts for one in known]
    return joined([one.sample for one in known]), sum(counts[1:], start=counts[0])


def _between(
    session: Session, contract: ModelContract, version_id: int, from_at: datetime, to_at: datetime
) -> WindowRows:
    return columns_of(predictions.outcomes_between(session, contract.name, version_id, from_at, to_at), contract)


def _progress(session: Session, window: MonitoringWindow) -> LabelProgress:
    """How much truth a window has by now. Of one that nothing was added to, from counts but for its first and last
    minute; of a small one it is quicker to read the rows."""
    given = (window.model_name, window.model_id, window.from_at, window.to_at, window.labels_as_of)
    found = large_progress(session, *given) if window.n > FEW else None
    return found or predictions.label_progress(session, *given)


def _log_judged(contract: ModelContract, window: MonitoringWindow, found: tuple[Measurement, ...], again: bool) -> None:
    primary = next((f for f in found if f.name == contract.quality.metric), None)
    logger.info(
        "monitor.window.judged model={} seq={} again={} labelled={} of={} {}={} verdict={}",
        contract.name,
        window.seq,
        again,
        window.labelled_n,
        window.n,
        contract.quality.metric,
        None if primary is None or primary.value is None else round(primary.value, 4),
        primary.verdict if primary else Verdict.INCONCLUSIVE,
    )
