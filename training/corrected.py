"""What corrected answers are to a retrain: rows to learn from, and a test of their own, but no judges.

Who corrects an answer looks at wrong ones first. On rows that were chosen for having been answered wrongly any other
version looks better than what answered them, so whether one is better is judged on rows whose truth came by another
way. The corrected rows only say whether anything was learnt: a version that still answers all of them as before has
learnt nothing that was meant.

They teach at once, while other rows wait until their window is judged; but never more than a share of what teaches, so
that nobody who sends many decides what is learnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean
from typing import Any
from uuid import UUID

from config.model_contract import ModelContract
from database.connection import ReadSession
from database.queries import corrections, training_rows
from database.queries.training_rows import LabelledRow
from training.evaluator import Scored
from training.recent import Recent, Repetition, trusted

# Of the rows that a retrain wants, so many may be there only because they were corrected.
SHARE = 0.25


@dataclass(frozen=True)
class Corrected:
    """The corrected answers an action is about, as far as they teach, and the rows that are known by feedback alone."""

    ids: frozenset[UUID]
    unfair: frozenset[UUID]

    def fair(self, rows: Sequence[LabelledRow]) -> tuple[LabelledRow, ...]:
        """Those that may judge."""
        return tuple(row for row in rows if row.prediction_id not in self.unfair)

    def of(self, rows: Sequence[LabelledRow]) -> tuple[LabelledRow, ...]:
        """Those that were corrected."""
        return tuple(row for row in rows if row.prediction_id in self.ids)


NOTHING = Corrected(frozenset(), frozenset())


def with_corrected(
    session: ReadSession, contract: ModelContract, params: dict[str, Any], recent: Recent, usual: Repetition
) -> tuple[Recent, Corrected]:
    """The recent rows with the corrected ones an action is about among them, oldest first."""
    told = params.get("corrections")
    if told is None:
        return recent, NOTHING
    since, until = (datetime.fromisoformat(told[name]) for name in ("since", "newest_at"))
    ids = corrections.named(session, contract.name, since, until)
    known = {row.prediction_id for row in recent.rows}
    sound = trusted(contract, training_rows.of_predictions(session, contract.name, ids), usual)
    more = [row for row in sound.rows if row.prediction_id not in known]
    more = more[-round(SHARE * contract.training.recent_rows) :]
    rows = sorted((*recent.rows, *more), key=lambda row: (row.created_at, row.prediction_id))
    unfair = corrections.only_by_feedback(session, [row.prediction_id for row in rows])
    found = Recent(tuple(rows), recent.suspect + sound.suspect, recent.equal + sound.equal)
    return found, Corrected(frozenset(ids), frozenset(unfair))


def lesson_check(rows: Sequence[LabelledRow], before: Scored, after: Sequence[Scored]) -> dict[str, Any]:
    """Whether anything was learnt from what was corrected. `after` answers each row without having learnt it, by
    repeat; `before` is what serves."""
    name, n = "corrected_answers", len(rows)
    if not n:
        return {"name": name, "ok": None, "says": "none of the corrected rows can be learnt from"}
    truth = [row.actual == 1 for row in rows]
    was = sum(bool(said) == true for said, true in zip(before.answers, truth, strict=True))
    right = [sum(bool(said) == true for said, true in zip(one.answers, truth, strict=True)) for one in after]
    learnt = mean(right)
    says = f"of {n} corrected answers the new version has {learnt:.3g} right without having learnt them, {was} before"
    return {"name": name, "ok": learnt > was, "says": says}
