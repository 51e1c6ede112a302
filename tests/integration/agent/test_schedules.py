"""A retrain by the calendar: once a slot, whoever looks, whenever they look, whatever is in the way."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError

from agent.core.asking import propose
from agent.core.executor import EXECUTING, GATHERING
from agent.main import Agent
from agent.schedules import NOT_SERVING, end_removed, follow
from api.planned import planned
from config.agent_policy import AgentPolicy
from config.fault_points import InjectedFaultError, arm, fired
from config.settings import AgentSettings, Settings
from database.connection import read_scope, session_scope
from database.enums import ActionType, Automation, SlotStatus
from database.models import AgentAction, AuditEvent, OutboxMessage, ScheduleSlot
from database.queries import automation, model_versions, schedule_slots
from database.queries.audit import SYSTEM, verify
from tests.integration.agent.conftest import MakeExecutor, known_handlers
from tests.integration.agent.world import CONTRACT, MODEL, POLICY, approve, pending, register, reread, user

SUNDAY = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)  # 02:00 in Amsterdam
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def page(cron: str = "0 2 * * 0", timezone: str = "Europe/Amsterdam", **changes: object) -> AgentPolicy:
    schedule = {"action": "retrain_model", "cron": cron, "timezone": timezone, "models": "all"} | changes
    return AgentPolicy.model_validate(POLICY.model_dump() | {"schedules": {"weekly": schedule}})


WEEKLY = page()
NONE = AgentPolicy.model_validate(POLICY.model_dump() | {"schedules": {}})


def look(engine: Engine, now: datetime, policy: AgentPolicy = WEEKLY, *, dry_run: bool = False) -> AgentAction | None:
    """A round of the agent at this time of the database."""
    found = None
    with session_scope(engine) as session:
        end_removed(session, policy, {MODEL})
    for name in policy.schedules:
        with session_scope(engine) as session:
            found = follow(session, policy, name, MODEL, dry_run=dry_run, now=now)
    return found


def became(engine: Engine) -> list[tuple[str, str]]:
    """What became of each slot, by its day and hour in UTC."""
    with read_scope(engine) as session:
        found = schedule_slots.of_model(session, MODEL)
        return [(f"{slot.scheduled_for.astimezone(UTC):%m-%d %H:%M}", slot.status) for slot in found]


def reasons(engine: Engine) -> list[str]:
    with read_scope(engine) as session:
        return [slot.why for slot in schedule_slots.of_model(session, MODEL)]


def retrains(engine: Engine) -> list[AgentAction]:
    with session_scope(engine) as session:
        return list(session.scalars(select(AgentAction).order_by(AgentAction.id)))


def let_go(engine: Engine) -> None:
    """Somebody calls off what is open."""
    with session_scope(engine) as session:
        session.execute(
            text("UPDATE agent_actions SET status = 'cancelled', version = version + 1 WHERE status <> 'cancelled'")
        )


def hold(engine: Engine, state: Automation) -> None:
    with session_scope(engine) as session:
        automation.set_state(session, SYSTEM, state, "test")


def test_a_slot_asks_for_a_retrain_with_proof_and_a_person_decides(engine: Engine, champion: int) -> None:
    assert look(engine, SUNDAY - HOUR) is None
    assert look(engine, SUNDAY - timedelta(seconds=1)) is None
    action = look(engine, SUNDAY + timedelta(seconds=14))
    assert action is not None
    assert (action.action_type, action.status, action.requires_approval, action.approvers_needed) == (
        "retrain_model", "gathering_evidence", True, 1,
    )  # fmt: skip
    assert (action.proposed_by, action.from_version_id) == ("system:schedule weekly", champion)
    assert action.success_test is not None
    assert action.why["says"] == "The schedule weekly asks for it, for Sunday 2026-11-22 02:00 Europe/Amsterdam."
    assert action.why["scheduled_for"] == "2026-11-22T01:00:00+00:00"
    assert became(engine) == [("11-22 01:00", "claimed")]


def test_what_a_slot_found_to_be_better_is_asked_about_approved_and_serves(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    look(engine, SUNDAY - HOUR)
    action = look(engine, SUNDAY)
    assert action is not None
    assert action.params == {"only_if_better": True, "least_new_rows": 100}
    assert make_executor("better").run_one(GATHERING)
    asked = reread(engine, action.action_id)
    assert (asked.status, asked.from_version_id) == ("pending_approval", champion)
    approve(engine, asked, user(engine, "ann", "approver"))
    assert make_executor("better").run_one(EXECUTING)
    with read_scope(engine) as session:
        serving = model_versions.active(session, MODEL)
        assert serving is not None
        assert (serving.id, serving.action_id) == (asked.to_version_id, action.action_id)


def test_a_slot_that_found_nothing_better_ends_by_itself_tells_nobody_and_is_shown_with_its_reason(
    engine: Engine, champion: int, make_executor: MakeExecutor
) -> None:
    look(engine, SUNDAY - HOUR)
    action = look(engine, SUNDAY)
    assert action is not None
    assert make_executor("no").run_one(GATHERING)
    ended = reread(engine, action.action_id)
    assert (ended.status, ended.evidence) == ("cancelled", None)
    with read_scope(engine) as session:
        assert set(session.scalars(select(OutboxMessage.topic))) == {"version.activated"}, "of what serves already"
        (plan,) = planned(session, WEEKLY.schedules, MODEL, SUNDAY + HOUR)
        assert plan.slots[0].why == "it was due; it ended so: 12 labelled rows, 30 are needed"
        serving = model_versions.active(session, MODEL)
        assert serving is not None
        assert serving.id == champion
    assert look(engine, SUNDAY + WEEK) is not None, "and the next one comes as ever"


def test_people_are_asked_whatever_the_proof_says_where_the_page_says_so(engine: Engine, champion: int) -> None:
    always = page(ask="always", least_new_rows=0)
    look(engine, SUNDAY - HOUR, always)
    action = look(engine, SUNDAY, always)
    assert action is not None
    assert action.params == {"only_if_better": False, "least_new_rows": 0}
    assert champion


def test_a_slot_is_taken_once_however_often_it_is_looked_at(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    for second in range(0, 3600, 900):
        look(engine, SUNDAY + timedelta(seconds=second))
    let_go(engine)
    for second in range(0, 86_400 * 6, 43_200):
        look(engine, SUNDAY + timedelta(seconds=second))
    assert len(retrains(engine)) == 1
    assert champion


def test_a_new_schedule_begins_with_the_first_slot_after_it_was_first_seen(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY + HOUR)
    look(engine, SUNDAY + 2 * HOUR)
    assert became(engine) == []
    look(engine, SUNDAY + WEEK)
    assert became(engine) == [("11-29 01:00", "claimed")]
    assert champion


@pytest.mark.parametrize(
    ("down", "expected"),
    [
        (HOUR, [("11-22 01:00", "claimed")]),
        (DAY, [("11-22 01:00", "claimed")]),
        (DAY + HOUR, [("11-22 01:00", "skipped")]),
        (3 * WEEK, [("11-22 01:00", "skipped"), ("11-29 01:00", "skipped"), ("12-06 01:00", "skipped"),
                    ("12-13 01:00", "claimed")]),
        (3 * WEEK - HOUR, [("11-22 01:00", "skipped"), ("11-29 01:00", "skipped"), ("12-06 01:00", "skipped")]),
    ],
)  # fmt: skip
def test_after_a_downtime_the_newest_slot_is_caught_up_and_the_others_are_shown_as_skipped(
    engine: Engine, champion: int, down: timedelta, expected: list[tuple[str, str]]
) -> None:
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY + down)
    assert became(engine) == expected
    look(engine, SUNDAY + down + timedelta(seconds=15))
    assert became(engine) == expected
    assert all(why.endswith("at most 1 day is caught up") for why in reasons(engine) if why != "it was due")
    assert champion


def test_rivals_at_the_same_slot_make_one_action(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    rivals, failures = 8, []
    start = threading.Barrier(rivals)

    def rival() -> None:
        start.wait()
        try:
            look(engine, SUNDAY + HOUR)
        except DBAPIError as error:
            failures.append(error)

    threads = [threading.Thread(target=rival) for _ in range(rivals)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failures == []
    assert became(engine) == [("11-22 01:00", "claimed")]
    assert len(retrains(engine)) == 1
    assert champion


def test_rivals_that_see_a_schedule_for_the_first_time_begin_it_once(engine: Engine, champion: int) -> None:
    threads = [threading.Thread(target=look, args=(engine, SUNDAY - HOUR)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with session_scope(engine) as session:
        assert len(list(session.scalars(select(AuditEvent).where(AuditEvent.verb == "schedule.begun")))) == 1
    assert champion


def test_the_database_itself_refuses_a_second_record_of_a_slot_and_a_change_of_the_first(
    engine: Engine, champion: int
) -> None:
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY)
    with pytest.raises(DBAPIError, match="uq_schedule_slots"), session_scope(engine) as session:
        session.add(
            ScheduleSlot(
                schedule="weekly", model_name=MODEL, scheduled_for=SUNDAY, status=SlotStatus.SKIPPED, why="again"
            )
        )
    for change in ("UPDATE schedule_slots SET status = 'skipped'", "DELETE FROM schedule_slots"):
        with pytest.raises(DBAPIError, match="append-only"), session_scope(engine) as session:
            session.execute(text(change))
    assert champion


def test_a_slot_while_a_change_is_open_is_superseded_by_it(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    with session_scope(engine) as session:
        manual = propose(
            session, model_name=MODEL, action_type=ActionType.RETRAIN_MODEL, user_name="ann", reason="new rows",
            params={}, policy=POLICY,
        )  # fmt: skip
    assert look(engine, SUNDAY) is None
    assert became(engine) == [("11-22 01:00", "superseded")]
    with session_scope(engine) as session:
        (slot,) = schedule_slots.of_model(session, MODEL)
        assert slot.action_id == manual.action_id
    let_go(engine)
    assert look(engine, SUNDAY + HOUR) is None
    assert len(retrains(engine)) == 1
    assert champion


def test_two_schedules_at_the_same_time_train_a_model_once(engine: Engine, champion: int) -> None:
    told = WEEKLY.model_dump()
    told["schedules"]["second"] = told["schedules"]["weekly"]
    both = AgentPolicy.model_validate(told)
    look(engine, SUNDAY - HOUR, both)
    look(engine, SUNDAY, both)
    assert [status for _, status in became(engine)] == ["claimed", "superseded"]
    assert len(retrains(engine)) == 1
    assert champion


def test_a_clock_that_is_put_back_brings_no_slot_twice(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY)
    let_go(engine)
    for minutes in (-90, -60, -30, 0, 30, 60):
        look(engine, SUNDAY + timedelta(minutes=minutes))
    assert became(engine) == [("11-22 01:00", "claimed")]
    look(engine, SUNDAY + WEEK)
    assert [status for _, status in became(engine)] == ["claimed", "claimed"]
    assert champion


def test_a_schedule_that_was_removed_begins_anew_when_it_is_put_back(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY)
    let_go(engine)
    look(engine, SUNDAY + HOUR, NONE)
    look(engine, SUNDAY + 3 * WEEK + HOUR)
    assert became(engine) == [("11-22 01:00", "claimed")]
    look(engine, SUNDAY + 4 * WEEK)
    assert became(engine) == [("11-22 01:00", "claimed"), ("12-20 01:00", "claimed")]
    with session_scope(engine) as session:
        verbs = session.scalars(select(AuditEvent.verb).where(AuditEvent.object_type == "schedule"))
        assert list(verbs.all()) == [
            "schedule.begun", "schedule.claimed", "schedule.ended", "schedule.begun", "schedule.claimed",
        ]  # fmt: skip
    assert champion


def test_a_schedule_put_back_with_the_clock_behind_does_not_take_a_slot_again(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY)
    let_go(engine)
    look(engine, SUNDAY, NONE)
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY + HOUR)
    assert became(engine) == [("11-22 01:00", "claimed")]
    assert champion


def test_a_changed_line_counts_from_when_it_was_seen_and_what_the_old_one_missed_is_shown(
    engine: Engine, champion: int
) -> None:
    look(engine, SUNDAY - HOUR)
    later = page("0 3 * * 0")
    look(engine, SUNDAY + timedelta(minutes=30), later)
    assert became(engine) == [("11-22 01:00", "skipped")]
    assert "the schedule became `0 3 * * 0` Europe/Amsterdam" in reasons(engine)[0]
    look(engine, SUNDAY + HOUR, later)
    assert became(engine) == [("11-22 01:00", "skipped"), ("11-22 02:00", "claimed")]
    assert champion


def test_a_changed_line_does_not_reach_back_behind_the_moment_it_was_seen(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    quarter_past = page("15 2 * * 0")
    look(engine, SUNDAY + timedelta(minutes=30), quarter_past)
    look(engine, SUNDAY + timedelta(minutes=31), quarter_past)
    assert became(engine) == [("11-22 01:00", "skipped")]
    assert champion


def test_another_zone_is_another_time(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    kathmandu = page(timezone="Asia/Kathmandu")
    look(engine, SUNDAY - timedelta(minutes=1), kathmandu)
    look(engine, SUNDAY + HOUR, kathmandu)
    assert became(engine) == []
    look(engine, SUNDAY + WEEK, kathmandu)
    assert became(engine) == [("11-28 20:15", "claimed")]
    assert champion


@pytest.mark.parametrize("state", [Automation.PAUSED, Automation.STOPPED])
def test_while_automation_is_held_no_slot_is_taken_and_it_is_skipped_when_too_late(
    engine: Engine, champion: int, state: Automation
) -> None:
    look(engine, SUNDAY - HOUR)
    hold(engine, state)
    look(engine, SUNDAY + HOUR)
    assert (became(engine), retrains(engine)) == ([], [])
    look(engine, SUNDAY + DAY + HOUR)
    assert became(engine) == [("11-22 01:00", "skipped")]
    assert reasons(engine)[0].startswith(f"automation is {state}; ")
    hold(engine, Automation.RUNNING)
    assert look(engine, SUNDAY + DAY + 2 * HOUR) is None
    assert champion


def test_a_slot_that_waited_for_automation_is_taken_when_it_is_resumed_in_time(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    hold(engine, Automation.PAUSED)
    look(engine, SUNDAY + HOUR)
    hold(engine, Automation.RUNNING)
    assert look(engine, SUNDAY + 2 * HOUR) is not None
    assert became(engine) == [("11-22 01:00", "claimed")]
    assert champion


def test_without_a_serving_version_a_slot_is_skipped_and_says_so(engine: Engine) -> None:
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY)
    assert reasons(engine) == [NOT_SERVING]
    assert became(engine) == [("11-22 01:00", "skipped")]


def test_a_dry_run_records_the_slot_and_changes_nothing(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    action = look(engine, SUNDAY, dry_run=True)
    assert action is not None
    assert (action.status, action.dry_run, action.outcome) == ("cancelled", True, "dry run")
    assert champion


def test_a_model_that_is_only_observed_is_not_retrained_by_the_calendar(engine: Engine, champion: int) -> None:
    observed = AgentPolicy.model_validate(WEEKLY.model_dump() | {"autonomy": {MODEL: "observe"}})
    look(engine, SUNDAY - HOUR, observed)
    action = look(engine, SUNDAY, observed)
    assert action is not None
    assert action.status == "cancelled"
    assert champion


def test_a_schedule_of_other_models_leaves_this_one_alone(
    engine: Engine, champion: int, agent_settings: Settings
) -> None:
    agent = Agent(engine, agent_settings, {MODEL: CONTRACT}, page(models=["churn"]), known_handlers())
    agent.think()
    with read_scope(engine) as session:
        assert schedule_slots.followed(session) == set()
    assert champion


def test_one_audit_event_tells_what_a_look_skipped_and_the_chain_holds(engine: Engine, champion: int) -> None:
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY + 3 * WEEK - HOUR)
    with read_scope(engine) as session:
        (event,) = session.scalars(select(AuditEvent).where(AuditEvent.verb == "schedule.skipped"))
        assert (event.details["slots"], event.details["model"]) == (3, MODEL)
        assert verify(session).ok
    assert champion


def test_the_agents_own_round_takes_a_slot_by_the_databases_clock(
    engine: Engine, champion: int, agent_settings: Settings
) -> None:
    hourly = page("0 * * * *")
    agent = Agent(engine, agent_settings, {MODEL: CONTRACT}, hourly, known_handlers())
    agent.think()
    with session_scope(engine) as session:
        session.execute(text("UPDATE schedules_seen SET looked_until = now() - interval '65 minutes'"))
    agent.think()
    agent.gather()
    (action,) = (one for one in retrains(engine) if one.proposed_by == "system:schedule weekly")
    assert action.status == "pending_approval"
    with session_scope(engine) as session:
        (slot,) = schedule_slots.of_model(session, MODEL, {SlotStatus.CLAIMED})
        assert slot.action_id == action.action_id
        assert slot.scheduled_for <= slot.created_at < slot.scheduled_for + 2 * HOUR
    assert champion


def test_a_schedule_that_fails_keeps_no_other_from_being_followed(
    engine: Engine, champion: int, agent_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = WEEKLY.model_dump()
    told["schedules"] = {"broken": told["schedules"]["weekly"], **told["schedules"]}
    agent = Agent(engine, agent_settings, {MODEL: CONTRACT}, AgentPolicy.model_validate(told), known_handlers())
    real = schedule_slots.begin

    def fails(session: object, actor: object, name: str, *rest: object) -> None:
        if name == "broken":
            raise RuntimeError("broken")
        real(session, actor, name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(schedule_slots, "begin", fails)
    agent.think()
    with read_scope(engine) as session:
        assert schedule_slots.followed(session) == {("weekly", MODEL)}
    assert champion


def test_an_agent_in_a_dry_run_looks_at_schedules_too(engine: Engine, champion: int, agent_settings: Settings) -> None:
    dry = agent_settings.model_copy(update={"agent": AgentSettings(dry_run=True)})
    agent = Agent(engine, dry, {MODEL: CONTRACT}, page("0 * * * *"), known_handlers())
    agent.think()
    with session_scope(engine) as session:
        session.execute(text("UPDATE schedules_seen SET looked_until = now() - interval '65 minutes'"))
    agent.think()
    assert [one.status for one in retrains(engine)] == ["cancelled"]
    assert champion


def test_a_question_that_waits_for_a_person_is_an_open_change(engine: Engine, champion: int) -> None:
    question = pending(engine, champion, register(engine), kind="rollback_model")
    look(engine, SUNDAY - HOUR)
    look(engine, SUNDAY)
    assert became(engine) == [("11-22 01:00", "superseded")]
    assert reread(engine, question.action_id).status == "pending_approval"


@pytest.mark.parametrize("fault", ["db.before_commit=raise@2", "db.commit=lost_reply@2"])
def test_a_look_that_dies_or_never_hears_that_it_counted_leaves_one_action_after_the_next(
    engine: Engine, champion: int, fault: str
) -> None:
    look(engine, SUNDAY - HOUR)
    arm(fault)
    try:
        with pytest.raises((InjectedFaultError, DBAPIError)):
            look(engine, SUNDAY)
        assert fired() == (fault.partition("=")[0],)
    finally:
        arm("")
    assert len(retrains(engine)) == (1 if "lost" in fault else 0)
    look(engine, SUNDAY + HOUR)
    assert became(engine) == [("11-22 01:00", "claimed")]
    assert len(retrains(engine)) == 1
    assert champion
