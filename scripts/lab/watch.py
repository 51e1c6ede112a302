"""The monitor of one life, with memory in place of a database, and what the agent reads of it.

Everything is measured by the monitor's own code: here is only when it is asked for and where it is kept, as `judging`
and `verification` of `monitoring` and `agent.core.observation` do it over rows.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from agent.core.reading import WINDOWS_READ, promised, replay_of, share, window_of
from agent.core.signals import Incident, Signals
from database.enums import MetricKind, WindowStatus
from database.models import DataQualityResult, DriftReport, MonitoringWindow, PerformanceMetric
from monitoring.label_monitor import EARLIER, look_at_labels
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
from monitoring.season import RHYTHM_WINDOWS, Rhythm, past_of
from monitoring.turned_labels import are_turned
from monitoring.verification import MOST_ROWS, compare
from monitoring.windows import WindowRows, is_mature, needs_another_look
from scripts.lab.ground import Ground, joined
from scripts.lab.learner import Version
from scripts.lab.promises import kept
from scripts.lab.stream import Span
from training.evaluator import Scored

_DAY = timedelta(days=1)
# Labels of older windows change nothing any more.
_STILL_LOOKED_AT = 30


@dataclass(frozen=True)
class Served:
    """A version that served, under the number people know it by. `previous`: what it took over from."""

    number: int
    version: Version
    generation: int
    since: int  # the first window it answers
    activated_at: datetime | None = None
    previous: "Served | None" = None
    slower: float = 1.0  # how many times as long as usual it takes to answer


@dataclass
class Seen:
    """A window with every row that was written about it."""

    row: MonitoringWindow
    served: Served
    scored: Scored
    drift: DriftReport
    checks: list[DataQualityResult]
    figures: list[PerformanceMetric]

    @property
    def mature(self) -> bool:
        return self.row.status == WindowStatus.MATURE

    @property
    def labels_can_be_so(self) -> bool:
        """As `labels_can_be_so` of `database.queries.windows`."""
        return not are_turned(self.figures)


@dataclass
class Watch:
    """What has been measured so far. `told`: new against old since the last activation."""

    ground: Ground
    seen: list[Seen] = field(default_factory=list)
    told: list[PerformanceMetric] = field(default_factory=list)

    def close(self, at: int, served: Served) -> None:
        """What window `at` shows before any label."""
        ground = self.ground
        span, scored = ground.windows.spans[at], ground.answers(served.version, at)
        rows = ground.rows_of(at, scored, served.version.threshold, slower=served.slower)
        row = MonitoringWindow(
            id=at + 1,
            seq=at + 1,
            model_name=ground.contract.name,
            model_id=served.number,
            from_at=span.from_at,
            to_at=span.to_at,
            status=WindowStatus.CLOSED,
            n=rows.n,
            labelled_n=0,
            suspect_n=int(rows.suspect.sum()),
        )
        found = measure_at_closing(
            ground.contract,
            served.version.profile,
            rows,
            self._memory(span, served),
            busy=span.lasts,
            guard=self._guard(at),
            promises=kept,
        )
        checks = [one.to_row(served.number, row.id) for one in found.checks]
        figures = [one.to_row(served.number, row.id, None) for one in found.figures]
        drift = found.drift_row(served.number, row.id)
        self.seen.append(Seen(row, served, scored, drift, checks, figures))

    def _guard(self, at: int) -> Guard:
        return Guard(f"{self.ground.contract.name} window {at + 1}", [])

    def _memory(self, span: Span, served: Served) -> Memory:
        own = [one for one in reversed(self.seen) if one.served.number == served.number][:RHYTHM_WINDOWS]
        figures = [figure for one in own[:RECORD_WINDOWS] for figure in one.figures]
        kinds = {MetricKind.ESTIMATED, MetricKind.REALISED}
        return memory_of(
            [f for f in figures if f.kind == MetricKind.PREDICTION and f.metric_name in USUAL],
            [f for f in figures if f.kind in kinds and f.metric_name in ESTIMATED],
            Rhythm(span.from_at, span.to_at, lambda: [past_of(one.row, one.drift, one.figures) for one in own]),
        )

    def judge_due(self, now: datetime) -> None:
        """Judge the windows whose labels have come or are no longer waited for, and again what more of them says."""
        contract, first = self.ground.contract, max(0, len(self.seen) - _STILL_LOOKED_AT)
        for at, seen in enumerate(self.seen[first:], start=first):
            known = ~np.isnan(self.ground.known(at, now))
            before, seen.row.labelled_n = seen.row.labelled_n, int(known.sum())
            if seen.mature and not needs_another_look(before, seen.row.labelled_n - before):
                seen.row.labelled_n = before
            elif seen.mature or is_mature(seen.row.n, seen.row.labelled_n, seen.row.to_at, contract, now):
                self._judge(at, now)
            self._look_at_labels(at, now)

    def _look_at_labels(self, at: int, now: datetime) -> None:
        """How long a window's labels took and from where they come, as `judging` keeps it."""
        seen, span = self.seen[at], self.ground.windows.spans[at]
        known = np.sort(self.ground.feed.known_at[span.start : span.stop])
        own = [f for f in seen.figures if f.kind == MetricKind.LABELS]
        before = self.seen[max(0, at - EARLIER) : at]
        earlier = [f for one in before for f in one.figures if f.kind == MetricKind.LABELS]
        found = look_at_labels(
            self.ground.contract,
            seen.row,
            own,
            earlier,
            rows=lambda: self._labelled(seen, now),
            came=lambda count: datetime.fromtimestamp(float(known[count - 1]), UTC),
            now=now,
        )
        new = {one.name for one in found}
        seen.figures = [f for f in seen.figures if f.kind != MetricKind.LABELS or f.metric_name not in new]
        seen.figures += [one.to_row(seen.served.number, seen.row.id, now) for one in found]

    def _judge(self, at: int, now: datetime) -> None:
        seen, contract = self.seen[at], self.ground.contract
        alike = [s for s in self.seen[:at] if s.served.number == seen.served.number and s.mature and s.labels_can_be_so]
        pooled = [*alike[-(POOLED_WINDOWS - 1) :], seen]
        parts = [self._labelled(one, now) for one in pooled]
        profile = seen.served.version.profile
        found = measure_performance(contract, profile, parts[-1], joined(parts), len(parts), self._guard(at))
        new = {(one.kind, one.name) for one in found}
        stays = {MetricKind.PREDICTION, MetricKind.ESTIMATED, MetricKind.LABELS}
        seen.figures = [f for f in seen.figures if f.kind in stays and (f.kind, f.metric_name) not in new]
        seen.figures += [one.to_row(seen.served.number, seen.row.id, now) for one in found]
        seen.row.status, seen.row.judged_at = WindowStatus.MATURE, now
        seen.row.labels_as_of = parts[-1].labels_as_of

    def _labelled(self, seen: Seen, now: datetime) -> WindowRows:
        served = seen.served
        return self.ground.rows_of(seen.row.seq - 1, seen.scored, served.version.threshold, now, slower=served.slower)

    def compare_with_previous(self, served: Served, now: datetime) -> None:
        """New against old on the labelled rows since the last activation, as the monitor keeps measuring it."""
        mine = [one for one in self.seen[served.since :] if one.mature]
        if served.previous is None or not mine or (self.told and self.told[-1].n >= MOST_ROWS):
            return
        rows = joined([self._labelled(one, now) for one in mine])
        rows = rows.only(rows.labelled)
        first = rows.only(np.arange(rows.n) < MOST_ROWS)
        sound = first.only(~first.suspect)
        if sound.n > (self.told[-1].n if self.told else 0):
            facts = {"generation": served.generation}
            found = compare(self.ground.contract, sound, served.previous.version, facts)
            self.told.append(found.to_row(served.number, None, now))

    def signals(self, served: Served, incidents: tuple[Incident, ...], now: datetime) -> Signals:
        """What the agent knows when it looks at what `served` did."""
        contract = self.ground.contract
        windows = tuple(
            window_of(contract, one.row, one.figures, one.drift, one.checks) for one in self.seen[-WINDOWS_READ:]
        )
        found = replace(
            promised(contract, now),
            version_id=served.number,
            version=served.number,
            windows=windows,
            activated_at=served.activated_at,
            previous_version_id=served.previous.number if served.previous else None,
            replay=replay_of(contract.quality.metric, self.told, served.previous.number) if served.previous else None,
            reference_positive_share=served.version.profile.get("label_positive_share"),
            decisions_per_day=float(sum(s.row.n for s in self.seen if s.row.to_at > now - _DAY)),
            monitor_silent_s=0.0,
            incidents=incidents,
        )
        if (due := found.labels_due) is not None and not due.labelled_n:
            found = replace(found, label_silence_s=self._label_silence_s(now))
        if (judged := found.judged) is None or not judged.labelled_n:
            return found
        said = self.ground.known(judged.seq - 1, now)
        said = said[~np.isnan(said)]
        return replace(found, recent_positive_share=(*share(int(said.sum()), len(said)), len(said)))

    def _label_silence_s(self, now: datetime) -> float | None:
        """Since a label was received for an answer that is older than labels take; None if none was."""
        before = now - self.ground.contract.labels.delay
        old = (one.row.seq - 1 for one in self.seen if one.row.to_at <= before)
        came = [last for at in old if (last := self.ground.last_label(at, now)) is not None]
        return (now - max(came)).total_seconds() if came else None
