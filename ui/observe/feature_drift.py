"""One feature then and now. Pure."""

from ui import wording
from ui.answers.windows import FeatureDetail
from ui.charts import Bin

MISSING, UNKNOWN = "missing", "unknown value"
# A category this rare in the reference may be absent by chance; the verdict is the test's, this is what is listed.
_TRACE = 0.005
# Of fewer numbers the outer quantiles are the numbers themselves.
ENOUGH = 20


def bins(found: FeatureDetail) -> list[Bin]:
    return [Bin(one.name, one.reference, one.current, one.rows) for one in found.bins]


def axis_title(found: FeatureDetail) -> str:
    return f"{found.label}, {found.unit}" if found.unit else found.label


def _of(found: FeatureDetail, name: str) -> tuple[float, float]:
    one = next((one for one in found.bins if one.name == name), None)
    return (one.reference, one.current) if one else (0.0, 0.0)


def summary(found: FeatureDetail) -> str:
    """Where it moved most, in one sentence."""
    if not found.bins:
        return f"{found.label}: the rows of this window were not counted by bins of its reference."
    most = max(found.bins, key=lambda one: abs(one.current - one.reference))
    return (
        f"{found.label}: the largest change is “{most.name}”, {wording.percent(most.reference, 0)} of training's rows "
        f"(n = {wording.count(found.reference_n)}) and {wording.percent(most.current, 0)} of the window's "
        f"(n = {wording.count(found.n)})."
    )


def facts(found: FeatureDetail, since: int | None) -> list[str]:
    """What else is to be known: since when, what is missing, what is gone, what nobody knew."""
    said = []
    if since is not None:
        said.append(f"Drifted without a break since window {since}.")
    before, now = _of(found, MISSING)
    if before or now:
        said.append(f"Missing: {wording.percent(before)} in training, {wording.percent(now)} now.")
    if found.kind == "category":
        gone = [one.name for one in found.bins if one.reference >= _TRACE and not one.rows and one.name != MISSING]
        if gone:
            said.append(f"Gone: {', '.join(gone)}.")
        said.append(_unknown(found))
    why = found.finding.get("why")
    if why:
        said.append(wording.sentence(str(why)))
    return said


def _unknown(found: FeatureDetail) -> str:
    if not found.unknown:
        return "No value that training did not know."
    if found.masked:
        rows = sum(one.rows for one in found.unknown)
        return f"Values that training did not know: in {wording.plural(rows, 'row')} (masked)."
    named = ", ".join(f"{one.value} ({wording.plural(one.rows, 'row')})" for one in found.unknown)
    return f"Values that training did not know: {named}."


def too_few(found: FeatureDetail) -> str:
    n, of = wording.count(found.quantile_n), wording.count(found.n)
    return f"Too few numbers to speak of quantiles: {n} of {of} rows have one, at least {ENOUGH} are needed."


def rows(found: FeatureDetail) -> list[dict[str, str]]:
    """The picture as a table."""
    return [
        {
            "value": wording.plain(one.name),
            "reference": wording.percent(one.reference),
            "this window": wording.percent(one.current),
            "rows": wording.count(one.rows),
        }
        for one in found.bins
    ]


def quantiles(found: FeatureDetail) -> list[dict[str, str]]:
    """How far each part of a number's range moved."""
    return [
        {
            "of all rows below": wording.percent(one.share, 0),
            f"training (n = {wording.count(found.reference_quantile_n)})": wording.number(one.reference, 2),
            f"window (n = {wording.count(found.quantile_n)})": wording.number(one.current, 2),
            "shift": wording.plain(
                wording.signed(one.current - one.reference, 2)
                if one.current is not None and one.reference is not None
                else wording.NOTHING
            ),
        }
        for one in found.quantiles
    ]
