"""What a model's figures are held to, as people read it: each line of its contract with its unit. Pure."""

from dataclasses import dataclass

from config.model_contract import ModelContract
from config.vocabulary import METRICS

_DAY_S = 86_400


@dataclass(frozen=True)
class Line:
    """One figure: `value` in `unit`; an empty unit is a figure between 0 and 1."""

    name: str
    value: float
    unit: str
    means: str


def thresholds_of(contract: ModelContract) -> list[Line]:
    """In the order in which they matter: how good, when it alarms, how labels and windows count."""
    quality, labels, watch = contract.quality, contract.labels, contract.monitoring
    metric, waits = METRICS[quality.metric], labels.delay.total_seconds() / _DAY_S
    oldest = watch.window_max_age.total_seconds() / _DAY_S
    return [
        Line("quality.minimum", quality.minimum, metric, "a candidate below this is not registered"),
        Line("quality.tolerance", quality.tolerance, metric, "how far below the serving version a candidate may be"),
        Line("quality.harm_margin", quality.harm_margin, "", "a loss smaller than this alarms nobody"),
        Line("quality.cost_per_error", quality.cost_per_error, quality.currency, "what one wrong answer costs"),
        Line("labels.delay", waits, "days", "a missing label is waited for no longer"),
        Line("labels.maturity", labels.maturity, "of the rows", "labelled, before a window is judged"),
        Line("monitoring.window_rows", watch.window_rows, "rows", "a window closes with so many"),
        Line("monitoring.window_max_age", oldest, "days", "or when it is this old"),
        Line("monitoring.min_rows", watch.min_rows, "rows", "fewer are never judged"),
        Line("monitoring.false_alarm_rate", watch.false_alarm_rate, "of windows", "drift may alarm in so many by luck"),
        Line(
            "monitoring.suspect_share",
            watch.suspect_share,
            "of the rows",
            "suspect: the data are at fault",
        ),
        Line("monitoring.uncertain_band", watch.uncertain_band, "of score", "this near the threshold is uncertain"),
    ]
