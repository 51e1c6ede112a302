"""Seasonal: the inputs moved as they always do on such days, and nothing is lost beyond what such days always lost.

Theory: a rhythm comes and goes by itself. Whatever is learnt or switched for its sake is wrong again when it has gone,
so nothing is done and nobody gets a message; it is noted. The monitor finds the rhythm by the version's earlier windows
of the same part of the calendar (`monitoring/season.py`) and says how good the answers were in those: a loss of the
same size is part of the rhythm, too.

Example: the last days of each month bring other customers, and the model is 4 points worse on them, every month.

Refuted by: one movement that no rhythm explains, or a loss that the same days did not have before.
"""

from agent.core import wording
from agent.core.harm import Harm, harm
from agent.core.rules.finding import Fact, Finding
from agent.core.rules.loss import seen_on
from agent.core.signals import Signals, Window
from config.vocabulary import USUALLY
from database.enums import Cause, IssueType, MetricKind, Severity, Verdict

# A rhythm that explains all that moved, and the loss with it, explains more than any rule about the loss alone.
CERTAIN = 1.0


def _seasons(window: Window) -> tuple[str, ...]:
    """The seasons of what moved; none if nothing did, or if one movement has no season."""
    moved = [feature.season for feature in window.features if feature.drifted]
    return tuple(dict.fromkeys(moved)) if all(moved) else ()


def _moved(window: Window) -> Fact:
    names = sorted((f for f in window.features if f.drifted), key=lambda f: -f.influence)
    told, seasons = ", ".join(f.title for f in names[:5]), " and ".join(_seasons(window))
    return Fact(f"{told} moved as in earlier windows of {seasons}", sum(f.influence for f in names), window.n)


def _as_usual(signals: Signals, window: Window, loss: Harm) -> Fact | None:
    """That earlier windows of the season lost as much; None when they did not, or nobody knows."""
    usual = window.figure(MetricKind.PREDICTION, USUALLY + loss.figure.name)
    reference = loss.figure.reference
    if usual is None or usual.value is None or reference is None or loss.part is not None or not _seasons(window):
        return None
    if loss.low > reference - usual.value + signals.harm_margin:
        return None
    metric = wording.metric(loss.figure.name)
    return Fact(f"{usual.of} always had it: {metric} {usual.value:.3f} in earlier windows", usual.value, usual.n)


def _lossy(signals: Signals, loss: Harm) -> tuple[Window, ...]:
    """The windows a loss comes from: a pooled figure's are those that are below the reference by more than the margin
    themselves."""
    rests_on = seen_on(signals, loss)
    if loss.figure.pooled == 1:
        return tuple(rests_on)
    own = ((w, w.figure(loss.figure.kind, loss.figure.name)) for w in rests_on)
    return tuple(w for w, f in own if f is not None and f.loss is not None and f.loss > signals.harm_margin)


def consider(signals: Signals) -> Finding:
    """Judge the window of the loss if there is one, else the newest."""
    cause, issue, loss, latest = Cause.SEASONAL, IssueType.DATA_DRIFT, harm(signals), signals.latest
    if latest is None or (loss is None and latest.drift is Verdict.INCONCLUSIVE):
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look="too few rows to say whether anything moved")
    if loss is None:
        if not _seasons(latest):
            other = Fact("nothing moved that an earlier rhythm explains in full", None, latest.n)
            return Finding(cause, issue, 0.0, Severity.INFO, (), (other,))
        return Finding(cause, issue, CERTAIN, Severity.INFO, (_moved(latest),), windows=(latest.id,))
    lossy = _lossy(signals, loss)
    usual = [_as_usual(signals, window, loss) for window in lossy]
    facts = tuple(fact for fact in usual[-1:] if fact is not None)
    if not facts or None in usual:
        new = Fact(f"{wording.loss(loss)}, and no season always had that loss", loss.loss, loss.figure.n)
        return Finding(cause, issue, 0.0, Severity.INFO, (), (new,))
    return Finding(cause, issue, CERTAIN, Severity.INFO, (_moved(lossy[-1]), *facts), windows=(lossy[-1].id,))
