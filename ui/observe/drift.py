"""What the drift page says, worked out of the API's answer. Pure.

Each feature's line is JSON as the monitor wrote it, so it is read forgivingly: what is not there is a dash.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ui import vocabulary, wording
from ui.answers.windows import WindowDrift
from ui.api_types import Drift, DriftReportOut, Json
from ui.charts import Cell

STRIP_WINDOWS = 16
WORDS = {"ok": "Steady", "inconclusive": "Too few rows"}


@dataclass(frozen=True)
class FeatureLine:
    """One feature in one window."""

    name: str
    label: str
    drifted: bool
    verdict: str
    score: float | None
    threshold: float | None
    p: float | None
    influence: float | None
    evidently: str
    season: str = ""  # the rhythm that explains the movement


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _second_opinion(feature: Json) -> str:
    opinion = feature.get("evidently")
    if not isinstance(opinion, dict) or opinion.get("drifted") is None:
        return wording.NOTHING
    return "drifted" if opinion["drifted"] else "not drifted"


def features(found: Drift, report: DriftReportOut) -> list[FeatureLine]:
    """The features of one window: drifted ones first, of those the most influential first."""
    lines = []
    for feature in report.features:
        name = str(feature.get("feature") or feature.get("name") or "")
        drifted = name in report.drifted_features
        said = str(feature.get("verdict") or "")
        lines.append(
            FeatureLine(
                name=name,
                label=found.labels.get(name, name),
                drifted=drifted,
                verdict=said if said in vocabulary.VERDICTS else ("warn" if drifted else "ok"),
                score=_number(feature.get("score")),
                threshold=_number(feature.get("threshold")),
                p=_number(feature.get("p_adjusted", feature.get("p"))),
                influence=_number(feature.get("influence", found.influence.get(name))),
                evidently=_second_opinion(feature),
                season=str(feature.get("season") or ""),
            )
        )
    return sorted(lines, key=lambda line: (not line.drifted, -(line.influence or 0.0), line.name))


def headline(report: DriftReportOut) -> str:
    """How many moved, and whether the model listens to them."""
    if report.drift_detected is None:
        return f"Window {report.window.seq} has too few rows to say whether anything moved."
    n, of = len(report.drifted_features), len(report.features)
    if not n:
        return f"None of {of} features drifted in window {report.window.seq}."
    moved = f"{n} of {of} features drifted in window {report.window.seq}"
    known = {str(f.get("feature")): str(f["season"]) for f in report.features if f.get("season")}
    seasons = [known[name] for name in report.drifted_features if name in known]
    told = " and ".join(dict.fromkeys(seasons))
    if len(seasons) == n:
        return f"{moved}, as in earlier windows of {told}."
    carry = f"carry {wording.percent(report.drift_score, 0)} of importance"
    if seasons:
        return f"{moved}, {len(seasons)} of them as in earlier windows of {told}; the others {carry}."
    return f"{moved}; they {carry}."


def since(found: Drift, name: str) -> int | None:
    """The first window of the unbroken run, up to the newest, in which this feature counts as drifted."""
    first = None
    for report in reversed(found.reports):
        if name not in report.drifted_features:
            break
        first = report.window.seq
    return first


def _state(line: FeatureLine) -> str:
    return f"Season: {line.season}" if line.season else "Drifted"


def rows(found: Drift, report: DriftReportOut) -> list[dict[str, str]]:
    """One window's features as a table."""
    lines = []
    for line in features(found, report):
        began = since(found, line.name) if line.drifted else None
        sign = vocabulary.VERDICTS.get(line.verdict, vocabulary.UNKNOWN)
        word = _state(line) if line.drifted else WORDS.get(line.verdict, sign.word)
        lines.append(
            {
                "feature": wording.plain(line.label),
                "state": f":{sign.colour}-badge[{sign.shape} {word}]",
                "PSI": wording.number(line.score),
                "alarm from": wording.number(line.threshold),
                "p": wording.plain("< 0.001" if line.p is not None and line.p < 0.001 else wording.number(line.p)),
                "importance": wording.percent(line.influence, 0),
                "since window": wording.count(began),
                "Evidently says": line.evidently,
            }
        )
    return lines


def multiplicity(drift: WindowDrift) -> str:
    """What many tests at once mean for one of them."""
    tests = drift.features + 1
    return (
        f"{tests} tests at once: {drift.features} features and the scores, each by the population stability index "
        "(PSI) with a p-value by resampling. Benjamini and Hochberg's procedure keeps windows with any false alarm at "
        f"{wording.percent(drift.false_alarm_rate, 0)}; a feature counts from PSI 0.1 on, whatever its p."
    )


def cells(found: Drift) -> list[Cell]:
    """The strip: features by windows, the most influential on top."""
    reports = found.reports[-STRIP_WINDOWS:]
    by_report = [(report, features(found, report)) for report in reports]
    order: Sequence[str] = sorted(
        {line.name for _, lines in by_report for line in lines},
        key=lambda name: (-found.influence.get(name, 0.0), name),
    )
    place = {name: position for position, name in enumerate(order)}
    found_cells = [
        (place[line.name], Cell(line.label, str(report.window.seq), line.score, line.verdict))
        for report, lines in by_report
        for line in lines
    ]
    return [cell for _, cell in sorted(found_cells, key=lambda pair: pair[0])]
