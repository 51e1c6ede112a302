"""Data drift, prediction drift and label drift told apart, and whether any of it did harm. Pure."""

from collections.abc import Sequence

from ui import vocabulary, wording
from ui.answers.windows import WindowDrift
from ui.api_types import DriftReportOut, MetricPoint

_LOST = ("warn", "crit")


_STATES = {"ok": "Steady", "warn": "Drifted", "crit": "Drifted far", "inconclusive": "Too few rows"}


def _chip(verdict: str) -> str:
    sign = vocabulary.VERDICTS.get(verdict, vocabulary.UNKNOWN)
    word = _STATES.get(verdict, sign.word)
    return f":{sign.colour}-badge[{sign.shape} {word}]"


def _figure(found: WindowDrift, name: str) -> MetricPoint | None:
    return next((point for point in found.answers if point.metric == name), None)


def _share(value: float | None, low: float | None, high: float | None) -> str:
    spread = "" if low is None or high is None else f" [{wording.percent(low)}, {wording.percent(high)}]"
    return f"{wording.percent(value)}{spread}"


def rows(found: WindowDrift, report: DriftReportOut) -> list[dict[str, str]]:
    """One line for the inputs, two for the answers, one for the truth."""
    moved, of = len(report.drifted_features), len(report.features)
    lines = [
        {
            "what": "**Data drift**: the inputs",
            "now": f"{moved} of {of} features",
            "reference": "training data",
            "state": _chip(report.verdict),
            "n": wording.count(report.window.n),
        }
    ]
    if (scores := _figure(found, "score_psi")) is not None:
        limit = scores.metadata.get("threshold")
        alarm = f"alarm from {wording.number(limit)}" if isinstance(limit, int | float) else wording.NOTHING
        lines.append(
            {
                "what": "**Prediction drift**: the scores",
                "now": wording.plain(f"PSI {wording.number(scores.value)}"),
                "reference": wording.plain(alarm),
                "state": _chip(scores.verdict),
                "n": wording.count(scores.n),
            }
        )
    if (share := _figure(found, "positive_share")) is not None:
        lines.append(
            {
                "what": "**Prediction drift**: share of positive answers",
                "now": wording.plain(_share(share.value, share.low, share.high)),
                "reference": wording.percent(share.reference),
                "state": _chip(share.verdict),
                "n": wording.count(share.n),
            }
        )
    labels = found.labels
    lines.append(
        {
            "what": "**Label drift**: share of positives in truth",
            "now": wording.plain(_share(labels.share, labels.low, labels.high)) if labels.n else "no labels yet",
            "reference": wording.percent(labels.reference),
            "state": _chip(labels.verdict) if labels.n else _chip("inconclusive").replace("Too few rows", "No labels"),
            "n": wording.count(labels.n),
        }
    )
    return lines


def _own(found: WindowDrift, kinds: Sequence[str]) -> MetricPoint | None:
    mine = [p for p in found.quality if p.kind in kinds and int(p.metadata.get("pooled") or 1) <= 1]
    return next((p for kind in kinds for p in mine if p.kind == kind and p.value is not None), None)


def harm(found: WindowDrift, report: DriftReportOut) -> tuple[str, str]:
    """The verdict and the sentence that says whether what drifted did harm: drift alone is no loss."""
    drifted = bool(report.drifted_features)
    begin = "Drift" if drifted else "No drift of the inputs"
    shown = _own(found, ("realised", "realised_clean"))
    if shown is None or shown.verdict == "inconclusive":
        guess = _own(found, ("estimated",))
        labels = f"{wording.count(report.window.labelled_n)} of {wording.count(report.window.n)} rows have a label"
        said = f"{begin}; whether quality was lost cannot be said yet: {labels}."
        if guess is not None:
            said += f" Estimated without labels: {_words(guess)}."
        return "inconclusive", said
    if shown.verdict in _LOST:
        return shown.verdict, f"{begin}{' and' if drifted else ', but'} a loss of quality: {_words(shown)}."
    return "ok", f"{begin}{' without performance loss' if drifted else ' and no performance loss'}: {_words(shown)}."


def _words(point: MetricPoint) -> str:
    name = vocabulary.words(vocabulary.METRICS, point.metric)
    beside = "" if point.reference is None else f", {wording.number(point.reference)} in training"
    spread = wording.interval(point.low, point.high)
    return f"{name} {wording.number(point.value)} {spread}{beside}, n = {wording.count(point.n)}"
