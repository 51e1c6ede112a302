"""Figures as Prometheus wants them: a name with its unit, a sentence, a closed set of labels."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

# Of an installation with very many models, the first by name.
MOST_MODELS = 50

Rows = Iterable[tuple[Sequence[object], float | datetime | None]]


def gauge(name: str, says: str, labels: Sequence[str], rows: Rows) -> Metric:
    """One family. A moment becomes seconds since 1970; a row without a value is left out rather than made up."""
    family = GaugeMetricFamily(name, says, labels=list(labels))
    for values, figure in rows:
        if figure is not None:
            family.add_metric([str(value) for value in values], _number(figure))
    return family


def one(name: str, says: str, figure: float | datetime | None) -> Metric:
    """A family without labels."""
    return gauge(name, says, (), [((), figure)])


def counter(name: str, says: str, labels: Sequence[str], rows: Rows) -> Metric:
    """What only ever grows; `name` without `_total`."""
    family = CounterMetricFamily(name, says, labels=list(labels))
    for values, figure in rows:
        if figure is not None:
            family.add_metric([str(value) for value in values], _number(figure))
    return family


def _number(figure: float | datetime) -> float:
    return figure.timestamp() if isinstance(figure, datetime) else float(figure)
