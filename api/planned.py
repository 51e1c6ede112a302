"""What the calendar has planned for a model, and what became of its last slots."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.core.schedule import coming, slots
from api.schemas.overview import Planned, SlotOut
from config.agent_policy import Schedule
from database.connection import ReadSession
from database.enums import SlotStatus
from database.models import ScheduleSeen, ScheduleSlot
from database.queries import actions, schedule_slots

LAST_SLOTS = 5


def planned(session: ReadSession, schedules: Mapping[str, Schedule], model_name: str, now: datetime) -> list[Planned]:
    """Each schedule as the agent follows it, by name; one that stands on the policy page only is not followed yet."""
    found = {row.schedule: _followed(session, row, now) for row in schedule_slots.of_schedules(session, model_name)}
    for name, one in schedules.items():
        if one.covers(model_name) and name not in found:
            found[name] = _planned(name, one.cron, one.timezone, now, followed=False)
    return [found[name] for name in sorted(found)]


def _followed(session: ReadSession, row: ScheduleSeen, now: datetime) -> Planned:
    decided = schedule_slots.recorded_after(session, row.schedule, row.model_name, row.looked_until)
    due = [slot for slot in slots(row.cron, row.timezone, row.looked_until, now) if slot not in decided]
    last = schedule_slots.newest(session, row.schedule, row.model_name, LAST_SLOTS)
    return _planned(row.schedule, row.cron, row.timezone, now, followed=True).model_copy(
        update={"due": max(due, default=None), "slots": [_slot(session, slot) for slot in last]}
    )


def _slot(session: ReadSession, slot: ScheduleSlot) -> SlotOut:
    """A slot that was taken says how what it asked for ended, too: often by itself, without asking anybody."""
    taken = slot.action_id if slot.status == SlotStatus.CLAIMED else None
    ended = actions.get(session, taken).outcome if taken else None
    return SlotOut(
        scheduled_for=slot.scheduled_for,
        status=slot.status,
        why=f"{slot.why}; it ended so: {ended}" if ended else slot.why,
        action_id=str(slot.action_id) if slot.action_id else None,
    )


def _planned(name: str, cron: str, timezone: str, now: datetime, *, followed: bool) -> Planned:
    following = next(coming(cron, timezone, now), None)
    local = f"{following.astimezone(ZoneInfo(timezone)):%A %d %b %Y %H:%M} {timezone}" if following else None
    return Planned(
        schedule=name,
        cron=cron,
        timezone=timezone,
        followed=followed,
        due=None,
        next_at=following,
        next_local=local,
        slots=[],
    )
