"""When an open question has to be asked anew, because the world went on while it waited. Pure.

A person should decide on what is known now. A question is overtaken when the loss goes on in newer windows. One whose
proof was too thin to recommend anything is outgrown when there are many more rows to prove it with, whether the newest
window shows a loss of its own or not.
"""

from collections.abc import Iterable, Sequence

from agent.core.choices import PastAction
from agent.core.rules.data_fault import left_among_sound
from agent.core.signals import Signals, Window
from database.enums import CHANGING, ActionStatus

# So many judged windows after its evidence, and the loss still there, overtake a question.
NEWER_WINDOWS = 2
# So many more rows, as a share of those its evidence rested on, outgrow it. By a share, the pauses between two
# gatherings grow with the rows, and so does the cost of each.
GROWTH = 0.5


def overtaken(open_ones: Iterable[PastAction], signals: Signals) -> bool:
    """Whether every one of them waits for a person on evidence that newer judged windows have overtaken."""
    return all(_waits(question) and len(_since(question, signals)) >= NEWER_WINDOWS for question in open_ones)


def outgrown(history: Sequence[PastAction], signals: Signals) -> tuple[PastAction, ...]:
    """The questions whose proof was too thin, and for which there are enough newer sound rows to try again.

    Not while a newer window has a fault whose rows cannot be told from sound ones: nothing is to be learnt from those.
    """
    return tuple(question for question in history if _is_thin(question) and _has_grown(question, signals))


def _waits(question: PastAction) -> bool:
    return question.status is ActionStatus.PENDING_APPROVAL and question.cause is not None


def _is_thin(question: PastAction) -> bool:
    corrective = question.action_type in CHANGING and not question.dry_run
    return corrective and _waits(question) and question.recommended is False and question.evidence_rows > 0


def _has_grown(question: PastAction, signals: Signals) -> bool:
    newer = _since(question, signals)
    if any(left_among_sound(signals, window) for window in newer):
        return False
    rows = sum(max(0, min(window.labelled_n, window.n - window.suspect_n)) for window in newer)
    return rows >= GROWTH * question.evidence_rows


def _since(question: PastAction, signals: Signals) -> tuple[Window, ...]:
    return tuple(w for w in signals.own if w.mature and w.seq > (question.evidence_seq or 0))
