"""Prediction anomaly: the answers themselves became strange, for a reason that is not known.

Theory: a score distribution, a share of positives or a latency far from what the version showed before is
worth a look even if every input seems in order. It names no cause, so nothing but looking follows from it.

Example: a client sends the same patient ten thousand times; every answer is right and none of it is traffic.

Refuted by: figures inside their band, or a cause of its own that explains them (then that cause is named instead).
"""

from agent.core import wording
from agent.core.rules.finding import Fact, Finding
from agent.core.signals import Signals
from config.vocabulary import ROWS_PER_HOUR
from database.enums import Cause, IssueType, MetricKind, Severity, Verdict

# Low confidence and data fault speak of these.
WATCHED_ELSEWHERE = ("uncertain_share", ROWS_PER_HOUR)
CERTAIN = 0.6
FAINT = 0.3


def consider(signals: Signals) -> Finding:
    """Judge the newest window's answers."""
    cause, issue, latest = Cause.UNKNOWN, IssueType.PREDICTION_ANOMALY, signals.latest
    figures = latest.of(MetricKind.PREDICTION) if latest else ()
    seen = [f for f in figures if f.name not in WATCHED_ELSEWHERE and f.verdict is not Verdict.INCONCLUSIVE]
    if latest is None or not seen:
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look="too few answers to say whether they are odd")
    odd = [f for f in seen if f.verdict in {Verdict.CRIT, Verdict.WARN} and f.value is not None]
    facts = tuple(
        Fact(
            f"{wording.metric(f.name)} {f.value:.3g}" + ("" if f.reference is None else f", usually {f.reference:.3g}"),
            f.value,
            f.n,
        )
        for f in odd
    )
    if not odd:
        return Finding(cause, issue, 0.0, Severity.INFO, (), (Fact("the answers are as usual", None, latest.n),))
    sure = any(f.verdict is Verdict.CRIT for f in odd)
    return Finding(cause, issue, CERTAIN if sure else FAINT, Severity.WARNING, facts, windows=(latest.id,))
