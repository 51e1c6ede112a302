"""Passes of the agent: one row whenever what it saw, concluded or decided differs from the pass before."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import clock, first, wait_for
from database.models import AgentCycle, MonitoringWindow

# An unchanged picture is written down again after this long, so that the record shows the agent was there.
_AT_LEAST_EVERY = timedelta(hours=1)


def lock(session: Session, model_name: str) -> None:
    """One agent at a time thinks about a model; a rival waits and then sees what the first one did."""
    wait_for(session, f"cycle:{model_name}")


def last(session: Session | ReadSession, model_name: str) -> AgentCycle | None:
    """The newest recorded pass."""
    return first(session, select(AgentCycle).where(AgentCycle.model_name == model_name).order_by(AgentCycle.id.desc()))


def since(session: Session | ReadSession, moment: datetime) -> list[AgentCycle]:
    """Every pass over any model recorded after `moment`, oldest first."""
    return list(session.scalars(select(AgentCycle).where(AgentCycle.created_at >= moment).order_by(AgentCycle.id)))


def windows_from(session: Session | ReadSession, model_name: str, seq: int) -> list[MonitoringWindow]:
    """What the passes over a model looked at, from this number on, oldest first."""
    query = select(MonitoringWindow).where(MonitoringWindow.model_name == model_name, MonitoringWindow.seq >= seq)
    return list(session.scalars(query.order_by(MonitoringWindow.seq)))


def last_judged_seq(session: Session | ReadSession, model_name: str, *, dry_run: bool) -> int:
    """The newest judged window that a pass of this kind has looked at; 0 before the first. Blind passes saw nothing."""
    judged = AgentCycle.observed[("judged", "seq")].as_integer()
    seen = first(
        session,
        select(AgentCycle)
        .where(AgentCycle.model_name == model_name, AgentCycle.dry_run == dry_run)
        .where(judged.is_not(None), AgentCycle.observed["blind"].as_string().is_(None))
        .order_by(AgentCycle.id.desc()),
    )
    return int(seen.observed["judged"]["seq"]) if seen else 0


def record(
    session: Session,
    *,
    model_name: str,
    agent: str,
    window_id: int | None,
    observed: dict[str, Any],
    diagnoses: list[Any],
    decisions: list[Any],
    dry_run: bool,
    seconds: float,
) -> AgentCycle | None:
    """Write the pass down unless it is the same as the last one; None then."""
    before = last(session, model_name)
    same = before is not None and (before.observed, before.diagnoses, before.decisions, before.dry_run) == (
        observed,
        diagnoses,
        decisions,
        dry_run,
    )
    now = clock(session)
    if same and before is not None and now - before.created_at < _AT_LEAST_EVERY:
        return None
    cycle = AgentCycle(
        model_name=model_name,
        agent=agent,
        window_id=window_id,
        observed=observed,
        diagnoses=diagnoses,
        decisions=decisions,
        dry_run=dry_run,
        seconds=seconds,
        created_at=now,
    )
    session.add(cycle)
    session.flush()
    return cycle
