"""What the Govern pages say is worked out by plain functions; here are their edges."""

from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from api.schemas import audit as audit_schema
from api.schemas import data, keys, notifications, overview, roles, schedules
from api.schemas import oversight as oversight_schema
from api.schemas import policy as policy_schema
from tests.dashboard import govern as world
from tests.dashboard.api import FakeApi
from ui.answers import audit as audit_answers
from ui.answers import installation
from ui.answers import keys as key_answers
from ui.answers import oversight as oversight_answers
from ui.answers import policy as policy_answers
from ui.answers.audit import AuditEventOut, AuditPage, Verified
from ui.answers.installation import ChannelList, DataOut, RoleHolders, ScheduleList
from ui.answers.keys import KeyList
from ui.answers.oversight import OversightOut
from ui.answers.policy import PolicyChecked, PolicyOut
from ui.govern import (
    audit,
    oversight,
    policy,
    settings,
    settings_data,
    settings_keys,
    settings_messages,
    settings_schedules,
)

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
FULL, EMPTY = FakeApi(now=NOW), FakeApi(now=NOW, empty=True)
ANSWERS = (audit_answers, installation, key_answers, oversight_answers, policy_answers)
SCHEMAS = (audit_schema, data, keys, notifications, overview, roles, schedules, oversight_schema, policy_schema)


def _classes() -> list[type[BaseModel]]:
    found = [one for module in ANSWERS for one in vars(module).values() if isinstance(one, type)]
    return [one for one in found if issubclass(one, BaseModel) and one.__module__ in {m.__name__ for m in ANSWERS}]


@pytest.mark.parametrize("answer", _classes(), ids=lambda one: str(one.__name__))
def test_every_field_read_here_is_one_the_api_writes_with_the_same_type(answer: type[BaseModel]) -> None:
    written = next(getattr(module, answer.__name__) for module in SCHEMAS if hasattr(module, answer.__name__))
    for field, info in answer.model_fields.items():
        assert field in written.model_fields, field
        ours, theirs = str(info.annotation), str(written.model_fields[field].annotation)
        for module in (*ANSWERS, *SCHEMAS):
            ours, theirs = (said.replace(f"{module.__name__}.", "") for said in (ours, theirs))
        assert ours.replace("ui.api_types.", "") == theirs, field


A = TypeVar("A", bound=BaseModel)


def told(answer: type[A], path: str, fake: FakeApi = FULL) -> A:
    found = world.answer(fake, "GET", path, {})
    assert found is not None
    schema, values = found
    return answer.model_validate_json(schema.model_validate(values).model_dump_json())


def test_the_page_in_force_names_who_decides_and_within_what() -> None:
    page = told(PolicyOut, "/policy")
    lines = {line["action"]: line for line in policy.rules(page)}
    assert lines["**Roll back**"]["who decides"] == "2 people"
    assert lines["**Send alert**"]["who decides"] == "the agent" if "**Send alert**" in lines else True
    assert policy.followers(page, NOW) == ["Agent agent-1 goes by it since 30 Nov 2026 06:00 UTC (3 h ago)."]
    assert policy.followers(told(PolicyOut, "/policy", EMPTY), NOW) == ["No agent runs, so nobody goes by it."]
    other = page.goes_by[0].model_copy(update={"same": False})
    changed = page.model_copy(update={"goes_by": [other], "changed_on_disk": True})
    assert "ANOTHER page" in policy.followers(changed, NOW)[0]
    assert "next start" in policy.followers(changed, NOW)[1]
    assert policy.thresholds(page, "another") == []


def test_a_replay_comes_to_one_sentence() -> None:
    schema, values = world._checked(FULL, {"text": "x"})
    checked = PolicyChecked.model_validate_json(schema.model_validate(values).model_dump_json())
    assert policy.verdict(checked) == (
        "In the last 30 days 4 of 30 actions would have been automatic instead of queued."
    )
    line = checked.replay[0].otherwise[0]
    stricter = line.model_copy(update={"then": "runs by itself (succeeded)", "now": "waits for 1 person"})
    other = line.model_copy(update={"now": "not proposed", "times": 2})
    more = checked.replay[0].model_copy(update={"otherwise": [line, stricter, other]})
    said = policy.verdict(checked.model_copy(update={"replay": [more]}))
    assert "4 would have been queued instead of automatic" in said
    assert "2 would have gone another way" in said
    none = checked.model_copy(update={"replay": [], "left_out": ["no pass was recorded"]})
    assert policy.verdict(none) == "Nothing was decided again: no pass was recorded."


def test_oversight_says_few_before_it_says_anything_else() -> None:
    assert oversight.sign(told(OversightOut, "/oversight")) is oversight.NODDING
    none = told(OversightOut, "/oversight", EMPTY)
    assert oversight.sign(none) is oversight.FEW
    assert oversight.rows(none)[0]["approved"] == "–"
    assert "\\[90, 100\\], n = 34" in oversight.rows(told(OversightOut, "/oversight"))[0]["approved"]


def test_a_key_that_ends_soon_looks_so_and_ended_ones_come_last() -> None:
    lines = settings_keys.rows(told(KeyList, "/keys").keys, NOW)
    assert [("Ends soon" in line["state"], "Revoked" in line["state"]) for line in lines] == [
        (True, False), (False, True),
    ]  # fmt: skip
    assert lines[1]["last used"] == "never"


def test_a_channel_with_a_dead_letter_is_broken_however_much_arrived() -> None:
    first, second = told(ChannelList, "/notifications/channels").channels
    assert settings_messages.sign(first) is settings_messages.BROKEN
    assert settings_messages.sign(second) is settings_messages.SOUND
    assert settings_messages.sign(second.model_copy(update={"sent_7d": 0})) is settings_messages.SILENT


def test_a_schedule_tells_a_day_on_which_the_clock_moves() -> None:
    (one,) = told(ScheduleList, "/schedules").schedules
    assert "clock is put back" in settings_schedules.coming(one, NOW)[0]["note"]
    assert "not on the policy page" in settings_schedules.standing(one.model_copy(update={"on_page": False}), NOW)
    late = one.model_copy(update={"due": NOW - timedelta(hours=1)})
    assert "waits to be taken" in settings_schedules.standing(late, NOW)


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_900_000, "9.9 MB"), (5 * 10**12, "5\u202f000.0 GB")],
)  # fmt: skip
def test_sizes_are_written_as_people_read_them(count: int, said: str) -> None:
    assert settings_data.size(count) == said


def test_nobody_claims_whole_files_that_nobody_looked_at() -> None:
    unseen = settings_data.about(told(DataOut, "/data", EMPTY), NOW)
    assert "nobody checks them" in unseen["Model files"]
    assert "Whole" in settings_data.about(told(DataOut, "/data"), NOW)["Model files"]
    broken = told(DataOut, "/data").model_copy(update={"damaged": ["v1: bytes differ"]})
    assert "1 damaged" in settings_data.about(broken, NOW)["Model files"]


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ([], "Nobody has it yet"), (["ann"], "Ask ann."), (["ann", "ben"], "Ask ann or ben."),
        (list("abcdefgh"), "Ask a, b, c, d, e or one of 3 others."),
    ],
)  # fmt: skip
def test_who_may_not_hears_which_role_and_whom_to_ask(people: list[str], said: str) -> None:
    roles_ = [
        RoleHolders(role="viewer", permissions=["read"], people=["zoe"]),
        RoleHolders(role="admin", permissions=["read", settings.ADMINISTER], people=people),
    ]
    found = settings.whom_to_ask(settings.ADMINISTER, roles_)
    assert "needs the role admin" in found
    assert said in found
    assert "zoe" not in found


def test_whom_to_ask_names_a_role_that_carries_the_right() -> None:
    able = [RoleHolders(role="operator", permissions=[settings.RETRY], people=[])]
    assert "--role operator" in settings.whom_to_ask(settings.RETRY, able)


def event(**changes: object) -> AuditEventOut:
    return AuditEventOut.model_validate(world.event(FULL, 12, **changes))


def test_an_event_says_itself_and_formats_nothing() -> None:
    (row,) = audit.rows([event()], {"who": "a&b", "text": "x y"})
    assert row["said"] == "a night of work \\| \\*not\\* a link; running → paused"
    assert row["no."] == "[12](/audit?who=a%26b&text=x+y&event=12)"
    (row,) = audit.rows([event(verb="x](javascript:alert(1))", object_id="[a](b)")], {})
    assert "](javascript" not in row["what"].replace("`x](javascript:alert(1))`", "")
    assert row["on what"] == "automation \\[a\\]\\(b\\)"


def test_a_change_is_told_with_before_and_after_and_a_long_one_is_cut() -> None:
    assert audit.said(event(details={"before": ["viewer"], "after": ["admin"]})) == "viewer → admin"
    assert audit.said(event(details={"before": None, "after": 5})) == "nothing → 5"
    assert audit.said(event(details={"evidence": "a" * 64})) == "evidence aaaaaaaa"
    assert audit.said(event(details={"dry_run": False, "model": "m"})) == "model m"
    assert audit.said(event(details={"expires_at": "2026-12-01T19:34:39.277359+00:00", "ok": True})) == (
        "expires at 01 Dec 2026 19:34 UTC, ok yes"
    )
    assert audit.said(event(details={"channels": ["dashboard", "outbox"]})) == "channels dashboard, outbox"
    assert audit.said(event(details={})) == ""
    assert len(audit.said(event(details={"says": "x" * 4000}))) == audit.LONGEST_CELL


def test_the_badge_never_says_whole_of_what_was_altered_or_never_walked() -> None:
    found = told(Verified, "/audit/verified")
    assert audit.badge(found) is audit.WHOLE
    assert audit.standing(found, NOW) == (
        "Verified 30 Nov 2026 07:00 UTC (2 h ago), 4\u202f812 events, unbroken, signed up to event 4\u202f800."
    )
    assert found.walk is not None
    broken = found.walk.model_copy(update={"ok": False, "faults": ["event 3 was changed"], "more_faults": 4})
    altered = found.model_copy(update={"walk": broken, "asked_at": NOW, "asked_by": "ada"})
    assert audit.badge(altered) is audit.ALTERED  # also while it is walked again
    assert "5 faults" in audit.standing(altered, NOW)
    unsigned = found.model_copy(update={"walk": found.walk.model_copy(update={"signed_to": None})})
    assert "a cut end would not show" in audit.standing(unsigned, NOW)
    assert audit.badge(told(Verified, "/audit/verified", EMPTY)) is audit.UNKNOWN


def test_a_short_page_says_whether_older_events_were_looked_at() -> None:
    more = AuditPage(events=[], before=500, looked_back_to=500)
    assert "have not been looked at" in audit.nothing(more)
    assert "Looked back to event 500" in audit.reached(more)
    end = AuditPage(events=[], before=None, looked_back_to=1)
    assert "holds no event" in audit.nothing(end)
    assert "the end" in audit.reached(end)


def test_a_day_begins_on_the_clock_the_person_chose_and_ends_after_its_last_second() -> None:
    day, zone = date(2026, 10, 25), ZoneInfo("Europe/Amsterdam")
    assert audit.edge_of(day, zone, end=False) == "2026-10-24T22:00:00+00:00"
    assert audit.edge_of(day, zone, end=True) == "2026-10-25T23:00:00+00:00"  # a day of 25 hours
    assert audit.edge_of(day, UTC, end=True) == "2026-10-26T00:00:00+00:00"
    assert audit.edge_of(None, zone, end=True) is None
