"""One window opened: every figure about it, and what its scores promised. Pure."""

from collections.abc import Sequence

from ui import vocabulary, wording
from ui.answers.windows import Calibration, WindowDetail
from ui.api_types import Confusion, MetricPoint
from ui.charts import Answers, ReliabilityBin

# With fewer labelled rows a reliability curve is mostly chance.
ENOUGH = 100
_KINDS = ("realised", "realised_clean", "estimated")


def headline(found: WindowDetail) -> str:
    """Where it lies, and what is known of it."""
    window = found.window
    labels = f"{wording.count(window.labelled_n)} of {wording.plural(window.n, 'row')} labelled"
    suspect = f", {wording.count(window.suspect_n)} suspect" if window.suspect_n else ""
    failed = f"; {wording.plural(found.failed_checks, 'data check')} failed" if found.failed_checks else ""
    return (
        f"Window {window.seq}, v{window.version}: {wording.moment(window.from_at)} to {wording.moment(window.to_at)}. "
        f"{labels}{suspect}{failed}."
    )


def _single(point: MetricPoint) -> bool:
    return int(point.metadata.get("pooled") or 1) <= 1


def _cell(points: Sequence[MetricPoint]) -> str:
    if not points or points[-1].value is None:
        return wording.NOTHING
    point = points[-1]
    text = f"{wording.number(point.value)} {wording.interval(point.low, point.high)}, n = {wording.count(point.n)}"
    return wording.plain(text)


def figures(found: WindowDetail) -> list[dict[str, str]]:
    """Each metric: measured, on sound rows, with the windows before it, estimated; beside its reference."""
    told = [p for p in found.figures if p.kind in _KINDS and p.metric in vocabulary.METRICS and p.value is not None]
    names = dict.fromkeys(point.metric for point in told)
    rows = []
    for name in names:
        mine = [point for point in found.figures if point.metric == name]
        own = {kind: [p for p in mine if p.kind == kind and _single(p)] for kind in _KINDS}
        pooled = [p for p in mine if p.kind == "realised" and not _single(p)]
        first = next(iter(own["realised"]), None)
        sign = vocabulary.VERDICTS.get(first.verdict, vocabulary.UNKNOWN) if first else vocabulary.UNKNOWN
        rows.append(
            {
                "metric": vocabulary.words(vocabulary.METRICS, name),
                "measured": _cell(own["realised"]),
                "without suspect rows": _cell(own["realised_clean"]),
                "with earlier windows": _cell(pooled),
                "estimated": _cell(own["estimated"]),
                "reference": wording.number(first.reference if first else None),
                "verdict": f":{sign.colour}-badge[{sign.shape} {sign.word}]" if first else wording.NOTHING,
            }
        )
    return rows


def part_of(found: WindowDetail) -> str:
    """That of a large window the newest rows alone are held against the truth; nothing where it is all of them."""
    n = found.confusion.n if found.confusion else 0
    if not n or found.window.labelled_n <= n:
        return ""
    return f"Of the newest rows: {wording.count(n)} of {wording.count(found.window.labelled_n)} that have a label."


def answers(counts: Confusion) -> Answers:
    return Answers(counts.true_positive, counts.false_positive, counts.true_negative, counts.false_negative)


def confusion_summary(counts: Confusion, positive: str, negative: str) -> str:
    """Right and wrong answers in one sentence."""
    wrong = counts.false_positive + counts.false_negative
    missed = wording.plural(counts.false_negative, "time")
    return (
        f"{wording.count(wrong)} of {wording.plural(counts.n, 'labelled answer')} wrong "
        f"({wording.percent(wrong / counts.n)}): {missed} {positive} was missed, "
        f"{wording.plural(counts.false_positive, 'time')} {negative} was called {positive}."
    )


def confusion_rows(counts: Confusion, positive: str, negative: str) -> list[dict[str, str]]:
    """The picture as a table."""
    yes, no = f"answered {positive}", f"answered {negative}"
    return [
        {"": f"truly {positive}", yes: f"✓ {wording.count(counts.true_positive)}",
         no: f"✕ {wording.count(counts.false_negative)}"},
        {"": f"truly {negative}", yes: f"✕ {wording.count(counts.false_positive)}",
         no: f"✓ {wording.count(counts.true_negative)}"},
    ]  # fmt: skip


def reliability_bins(found: Calibration) -> list[ReliabilityBin]:
    return [ReliabilityBin(**one.model_dump()) for one in found.bins]


def calibration_summary(found: Calibration) -> str:
    """Whether scores mean what they say, and on how many rows that rests."""
    if not found.n:
        return "No labels in a judged window yet: nobody can say whether scores come true."
    rests = f"{wording.plural(found.n, 'labelled row')} of the newest {wording.count(found.looked_at)}"
    if found.n < ENOUGH:
        return f"Too few labels to judge calibration: {found.n} of {ENOUGH} ({rests}). The picture is mostly chance."
    off = [one for one in found.bins if not one.came_low <= one.promised <= one.came_high]
    much = wording.number(100 * (found.error or 0.0), 1)
    said = f"Scores are off by {much} points on average ({rests})"
    if not off:
        return f"{said}; in no tenth by more than chance."
    worst = max(off, key=lambda one: abs(one.came_true - one.promised))
    return (
        f"{said}; beyond chance in {len(off)} of {len(found.bins)} tenths, most where "
        f"{wording.percent(worst.promised, 0)} was promised and {wording.percent(worst.came_true, 0)} came true."
    )


def calibration_rows(found: Calibration) -> list[dict[str, str]]:
    return [
        {
            "scores": f"{wording.percent(one.low, 0)} to {wording.percent(one.high, 0)}",
            "promised": wording.percent(one.promised),
            "came true": wording.plain(
                f"{wording.percent(one.came_true)} [{wording.percent(one.came_low)}, {wording.percent(one.came_high)}]"
            ),
            "n": wording.count(one.n),
        }
        for one in found.bins
    ]
