"""Label feed fault: the truth we compare with is broken, so performance is unknown, not lost.

Theory: the feed breaks in four ways. Labels *stop*: windows older than the label delay stay unlabelled. They come
*later* than this feed ever needed, long before the contract gives up on them: a note until then. They come *from some
sources only*, so what is measured is about the others. Or they are *turned around*, of all rows or of one source's: a
mirror, which turned back fits as the truth did (`monitoring.turned_labels`). Ranking worse than chance alone is none of
these: a relation that changed does that, too, and is to be learnt again. Labels that are wrong at random cannot be told
from a relation that became weaker, so they are judged as a loss.

Example: after a change at the source, 1 and 0 swap their meaning; ROC-AUC goes from 0.9 to 0.1 in one window.

Refuted by: labels that come from everywhere as before, and that rank at or above chance or are no mirror.
"""

from agent.core import wording
from agent.core.rules.data_fault import left_among_sound
from agent.core.rules.finding import Fact, Finding
from agent.core.signals import Signals, Window
from database.enums import Cause, IssueType, LabelFigure, MetricKind, Severity, Verdict

# Half of the share a window needs to be judged: fewer labels than that is a feed that stopped, not one that is late.
STOPPED_AT = 0.5
CERTAIN = 0.9
# Where something is wrong, and the window that shows it.
Shown = tuple[Fact, Window]


def _share(window: Window) -> float:
    return window.labelled_n / window.n if window.n else 1.0


def _hardly_labelled(signals: Signals, window: Window | None) -> Window | None:
    """The window, if its labels are missing and none newer has them: then they come again."""
    if window is None or _share(window) >= signals.label_maturity * STOPPED_AT:
        return None
    newer = (w for w in signals.own if w.seq > window.seq)
    return None if any(_share(w) >= signals.label_maturity for w in newer) else window


def _stopped(signals: Signals) -> Shown | None:
    window = _hardly_labelled(signals, signals.labels_due)
    if window is None:
        return None
    if window.n < signals.min_rows:
        return _silent(signals, window)
    expected = f"{wording.percent(signals.label_maturity)} were expected within {signals.label_delay_s / 3600:.0f} h"
    return Fact(f"{_waited(signals, window)}; {expected}", _share(window), window.n), window


def _waited(signals: Signals, window: Window) -> str:
    waited = (signals.now - window.to_at).total_seconds() / 3600
    return f"{window.labelled_n} of {window.n} answers have a label {waited:.0f} h after the window closed"


def _silent(signals: Signals, window: Window) -> Shown | None:
    """A window too small to judge the feed by, but nothing at all came for longer than the delay."""
    silence = signals.label_silence_s
    some = any(w.labelled_n for w in signals.own if w.seq >= window.seq)
    flowing = (signals.decisions_per_day or 0.0) >= signals.min_rows
    if some or not flowing or (silence is not None and silence <= signals.label_delay_s):
        return None
    since = "yet" if silence is None else f"for {silence / 3600:.0f} h"
    fact = Fact(
        f"no label was received {since}, although answers are given; "
        f"they were expected within {signals.label_delay_s / 3600:.0f} h",
        silence,
        window.n,
    )
    return fact, window


def _late(signals: Signals) -> Shown | None:
    """Not there yet, though the contract still waits for them."""
    window, pace = _hardly_labelled(signals, signals.labels_expected), signals.pace
    if window is None or pace is None or window.n < signals.min_rows:
        return None
    usual = "" if pace.usual_s is None else f"; usually enough are there after {pace.usual_s / 3600:.1f} h"
    return Fact(f"{_waited(signals, window)}{usual}", _share(window), window.n), window


def _came_late(window: Window) -> Fact | None:
    """All there, but later than ever: worth knowing, and no reason to doubt them."""
    pace = window.pace
    if pace is None or not pace.was_late:
        return None
    usual = "" if pace.usual_s is None else f", usually {pace.usual_s / 3600:.1f} h"
    return Fact(f"labels come {pace.took_s / 3600:.1f} h after the window{usual}", pace.took_s, window.n)


def _turned(signals: Signals) -> Shown | None:
    window = signals.judged
    figure = window.figure(MetricKind.LABELS, LabelFigure.TURNED) if window else None
    if window is None or figure is None or figure.verdict is not Verdict.CRIT or left_among_sound(signals, window):
        return None  # on rows that repeat, or in another unit, answers can be wrong in any way
    of = f" of {figure.of}" if figure.of else ""
    ranks = f"ROC-AUC {figure.value:.3f}{wording.interval(figure.low, figure.high)}, n = {figure.n}"
    says = f"the labels{of} are turned around: {ranks}, and with 0 and 1 swapped they fit as expected"
    return Fact(says, figure.value, figure.n), window


def _one_sided(signals: Signals) -> Shown | None:
    """The newest window of which can be said from where its labels come, judged or not."""
    for window in reversed(signals.own):
        figure = window.figure(MetricKind.LABELS, LabelFigure.SOURCE_GAP)
        if figure is None or figure.verdict is Verdict.INCONCLUSIVE:
            continue
        if figure.verdict is not Verdict.CRIT or figure.value is None:
            return None
        says = f"hardly any labels come any more for {figure.of}: {wording.percent(figure.value)} fewer than elsewhere"
        return Fact(says, figure.value, figure.n), window
    return None


def consider(signals: Signals) -> Finding:
    """Judge both the newest window labels are due for, however many came after it, and the one they have come for."""
    cause, issue = Cause.LABEL_FEED_FAULT, IssueType.DATA_QUALITY
    if signals.latest is None:
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look="no window yet")
    window = signals.judged or signals.latest
    broken = [shown for shown in (_stopped(signals), _one_sided(signals), _turned(signals)) if shown]
    shown = broken or [one for one in (_late(signals),) if one]
    late = tuple(fact for fact in (_came_late(window),) if fact)
    if shown:
        facts = (*(fact for fact, _ in shown), *late)
        severity = Severity.WARNING if broken else Severity.INFO
        return Finding(cause, issue, CERTAIN, severity, facts, windows=tuple(sorted({w.id for _, w in shown})))
    share = window.labelled_n / window.n if window.n else 0.0
    arriving = Fact(f"{window.labelled_n} of {window.n} answers have a label", share, window.n)
    return Finding(cause, issue, 0.0, Severity.INFO, (), (arriving, *late))
