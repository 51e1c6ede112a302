"""Whether a loss is certain enough to ask people for a change, and not only to tell them of it. Pure.

With several metrics and a window a day, an interval of 95 % is crossed by luck now and then, and a reference that was
lucky in training keeps the scales tilted for as long as its version serves. Telling people costs a message; a question
costs somebody's judgement. Where inputs or the share of positives moved for certain beside the loss, luck is no
explanation. Where nothing but the loss itself speaks, a changed relation, a question waits until the next judged window
shows the loss, too, unless it is beyond the margin at about 99.7 %.
"""

from agent.core.harm import Harm, beyond_luck, harm_on
from agent.core.signals import Signals
from database.enums import Cause


def too_soon(signals: Signals, cause: Cause, loss: Harm) -> str | None:
    """Why people are not asked yet, or None."""
    # A loss in a part of the rows has a stricter test of its own.
    if cause is not Cause.CONCEPT_DRIFT or loss.part is not None:
        return None
    if beyond_luck(loss.figure, signals.harm_margin):
        return None
    before = next((w for w in reversed(signals.own) if w.mature and w.seq < loss.window_seq), None)
    if before is not None and harm_on(signals, before) is not None:
        return None
    return f"the loss shows in window {loss.window_seq} alone; it is asked about when the next one shows it, too"
