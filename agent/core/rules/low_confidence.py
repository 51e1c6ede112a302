"""Low confidence: the model is unsure of more answers than it was, and the truth is not there yet.

Theory: scores crowd around the threshold. That is no loss, it is a warning before one can be measured: facts are
collected and labels asked for, nothing is changed.

Example: half of a new clinic's patients score between 0.4 and 0.6, where a tenth did before.

Refuted by: labels. Once the window is judged, the measured quality counts and not the doubt.
"""

from agent.core import wording
from agent.core.rules.finding import Fact, Finding
from agent.core.signals import Signals
from database.enums import Cause, IssueType, MetricKind, Severity, Verdict

CERTAIN = 0.7


def consider(signals: Signals) -> Finding:
    """Judge the newest window's share of uncertain answers."""
    cause, issue, latest = Cause.LOW_CONFIDENCE, IssueType.LOW_CONFIDENCE, signals.latest
    figure = latest.figure(MetricKind.PREDICTION, "uncertain_share") if latest else None
    if latest is None or figure is None or figure.value is None or figure.verdict is Verdict.INCONCLUSIVE:
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look="too few answers to compare their confidence")
    beside = "" if figure.reference is None else f", in training {wording.percent(figure.reference)}"
    fact = Fact(
        f"{wording.percent(figure.value)} of the answers are near the threshold{beside}", figure.value, figure.n
    )
    more = figure.reference is None or figure.value > figure.reference
    if figure.verdict is Verdict.OK or not more:
        return Finding(cause, issue, 0.0, Severity.INFO, (), (fact,))
    if latest.mature:
        told = Fact("its labels have arrived: measured quality counts, not doubt", None, latest.labelled_n)
        return Finding(cause, issue, 0.0, Severity.INFO, (fact,), (told,))
    return Finding(cause, issue, CERTAIN, Severity.WARNING, (fact,), windows=(latest.id,))
