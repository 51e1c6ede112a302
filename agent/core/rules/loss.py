"""What the rules about lost quality share: the loss itself, what moved, and what was expected of it."""

from agent.core import wording
from agent.core.harm import Harm
from agent.core.rules.finding import Fact, Finding
from agent.core.signals import Part, Signals, Window
from config.vocabulary import AT_USUAL_SHARE, ON_USUAL_INPUTS
from database.enums import Cause, IssueType, MetricKind, Severity, Verdict

# Drifted features that carry this share of the model's influence are enough to move its answers.
INFLUENTIAL = 0.2
# Below this the inputs are as they were, as far as the model listens to them.
STILL = 0.1
# So much of a loss has to be gone for something to explain it, and so little to explain nothing.
UNDONE, STILL_THERE = 0.6, 0.4
# What a rule that is refuted keeps of its support.
REFUTED = 0.5
_AS_BEFORE = {ON_USUAL_INPUTS: "on inputs like those of training", AT_USUAL_SHARE: "with positives as frequent as then"}
# A metric this far under its reference is a severe loss, whatever the margin of the contract.
SEVERE = 0.1


def window_of(signals: Signals, loss: Harm) -> Window:
    return next(w for w in signals.own if w.id == loss.window_id)


def seen_on(signals: Signals, loss: Harm) -> list[Window]:
    """The windows the figure of a loss rests on, oldest first."""
    until = [w for w in signals.own if w.seq <= loss.window_seq and (w.mature or w.id == loss.window_id)]
    return until[-loss.figure.pooled :]


def drifted_facts(window: Window, at_least: float) -> Fact | None:
    """The drift of a window if it carries this much influence."""
    if window.drift_score is None or window.drift is Verdict.INCONCLUSIVE or window.drift_score < at_least:
        return None
    names = sorted((f for f in window.features if f.drifted and not f.season), key=lambda f: -f.influence)
    told = ", ".join(f.title for f in names[:5])
    of = f"inputs that carry {wording.percent(window.drift_score)} of what the model listens to moved"
    return Fact(f"{of}: {told}" if told else of, window.drift_score, window.n)


def still_fact(window: Window, at_most: float) -> Fact | None:
    if window.drift_score is None or window.drift is Verdict.INCONCLUSIVE or window.drift_score > at_most:
        return None
    return Fact(
        f"the inputs moved little: {wording.percent(window.drift_score)} of what the model listens to",
        window.drift_score,
        window.n,
    )


def surprise(window: Window, loss: Harm, margin: float) -> tuple[Fact | None, Fact | None]:
    """Whether an estimate that is valid under input shift saw the loss coming: (it did, it did not). For a part of the
    rows it is what the scores of those very rows promised."""
    if loss.part is not None:
        return _surprise_of(loss, loss.part, margin)
    estimate = window.figure(MetricKind.ESTIMATED, loss.figure.name)
    if estimate is None or estimate.value is None or loss.figure.kind is MetricKind.ESTIMATED:
        return None, None
    gap = estimate.value - (loss.figure.value or 0.0)
    says = f"from the inputs alone {wording.metric(loss.figure.name)} {estimate.value:.3f} was to be expected"
    if gap <= margin:
        return Fact(f"{says}, so the inputs explain the loss", estimate.value, estimate.n), None
    return None, Fact(
        f"{says}, {gap:.3f} more than was measured: the inputs do not explain the loss", estimate.value, estimate.n
    )


def _surprise_of(loss: Harm, part: Part, margin: float) -> tuple[Fact | None, Fact | None]:
    if part.expected is None or loss.figure.value is None:
        return None, None
    n, gap = loss.figure.n, part.expected - loss.figure.value
    says = f"the scores of these rows promised {wording.metric(loss.figure.name)} {part.expected:.3f}"
    if gap <= margin:
        return Fact(f"{says}, so the inputs explain the loss", part.expected, n), None
    told = f"{says}, {gap:.3f} more than was measured: the inputs do not explain the loss"
    return None, Fact(told, part.expected, n)


def undone_by(window: Window, loss: Harm, what: str) -> tuple[Fact | None, Fact | None]:
    """Whether the loss is gone once one thing is computed back to what it was in training (`monitoring.standardised`):
    (it is, it is not). Neither in between, and when it could not be said."""
    name = f"{loss.figure.name}_{what}"
    figures = [f for f in window.of(MetricKind.REALISED_CLEAN, (name,)) if f.value is not None]
    alike = [f for f in figures if f.pooled == loss.figure.pooled]
    found = next(iter(alike or figures), None)
    if found is None or found.value is None or loss.figure.value is None or loss.part is not None or loss.loss <= 0:
        return None, None
    back = (found.value - loss.figure.value) / loss.loss
    says = f"{_AS_BEFORE[what]} {wording.metric(loss.figure.name)} would be {found.value:.3f}"
    says += f"{wording.interval(found.low, found.high)} instead of {loss.figure.value:.3f}"
    fact = Fact(says, found.value, found.n)
    if back >= UNDONE:
        return fact, None
    return None, fact if back <= STILL_THERE else None


def ranking_lost(window: Window) -> Fact | None:
    figures = [f for k in (MetricKind.REALISED_CLEAN, MetricKind.REALISED) for f in window.of(k, ("roc_auc",))]
    lost = next((f for f in figures if f.verdict is Verdict.CRIT and f.value is not None), None)
    return (
        Fact(f"it ranks worse: {wording.figure(lost)}, against {lost.reference:.3f} in training", lost.value, lost.n)
        if (lost and lost.reference is not None)
        else None
    )


def ranking_holds(window: Window) -> Fact | None:
    figures = [f for k in (MetricKind.REALISED_CLEAN, MetricKind.REALISED) for f in window.of(k, ("roc_auc",))]
    if any(f.verdict is Verdict.CRIT for f in figures):
        return None
    held = next((f for f in figures if f.verdict in {Verdict.OK, Verdict.WARN} and f.value is not None), None)
    return Fact(f"it still ranks as before: {wording.figure(held)}", held.value, held.n) if held else None


def severity_of(loss: Harm) -> Severity:
    return Severity.CRITICAL if loss.loss >= SEVERE else Severity.WARNING


def no_loss(signals: Signals, cause: Cause) -> Finding:
    """The answer of every rule about lost quality when no loss was shown: could not look, or looked and found none."""
    issue, judged = IssueType.PERFORMANCE_DEGRADATION, signals.judged
    if judged is None:
        says = "no labelled window of the serving version yet, and no estimate with a record that can be trusted"
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look=says)
    figure = judged.shown(signals.primary)
    if figure is None or figure.verdict is Verdict.INCONCLUSIVE:
        sound = judged.n - judged.suspect_n
        says = f"too few sound labelled rows to say whether quality was lost ({sound} of {judged.n} rows are sound)"
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look=says)
    fact = Fact(f"no loss beyond the margin was shown: {wording.figure(figure)}", figure.value, figure.n)
    return Finding(cause, issue, 0.0, Severity.INFO, (), (fact,))
