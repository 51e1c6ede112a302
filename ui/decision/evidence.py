"""Before and after, worked out of the evidence. Pure.

Evidence is read forgivingly; a figure that is not there is a dash, and a difference whose interval includes zero is
inconclusive whatever anybody else called it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ui import vocabulary, wording
from ui.api_types import ActionDetail, Json
from ui.charts import Difference
from ui.decision.fields import figure, obj, objects, whole


@dataclass(frozen=True)
class Comparison:
    """One metric, or one segment, before and after."""

    name: str
    metric: str
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    n: int | None
    verdict: str


def verdict_of(low: float | None, high: float | None, said: str) -> str:
    """An interval that includes zero, or is not there, is inconclusive; one wholly below zero is worse, whatever was
    said, since it is safe to see harm too often."""
    if low is None or high is None or low <= 0 <= high:
        return "inconclusive"
    if high < 0:
        return "worse"
    return "better" if said == "better" else "inconclusive"


def comparisons(evidence: Json | None, part: str) -> list[Comparison]:
    """The rows of `metrics` or `segments`."""
    rows = []
    for row in objects(obj(evidence).get(part)):
        low, high = figure(row.get("low")), figure(row.get("high"))
        metric = vocabulary.words(vocabulary.METRICS, str(row.get("metric") or "the primary metric"))
        rows.append(
            Comparison(
                name=metric if part == "metrics" else str(row.get("segment") or ""),
                metric=metric,
                before=figure(row.get("before")),
                after=figure(row.get("after")),
                difference=figure(row.get("difference")),
                low=low,
                high=high,
                n=whole(row.get("n")),
                verdict=verdict_of(low, high, str(row.get("verdict", ""))),
            )
        )
    return rows


def falls(row: Comparison) -> str:
    loss = None if row.difference is None else -row.difference
    spread = wording.interval(None if row.high is None else -row.high, None if row.low is None else -row.low)
    return f"{row.metric} falls by {wording.number(loss)} {spread}"


def worse_of(rows: Iterable[Comparison]) -> list[Comparison]:
    return [row for row in rows if row.verdict == "worse"]


def worse_since_onset(evidence: Json | None) -> list[Comparison]:
    return worse_of(comparisons(obj(obj(evidence).get("since_onset")), "metrics"))


def losses(evidence: Json | None) -> list[str]:
    """Everything that is surely worse, each in a sentence: metrics, then segments, then metrics since the onset."""
    return [
        *(f"{falls(row)}." for row in worse_of(comparisons(evidence, "metrics"))),
        *(f"{falls(row)} for {row.name}." for row in worse_of(comparisons(evidence, "segments"))),
        *(f"{falls(row)} on the rows since the incident began." for row in worse_since_onset(evidence)),
    ]


def differences(rows: Sequence[Comparison]) -> list[Difference]:
    """The same for the chart."""
    return [Difference(row.name, row.difference, row.low, row.high, row.verdict) for row in rows]


_UNSEEN = {
    "later_rows": "Neither version was trained on them.",
    "cross_fitted": (
        "The serving version never saw them; for the new one each was answered by a model that had not learnt from it "
        "(cross-fitting)."
    ),
}


def since_onset(evidence: Json | None) -> str | None:
    """The primary figure on the rows since the incident began, which may say less than all recent rows together."""
    since = obj(obj(evidence).get("since_onset"))
    return _difference_on("since the incident began", since, objects(since.get("metrics"))[:1])


def mended(evidence: Json | None) -> str | None:
    """What becomes of the part of the rows that lost, when the question is about one."""
    part = obj(obj(evidence).get("segment"))
    figures = [row for row in objects(part.get("metrics")) if row.get("metric") == "accuracy"]
    return _difference_on(f"of {part.get('of')}, which lost", part, figures)


def _difference_on(which: str, block: Json, figures: Sequence[Json]) -> str | None:
    """One figure on some of the rows."""
    if not figures:
        return None
    first = figures[0]
    spread = wording.interval(figure(first.get("low")), figure(first.get("high")), sign=True)
    return (
        f"On the {wording.count(whole(block.get('n')))} rows {which}: "
        f"{vocabulary.words(vocabulary.METRICS, str(first.get('metric')))} "
        f"{wording.signed(figure(first.get('difference')))} {spread}, "
        f"{first.get('verdict')}."
    )


def rested_on(evidence: Json | None) -> list[str]:
    """The rows the evidence was made from."""
    body = obj(evidence)
    said = []
    holdout, training = obj(body.get("holdout")), obj(body.get("training"))
    if holdout:
        positives = whole(holdout.get("positives"))
        said.append(
            f"Compared on {wording.count(whole(holdout.get('n')))} recent labelled rows"
            + (f", {wording.count(positives)} of them positive. " if positives is not None else ". ")
            + _UNSEEN.get(str(holdout.get("method")), _UNSEEN["later_rows"])
        )
    if training:
        said.append(
            f"Trained on {wording.count(whole(training.get('rows')))} rows: "
            f"{wording.count(whole(training.get('original_rows')))} original and "
            f"{wording.count(whole(training.get('traffic_rows')))} from traffic."
        )
        left_out = (whole(training.get("quarantined_rows")) or 0) + (whole(training.get("suspect_rows_left_out")) or 0)
        said.append(f"{wording.plural(left_out, 'row')} that failed a data check were left out.")
        if equal := whole(training.get("equal_rows_left_out")):
            said.append(f"{wording.plural(equal, 'row')} equal to others were left out: sent again and again.")
    said.extend(told for told in (since_onset(evidence), mended(evidence)) if told is not None)
    return said


def inaction(action: ActionDetail) -> str:
    """What doing nothing costs, with its interval: from the evidence, or as it was reckoned when this was proposed."""
    cost = obj(obj(action.evidence).get("inaction")) or obj(action.why.get("inaction"))
    per_day = figure(cost.get("per_day"))
    says = wording.sentence(str(cost.get("says") or ""))
    if per_day is None or "[" in says:
        return says
    spread = wording.interval(figure(cost.get("low")), figure(cost.get("high")), 1)
    told = f"{wording.number(per_day, 1)} {spread} {cost.get('currency') or 'errors'} per day."
    return f"{told} {says}".strip()
