"""What doing nothing costs: wrong answers a day more than there should be, in the contract's currency."""

from dataclasses import dataclass
from typing import Any

from agent.core.harm import Harm
from agent.core.signals import Figure, Signals
from database.enums import MetricKind


@dataclass(frozen=True)
class Price:
    """Expected loss a day with its interval. None stands for "not known", never for free."""

    per_day: float | None
    low: float | None
    high: float | None
    currency: str
    says: str

    def to_json(self) -> dict[str, Any]:
        """As evidence and proposals carry it."""
        return vars(self).copy()


def _errors(signals: Signals, harm: Harm) -> Figure | None:
    """The accuracy of the rows of the loss: what tells how many more answers are wrong."""
    if harm.part is not None:
        return harm.figure
    window = next((w for w in signals.windows if w.id == harm.window_id), None)
    if window is None:
        return None
    kinds = (harm.figure.kind, MetricKind.REALISED, MetricKind.ESTIMATED)
    found = (window.figure(kind, "accuracy") for kind in kinds)
    return next((f for f in found if f is not None and f.value is not None and f.reference is not None), None)


def price_of_inaction(signals: Signals, harm: Harm | None) -> Price:
    """Decisions a day × additional errors per decision × cost of an error; the interval is that of the error figure."""
    unknown = Price(None, None, None, signals.currency, "what doing nothing costs is not known: ")
    if harm is None or signals.decisions_per_day is None:
        return Price(None, None, None, signals.currency, f"{unknown.says}no measured loss or no traffic")
    if harm.of_speed:
        return Price(None, None, None, signals.currency, "not priced: the contract has no price for slow answers")
    figure = _errors(signals, harm)
    if figure is None or figure.value is None or figure.reference is None:
        return Price(None, None, None, signals.currency, f"{unknown.says}accuracy could not be computed")
    share, of = (1.0, "") if harm.part is None else (harm.part.share, f" ({harm.figure.of})")
    each = signals.decisions_per_day * share * signals.cost_per_error
    per_day = each * (figure.reference - figure.value)
    low = each * (figure.reference - (figure.value if figure.high is None else figure.high))
    high = each * (figure.reference - (figure.value if figure.low is None else figure.low))
    says = (
        f"about {per_day:,.1f} {signals.currency} a day [{low:,.1f}, {high:,.1f}]: "
        f"{signals.decisions_per_day * share:,.0f} decisions a day{of}, accuracy {figure.value:.3f} against "
        f"{figure.reference:.3f} (n={figure.n})"
    )
    return Price(round(per_day, 3), round(low, 3), round(high, 3), signals.currency, says)
