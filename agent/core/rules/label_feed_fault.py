"""Label feed fault: the truth we compare with is broken, so performance is unknown, not lost.

Theory: labels stop (windows older than the label delay stay unlabelled), or turn around: a model that ranks *worse
than chance* by a margin its interval excludes has not forgotten its subject, its answers are being compared with the
opposite. A retrain on such labels would teach it nonsense.

Example: after a change at the source, 1 and 0 swap their meaning; ROC-AUC goes from 0.9 to 0.1 in one window.

Refuted by: labels arriving as before, and ranking at or above chance.
"""

from agent.core import wording
from agent.core.rules.finding import Fact, Finding
from agent.core.signals import Signals, Window
from database.enums import Cause, IssueType, LabelFigure, MetricKind, Severity, Verdict

# Half of the share a window needs to be judged: fewer labels than that is a feed that stopped, not one that is late.
STOPPED_AT = 0.5
CERTAIN = 0.9


def _share(window: Window) -> float:
    return window.labelled_n / window.n if window.n else 1.0


def _stopped(signals: Signals) -> Fact | None:
    window = signals.labels_due
    if window is None or _share(window) >= signals.label_maturity * STOPPED_AT:
        return None
    if any(_share(newer) >= signals.label_maturity for newer in signals.own if newer.seq > window.seq):
        return None  # they come again
    if window.n < signals.min_rows:
        return _silent(signals, window)
    waited, share = (signals.now - window.to_at).total_seconds(), _share(window)
    return Fact(
        f"{window.labelled_n} of {window.n} answers have a label {waited / 3600:.0f} h after the window closed; "
        f"{wording.percent(signals.label_maturity)} were expected within {signals.label_delay_s / 3600:.0f} h",
        share,
        window.n,
    )


def _silent(signals: Signals, window: Window) -> Fact | None:
    """A window too small to judge the feed by, but nothing at all came for longer than the delay."""
    silence = signals.label_silence_s
    some = any(w.labelled_n for w in signals.own if w.seq >= window.seq)
    flowing = (signals.decisions_per_day or 0.0) >= signals.min_rows
    if some or not flowing or (silence is not None and silence <= signals.label_delay_s):
        return None
    since = "yet" if silence is None else f"for {silence / 3600:.0f} h"
    return Fact(
        f"no label was received {since}, although answers are given; "
        f"they were expected within {signals.label_delay_s / 3600:.0f} h",
        silence,
        window.n,
    )


def _turned(window: Window | None) -> Fact | None:
    figure = window.figure(MetricKind.LABELS, LabelFigure.TURNED) if window else None
    if figure is None or figure.verdict is not Verdict.CRIT:
        return None
    of = f" of {figure.of}" if figure.of else ""
    ranks = f"ROC-AUC {figure.value:.3f}{wording.interval(figure.low, figure.high)}, n = {figure.n}"
    return Fact(
        f"the labels{of} are turned around: {ranks}, and with 0 and 1 swapped they fit as expected",
        figure.value,
        figure.n,
    )


def consider(signals: Signals) -> Finding:
    """Judge both the newest window labels are due for, however many came after it, and the one they have come for."""
    cause, issue = Cause.LABEL_FEED_FAULT, IssueType.DATA_QUALITY
    if signals.latest is None:
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look="no window yet")
    facts = tuple(fact for fact in (_stopped(signals), _turned(signals.judged)) if fact)
    if facts:
        return Finding(cause, issue, CERTAIN, Severity.WARNING, facts, windows=(signals.latest.id,))
    window = signals.judged or signals.latest
    share = window.labelled_n / window.n if window.n else 0.0
    arriving = Fact(f"{window.labelled_n} of {window.n} answers have a label", share, window.n)
    return Finding(cause, issue, 0.0, Severity.INFO, (), (arriving,))
