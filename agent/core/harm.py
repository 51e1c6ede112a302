"""Whether quality was lost, and by how much: asked of the same values by many rules, answered here once. Pure.

A loss counts when its whole interval lies beyond the margin of the contract, on the sound rows of a judged window or by
an estimate with a record. One window of many is bad by luck now and then, so where there are windows before it, the
loss has to show in all of them together, or be beyond luck.
"""

from dataclasses import dataclass, replace

from agent.core.signals import Figure, Part, Signals, Window
from config.vocabulary import LATENCY
from config.yardsticks import surely_above
from database.enums import MetricKind, Verdict

# A pooled figure speaks for its newest window only if that window brought at least this many rows of its own.
MIN_OWN_ROWS = 20


@dataclass(frozen=True)
class Harm:
    """A loss that counts: of quality, measured on sound rows of a mature window or estimated by a trusted estimate; or
    of speed, against the windows of the version `against`. A loss of speed is in milliseconds: of them, less is better.
    """

    figure: Figure
    loss: float
    low: float
    high: float
    window_id: int
    window_seq: int
    against: int | None = None

    @property
    def of_speed(self) -> bool:
        return self.figure.name == LATENCY

    @property
    def part(self) -> Part | None:
        """The rows that lost; None when it is not only some of them."""
        return self.figure.part


def _as_harm(figure: Figure, window: Window) -> Harm | None:
    if figure.verdict is not Verdict.CRIT or figure.value is None or figure.reference is None:
        return None
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    whole = replace(figure, low=low, high=high)
    return Harm(
        whole, figure.reference - figure.value, figure.reference - high, figure.reference - low, window.id, window.seq
    )


def _is_fine(figure: Figure, margin: float) -> bool:
    return figure.verdict is Verdict.OK and figure.loss is not None and figure.loss <= margin


def beyond_luck(figure: Figure, margin: float) -> bool:
    """Whether an interval of 99.7 %, half as wide again as the one of 95 %, still lies beyond the margin."""
    if figure.loss is None or figure.value is None or figure.high is None:
        return False
    return surely_above(figure.loss, figure.loss - (figure.high - figure.value), margin)


def _worst(signals: Signals, window: Window, kind: MetricKind, own_rows: int) -> Harm | None:
    seen = window.of(kind, signals.watched)
    # What the window itself shows to be fine was lost in the windows before it, if at all: it is not lost now. A few
    # rows that merely fail to prove a loss are not that: their own value must be within the margin, too.
    fine = {f.name for f in seen if f.pooled == 1 and _is_fine(f, signals.harm_margin)}
    together = [f for f in seen if f.pooled > 1 and own_rows >= MIN_OWN_ROWS and f.name not in fine]
    # One window of many, of several metrics, is bad by luck now and then: where there are windows before it, it has to
    # be bad enough to show in all of them together, or worse than luck makes it.
    unconfirmed = {f.name for f in seen if f.pooled > 1 and f.verdict in {Verdict.OK, Verdict.WARN}}
    own = (f for f in seen if f.pooled == 1)
    figures = [*(f for f in own if f.name not in unconfirmed or beyond_luck(f, signals.harm_margin)), *together]
    harms = [harm for f in figures if (harm := _as_harm(f, window)) is not None]
    # The contract's own metric first, the window's own figure before a pooled one, then the larger loss.
    harms.sort(key=lambda h: (h.figure.name != signals.primary, h.figure.pooled, -h.loss))
    return harms[0] if harms else None


def raw_loss(signals: Signals, window: Window) -> Harm | None:
    """The loss over all rows of a mature window, sound or not: enough to alarm, not enough to act on."""
    return _worst(signals, window, MetricKind.REALISED, window.labelled_n) if window.mature else None


def harm_on(signals: Signals, window: Window) -> Harm | None:
    """The loss on the sound rows of a mature window: of all, or else of the part that lost. None when too few sound
    rows are left to say."""
    return (_lost_by_all(signals, window) or _lost_by_a_part(signals, window)) if window.mature else None


def _lost_by_a_part(signals: Signals, window: Window) -> Harm | None:
    """The part whose loss weighs most; the window's own figure before a pooled one."""
    seen = (figure for figure in window.of(MetricKind.SEGMENT, signals.watched) if figure.part is not None)
    harms = [harm for figure in seen if (harm := _as_harm(figure, window)) is not None]
    return min(harms, key=lambda h: (h.figure.pooled, -h.loss * (h.part.share if h.part else 1.0)), default=None)


def parts_that_lost(window: Window) -> tuple[Figure, ...]:
    """What was lost in parts of the rows of a window, whatever all of them show."""
    return tuple(f for f in window.of(MetricKind.SEGMENT) if f.verdict is Verdict.CRIT)


def _lost_by_all(signals: Signals, window: Window) -> Harm | None:
    if window.suspect_n == 0 and not window.of(MetricKind.REALISED_CLEAN):
        return raw_loss(signals, window)
    return _worst(signals, window, MetricKind.REALISED_CLEAN, min(window.labelled_n, window.n - window.suspect_n))


def harm(signals: Signals) -> Harm | None:
    """The gate in front of every change: a loss that was measured on sound rows, or estimated by a proven estimate.

    An estimate counts only for a window without labels yet, and only while its own record says it may be trusted.
    """
    judged, latest = signals.judged, signals.latest
    if judged is not None and (found := harm_on(signals, judged)) is not None:
        return found
    if latest is None or latest is judged or latest.suspect_share >= signals.suspect_limit:
        return None
    trusted = [f for f in latest.of(MetricKind.ESTIMATED, signals.watched) if f.trusted]
    harms = [found for f in trusted if (found := _as_harm(f, latest)) is not None]
    return min(harms, key=lambda h: h.figure.name != signals.primary) if harms else None


def performance_holds(signals: Signals) -> Figure | None:
    """A figure that shows quality is as it should be, or None when that was not shown.

    Shown means: the contract's own metric is fine, and no watched metric warns, on sound rows and on all of them, and
    no part of them has lost.
    """
    judged, latest = signals.judged, signals.latest
    if judged is not None and parts_that_lost(judged):
        return None
    if judged is not None and latest is judged:
        seen = [
            *judged.of(MetricKind.REALISED_CLEAN, signals.watched),
            *judged.of(MetricKind.REALISED, signals.watched),
        ]
    elif latest is not None:
        seen = [f for f in latest.of(MetricKind.ESTIMATED, signals.watched) if f.trusted]
    else:
        seen = []
    if any(f.verdict in {Verdict.WARN, Verdict.CRIT} for f in seen):
        return None
    # The sound rows come first in the list: too few of them to say is not made up for by the others.
    own = next((f for f in seen if f.name == signals.primary and f.pooled == 1), None)
    return own if own is not None and own.verdict is Verdict.OK and own.value is not None else None
