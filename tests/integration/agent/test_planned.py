"""What the overview says is planned is what the agent will do, and what became of each slot stays visible."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from agent.core.schedule import coming
from agent.schedules import follow
from api.planned import LAST_SLOTS, planned
from api.schemas.overview import Planned
from config.agent_policy import AgentPolicy
from database.connection import read_scope, session_scope
from tests.integration.agent.world import MODEL, POLICY, register

SUNDAY = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)  # 02:00 in Amsterdam
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
ZONE = "Europe/Amsterdam"
SCHEDULE = {"action": "retrain_model", "cron": "0 2 * * 0", "timezone": ZONE, "models": "all"}
WEEKLY = AgentPolicy.model_validate(POLICY.model_dump() | {"schedules": {"weekly": SCHEDULE}})


def shown(engine: Engine, now: datetime, policy: AgentPolicy = WEEKLY) -> list[Planned]:
    with read_scope(engine) as session:
        return planned(session, policy.schedules, MODEL, now)


def look(engine: Engine, now: datetime) -> None:
    with session_scope(engine) as session:
        follow(session, WEEKLY, "weekly", MODEL, dry_run=False, now=now)


def test_a_schedule_is_shown_before_the_agent_follows_it_and_none_without_one(engine: Engine) -> None:
    (plan,) = shown(engine, SUNDAY - HOUR)
    assert (plan.followed, plan.next_at, plan.slots) == (False, SUNDAY, [])
    assert shown(engine, SUNDAY, POLICY.model_copy(update={"schedules": {}})) == []


def test_the_next_slot_is_the_one_the_agent_takes_and_is_due_until_it_has(engine: Engine) -> None:
    register(engine, serve=True)
    look(engine, SUNDAY - HOUR)
    (before,) = shown(engine, SUNDAY - HOUR)
    assert (before.followed, before.due, before.next_at) == (True, None, SUNDAY)
    assert before.next_at == next(coming("0 2 * * 0", ZONE, SUNDAY - HOUR))
    assert before.next_local == "Sunday 22 Nov 2026 02:00 Europe/Amsterdam"
    (waits,) = shown(engine, SUNDAY + HOUR)
    assert (waits.due, waits.next_at, waits.slots) == (SUNDAY, SUNDAY + WEEK, [])
    look(engine, SUNDAY + HOUR)
    (taken,) = shown(engine, SUNDAY + HOUR)
    assert (taken.due, taken.next_at) == (None, SUNDAY + WEEK)
    (slot,) = taken.slots
    assert (slot.scheduled_for, slot.status, slot.why) == (SUNDAY, "claimed", "it was due")
    assert slot.action_id


def test_slots_that_were_skipped_or_gave_way_are_shown_newest_first(engine: Engine) -> None:
    register(engine, serve=True)
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY + HOUR)
    look(engine, SUNDAY + 7 * WEEK)
    (plan,) = shown(engine, SUNDAY + 7 * WEEK)
    assert [slot.status for slot in plan.slots] == ["superseded"] + ["skipped"] * (LAST_SLOTS - 1)
    assert [slot.scheduled_for for slot in plan.slots] == [SUNDAY + week * WEEK for week in range(7, 2, -1)]
    assert "was open" in plan.slots[0].why
