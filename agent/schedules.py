"""Following the schedules on the policy page: each slot is decided once, by the database's clock.

What was decided and up to when a schedule was looked at are rows, written in the transaction that proposes. So a slot
is taken once by any number of agents, none is lost while nobody runs, and a schedule that is new on the page, changed
or put back begins with the first slot after that was first seen.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

from loguru import logger
from sqlalchemy.orm import Session

from agent.core.asking import put_question
from agent.core.schedule import slots, sort_out
from agent.core.transitions import move
from config.agent_policy import AgentPolicy, Schedule
from config.fault_points import fault_point
from database.enums import CHANGING, ActionStatus, ActionType, ActorKind, Automation, SlotStatus
from database.models import AgentAction, ModelVersion, ScheduleSeen
from database.queries import actions, automation, model_versions, schedule_slots
from database.queries.audit import Actor

NOT_SERVING = "no version serves yet, so there is nothing to change"


def to_follow(policy: AgentPolicy, models: Collection[str]) -> list[tuple[str, str]]:
    """Each schedule with each of its models."""
    return [(name, model) for name, one in policy.schedules.items() for model in models if one.covers(model)]


def end_removed(session: Session, policy: AgentPolicy, models: Collection[str]) -> None:
    """Forget the schedules that are no longer on the page."""
    for name, model in sorted(schedule_slots.followed(session) - set(to_follow(policy, models))):
        actions.lock_proposals(session, model)
        schedule_slots.forget(session, _actor(name), name, model)


def follow(
    session: Session, policy: AgentPolicy, name: str, model_name: str, *, dry_run: bool, now: datetime
) -> AgentAction | None:
    """Decide the slots of one schedule of one model that have come; the action that was proposed, if any.

    While automation is paused or stopped no slot is taken, and one that waits too long is skipped.
    """
    state = automation.held_state(session)
    actions.lock_proposals(session, model_name)
    schedule, actor = policy.schedules[name], _actor(name)
    row = schedule_slots.seen(session, name, model_name)
    if row is None:
        schedule_slots.begin(session, actor, name, model_name, schedule.cron, schedule.timezone, now)
        return None
    known = schedule_slots.recorded_after(session, name, model_name, row.looked_until)
    due = [slot for slot in slots(row.cron, row.timezone, row.looked_until, now) if slot not in known]
    if (row.cron, row.timezone) != (schedule.cron, schedule.timezone):
        why = f"the schedule became `{schedule.cron}` {schedule.timezone} before this slot was taken"
        schedule_slots.record(session, actor, row, SlotStatus.SKIPPED, [(slot, why) for slot in due])
        schedule_slots.change(session, actor, row, schedule.cron, schedule.timezone, max(now, row.looked_until))
        return None
    held = None if state is Automation.RUNNING else f"automation is {state}"
    found = sort_out(due, now, schedule.catch_up, held)
    schedule_slots.record(
        session, actor, row, SlotStatus.SKIPPED, [(one.scheduled_for, one.why) for one in found.skipped]
    )
    for one in found.skipped:
        row.looked_until = max(row.looked_until, one.scheduled_for)
    if found.take is None:
        return None
    row.looked_until = found.take
    return _take(session, policy, row, found.take, dry_run=dry_run)


def _take(
    session: Session, policy: AgentPolicy, row: ScheduleSeen, slot: datetime, *, dry_run: bool
) -> AgentAction | None:
    actor, model = _actor(row.schedule), row.model_name
    champion = model_versions.active(session, model)
    if champion is None:
        schedule_slots.record(session, actor, row, SlotStatus.SKIPPED, [(slot, NOT_SERVING)])
        return None
    if open_ones := actions.open_of(session, model, CHANGING):
        why = f"a change of {model} was open: {open_ones[0].question}"
        schedule_slots.record(session, actor, row, SlotStatus.SUPERSEDED, [(slot, why)], open_ones[0].action_id)
        return None
    only_recorded = dry_run or policy.autonomy_of(model) == "observe"
    action = _propose(session, policy, row, slot, champion, dry_run=only_recorded)
    schedule_slots.record(session, actor, row, SlotStatus.CLAIMED, [(slot, "it was due")], action.action_id)
    fault_point("schedule.slot_inserted")
    if only_recorded:
        return move(session, actor, action, ActionStatus.CANCELLED, says="dry run")
    return move(session, actor, action, ActionStatus.GATHERING_EVIDENCE)


def _propose(
    session: Session, policy: AgentPolicy, row: ScheduleSeen, slot: datetime, champion: ModelVersion, *, dry_run: bool
) -> AgentAction:
    """Ask for what the schedule says."""
    schedule, when = policy.schedules[row.schedule], slot.isoformat()
    says = _says(row.schedule, schedule, slot)
    action = put_question(
        session,
        _actor(row.schedule),
        policy,
        champion,
        action_id=uuid4(),
        action_type=ActionType(schedule.action),
        dedupe_key=f"schedule:{row.schedule}:{row.model_name}:{when}",
        question=f"Replace v{champion.version} by a version that learned from recent rows? {says}",
        why={"says": says, "schedule": row.schedule, "scheduled_for": when},
        params={"only_if_better": schedule.ask == "if_better", "least_new_rows": schedule.least_new_rows},
        facts={"reason": says, "dry_run": dry_run},
        dry_run=dry_run,
    )
    logger.info("agent.schedule.claimed schedule={} model={} slot={}", row.schedule, row.model_name, when)
    return action


def _says(name: str, schedule: Schedule, slot: datetime) -> str:
    local = slot.astimezone(ZoneInfo(schedule.timezone))
    return f"The schedule {name} asks for it, for {local:%A %Y-%m-%d %H:%M} {schedule.timezone}."


def _actor(name: str) -> Actor:
    return Actor(ActorKind.SYSTEM, f"schedule {name}")
