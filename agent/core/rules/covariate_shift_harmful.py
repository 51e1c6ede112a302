"""Covariate shift that harms: other inputs than it learned from, and it answers them worse.

Theory: P(x) moved into regions where the model is poor while P(y|x) is as it was. Told by drift in features the model
listens to, a measured loss, an estimate from the inputs alone that foresees the loss, and most of all by a loss that is
gone once the rows are weighted back to training's inputs. Learning from the new population helps.

Example: a model from one hospital meets another hospital's patients, older and with tests missing.

Refuted by: inputs that did not move, or a loss the inputs do not explain (then the relation itself changed).
"""

from agent.core.harm import harm
from agent.core.rules import loss as shared
from agent.core.rules.finding import Finding, weigh
from agent.core.signals import Signals
from config.vocabulary import AT_USUAL_SHARE, ON_USUAL_INPUTS
from database.enums import Cause, IssueType

DRIFT_WEIGHT = 0.55
MOVED_WEIGHT = 0.15  # what moved is hardly listened to, as rows that training hardly had are
FORESEEN_WEIGHT = 0.3
UNDONE_WEIGHT = 0.45
LEAST_MOVED = 0.005
RANKING_WEIGHT = 0.1


def consider(signals: Signals) -> Finding:
    """Judge the loss, if there is one."""
    loss = harm(signals)
    if loss is None:
        return shared.no_loss(signals, Cause.COVARIATE_SHIFT_HARMFUL)
    window = shared.window_of(signals, loss)
    foreseen, unforeseen = shared.surprise(window, loss, signals.harm_margin)
    undone, still_there = shared.undone_by(window, loss, ON_USUAL_INPUTS)
    by_share, _ = shared.undone_by(window, loss, AT_USUAL_SHARE)
    # Where more are positive the inputs move with them: what the share explains is not theirs to explain.
    undone = None if by_share else undone
    moved = shared.drifted_facts(window, shared.INFLUENTIAL)
    support, facts = weigh(
        (DRIFT_WEIGHT, moved),
        (MOVED_WEIGHT, None if moved else shared.drifted_facts(window, LEAST_MOVED)),
        (UNDONE_WEIGHT, undone),
        (FORESEEN_WEIGHT, foreseen),
        (RANKING_WEIGHT, shared.ranking_lost(window)),
    )
    against = tuple(f for f in (still_there, by_share, unforeseen, shared.still_fact(window, shared.STILL)) if f)
    support *= shared.REFUTED if still_there else 1.0
    return Finding(
        Cause.COVARIATE_SHIFT_HARMFUL,
        IssueType.PERFORMANCE_DEGRADATION,
        support,
        shared.severity_of(loss),
        facts,
        against,
        windows=(window.id,),
    )
