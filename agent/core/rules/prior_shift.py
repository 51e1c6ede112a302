"""Prior shift: the positive class became more or less frequent, and within each class nothing changed.

Theory: P(y) moved while P(x|y) did not, so the model ranks as before and only its threshold sits in the wrong place;
with positives and negatives weighted back to their usual share the loss is gone.
Moving the threshold (bounded, with proof) is the smaller remedy; learning again is the larger one.

Example: an outbreak doubles the share of the ill; each ill patient looks like the ill did before.

Refuted by: a share of positives that held, a ranking that was lost, or a loss in one part of the rows alone: one
threshold for all would not mend it.
"""

from agent.core import wording
from agent.core.harm import harm
from agent.core.rules import loss as shared
from agent.core.rules.finding import Fact, Finding, weigh
from agent.core.signals import Signals
from config.vocabulary import AT_USUAL_SHARE
from database.enums import Cause, IssueType

# The share of positives must have moved by this much for certain (its interval excludes less).
MATERIAL = 0.1
SHARE_WEIGHT = 0.4
RANKING_WEIGHT = 0.3
STILL_WEIGHT = 0.1
UNDONE_WEIGHT = 0.3


def _share_moved(signals: Signals) -> tuple[Fact | None, Fact | None]:
    before, now = signals.reference_positive_share, signals.recent_positive_share
    if before is None or now is None or now[3] < signals.min_rows:
        return None, None
    value, low, high, n = now
    says = (
        f"positives among labels: {wording.percent(value)} [{wording.percent(low)}, {wording.percent(high)}] "
        f"against {wording.percent(before)} in training"
    )
    moved = low > before + MATERIAL or high < before - MATERIAL
    return (Fact(says, value, n), None) if moved else (None, Fact(says, value, n))


def consider(signals: Signals) -> Finding:
    """Judge the loss, if there is one."""
    loss = harm(signals)
    if loss is None:
        return shared.no_loss(signals, Cause.PRIOR_SHIFT)
    if loss.part is not None:
        alone = Fact(f"only a part of the rows lost: {wording.loss(loss)}", loss.loss, loss.figure.n)
        issue, severity = IssueType.PERFORMANCE_DEGRADATION, shared.severity_of(loss)
        return Finding(Cause.PRIOR_SHIFT, issue, 0.0, severity, (), (alone,), windows=(loss.window_id,))
    window = shared.window_of(signals, loss)
    moved, held = _share_moved(signals)
    ranks = shared.ranking_holds(window)
    undone, still_there = shared.undone_by(window, loss, AT_USUAL_SHARE)
    support, facts = weigh(
        (SHARE_WEIGHT, moved),
        (UNDONE_WEIGHT, undone if moved else None),
        (RANKING_WEIGHT, ranks),
        (STILL_WEIGHT, shared.still_fact(window, shared.INFLUENTIAL)),
    )
    support *= shared.REFUTED if still_there else 1.0
    against = (held, still_there, shared.ranking_lost(window), shared.drifted_facts(window, shared.INFLUENTIAL))
    return Finding(
        Cause.PRIOR_SHIFT,
        IssueType.PERFORMANCE_DEGRADATION,
        support,
        shared.severity_of(loss),
        facts,
        tuple(f for f in against if f),
        windows=(window.id,),
    )
