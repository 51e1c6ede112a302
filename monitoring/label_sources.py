"""From where labels come: the sources of a window's rows, and those whose labels hardly come any more. Pure.

Measured (`source_gap`): 4,000 sound windows with three times three categories and labels for 80 to 100 % of the rows
gave no false alarm; a site of a tenth of 400 rows that fell silent was named in all of 400.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from database.enums import LabelFigure, MetricKind, Verdict
from database.models import PerformanceMetric
from monitoring.luck import more_hits
from monitoring.measurement import Measurement
from monitoring.windows import WindowRows

Bools = NDArray[np.bool_]

# All categories of a window together are wrongly found turned, or silent, this often at most.
FALSE_ALARMS = 1e-3
# A source is only judged with this many rows, and by this much less of them labelled than the best one's.
LEAST_SOURCE, GAP = 20, 0.5


def sources_of(contract: ModelContract, rows: WindowRows) -> Iterator[tuple[str, NDArray[np.str_]]]:
    """What people call each thing that may tell sources of labels apart, with its value in each row."""
    for name, feature in contract.features.items():
        if feature.kind == "category":
            told = {value: str(feature.category_labels.get(value, value)) for value in feature.categories or ()}
            values = (row.get(name) for row in rows.features)
            yield feature.label, np.array([_word(told, value) for value in values], dtype=np.str_)
    if len(set(rows.keys)) > 1:
        yield "API key", np.array(rows.keys, dtype=np.str_)


def _word(told: Mapping[Any, str], value: Any) -> str:
    return "missing" if value is None else told.get(value, str(value))


def parts_of(values: NDArray[np.str_]) -> Iterator[tuple[str, Bools]]:
    """Each value with the rows that have it."""
    for value in np.unique(values):
        yield str(value), values == value


@dataclass(frozen=True)
class Coverage:
    """How many rows of a source have a label."""

    n: int = 0
    labelled: int = 0

    @property
    def share(self) -> float:
        return self.labelled / self.n if self.n else 0.0

    def fewer_by_luck(self, other: "Coverage") -> float:
        """The chance of so few labels, or fewer, if those of both came alike."""
        return more_hits(self.n - self.labelled, self.n, other.n - other.labelled, other.n)


Coverages = dict[str, dict[str, Coverage]]


def source_gap(
    contract: ModelContract, rows: WindowRows, earlier: Iterable[PerformanceMetric], *, final: bool
) -> Measurement:
    """Whether labels come for some categories of a feature (or API keys) and hardly any more for others.

    CRIT when a category's share of labels is more than `GAP` below the best one's, by an exact test over all pairs,
    and below half of what it was in `earlier` windows. Before the labels are due (`final`) a gap may still close, so
    nothing is said of one; and a feed that never sent a category's labels is not news.
    """
    now, before = _coverages(contract, rows), _before(earlier)
    looks = max(1, sum(len(one) * (len(one) - 1) for one in now.values()))
    silent = {title: _silent(one, before.get(title, {}), looks) for title, one in now.items()}
    gaps = {title: max(found.values()) for title, found in silent.items() if found}
    known = any(before.values())
    told = {title: {value: [c.n, c.labelled] for value, c in one.items()} for title, one in now.items()}
    facts: dict[str, Any] = {"final": final, "sources": told}
    labelled = int(rows.labelled.sum())

    def measured(verdict: Verdict, why: str, gap: float | None = None, of: str = "") -> Measurement:
        more = {"of": of} if of else {}
        return Measurement(
            MetricKind.LABELS, LabelFigure.SOURCE_GAP, gap, None, None, labelled, None, verdict, why, facts | more
        )

    if not gaps:
        verdict = Verdict.OK if known or final else Verdict.INCONCLUSIVE
        return measured(verdict, "no source has fallen silent" if known else "no earlier window says what is usual")
    title = max(gaps, key=lambda one: gaps[one])
    of, gap = f"{title} = {', '.join(sorted(silent[title]))}", gaps[title]
    if not final:
        return measured(Verdict.INCONCLUSIVE, f"labels of {of} have not come yet, and they are not due", gap, of)
    return measured(Verdict.CRIT, f"hardly any labels come for {of}, as they did before", gap, of)


def _coverages(contract: ModelContract, rows: WindowRows) -> Coverages:
    known = rows.labelled
    return {
        title: {value: Coverage(int(here.sum()), int(known[here].sum())) for value, here in parts_of(values)}
        for title, values in sources_of(contract, rows)
    }


def _before(earlier: Iterable[PerformanceMetric]) -> Coverages:
    """What sound windows showed once their labels were due, together."""
    found: Coverages = {}
    for figure in earlier:
        if figure.metric_name != LabelFigure.SOURCE_GAP or figure.verdict == Verdict.CRIT:
            continue
        if not figure.metadata_.get("final"):
            continue
        for title, sources in figure.metadata_["sources"].items():
            mine = found.setdefault(title, {})
            for value, (n, labelled) in sources.items():
                one = mine.get(value, Coverage())
                mine[value] = Coverage(one.n + n, one.labelled + labelled)
    return found


def _silent(now: Mapping[str, Coverage], before: Mapping[str, Coverage], looks: int) -> dict[str, float]:
    """The categories that fell silent, each with how far it is below the best one."""
    large = {value: one for value, one in now.items() if one.n >= LEAST_SOURCE}
    best = max(large.values(), key=lambda one: one.share, default=Coverage())
    found = {}
    for value, one in large.items():
        usual = before.get(value, Coverage())
        fell = usual.n >= LEAST_SOURCE and one.share < usual.share / 2
        if fell and best.share - one.share > GAP and one.fewer_by_luck(best) < FALSE_ALARMS / looks:
            found[value] = best.share - one.share
    return found
