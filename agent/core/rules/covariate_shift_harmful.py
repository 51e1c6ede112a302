"""Covariate shift that harms: other inputs than it learned from, and it answers them worse.

Theory: P(x) moved into regions where the model is poor while P(y|x) is as it was. Told by drift in features the model
listens to, a measured loss, and an estimate from the inputs alone that foresees the loss. Learning from the new
population helps.

Example: a model from one hospital meets another hospital's patients, older and with tests missing.

Refuted by: inputs that did not move, or a loss the inputs do not explain (then the relation itself changed).
"""

from agent.core.rules import loss as shared
from agent.core.rules.finding import Finding, weigh
from agent.core.signals import Signals
from database.enums import Cause, IssueType

DRIFT_WEIGHT = 0.55
FORESEEN_WEIGHT = 0.3
RANKING_WEIGHT = 0.1


def consider(signals: Signals) -> Finding:
    """Judge the loss, if there is one."""
    loss = shared.measured(signals)
    if loss is None:
        return shared.no_loss(signals, Cause.COVARIATE_SHIFT_HARMFUL)
    window = shared.window_of(signals, loss)
    foreseen, unforeseen = shared.surprise(window, loss, signals.harm_margin)
    support, facts = weigh(
        (DRIFT_WEIGHT, shared.drifted_facts(window, shared.INFLUENTIAL)),
        (FORESEEN_WEIGHT, foreseen),
        (RANKING_WEIGHT, shared.ranking_lost(window)),
    )
    against = tuple(f for f in (unforeseen, shared.still_fact(window, shared.STILL)) if f)
    return Finding(
        Cause.COVARIATE_SHIFT_HARMFUL,
        IssueType.PERFORMANCE_DEGRADATION,
        support,
        shared.severity_of(loss),
        facts,
        against,
        windows=(window.id,),
    )
