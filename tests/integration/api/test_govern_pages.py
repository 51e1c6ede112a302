"""What Settings shows: schedules with their clock, channels and a try of one, and what is kept."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from agent.channels.channel import ByTopic
from agent.core.work import PermanentError
from agent.main import Agent
from agent.relay import Relay
from config.agent_policy import Schedule
from database.enums import Topic
from database.models import Heartbeat
from database.queries import heartbeats
from database.queries.outbox import Claimed
from tests.integration.api.conftest import Api, Installation
from tests.integration.api.test_dashboard_routes import Findings, found

__all__ = ["found"]
NO_TOPIC: frozenset[Topic] = frozenset()  # only what is sent to it by name


def asked(api: Api, path: str) -> dict[str, Any]:
    answer = api.get(path, headers=api.sign_in("viewer"))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_schedule_says_its_next_five_slots_and_the_days_the_clock_moves(api: Api) -> None:
    assert [one["schedule"] for one in asked(api, "/schedules")["schedules"]] == ["weekly"]
    api.runtime.policy = api.runtime.policy.model_copy(update={"schedules": {}})
    assert asked(api, "/schedules") == {"schedules": []}
    daily = Schedule(action="retrain_model", cron="30 2 * * *", timezone="Europe/Amsterdam", models=("all",))
    policy = api.runtime.policy.model_copy(update={"schedules": {"daily": daily}})
    api.runtime.policy = policy
    (one,) = asked(api, "/schedules")["schedules"]
    assert (one["model_name"], one["followed"], one["on_page"], len(one["coming"])) == ("heart_disease", False, True, 5)
    slots = [datetime.fromisoformat(slot["at"]) for slot in one["coming"]]
    assert slots == sorted(set(slots))
    assert slots[0] > datetime.now(UTC)
    elsewhere = daily.model_copy(update={"models": ("another",)})
    api.runtime.policy = policy.model_copy(update={"schedules": {"daily": elsewhere}})
    assert asked(api, "/schedules")["schedules"] == []


@dataclass(frozen=True)
class Fake(ByTopic):
    """A channel that remembers, or that never takes anything."""

    refuses: str = ""
    got: list[Claimed] = field(default_factory=list)
    longest: timedelta = timedelta(seconds=5)

    def send(self, message: Claimed) -> None:
        if self.refuses:
            raise PermanentError(self.refuses)
        self.got.append(message)


def test_a_try_goes_to_one_channel_by_the_usual_way_and_says_what_came_of_it(api: Api, installed: Installation) -> None:
    operator = api.sign_in("operator")
    assert asked(api, "/notifications/channels") == {"agents": 0, "channels": []}
    assert api.post("/notifications/channels/ops/test", headers=operator).status_code == 404
    ops, team = Fake("ops", NO_TOPIC), Fake("team", NO_TOPIC, "the address is not known there")
    relay = Relay(installed.engine, [ops, team])
    Agent(installed.engine, installed.settings, {}, api.runtime.policy, {}, relay).think()
    channels = asked(api, "/notifications/channels")
    assert (channels["agents"], [one["name"] for one in channels["channels"]]) == (1, ["ops", "team"])
    sent = api.post("/notifications/channels/ops/test", headers=operator)
    assert (sent.status_code, sent.json()["channel"], sent.json()["status"]) == (202, "ops", "pending")
    twice = api.post("/notifications/channels/ops/test", headers=operator)
    assert (twice.status_code, "already" in twice.json()["detail"]) == (409, True)
    assert api.post("/notifications/channels/team/test", headers=operator).status_code == 202
    relay.once()
    assert [message.payload["facts"] for message in ops.got] == [{"test": True}]
    traffic = {one["name"]: one for one in asked(api, "/notifications/channels")["channels"]}
    assert (traffic["ops"]["sent_7d"], traffic["ops"]["dead"], traffic["team"]["dead"]) == (1, 0, 1)
    dead = asked(api, "/notifications?status=dead")["deliveries"]
    assert [one["last_error"] for one in dead] == ["the address is not known there"]
    assert api.post("/notifications/channels/ops/test", headers=operator).status_code == 202  # the last one arrived
    who = "SELECT actor, object_id FROM audit_log WHERE verb = 'channel.tried' ORDER BY seq"
    assert [tuple(row) for row in installed.rows(who)] == [
        ("operator", "ops"),
        ("operator", "team"),
        ("operator", "ops"),
    ]


def test_aliases_are_no_channel_to_try_and_a_silent_agent_has_none(api: Api, installed: Installation) -> None:
    details = {"channels": [{"name": "mlflow", "kind": "MlflowAliases"}]}
    with Session(installed.engine) as session, session.begin():
        heartbeats.beat(session, "agent", "a", 15.0, details)
    answer = api.post("/notifications/channels/mlflow/test", headers=api.sign_in("operator"))
    assert (answer.status_code, installed.rows("SELECT count(*) FROM deliveries")[0][0]) == (422, 0)
    with Session(installed.engine) as session, session.begin():
        session.execute(update(Heartbeat).values(seen_at=datetime.now(UTC) - timedelta(hours=1)))
    assert asked(api, "/notifications/channels") == {"agents": 0, "channels": []}


@pytest.mark.parametrize("name", ["OPS", "a" * 33, "..", "a b", "-x"])
def test_what_cannot_be_a_channel_is_refused(api: Api, name: str) -> None:
    answer = api.post(f"/notifications/channels/{name}/test", headers=api.sign_in("operator"))
    assert answer.status_code in (404, 422)


def test_what_is_kept_is_counted_and_dated(api: Api, found: Findings) -> None:
    told = asked(api, "/data")
    kept = {one["where"]: one for one in told["kept"]}
    assert kept["labels"]["rows"] > 0
    assert (kept["evidence_bundles"]["rows"], kept["artifacts"]["rows"]) == (1, 1)
    assert kept["predictions"]["days"] == told["days_kept"] > 0
    assert kept["audit_log"]["days"] is None
    assert (told["database"], told["damaged"]) == ("own", [])
    assert told["oldest_day"] is not None
    assert told["bytes"] > 1_000_000
    assert found.window_id


def test_damage_is_told_by_a_living_monitor_alone(api: Api, installed: Installation) -> None:
    with Session(installed.engine) as session, session.begin():
        heartbeats.beat(session, "monitor", "m", 15.0, {"damaged": {"d": "heart_disease version 1: bytes differ"}})
    assert asked(api, "/data")["damaged"] == ["heart_disease version 1: bytes differ"]


def test_nothing_is_old_where_everything_is_kept(api: Api) -> None:
    settings = api.runtime.settings
    for_good = settings.retention.model_copy(update={"days": 0})
    api.runtime.settings = settings.model_copy(update={"retention": for_good})
    told = asked(api, "/data")
    assert (told["days_kept"], told["old"]) == (0, [])
    assert {one["days"] for one in told["kept"]} == {None}
