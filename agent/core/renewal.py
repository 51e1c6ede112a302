"""When there is more to learn than what serves has learnt, or than what an open question rests on. Pure.

A person should decide on what is known now. A question is overtaken when the loss goes on in newer windows. One whose
proof was too thin to recommend anything is outgrown when there are many more rows to prove it with, whether the newest
window shows a loss of its own or not.

Two more are only tries: a challenger is taught and compared, and nobody is asked unless it is surely better.
- A version taught soon after a change learnt it from few rows, and expects no more of itself than these could teach: no
  loss against its own reference will ever show what it lacks. When there are many times these rows, it finishes.
- A window may show a loss without showing that it exceeds the margin; or the version answered better than it does now,
  though it never promised that; or its scores promise more than before, and are kept no better. The figures cannot tell
  whether that is luck; a challenger on the same rows can, since a paired difference is far sharper than one between
  windows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log2, sqrt
from statistics import fmean

from agent.core import wording
from agent.core.choices import PastAction
from agent.core.rules.data_fault import left_among_sound
from agent.core.signals import Figure, Signals, Window
from database.enums import CHANGING, ActionStatus, ActionType, Cause, MetricKind, Verdict

# So many judged windows after its evidence, and the loss still there, overtake a question.
NEWER_WINDOWS = 2
# So many more rows, as a share of those its evidence rested on, outgrow it. By a share, the pauses between two
# gatherings grow with the rows, and so does the cost of each.
GROWTH = 0.5
# So many times the rows it learnt a change from, and a version finishes learning it; again each time they doubled, as
# far back as windows are read.
FINISH = 4
# A faint loss is looked into once in so many windows.
PAUSE = 4
# Fewer windows than this on either side of a change say nothing about it, and so many standard errors are a change that
# is worth a try. Too low to act on: simulated without a change, over all places where it could have been, luck reaches
# it in 5 % of looks at twelve windows for one metric, and in 12 % for three that move together (correlation 0.6; what
# was promised varies by 0.3 standard errors).
LEAST_WINDOWS, FADED = 2, 2.5
# From the width of an interval of 95 % to a standard error.
WIDTH = 3.92
Point = tuple[int, float, float]  # which window, its value, its standard error
_SERVES = frozenset({ActionStatus.VERIFYING, ActionStatus.SUCCEEDED})


@dataclass(frozen=True)
class Try:
    """A retrain to gather proof for. `onset`: since when what is to be learnt is there; `key` names the occasion."""

    cause: Cause
    onset: datetime
    key: str
    says: str


def overtaken(open_ones: Iterable[PastAction], signals: Signals) -> bool:
    """Whether every one of them waits for a person on evidence that newer judged windows have overtaken. What only the
    calendar or corrected answers asked for gives way to a loss at once."""
    return all(
        _without_a_loss(question) or (_waits(question) and len(_since(question, signals)) >= NEWER_WINDOWS)
        for question in open_ones
    )


def outgrown(history: Sequence[PastAction], signals: Signals) -> tuple[PastAction, ...]:
    """The questions whose proof was too thin, and for which there are enough newer sound rows to try again.

    Not while a newer window has a fault whose rows cannot be told from sound ones: nothing is to be learnt from those.
    """
    return tuple(question for question in history if _is_thin(question) and _has_grown(question, signals))


def unfinished(history: Iterable[PastAction], signals: Signals) -> Try | None:
    """Whether what serves learnt a change from a fraction of the rows there are by now."""
    changes = (past for past in history if past.action_type in CHANGING and past.status in _SERVES and not past.dry_run)
    made = max(changes, key=lambda past: past.created_at, default=None)
    if made is None or made.action_type is not ActionType.RETRAIN_MODEL or made.onset is None or not made.learnt_since:
        return None
    newer = tuple(w for w in signals.windows if w.mature and w.seq > (made.evidence_seq or 0))
    known = made.learnt_since + _sound_rows(newer)
    if known < FINISH * made.learnt_since or _faulty(signals, newer):
        return None
    doubled = int(log2(known / (FINISH * made.learnt_since)))
    says = f"it learnt what changed from {made.learnt_since} rows, and there are {known} by now"
    return Try(made.cause or Cause.UNKNOWN, made.onset, f"finish:{made.action_id}:{doubled}", says)


def suspected(signals: Signals) -> Try | None:
    """Whether the newest judged windows show a loss that may or may not exceed the margin."""
    judged = tuple(w for w in signals.own if w.mature)
    if not judged or (shown := _faded(signals, judged) or _faint(signals, judged)) is None:
        return None
    since, says = shown
    windows = judged[since:]
    onset = windows[0].from_at
    if onset is None or _faulty(signals, windows):
        return None
    return Try(Cause.UNKNOWN, onset, f"faint:v{signals.version_id}:{judged[-1].seq // PAUSE}", says)


def _faint(signals: Signals, judged: Sequence[Window]) -> tuple[int, str] | None:
    """A watched metric that is lower than in training for sure, and since when; over more windows before over one."""
    faint = [
        f for f in _figures(signals, judged[-1]) if f.verdict is Verdict.WARN and f.loss is not None and f.loss > 0
    ]
    if not faint:
        return None
    found = max(faint, key=lambda f: f.pooled)
    says = f"{wording.metric(found.name)} is {found.value:.3f}, {found.reference:.3f} was to be expected"
    return max(0, len(judged) - found.pooled), says


def _faded(signals: Signals, judged: Sequence[Window]) -> tuple[int, str] | None:
    """A watched metric that has been lower since some window than it was before, by itself or against what the scores
    promised, and since which. The place that tells the two parts best apart is taken, of all (a likelihood ratio over
    change points; Page 1954, Hinkley 1970)."""
    strongest, found = FADED, None
    for name in signals.watched:
        own = _course_of(signals, judged, name)
        hopes = {at: judged[at].figure(MetricKind.ESTIMATED, name) for at, _, _ in own}
        promised = {at: hope.value for at, hope in hopes.items() if hope and hope.trusted and hope.value is not None}
        broken = [(at, value - promised[at], error) for at, value, error in own if at in promised]
        for course, against in ((own, ""), (broken, " against what its scores promise")):
            for strength, at, fell, windows in _falls(course):
                if strength > strongest:
                    says = f"{wording.metric(name)} fell by {fell:.3f}{against} on average over {windows} windows"
                    strongest, found = strength, (at, says)
    return found


def _course_of(signals: Signals, judged: Sequence[Window], name: str) -> list[Point]:
    """A metric over the windows that measured it."""
    own = [next((f for f in _figures(signals, w) if f.name == name and f.pooled == 1), None) for w in judged]
    known = [(at, f.value, f.low, f.high) for at, f in enumerate(own) if f is not None]
    return [
        (at, value, (high - low) / WIDTH)
        for at, value, low, high in known
        if value is not None and low is not None and high is not None
    ]


def _falls(course: Sequence[Point]) -> Iterator[tuple[float, int, float, int]]:
    """For each place where it may have changed: by how many standard errors it fell, where, by how much, and over how
    many windows."""
    for cut in range(LEAST_WINDOWS, len(course) - LEAST_WINDOWS + 1):
        before, after = course[:cut], course[cut:]
        fell = fmean(value for _, value, _ in before) - fmean(value for _, value, _ in after)
        if error := sqrt(sum(sum(e * e for _, _, e in part) / len(part) ** 2 for part in (before, after))):
            yield fell / error, after[0][0], fell, len(after)


def _figures(signals: Signals, window: Window) -> tuple[Figure, ...]:
    """Of all rows of a window: what was measured on sound ones, if anything was."""
    kinds = (MetricKind.REALISED_CLEAN, MetricKind.REALISED)
    seen = next((found for kind in kinds if (found := window.of(kind, signals.watched))), ())
    return tuple(f for f in seen if not f.of)


def _without_a_loss(question: PastAction) -> bool:
    asked = "schedule" in question.why or question.cause is Cause.CORRECTED_ANSWERS
    return question.status is ActionStatus.PENDING_APPROVAL and asked


def _waits(question: PastAction) -> bool:
    return question.status is ActionStatus.PENDING_APPROVAL and question.cause is not None


def _is_thin(question: PastAction) -> bool:
    corrective = question.action_type in CHANGING and not question.dry_run
    return corrective and _waits(question) and question.recommended is False and question.evidence_rows > 0


def _has_grown(question: PastAction, signals: Signals) -> bool:
    newer = _since(question, signals)
    # After a change, only the rows since then tell more.
    rested_on = question.learnt_since or question.evidence_rows
    return not _faulty(signals, newer) and _sound_rows(newer) >= GROWTH * rested_on


def _faulty(signals: Signals, windows: Iterable[Window]) -> bool:
    return any(left_among_sound(signals, window) for window in windows)


def _sound_rows(windows: Iterable[Window]) -> int:
    return sum(max(0, min(window.labelled_n, window.n - window.suspect_n)) for window in windows)


def _since(question: PastAction, signals: Signals) -> tuple[Window, ...]:
    return tuple(w for w in signals.own if w.mature and w.seq > (question.evidence_seq or 0))
