"""From which rows a retrain learns: from all that are recent, or from those alone that came since the incident began.
Pure, given what can be learnt from each.

Right after a sharp change most of the recent rows teach the relation that is over, and a version made of both knows
neither well. After a harmless one, or while few rows have come, everything that is older still helps. Nobody can say
beforehand which it is, so both are tried, and the one is taken whose unseen answers to the rows since the incident
began are better (Klinkenberg and Joachims, "Detecting concept drift with support vector machines", ICML 2000: the
window is chosen by the estimated error on the newest batch). A tie goes to the larger one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean
from typing import Any

import numpy as np

from config.model_contract import ModelContract
from config.yardsticks import surely_above
from database.errors import StewardError
from database.queries.training_rows import LabelledRow
from training.cross_fitting import Unseen
from training.evaluator import value_of
from training.recent import labels_of
from training.replay import Advice

# Fewer rows, or fewer of a class, are never a lesson of their own.
LEAST_ROWS = 100
LEAST_OF_A_CLASS = 20
NOT_BETTER = "a version taught anew is not surely better"


def worth_asking(compared: Mapping[str, Any], contract: ModelContract, advice: Advice) -> bool:
    """Whether a challenger nobody asked for is so much better that a person should hear of it: recommended, and the
    contract's own metric surely better by no less than the loss that the contract would act on. On the rows since an
    onset alone it has to be surer (99.7 %): nobody saw an incident there, and the onset is where the old version looked
    worst."""
    if not advice.approve:
        return False
    own = (compared["since_onset"] if advice.since_onset else compared)["metrics"][0]
    enough = own["verdict"] == "better" and own["difference"] >= contract.quality.harm_margin
    return enough and (not advice.since_onset or surely_above(own["difference"], own["low"]))


def left_alone(
    params: Mapping[str, Any], compared: Mapping[str, Any], contract: ModelContract, advice: Advice
) -> str | None:
    """Why nobody is asked about this challenger, or None: one that nobody asked for has to be worth it (`quiet`), and
    one of the calendar, of corrected answers or of a program may be wanted only if it is recommended."""
    wanted = worth_asking(compared, contract, advice) if params.get("quiet") else advice.approve
    if wanted or not (params.get("quiet") or params.get("only_if_better")):
        return None
    return f"{NOT_BETTER}: {advice.says}"


def too_little_new(params: Mapping[str, Any], new: int) -> str | None:
    """Why there is nothing to learn yet that what serves does not know, or None. `new`: labelled rows that can be
    trusted and came after what it learnt from."""
    least = int(params.get("least_new_rows") or 0)
    if new >= least:
        return None
    return f"{new} labelled rows are new since what serves was taught, and at least {least} are asked for"


@dataclass(frozen=True)
class Lesson:
    """Rows that teach, oldest first. `alone`: without any that came before the incident."""

    rows: tuple[LabelledRow, ...]
    alone: bool = False

    def since(self, onset: datetime | None) -> tuple[LabelledRow, ...]:
        """Those that came since the incident began; all of them without one."""
        return tuple(row for row in self.rows if onset is None or row.created_at >= onset)

    def facts(self, onset: datetime | None) -> dict[str, Any]:
        """What evidence says about them, and what is asked of it when there are more."""
        if onset is None:
            return {}
        return {"onset": onset.isoformat(), "since_onset_rows": len(self.since(onset)), "since_onset_only": self.alone}


def offered(contract: ModelContract, rows: Sequence[LabelledRow], onset: datetime | None) -> tuple[Lesson, ...]:
    """The largest lesson first; one without anything older only when it is worth a try."""
    everything = Lesson(tuple(rows))
    newer = everything.since(onset)
    positives = sum(row.actual for row in newer)
    enough = len(newer) >= LEAST_ROWS and LEAST_OF_A_CLASS <= positives <= len(newer) - LEAST_OF_A_CLASS
    older = len(newer) < len(rows) or contract.training.keep_original
    return (everything, Lesson(newer, alone=True)) if onset is not None and enough and older else (everything,)


def chosen(
    contract: ModelContract, lessons: Sequence[Lesson], onset: datetime | None, taught: Callable[[Lesson], Unseen]
) -> Lesson:
    """The lesson whose unseen answers to the rows since the onset are best. `taught` says what each comes to; one that
    no candidate can be made of is no choice, unless it is the only one."""
    if len(lessons) == 1:
        return lessons[0]
    return max(lessons, key=lambda lesson: _worth(contract, lesson, onset, taught))


def _worth(
    contract: ModelContract, lesson: Lesson, onset: datetime | None, taught: Callable[[Lesson], Unseen]
) -> float:
    try:
        unseen = taught(lesson)
    except StewardError:
        return -1.0
    newest = lesson.since(onset)
    first, labels = len(lesson.rows) - len(newest), labels_of(newest)
    answers = unseen.take(np.arange(first, len(lesson.rows)).tolist())
    return mean(value_of(contract.quality.metric, labels, one) or 0.0 for one in answers)
