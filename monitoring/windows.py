"""When a window closes, and the rows of one as arrays. Pure.

Windows tumble over the predictions of one version, in the order they were answered. One closes when it holds the
contract's number of rows, when its first row is as old as the contract allows, or when another version has taken over:
a window never spans an activation. It is half-open in time, so rows answered in the same instant (one batch request)
stay together and a window may hold a few more rows than asked for. While far more rows wait than the monitor can
close in windows of that size (a file was scored, the monitor was away), windows are wider.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract, Monitoring
from database.queries.predictions import Answered, Outcome
from training.evaluator import Scored
from training.feature_engineering import Row
from training.suspects import suspects

# Rows reach the database by way of a spool, a fraction of a second after they were answered and not quite in order.
SETTLING = timedelta(seconds=2)
# Replicas notice an activation within their polling interval; until then the old version may still answer.
HANDOVER = timedelta(seconds=5)
# The clocks of an API host and the database may differ by this; it only widens what is searched.
CLOCK_SLACK = timedelta(hours=1)
_TICK = timedelta(microseconds=1)
# More waiting rows than make so many windows (two passes of the monitor) are a backlog. A window is then so large a
# part of them, and no larger than is read whole.
BACKLOG_WINDOWS, BACKLOG_PARTS, WIDEST = 100, 20, 20_000


@dataclass(frozen=True)
class Takeover:
    """The generation that serves now, and since when."""

    generation: int
    since: datetime


@dataclass(frozen=True)
class Cut:
    """Close a window over the first `rows` arrivals, ending before `to_at`."""

    rows: int
    to_at: datetime
    why: Literal["full", "aged", "replaced"]


@dataclass(frozen=True)
class Ahead:
    """Rows of one generation that come before the arrivals and were only counted: how many, the first one of them, and
    when the last one was answered."""

    rows: int
    first: Answered
    last_at: datetime


def next_cut(
    arrivals: Sequence[Answered], rules: Monitoring, now: datetime, serving: Takeover, ahead: Ahead | None = None
) -> Cut | None:
    """Whether the oldest rows that are in no window yet make one; None while they have to wait.

    `arrivals` are of one version, oldest first, and complete up to the instant of the last one. Those `ahead` of them
    are fewer than a window.
    """
    if not arrivals and ahead is None:
        return None
    first, counted = (ahead.first, ahead.rows) if ahead else (arrivals[0], 0)
    generation = first.generation
    run = next((at for at, one in enumerate(arrivals) if one.generation != generation), len(arrivals))
    if counted + run >= rules.window_rows:
        return _cut(arrivals, rules.window_rows - counted, run, "full", ahead)
    replaced = run < len(arrivals) or (generation < serving.generation and now - serving.since >= HANDOVER)
    if replaced:
        return _cut(arrivals, run, run, "replaced", ahead)
    if now - first.created_at >= rules.window_max_age:
        return _cut(arrivals, run, run, "aged", ahead)
    return None


def _cut(
    arrivals: Sequence[Answered],
    rows: int,
    most: int,
    why: Literal["full", "aged", "replaced"],
    ahead: Ahead | None,
) -> Cut:
    if ahead is not None and rows == 0:
        return Cut(ahead.rows, ahead.last_at + _TICK, why)
    last = arrivals[rows - 1].created_at
    while rows < most and arrivals[rows].created_at == last:
        rows += 1
    return Cut(rows + (ahead.rows if ahead else 0), last + _TICK, why)


def is_backlog(rules: Monitoring, waiting: int) -> bool:
    """Whether more rows wait than two passes close in windows of the contract's size."""
    return waiting > BACKLOG_WINDOWS * rules.window_rows


def rows_to_count(rules: Monitoring) -> int:
    """How many waiting rows `widened` makes a difference of; 0 if it widens nothing."""
    return 0 if rules.window_rows >= WIDEST else max(BACKLOG_WINDOWS * rules.window_rows + 1, BACKLOG_PARTS * WIDEST)


def widened(rules: Monitoring, waiting: int) -> Monitoring:
    """The rules by which the next window is cut when `waiting` rows are in none: the contract's own, or in a backlog
    those of a wider window. Each one leaves fewer rows to wait, so the next is narrower."""
    rows = min(waiting // BACKLOG_PARTS, WIDEST)
    if not is_backlog(rules, waiting) or rows <= rules.window_rows:
        return rules
    return rules.model_copy(update={"window_rows": rows})


def is_mature(n: int, labelled_n: int, to_at: datetime, contract: ModelContract, now: datetime) -> bool:
    """Enough labels have come to judge performance, or the missing ones are no longer waited for."""
    return (n > 0 and labelled_n / n >= contract.labels.maturity) or now - to_at > contract.labels.delay


def needs_another_look(labelled_n: int, newer_labels: int) -> bool:
    """Labels that came (or were revised) after the judgement are at least 5 % of those it rested on."""
    return newer_labels > 0 and newer_labels >= 0.05 * labelled_n


def due(seqs: Sequence[int], now: datetime, *, always: int = 10, turns: int = 10) -> list[int]:
    """Which windows to look at in this pass: the newest ones always, each older one once in `turns` minutes."""
    turn = int(now.timestamp() // 60) % turns
    newest = set(sorted(seqs)[-always:])
    return [seq for seq in seqs if seq in newest or seq % turns == turn]


@dataclass(frozen=True)
class WindowRows:
    """The rows of one window, column by column. `labels` is NaN where the truth is not known."""

    features: tuple[Row, ...]
    probabilities: NDArray[np.float64]
    answers: NDArray[np.bool_]
    thresholds: NDArray[np.float64]
    latencies_ms: NDArray[np.float64]
    labels: NDArray[np.float64]
    suspect: NDArray[np.bool_]
    labels_as_of: datetime | None
    keys: tuple[str, ...] = ()  # of which API key each row was asked; empty where nobody knows

    @property
    def n(self) -> int:
        return len(self.features)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        known: NDArray[np.bool_] = ~np.isnan(self.labels)
        return known

    @property
    def scored(self) -> Scored:
        """What was answered then, not what today's threshold would say."""
        return Scored(self.probabilities, self.answers)

    def only(self, chosen: NDArray[Any]) -> "WindowRows":
        """The rows where `chosen` is true."""
        return replace(
            self,
            features=tuple(row for row, keep in zip(self.features, chosen, strict=True) if keep),
            probabilities=self.probabilities[chosen],
            answers=self.answers[chosen],
            thresholds=self.thresholds[chosen],
            latencies_ms=self.latencies_ms[chosen],
            labels=self.labels[chosen],
            suspect=self.suspect[chosen],
            keys=tuple(key for key, keep in zip(self.keys, chosen, strict=True) if keep) if self.keys else (),
        )


def columns_of(outcomes: Sequence[Outcome], contract: ModelContract) -> WindowRows:
    """Stored predictions as arrays; which of them cannot be trusted is found here."""
    names = contract.feature_names
    features = tuple({name: outcome.features.get(name) for name in names} for outcome in outcomes)
    received = [outcome.actual_received_at for outcome in outcomes if outcome.actual_received_at is not None]
    return WindowRows(
        features=features,
        probabilities=np.array([outcome.probability for outcome in outcomes], dtype=np.float64),
        answers=np.array([outcome.prediction == 1 for outcome in outcomes], dtype=np.bool_),
        thresholds=np.array([outcome.threshold for outcome in outcomes], dtype=np.float64),
        latencies_ms=np.array([outcome.latency_ms for outcome in outcomes], dtype=np.float64),
        labels=np.array(
            [np.nan if outcome.actual is None else outcome.actual for outcome in outcomes], dtype=np.float64
        ),
        suspect=suspects(contract, features),
        labels_as_of=max(received, default=None),
        keys=tuple(outcome.key_id for outcome in outcomes),
    )


def joined(parts: Sequence[WindowRows]) -> WindowRows:
    """The rows of several windows, one after the other."""
    if len(parts) == 1:
        return parts[0]
    known = [part.labels_as_of for part in parts if part.labels_as_of is not None]
    return WindowRows(
        features=tuple(row for part in parts for row in part.features),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        answers=np.concatenate([part.answers for part in parts]),
        thresholds=np.concatenate([part.thresholds for part in parts]),
        latencies_ms=np.concatenate([part.latencies_ms for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        suspect=np.concatenate([part.suspect for part in parts]),
        labels_as_of=max(known, default=None),
        keys=tuple(key for part in parts for key in part.keys),
    )
