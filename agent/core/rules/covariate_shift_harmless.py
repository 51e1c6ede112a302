"""Covariate shift that does no harm: the inputs moved and the answers are as good as before.

Theory: most drift is of this kind. A feature the model hardly listens to may move as it likes; a feature it does listen
to may move where the model is just as good. Nothing is changed; a report is kept for whoever is curious.

Example: a new scanner adds a constant to a column with 1 % of the influence.

Refuted by: a measured loss. Without labels, and without an estimate that has proven itself, this is not concluded.
"""

from agent.core import wording
from agent.core.harm import harm, performance_holds
from agent.core.rules import loss as shared
from agent.core.rules.finding import Fact, Finding
from agent.core.signals import Figure, Signals, Window
from database.enums import Cause, IssueType, MetricKind, Severity, Verdict

UNHEARD = 0.05
# Of what moved this far the model has seen too little to be judged by how much it listened: PSI as by two thirds of a
# standard deviation is 0.45.
FAR = 0.5
UNLISTENED = 0.01
CERTAIN = 0.8


def consider(signals: Signals) -> Finding:
    """Judge the newest window's drift."""
    cause, issue, latest = Cause.COVARIATE_SHIFT_HARMLESS, IssueType.DATA_DRIFT, signals.latest
    if latest is None or latest.drift is Verdict.INCONCLUSIVE or latest.drift_score is None:
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look="too few rows to say whether anything moved")
    moved = shared.drifted_facts(latest, 0.0)
    if latest.drift is Verdict.OK or moved is None:
        seasonal = any(f.drifted and f.season for f in latest.features)
        says = "nothing moved but what a season explains" if seasonal else "no feature moved beyond chance"
        still = Fact(says, latest.drift_score, latest.n)
        return Finding(cause, issue, 0.0, Severity.INFO, (), (still,))
    lost = harm(signals)
    if lost is not None:
        return Finding(
            cause, issue, 0.0, Severity.INFO, (moved,), (Fact(wording.loss(lost), lost.loss, lost.figure.n),)
        )
    held = _shown_before(signals, latest) or performance_holds(signals)
    if held is not None and held.kind is MetricKind.ESTIMATED and (far := _far_off(latest)):
        says = f"{moved.says}, so far from anything training had that an estimate says nothing: {far}"
        return Finding(cause, issue, 0.0, Severity.INFO, (moved,), could_not_look=says, windows=(latest.id,))
    if held is not None:
        fact = Fact(f"quality holds: {wording.figure(held)}", held.value, held.n)
        return Finding(cause, issue, CERTAIN, Severity.INFO, (moved, fact), windows=(latest.id,))
    if latest.drift_score < (UNLISTENED if _far_off(latest) else UNHEARD):
        fact = Fact(
            f"the model hardly listens to what moved ({wording.percent(latest.drift_score, 1)} of its influence)",
            latest.drift_score,
            latest.n,
        )
        return Finding(cause, issue, CERTAIN, Severity.INFO, (moved, fact), windows=(latest.id,))
    says = f"{moved.says}, but whether that harms is not known yet: labels are missing or too few to tell"
    return Finding(cause, issue, 0.0, Severity.INFO, (moved,), could_not_look=says, windows=(latest.id,))


def _shown_before(signals: Signals, latest: Window) -> Figure | None:
    """The measured quality of the judged window, if all that moved since had moved there already."""
    judged = signals.judged
    if judged is None or judged is latest:
        return None
    then, now = ({f.name for f in w.features if f.drifted} for w in (judged, latest))
    return performance_holds(signals.as_of(judged)) if now and now <= then else None


def _far_off(window: Window) -> str:
    """What moved far beyond what training had seen."""
    return ", ".join(f.title for f in window.features if f.drifted and (f.score or 0.0) >= FAR)
