"""What the client did not send, and what the model therefore saw: nulls, and the outage of a feed.

A null where nulls are allowed may be another population: a hospital that does not do a test. It may as well be a feed
that stopped, which imputation hides: every answer still comes. What tells them apart is the rest of the row. A feed
that stops takes its columns and leaves the others as they were; another population moves others with it. A column that
the model hardly listens to is no witness: it may move for reasons of its own, and would hide a feed that the answers
rest on. See docs/decisions/0007.
"""

from collections.abc import Sequence

from config.model_contract import Monitoring
from config.shares import wilson
from database.enums import Verdict
from monitoring.checks.column import Column, any_moved
from monitoring.checks.outcome import QualityCheck, too_few
from monitoring.thresholds import CAREFUL_Z, judge_share

SEEN_DIFFERS = "seen_differs"
# Training knew nulls (or values that are no known category) in fewer rows than this: more is a habit of the population.
RARE = 0.25
# The model now sees something else than was sent in more than this part of the rows, for certain.
MOST = 0.5
# A column that carries less of the model's influence than this is no witness.
HEARD = 0.005
# The other columns together moved: Simes' test, wrong in one quiet window of fifty.
OTHERS_MOVED = 0.02


def null_jump(column: Column, rules: Monitoring, reference_n: int) -> QualityCheck:
    """Nulls that became common. Never worse than a warning where the contract allows them."""
    n, nulls, usual = column.absent.n, column.absent.nulls, column.reference_null_share
    judged = judge_share(nulls, n, usual, reference_n, min_rows=rules.min_rows, only_more=True)
    verdict = Verdict.WARN if column.feature.nullable and judged.verdict is Verdict.CRIT else judged.verdict
    details = {"why": judged.why, "null_share": nulls / n if n else None, "reference_null_share": usual}
    return QualityCheck("null_jump", column.name, verdict, nulls, n, details)


def seen_differs(columns: Sequence[Column], rules: Monitoring) -> list[QualityCheck]:
    """For each column, in how many rows the model saw something else than was sent: a null is imputed or becomes zeros
    all over, and so does an unknown category."""
    jumped = {c.name for c in columns if _jumped(c)}
    # Columns that lost part of their values are no witnesses of what happened to the others.
    rest = [c for c in columns if c.absent.unseen <= MOST * c.absent.n and c.name not in jumped and _heard(c)]
    still = bool(jumped) and not any_moved(rest, OTHERS_MOVED)
    return [_judged(c, c.name in jumped, still, len(rest), rules) for c in columns]


def _heard(column: Column) -> bool:
    return float(column.reference.get("influence", 1.0)) >= HEARD


def _jumped(column: Column) -> bool:
    if column.reference_null_share > RARE and column.feature.nullable:
        return False
    return bool(column.absent.n) and wilson(column.absent.unseen, column.absent.n, CAREFUL_Z)[0] > MOST


def _judged(column: Column, jumped: bool, still: bool, others: int, rules: Monitoring) -> QualityCheck:
    n, unseen = column.absent.n, column.absent.unseen
    if n < rules.min_rows:
        return too_few(SEEN_DIFFERS, column.name, n, f"{n} rows, at least {rules.min_rows} are needed to judge")
    share, usual = unseen / n, column.reference_null_share
    why = f"the model saw something else than was sent in {unseen} of {n} rows, {usual:.1%} in training"
    details = {"why": why, "share": share, "reference_share": usual}
    if not jumped:
        return QualityCheck(SEEN_DIFFERS, column.name, Verdict.OK, unseen, n, details)
    details["why"] = f"{why}; the {others} other columns that count {'are as they were' if still else 'moved, too'}"
    fault = still or not column.feature.nullable
    return QualityCheck(SEEN_DIFFERS, column.name, Verdict.CRIT if fault else Verdict.OK, unseen, n, details)
