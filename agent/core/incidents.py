"""Which diagnoses people are told about, and until when: one live incident about the same movement of the inputs. Pure.

"The inputs moved and nothing is lost" and "they moved and the answers got worse" contradict each other on one screen,
and a model near the margin would change between them window by window. The harmful one wins for as long as it lives:
the harmless one is then a note in the record of the pass, and one that was open is over.
"""

from collections.abc import Collection, Iterable, Mapping

from agent.core.harm import harm_on
from agent.core.signals import Signals, Window
from database.enums import Cause, MetricKind, Verdict

HARM_DONE = frozenset({Cause.COVARIATE_SHIFT_HARMFUL, Cause.CONCEPT_DRIFT, Cause.PRIOR_SHIFT})
# These are told by a loss, so only a window whose quality could be judged shows that they are over.
TOLD_BY_LOSS = HARM_DONE | {Cause.BAD_RELEASE}
TURNED_OUT = "it turned out to do harm"
# An incident is over once this many newer judged windows do not show it.
QUIET_WINDOWS = 2


def told_by(cause: Cause, others: Collection[Cause]) -> Cause | None:
    """The cause among `others` (live or diagnosed now) whose incident already speaks of the same movement."""
    if cause is not Cause.COVARIATE_SHIFT_HARMLESS:
        return None
    return next((other for other in Cause if other in HARM_DONE and other in others), None)


def could_show(cause: Cause, window: Window, signals: Signals) -> bool:
    """Whether this window would show the cause if it were still there. Too few sound rows to judge is no all-clear."""
    if cause is Cause.LABEL_FEED_FAULT:
        return _labels_are_well(window, signals)
    if not window.mature or cause not in TOLD_BY_LOSS:
        return window.mature
    figure = window.shown(signals.primary)
    return figure is not None and figure.verdict is not Verdict.INCONCLUSIVE


def _labels_are_well(window: Window, signals: Signals) -> bool:
    """Enough labels are there, in their usual time, and nothing is wrong with them: a window that was only given up on
    is judged, too, and shows no feed that flows again."""
    enough = window.mature and window.n > 0 and window.labelled_n / window.n >= signals.label_maturity
    wrong = any(figure.verdict is Verdict.CRIT for figure in window.of(MetricKind.LABELS))
    return enough and not wrong


def newer_without(cause: Cause, last_window_id: int, signals: Signals) -> int:
    """How many windows newer than the last that showed the cause would have shown it if it were still there. One whose
    parts nobody could look at says nothing about a loss in a part."""
    of_a_part = any(w.id == last_window_id and _is_of_a_part(cause, w, signals) for w in signals.windows)
    return sum(
        w.id > last_window_id and could_show(cause, w, signals) and (not of_a_part or _parts_were_seen(w))
        for w in signals.windows
    )


def _is_of_a_part(cause: Cause, window: Window, signals: Signals) -> bool:
    loss = harm_on(signals, window) if cause in TOLD_BY_LOSS else None
    return loss is not None and loss.part is not None


def _parts_were_seen(window: Window) -> bool:
    return any(figure.verdict is not Verdict.INCONCLUSIVE for figure in window.of(MetricKind.SEGMENT))


def settled_by_people(diagnosed: Iterable[tuple[Cause, tuple[int, ...]]], closed: Mapping[Cause, int]) -> set[Cause]:
    """The causes of which nothing is seen but what a person has closed. `closed`: the newest window each one was about.

    Somebody who looked knows better than the same numbers; a newer window that shows the cause is news again.
    """
    return {cause for cause, windows in diagnosed if cause in closed and max(windows, default=0) <= closed[cause]}
