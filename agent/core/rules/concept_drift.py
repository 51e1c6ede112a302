"""Concept drift: the same inputs mean something else than they did.

Theory: P(y|x) changed. Told by a measured loss the inputs do not explain: they moved little, and an estimate that is
valid under input shift expected no loss. Only recent labels teach the new relation.

Example: a new treatment makes last year's high-risk patients survive. Or one site begins to code a finding the other
way round: only its rows lose, which the aggregate may hide.

Refuted by: influential inputs that moved and an estimate that saw the loss coming; and by a loss that is gone once the
rows are weighted back to training's inputs, or to its share of positives.
"""

from agent.core import wording
from agent.core.harm import Harm, harm
from agent.core.rules import loss as shared
from agent.core.rules.finding import Fact, Finding, weigh
from agent.core.signals import Signals
from config.vocabulary import AT_USUAL_SHARE, ON_USUAL_INPUTS
from database.enums import Cause, IssueType, MetricKind

STILL_WEIGHT = 0.5
SURPRISE_WEIGHT = 0.3
RANKING_WEIGHT = 0.15
# On inputs like those of training the loss is still there.
UNEXPLAINED_WEIGHT = 0.3
# A loss that sits in one part of the rows while the rest is answered as before.
PART_WEIGHT = 0.2


def _in_a_part(loss: Harm) -> Fact | None:
    if loss.part is None:
        return None
    share = wording.percent(loss.part.share)
    return Fact(f"the loss sits in {share} of the rows, and the rest is answered as before", loss.loss, loss.figure.n)


def consider(signals: Signals) -> Finding:
    """Judge the loss, if there is one; an estimate alone can never show this."""
    loss = harm(signals)
    if loss is None or loss.figure.kind is MetricKind.ESTIMATED:
        return shared.no_loss(signals, Cause.CONCEPT_DRIFT)
    window = shared.window_of(signals, loss)
    foreseen, unforeseen = shared.surprise(window, loss, signals.harm_margin)
    by_inputs, despite_inputs = shared.undone_by(window, loss, ON_USUAL_INPUTS)
    by_share, _ = shared.undone_by(window, loss, AT_USUAL_SHARE)
    support, facts = weigh(
        (UNEXPLAINED_WEIGHT, despite_inputs),
        (STILL_WEIGHT, shared.still_fact(window, shared.STILL)),
        (SURPRISE_WEIGHT, unforeseen),
        (RANKING_WEIGHT, shared.ranking_lost(window)),
        (PART_WEIGHT, _in_a_part(loss)),
    )
    support *= shared.REFUTED if by_inputs or by_share else 1.0
    against = tuple(f for f in (by_inputs, by_share, foreseen, shared.drifted_facts(window, shared.INFLUENTIAL)) if f)
    return Finding(
        Cause.CONCEPT_DRIFT,
        IssueType.PERFORMANCE_DEGRADATION,
        support,
        shared.severity_of(loss),
        facts,
        against,
        windows=(window.id,),
    )
