"""Two versions side by side: what they measure, how they were made, what they listen to. Pure."""

from collections.abc import Mapping
from typing import Any

from ui import vocabulary, wording
from ui.answers.lineage import Lineage
from ui.api_types import VersionDetail
from ui.explain.versions import SOURCES

Row = dict[str, str]


def _cv(found: VersionDetail) -> Mapping[str, Any]:
    cv = found.metrics.get("cv")
    return cv if isinstance(cv, dict) else {}


def _figure(figure: object) -> str:
    if not isinstance(figure, dict):
        return wording.NOTHING
    between = wording.interval(figure.get("low"), figure.get("high"))
    return wording.plain(f"{wording.number(figure.get('value'))} {between}, n = {wording.count(figure.get('n'))}")


def _apart(one: object, other: object) -> str:
    """What can be said of two figures that were measured on different rows: only whether their intervals part."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return wording.NOTHING
    ends = [figure.get(end) for figure in (one, other) for end in ("low", "high")]
    known = [end for end in ends if isinstance(end, int | float)]
    if len(known) < len(ends):
        return wording.NOTHING
    low, high, other_low, other_high = known
    return "intervals overlap" if low <= other_high and other_low <= high else "intervals are apart"


def metrics(one: VersionDetail, other: VersionDetail) -> list[Row]:
    """Cross-validated figures. Each version was validated on the rows it learned from, so no difference is claimed."""
    left, right = _cv(one), _cv(other)
    return [
        {
            "metric": wording.plain(vocabulary.words(vocabulary.METRICS, name)),
            f"v{one.version}": _figure(left.get(name)),
            f"v{other.version}": _figure(right.get(name)),
            "both": _apart(left.get(name), right.get(name)),
        }
        for name in dict.fromkeys((*left, *right))
    ]


def settings(one: VersionDetail, other: VersionDetail, from_one: Lineage, from_other: Lineage) -> list[Row]:
    """How they were made: what differs first, then what is the same."""
    said = [
        ("Algorithm", *(vocabulary.words(vocabulary.ALGORITHMS, v.algorithm) for v in (one, other))),
        ("Threshold", *(wording.number(v.threshold) for v in (one, other))),
        ("Rows", *(wording.count(v.training_rows) for v in (one, other))),
        ("Source", *(SOURCES.get(v.data_source, v.data_source) for v in (one, other))),
        ("Data snapshot", *(wording.short_digest(v.dataset_digest) for v in (one, other))),
        ("Contract", *(wording.short_digest(v.contract_digest) for v in (one, other))),
        *_diff("Parameter", one.hyperparameters, other.hyperparameters),
        *_diff("Rows:", _rows(from_one), _rows(from_other)),
        *_diff("Library", from_one.run.libraries, from_other.run.libraries),
    ]
    lines = [
        {
            "what": wording.plain(what),
            f"v{one.version}": wording.plain(left),
            f"v{other.version}": wording.plain(right),
            "same": "✓ same" if left == right else "≠ differs",
        }
        for what, left, right in said
    ]
    return sorted(lines, key=lambda line: line["same"] == "✓ same")


def _diff(kind: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    names = dict.fromkeys((*left, *right))
    return [(f"{kind} {name}", _value(left, name), _value(right, name)) for name in names]


def _value(found: Mapping[str, Any], name: str) -> str:
    return wording.NOTHING if name not in found or found[name] is None else str(found[name])[:80]


def _rows(found: Lineage) -> dict[str, int]:
    """How the rows came together, as far as it was written down."""
    training = (found.data.facts or {}).get("training")
    kept = training if isinstance(training, dict) else {}
    return {name.replace("_", " "): n for name, n in kept.items() if isinstance(n, int) and name.endswith("_rows")}


def influence(one: VersionDetail, other: VersionDetail, labels: Mapping[str, str], most: int = 12) -> list[Row]:
    """What each listens to, the largest of either first; a square for every 5 % shows it to the eye."""
    names = sorted(
        {*one.influence, *other.influence},
        key=lambda name: (-max(one.influence.get(name, 0.0), other.influence.get(name, 0.0)), name),
    )
    return [
        {
            "input": wording.plain(labels.get(name, name)),
            f"v{one.version}": _share(one.influence.get(name)),
            f"v{other.version}": _share(other.influence.get(name)),
            f"v{other.version} − v{one.version}": wording.plain(
                _change(one.influence.get(name), other.influence.get(name))
            ),
        }
        for name in names[:most]
    ]


def _share(value: float | None) -> str:
    if value is None:
        return wording.NOTHING
    return f"{wording.percent(value)} {'▪' * round(20 * max(0.0, min(1.0, value)))}".strip()


def _change(left: float | None, right: float | None) -> str:
    if left is None or right is None:
        return wording.NOTHING
    return f"{wording.signed(100 * (right - left), 1)} points"
