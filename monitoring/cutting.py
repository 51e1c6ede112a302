"""Where a version's next window is cut. A small one by its rows; a large one by the counts of its minutes and the rows
of the one minute in which it ends, with the same result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from config.model_contract import ModelContract, Monitoring
from database.connection import ReadSession
from database.models import Deployment, MonitoringWindow
from database.queries import count_reads, predictions
from database.queries.count_reads import CountedSpan
from database.queries.predictions import Answered
from monitoring.window_counts import FEW
from monitoring.windows import CLOCK_SLACK, SETTLING, Ahead, Cut, Takeover, next_cut, rows_to_count, widened

_MINUTE = timedelta(minutes=1)


def begin_of(last: MonitoringWindow | None, mine: Sequence[Deployment]) -> datetime:
    """Where the rows of a version begin that are in no window: behind its `last` one, or when it first served."""
    return last.to_at if last else min(one.created_at for one in mine) - CLOCK_SLACK


def next_cut_of(
    session: Session | ReadSession,
    contract: ModelContract,
    version_id: int,
    begin: datetime,
    now: datetime,
    serving: Takeover,
) -> tuple[Answered, Cut] | None:
    """The first row of a version's next window, and where that is cut; None while its rows have to wait.

    How many rows wait behind a full one is counted, and the window cut anew and wider if they are a backlog.
    """
    found = _cut_of(session, contract, version_id, begin, now, serving)
    rules = contract.monitoring
    if found is None or found[1].why != "full" or not (enough := rows_to_count(rules)):
        return found
    waiting = predictions.count_between(session, contract.name, version_id, begin, now - SETTLING, at_most=enough)
    wide = widened(rules, waiting)
    if wide is rules:
        return found
    wider = contract.model_copy(update={"monitoring": wide})
    return _cut_of(session, wider, version_id, begin, now, serving) or found


def _cut_of(
    session: Session | ReadSession,
    contract: ModelContract,
    version_id: int,
    begin: datetime,
    now: datetime,
    serving: Takeover,
) -> tuple[Answered, Cut] | None:
    rules, before = contract.monitoring, now - SETTLING
    ahead = _ahead(session, contract, version_id, begin, before) if rules.window_rows > FEW else None
    if ahead is not None:
        begin, before = ahead.ends_at, min(before, ahead.decided_by)
    limit = rules.window_rows - (ahead.rows if ahead else 0)
    arrivals = predictions.answered_since(session, contract.name, version_id, since=begin, before=before, limit=limit)
    cut = next_cut(arrivals, rules, now, serving, ahead)
    return None if cut is None else (ahead.first if ahead else arrivals[0], cut)


@dataclass(frozen=True)
class _CountedAhead(Ahead):
    """Whole minutes up to `ends_at`; the rows up to `decided_by` say whether and where the window ends."""

    ends_at: datetime
    decided_by: datetime


def _ahead(
    session: Session | ReadSession, contract: ModelContract, version_id: int, begin: datetime, before: datetime
) -> _CountedAhead | None:
    """The rows of whole minutes before the one in which the window may end."""
    first = predictions.first_since(session, contract.name, version_id, begin, before)
    if first is None:
        return None
    known = count_reads.minutes(session, version_id, first.created_at, before)
    if known is None:
        return None
    opening = _floor(first.created_at)
    started = predictions.label_progress(
        session, contract.name, version_id, first.created_at, min(before, opening + _MINUTE), None
    )
    sure = counted_ahead(known, first.generation, contract.monitoring, started.n, opening, _floor(before))
    last = predictions.last_at_before(session, contract.name, version_id, sure.ends_at)
    if not sure.rows or last is None:
        return None
    return _CountedAhead(sure.rows, first, last, sure.ends_at, sure.decided_by or before)


@dataclass(frozen=True)
class Sure:
    """How many rows surely belong to a window, and up to when. `decided_by`: when the minute is over in which it ends;
    None if that may be to come."""

    rows: int
    ends_at: datetime
    decided_by: datetime | None = None


def counted_ahead(
    known: Sequence[CountedSpan],
    generation: int,
    rules: Monitoring,
    started: int,
    opening: datetime,
    open_from: datetime,
) -> Sure:
    """What the minutes say of a window of one generation whose first minute (at `opening`) has `started` rows of it:
    it ends in the minute in which it is full or another generation answers. One that is not over (`open_from`) is not
    counted on."""
    rows, ends_at = 0, opening
    mixed = {one.starts_at for one in known if one.generation != generation}
    for one in known:
        if one.starts_at >= open_from:
            break
        mine = started if one.starts_at == opening else one.n
        if one.starts_at in mixed or rows + mine >= rules.window_rows:
            return Sure(rows, ends_at, one.ends_at)
        rows, ends_at = rows + mine, one.ends_at
    return Sure(rows, ends_at)


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
