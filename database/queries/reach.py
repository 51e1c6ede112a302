"""How much a change would touch and how long the ones before it took: from counts, never from every prediction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import any_, func, literal, or_, select, text
from sqlalchemy.orm import aliased

from database.connection import ReadSession
from database.models import ActionStep, AgentAction, ApiKey, KeyUsage, MonitoringWindow

CALLER_DAYS = 7
MOST_CALLERS = 10
# Durations are measured over so many of the newest actions.
NEWEST = 50

# Of the windows in which something was seen, so many are pointed at.
MOST_WINDOWS = 20


def windows_seen(session: ReadSession, action: AgentAction) -> list[MonitoringWindow]:
    """The windows in which the diagnosis behind an action was seen, oldest first."""
    told = action.why.get("diagnosis")
    named = (told if isinstance(told, dict) else action.why).get("windows")
    ids = [one for one in (named if isinstance(named, list) else []) if isinstance(one, int)][-MOST_WINDOWS:]
    query = select(MonitoringWindow).where(
        MonitoringWindow.id.in_(ids), MonitoringWindow.model_name == action.model_name
    )
    return list(session.scalars(query.order_by(MonitoringWindow.seq)))


_TRAFFIC = text(
    """
    WITH mine AS (SELECT id FROM model_versions WHERE model_name = :name),
    counted AS (
        SELECT coalesce(sum(n), 0) AS n, min(starts_at) AS since FROM prediction_counts
        WHERE model_id IN (SELECT id FROM mine) AND starts_at >= :from_at
    ), late AS (
        SELECT count(*) AS n, min(created_at) AS since FROM predictions
        WHERE NOT counted AND model_id IN (SELECT id FROM mine) AND created_at >= :from_at
    )
    SELECT counted.n + late.n AS n, least(counted.since, late.since) AS since FROM counted, late
    """
)


@dataclass(frozen=True)
class Traffic:
    """Answers of a model in [since, until). `since` is later than what was asked for when the first one was."""

    n: int
    since: datetime | None
    until: datetime


def traffic(session: ReadSession, model_name: str, length: timedelta, now: datetime) -> Traffic:
    """The answers of the last `length`. Counts begin on whole minutes (of older rows: hours, days)."""
    row = session.execute(_TRAFFIC, {"name": model_name, "from_at": now - length}).one()
    return Traffic(int(row.n), row.since, now)


@dataclass(frozen=True)
class Caller:
    """A client program, and how many rows it had answered in the days that were looked at."""

    name: str
    rows: int


def callers(session: ReadSession, model_name: str, now: datetime) -> list[Caller]:
    """Programs that may ask this model, the busiest first; their rows are of all models they ask."""
    rows = session.execute(
        select(ApiKey.name, func.sum(KeyUsage.rows).label("n"))
        .join(KeyUsage, KeyUsage.key_id == ApiKey.key_id)
        .where(
            KeyUsage.day > (now - timedelta(days=CALLER_DAYS)).date(),
            or_(ApiKey.models.is_(None), literal(model_name) == any_(ApiKey.models)),
        )
        .group_by(ApiKey.name)
        .order_by(func.sum(KeyUsage.rows).desc(), ApiKey.name)
    )
    return [Caller(row[0], int(row[1])) for row in rows]


@dataclass(frozen=True)
class Took:
    """The median length of a part of carrying something out, over `n` former actions; None where there are none."""

    n: int
    median_s: float | None


@dataclass(frozen=True)
class Durations:
    """`evidence`: gathering it. `effect`: from the deciding approval until it took effect. `watch`: until proven."""

    evidence: Took
    effect: Took
    watch: Took


def durations(session: ReadSession, model_name: str, action_types: Collection[str]) -> Durations:
    """How long actions of these kinds took on this model, over the newest ones."""
    newest = (
        select(AgentAction)
        .where(AgentAction.model_name == model_name, AgentAction.action_type.in_(sorted(action_types)))
        .order_by(AgentAction.created_at.desc())
        .limit(NEWEST)
        .subquery()
    )
    one, step = aliased(AgentAction, newest), ActionStep
    gathered = (step.action_id == one.action_id) & (step.step == "evidence") & step.finished_at.is_not(None)
    lengths = {
        "evidence": func.extract("epoch", step.finished_at - step.started_at),
        "effect": func.extract("epoch", one.executed_at - one.reviewed_at),
        "watch": func.extract("epoch", one.verified_at - one.executed_at),
    }
    columns = [
        column
        for length in lengths.values()
        for column in (func.count(length), func.percentile_cont(0.5).within_group(length))
    ]
    row = session.execute(select(*columns).select_from(one).outerjoin(step, gathered)).one()
    took = [Took(int(row[at]), None if row[at + 1] is None else float(row[at + 1])) for at in range(0, len(columns), 2)]
    return Durations(*took)
