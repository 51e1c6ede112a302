"""What wrong answers cost, slice by slice, by what the contract says one costs. Pure."""

from datetime import timedelta

from ui import wording
from ui.api_types import Cost, TrendBucket, Trends
from ui.charts import Point


def _wrong(bucket: TrendBucket) -> float | None:
    """Wrong answers among the labelled ones of a slice."""
    return None if bucket.accuracy is None else bucket.labelled * (1 - bucket.accuracy)


def found_in(trends: Trends, cost: Cost) -> list[Point]:
    """What the wrong answers of each slice cost."""
    points = [(bucket, _wrong(bucket)) for bucket in trends.buckets]
    return [
        Point(at=bucket.at, value=wrong * cost.per_error, n=bucket.labelled)
        for bucket, wrong in points
        if wrong is not None
    ]


def expected_in(trends: Trends, cost: Cost) -> list[Point]:
    """What they would cost at the rate of training, on as many labelled rows."""
    if cost.reference_error_rate is None:
        return []
    each = cost.reference_error_rate * cost.per_error
    return [
        Point(at=bucket.at, value=bucket.labelled * each, n=bucket.labelled)
        for bucket in trends.buckets
        if bucket.accuracy is not None
    ]


def summary(trends: Trends, cost: Cost) -> str:
    """All slices together: found, expected, and how many answers nobody can judge yet."""
    wrong = sum(_wrong(bucket) or 0.0 for bucket in trends.buckets)
    labelled = sum(bucket.labelled for bucket in trends.buckets)
    n = sum(bucket.n for bucket in trends.buckets)
    if not labelled:
        return "No labels in this span, so no wrong answer is known."
    text = (
        f"{wording.count(round(wrong))} wrong of {wording.plural(labelled, 'labelled answer')} "
        f"({wording.percent(wrong / labelled)})"
    )
    if cost.per_error != 1:
        text += f", {wording.number(wrong * cost.per_error, 1)} {cost.currency}"
    if cost.reference_error_rate is not None:
        more = wrong - labelled * cost.reference_error_rate
        few = "fewer" if more < 0 else "more"
        text += (
            f"; {wording.number(abs(more), 1)} {few} than at training's rate of "
            f"{wording.percent(cost.reference_error_rate)} (n = {wording.count(cost.reference_n)})"
        )
    unknown = n - labelled
    return text + (f". {wording.plural(unknown, 'answer')} have no label yet." if unknown > 0 else ".")


def note(cost: Cost, slice_s: float) -> str:
    """What one wrong answer is worth, and who says so."""
    each = wording.span(timedelta(seconds=slice_s))
    if cost.per_error == 1:
        return f"Wrong answers in slices of {each}. The contract puts no other price on one (quality.cost_per_error)."
    return (
        f"In slices of {each}. A wrong answer costs {wording.number(cost.per_error, 2)} {cost.currency}, says the "
        "contract (quality.cost_per_error)."
    )


def rows(trends: Trends, cost: Cost) -> list[dict[str, str]]:
    """Slices with labels, newest first."""
    expected = {point.at: point.value for point in expected_in(trends, cost)}
    return [
        {
            "from": wording.plain(wording.moment(point.at)),
            "found": f"{wording.number(point.value, 1)}",
            "at training's rate": wording.number(expected.get(point.at), 1),
            "labelled answers": wording.count(point.n),
        }
        for point in reversed(found_in(trends, cost))
    ][:60]
