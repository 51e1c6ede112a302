"""The slots of schedules: which came and what became of each, and up to when each schedule has been looked at.

A slot is recorded once and never changed; the database refuses a second record and any change of the first. Everybody
who looks at the slots of a model holds `actions.lock_proposals` of it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from database import crud
from database.connection import ReadSession
from database.enums import SlotStatus
from database.models import ScheduleSeen, ScheduleSlot
from database.queries.audit import Actor, append


def seen(session: Session, schedule: str, model_name: str) -> ScheduleSeen | None:
    """Up to when this schedule of this model was looked at, held until the transaction ends; None for a new one."""
    query = select(ScheduleSeen).where(ScheduleSeen.schedule == schedule, ScheduleSeen.model_name == model_name)
    return session.scalars(crud.locked(query)).one_or_none()


def begin(
    session: Session, actor: Actor, schedule: str, model_name: str, cron: str, timezone: str, now: datetime
) -> None:
    """Follow a schedule from now on: slots before `now` are none of its. Audited."""
    session.add(ScheduleSeen(schedule=schedule, model_name=model_name, cron=cron, timezone=timezone, looked_until=now))
    session.flush()
    append(session, actor, "schedule.begun", "schedule", schedule, _facts(model_name, cron, timezone))


def change(session: Session, actor: Actor, row: ScheduleSeen, cron: str, timezone: str, now: datetime) -> None:
    """Follow what the schedule says now, from now on. Audited."""
    before = {"cron": row.cron, "timezone": row.timezone}
    row.cron, row.timezone, row.looked_until = cron, timezone, now
    session.flush()
    facts = _facts(row.model_name, cron, timezone) | {"from": before}
    append(session, actor, "schedule.changed", "schedule", row.schedule, facts)


def _facts(model_name: str, cron: str, timezone: str) -> dict[str, Any]:
    return {"model": model_name, "cron": cron, "timezone": timezone}


def followed(session: Session | ReadSession) -> set[tuple[str, str]]:
    """Every schedule that is followed, with its model."""
    return {(row.schedule, row.model_name) for row in session.scalars(select(ScheduleSeen))}


def of_schedules(session: Session | ReadSession, model_name: str) -> list[ScheduleSeen]:
    """Every schedule that is followed for a model, by name."""
    query = select(ScheduleSeen).where(ScheduleSeen.model_name == model_name)
    return list(session.scalars(query.order_by(ScheduleSeen.schedule)))


def newest(session: Session | ReadSession, schedule: str, model_name: str, limit: int) -> list[ScheduleSlot]:
    """What became of the last slots of a schedule of a model, newest first."""
    query = select(ScheduleSlot).where(ScheduleSlot.schedule == schedule, ScheduleSlot.model_name == model_name)
    return list(session.scalars(query.order_by(ScheduleSlot.scheduled_for.desc()).limit(limit)))


def forget(session: Session, actor: Actor, schedule: str, model_name: str) -> None:
    """A schedule that is no longer on the page: put there again, it begins anew. Audited."""
    gone = session.execute(
        delete(ScheduleSeen)
        .where(ScheduleSeen.schedule == schedule, ScheduleSeen.model_name == model_name)
        .returning(ScheduleSeen.schedule)
    ).one_or_none()
    if gone is not None:
        append(session, actor, "schedule.ended", "schedule", schedule, {"model": model_name})


def recorded_after(session: Session | ReadSession, schedule: str, model_name: str, moment: datetime) -> set[datetime]:
    """The slots after `moment` of which it stands written what became of them."""
    query = select(ScheduleSlot.scheduled_for).where(
        ScheduleSlot.schedule == schedule, ScheduleSlot.model_name == model_name, ScheduleSlot.scheduled_for > moment
    )
    return set(session.scalars(query))


def record(
    session: Session,
    actor: Actor,
    row: ScheduleSeen,
    status: SlotStatus,
    found: Sequence[tuple[datetime, str]],
    action_id: UUID | None = None,
) -> None:
    """Write down what became of these slots, each with its reason, in one audit event. No slot: nothing."""
    if not found:
        return
    session.add_all(
        ScheduleSlot(
            schedule=row.schedule,
            model_name=row.model_name,
            scheduled_for=slot,
            status=status,
            why=why,
            action_id=action_id,
        )
        for slot, why in found
    )
    session.flush()
    facts = {
        "model": row.model_name,
        "slots": len(found),
        "first": found[0][0].isoformat(),
        "last": found[-1][0].isoformat(),
        "why": found[-1][1],
        "action_id": action_id,
    }
    append(session, actor, f"schedule.{status}", "schedule", row.schedule, facts)


def of_model(
    session: Session | ReadSession, model_name: str, statuses: Collection[SlotStatus] = tuple(SlotStatus)
) -> list[ScheduleSlot]:
    """What became of the slots of a model, oldest first."""
    query = select(ScheduleSlot).where(ScheduleSlot.model_name == model_name, ScheduleSlot.status.in_(statuses))
    return list(session.scalars(query.order_by(ScheduleSlot.scheduled_for, ScheduleSlot.id)))
