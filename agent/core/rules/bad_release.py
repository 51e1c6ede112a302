"""Bad release: quality fell when the version changed, and the version before does better on the same rows.

Theory: a change-point at the activation is a coincidence until the old version, replayed on exactly the rows the new
one answered, is shown to be better. Both together are as near to a controlled experiment as production gets.

Example: a version trained on half of the columns by mistake goes live; F1 falls within the hour.

Refuted by: the replay. If the old version is no better on these rows, going back to it helps nobody.
"""

from agent.core import wording
from agent.core.rules import loss as shared
from agent.core.rules.finding import Fact, Finding, weigh
from agent.core.signals import Signals
from database.enums import Cause, IssueType

REPLAY_WEIGHT = 0.6
LOSS_WEIGHT = 0.3
# Going back is the answer only while the change is recent: later, the world has moved too.
RECENT_WINDOWS = 6


def consider(signals: Signals) -> Finding:
    """Judge the last activation, if there was a version before it."""
    cause, issue = Cause.BAD_RELEASE, IssueType.PERFORMANCE_DEGRADATION
    loss = shared.measured(signals)
    if loss is None:
        return shared.no_loss(signals, cause)
    severity, windows = shared.severity_of(loss), (loss.window_id,)
    if signals.previous_version_id is None:
        first = Fact("this is the first version that ever served")
        return Finding(cause, issue, 0.0, severity, (), (first,), windows=windows)
    if len(signals.own) > RECENT_WINDOWS:
        old = Fact(f"it has served {len(signals.own)} windows since it was activated")
        return Finding(cause, issue, 0.0, severity, (), (old,), windows=windows)
    replay = signals.replay
    if replay is None or replay.n < signals.min_rows:
        says = "the version before was not replayed on enough of the same rows yet"
        return Finding(cause, issue, 0.0, severity, could_not_look=says, windows=windows)
    told = (
        f"new minus old {wording.metric(replay.metric)} on the same rows: "
        f"{replay.value:+.3f} [{replay.low:+.3f}, {replay.high:+.3f}], n = {replay.n}"
    )
    worse = Fact(told, replay.value, replay.n) if replay.high < 0 else None
    support, facts = weigh((REPLAY_WEIGHT, worse), (LOSS_WEIGHT, Fact(wording.loss(loss), loss.loss, loss.figure.n)))
    against = () if worse else (Fact(f"{told}: the old version is not shown to be better", replay.value, replay.n),)
    return Finding(cause, issue, support, severity, facts, against, windows=windows)
