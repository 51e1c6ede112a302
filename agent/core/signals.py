"""What the agent knows when it starts to think: values only, read by `observation.py`, made by hand in tests.

A figure that is missing is missing, never zero; a verdict `inconclusive` is carried as such.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from agent.core.label_arrival import Pace
from config.segments import Segment
from database.enums import Cause, MetricKind, Severity, Verdict


@dataclass(frozen=True)
class Part:
    """The rows a figure is about when they are not all: which, their share of all, and the accuracy their scores
    promised."""

    segment: Segment
    share: float
    expected: float | None = None


@dataclass(frozen=True)
class Figure:
    """One measured or estimated number about a window, with its interval, row count and what it is compared with."""

    name: str
    kind: MetricKind
    value: float | None
    low: float | None
    high: float | None
    n: int
    reference: float | None
    verdict: Verdict
    pooled: int = 1
    trusted: bool = False
    of: str = ""  # which part of the rows it is about, in words; empty for all of them
    part: Part | None = None

    @property
    def loss(self) -> float | None:
        """How far below its reference it is; None when either is unknown."""
        return None if self.value is None or self.reference is None else self.reference - self.value


@dataclass(frozen=True)
class FeatureDrift:
    """How far one feature moved, and how much the model listens to it (shares of influence sum to 1)."""

    name: str
    score: float | None
    drifted: bool
    influence: float
    label: str = ""
    season: str = ""  # the rhythm that explains it, as `Monday`: earlier windows of it looked the same

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.name


@dataclass(frozen=True)
class Check:
    """One data check of a window."""

    name: str
    column: str | None
    verdict: Verdict
    failed_rows: int
    n: int
    label: str = ""
    sound: str = ""  # what a sound source sends, as `60 to 700 mg/dl`
    value: float | None = None  # that stands for "not measured", or the factor of another unit
    came: str = ""  # what stands there instead: unknown categories, or the column whose values they are

    @property
    def title(self) -> str:
        """What people call the column."""
        return self.label or self.column or "the table"

    @property
    def about_missing(self) -> bool:
        return any(word in self.name for word in ("null", "missing"))

    @property
    def share(self) -> float:
        return self.failed_rows / self.n if self.n else 0.0


@dataclass(frozen=True)
class Window:
    """A closed window and every judged number about it."""

    id: int
    seq: int
    version_id: int
    mature: bool
    n: int
    labelled_n: int
    suspect_n: int
    to_at: datetime
    from_at: datetime | None = None
    drift: Verdict = Verdict.INCONCLUSIVE
    drift_score: float | None = None
    features: tuple[FeatureDrift, ...] = ()
    figures: tuple[Figure, ...] = ()
    checks: tuple[Check, ...] = ()
    pace: Pace | None = None  # how long it took until enough of its labels were there; None if they never were

    @property
    def suspect_share(self) -> float:
        return self.suspect_n / self.n if self.n else 0.0

    def of(self, kind: MetricKind, names: Iterable[str] | None = None) -> tuple[Figure, ...]:
        wanted = None if names is None else set(names)
        return tuple(f for f in self.figures if f.kind is kind and (wanted is None or f.name in wanted))

    def figure(self, kind: MetricKind, name: str) -> Figure | None:
        """The window's own figure (not a pooled one)."""
        return next((f for f in self.of(kind, (name,)) if f.pooled == 1), None)

    def shown(self, name: str) -> Figure | None:
        """What its labels show of a metric: on its sound rows where those were measured apart, else on all."""
        return self.figure(MetricKind.REALISED_CLEAN, name) or self.figure(MetricKind.REALISED, name)


@dataclass(frozen=True)
class Replay:
    """New against old version on the same rows after a change of what serves: `value` is new minus old."""

    metric: str
    value: float
    low: float
    high: float
    n: int
    old_version_id: int


@dataclass(frozen=True)
class Incident:
    """A live alert: what a person has been told about a cause."""

    alert_id: int
    cause: Cause
    severity: Severity
    notified: Severity | None
    opened_window: int | None = None  # the newest window that showed it when it was opened
    graded_window: int | None = None  # the newest window that showed it when it took its present severity


@dataclass(frozen=True)
class Corrections:
    """Answers that people corrected (`POST /feedback`), that what serves has not learnt from and no earlier try was
    about. Each answer counts once."""

    false_alarms: int  # answered positive, and were negative
    missed: int
    of_serving: int  # answered by the version that serves now; the others by versions before it
    by_key: tuple[tuple[str, int], ...]  # which key sent how many, most first
    since: datetime
    newest_at: datetime

    @property
    def n(self) -> int:
        return self.false_alarms + self.missed


@dataclass(frozen=True)
class Signals:
    """The whole current state of one model, as far as it is known at `now`."""

    model_name: str
    now: datetime
    version_id: int | None
    version: int | None
    primary: str
    watched: tuple[str, ...]
    harm_margin: float
    min_rows: int
    suspect_limit: float
    label_delay_s: float
    label_maturity: float
    cost_per_error: float
    currency: str
    nullable: frozenset[str] = frozenset()
    windows: tuple[Window, ...] = ()
    activated_at: datetime | None = None
    previous_version_id: int | None = None
    due_before: Window | None = None  # the newest own window older than the label delay, if not among `windows`
    label_pace: Pace | None = None  # of the newest window that has one, if none of `windows` has
    label_silence_s: float | None = None  # since a label that is due was received; None if none was
    replay: Replay | None = None
    reference_positive_share: float | None = None
    recent_positive_share: tuple[float, float, float, int] | None = None  # value, low, high, n of labels
    decisions_per_day: float | None = None
    monitor_silent_s: float | None = None
    monitor_limit_s: float = 120.0
    incidents: tuple[Incident, ...] = ()
    title: str = ""
    corrections: Corrections | None = None

    @property
    def serving(self) -> str:
        """The model and its version as people call them: `Heart disease v3`."""
        return f"{self.title or self.model_name} v{self.version}"

    def seq_of(self, window_id: int) -> int:
        """The number people know a window by."""
        return next((w.seq for w in self.windows if w.id == window_id), window_id)

    @property
    def own(self) -> tuple[Window, ...]:
        """Windows answered by the version that serves now, oldest first: others say nothing about it."""
        return tuple(w for w in self.windows if w.version_id == self.version_id)

    @property
    def latest(self) -> Window | None:
        """The newest closed window of the serving version, labelled or not."""
        return self.own[-1] if self.own else None

    @property
    def judged(self) -> Window | None:
        """The newest window whose labels have arrived: the only one performance is judged on."""
        return next((w for w in reversed(self.own) if w.mature), None)

    def as_of(self, window: Window) -> "Signals":
        """What a look would have seen when this window had just been judged and none had come after it.

        A window whose labels are in has none due; the share of positives is a question to the database (`observation`).
        """
        until = tuple(w for w in self.windows if w.seq <= window.seq)
        own = replace(self, windows=until, due_before=None, label_pace=None, corrections=None)
        return replace(own, label_silence_s=None, recent_positive_share=None)

    @property
    def labels_due(self) -> Window | None:
        """The newest window of the serving version whose labels should all be there by now."""
        waited = (w for w in reversed(self.own) if (self.now - w.to_at).total_seconds() > self.label_delay_s)
        return next(waited, self.due_before)

    @property
    def pace(self) -> Pace | None:
        """How long labels take, as far as it was learned: of the newest window that tells, whoever answered it."""
        return next((w.pace for w in reversed(self.windows) if w.pace is not None), self.label_pace)

    @property
    def labels_expected(self) -> Window | None:
        """The newest window of the serving version whose labels would be there by now if they came as they used to;
        long before the contract gives up on them, where the feed was always faster."""
        pace = self.pace
        if pace is None or pace.limit_s is None:
            return None
        limit = pace.limit_s
        return next((w for w in reversed(self.own) if (self.now - w.to_at).total_seconds() > limit), None)

    @property
    def blind(self) -> str | None:
        """Why nothing can be concluded at all, or None."""
        if self.version_id is None:
            return "no version serves"
        if self.monitor_silent_s is None:
            return "the monitor has never reported"
        if self.monitor_silent_s > self.monitor_limit_s:
            return f"the monitor has been silent for {self.monitor_silent_s:.0f} s (limit {self.monitor_limit_s:.0f} s)"
        return None
