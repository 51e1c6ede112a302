"""What the agent's page says of its runs, its budgets and its log."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.dashboard.api import DIAGNOSIS, FakeApi
from tests.dashboard.runs import POLICY
from ui.answers.runs import AgentNow, AgentStanding, QuietPasses, RunList, RunOut
from ui.api_types import AgentRecord
from ui.explain import activity, agent_standing

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
WORLD = FakeApi(now=NOW)
LOUD = RunList.model_validate(WORLD.answered("/agent/runs")).runs[0]
LEFT = {"does": "nothing", "action_type": "retrain_model", "why": "a question is open already", "cause": "x"}


def later(step: int, *diagnoses: dict[str, Any], **changes: Any) -> RunOut:
    values = {
        "created_at": LOUD.created_at + timedelta(minutes=step), "diagnoses": list(diagnoses), "decisions": [LEFT],
        "observed": {"latest": {"seq": 5 + step}}, "made": [], "quiet_before": None,
    }  # fmt: skip
    return LOUD.model_copy(update=values | changes)


def test_a_run_tells_what_was_done_by_which_page_and_what_came_of_it() -> None:
    (entry,) = activity.timeline([LOUD])
    (deed,) = entry.did
    assert deed.sign.word == "Asked people"
    assert deed.made is not None
    assert deed.made.status == "pending_approval"
    kinds = {one.action_type: one for one in AgentStanding.model_validate(WORLD.answered("/agent/standing")).kinds}
    allowed = activity.allowed_by(deed, entry.policy, POLICY, kinds)
    assert allowed == "By policy page c0dec0de: medium risk, 1 person decides, at most 5 a day."


@pytest.mark.parametrize(
    ("status", "word"), [("cancelled", "Tried"), ("gathering_evidence", "Tried"), ("pending_approval", "Asked people")]
)
def test_a_try_because_of_corrected_answers_asked_nobody_before_its_proof(status: str, word: str) -> None:
    decision = LOUD.decisions[0] | {"cause": "corrected_answers"}
    made = [one.model_copy(update={"status": status}) for one in LOUD.made]
    (entry,) = activity.timeline([LOUD.model_copy(update={"decisions": [decision], "made": made})])
    assert [deed.sign.word for deed in entry.did] == [word]


def test_a_line_of_an_earlier_page_is_not_guessed_from_todays() -> None:
    (deed,) = activity.timeline([LOUD])[0].did
    assert "no longer in force" in activity.allowed_by(deed, POLICY, "another", {})
    assert "did not write down" in activity.allowed_by(deed, None, POLICY, {})


def test_what_else_it_could_have_been_is_told_with_the_reason() -> None:
    (entry,) = activity.timeline([LOUD])
    assert "Faulty data from the source: The loss stays on rows without a failed check." in entry.rejected


def test_passes_with_the_same_conclusion_are_one_entry_though_their_figures_differ() -> None:
    same = [later(step, DIAGNOSIS | {"says": f"F1 fell to 0.7{step}"}) for step in range(1, 7)]
    other = later(7, DIAGNOSIS | {"cause": "data_fault"})
    first, entry = activity.timeline([other, *reversed(same), LOUD])
    assert (first.times, entry.times, entry.windows) == (1, 7, (6, 7, 8, 9, 10, 11))
    assert [deed.sign.word for deed in entry.did] == ["Asked people"]
    assert "0.76" in entry.concluded[0].says
    assert "windows 6 to 11 · the same for 6 more passes until" in activity.passes(entry, NOW)


def test_what_comes_back_after_quiet_passes_is_an_entry_of_its_own() -> None:
    quiet = QuietPasses(passes=3, from_at=NOW, to_at=NOW)
    again = later(9, DIAGNOSIS, quiet_before=quiet)
    assert [entry.times for entry in activity.timeline([again, LOUD])] == [1, 1]


def test_a_pass_that_does_something_begins_an_entry_of_its_own() -> None:
    assert [entry.times for entry in activity.timeline([LOUD, LOUD])] == [1, 1]
    assert activity.passes(activity.timeline([LOUD])[0], NOW).endswith("no window yet")


@pytest.mark.parametrize(
    "odd", [{}, {"cause": None, "for": "x", "rejected": 7}, {"does": "nothing", "why": None}, {"why": {"a": 1}}]
)
@pytest.mark.parametrize("observed", [{}, {"latest": 3, "judged": {"seq": 1, "figures": [None, {}]}}, {"blind": "x"}])
def test_a_pass_written_in_another_way_is_still_told(odd: dict[str, Any], observed: dict[str, Any]) -> None:
    strange = LOUD.model_copy(update={"diagnoses": [odd], "decisions": [odd], "observed": observed})
    (entry,) = activity.timeline([strange])
    assert entry.left_alone[0].says
    assert entry.observed[0]
    assert activity.why_nothing(entry)


def test_the_same_reason_about_several_windows_is_one_line() -> None:
    done = [
        {"does": "nothing", "action_type": "validate_data", "why": f"done for window {seq} already", "cause": "x"}
        for seq in (5, 6, 9)
    ]
    (entry,) = activity.timeline([LOUD.model_copy(update={"decisions": done})])
    assert [line.says for line in entry.left_alone] == ["Set suspect rows aside: Done for windows 5, 6 and 9 already."]


def test_what_was_observed_is_a_sentence_with_its_interval_and_n() -> None:
    figure = {"name": "f1", "kind": "realised", "value": 0.71, "low": 0.6, "high": 0.8, "n": 50, "reference": 0.82}
    guess = figure | {"kind": "estimated", "value": 0.9}
    judged = {"seq": 9, "n": 50, "labelled_n": 48, "suspect_n": 3, "drift": "crit", "drift_score": 0.86,
              "figures": [guess, figure, figure | {"pooled": 3, "value": 0.1}]}  # fmt: skip
    (entry,) = activity.timeline([LOUD.model_copy(update={"observed": {"judged": judged, "latest": judged}})])
    assert entry.observed == (
        "Window 9: 50 rows, 48 labelled, 3 suspect, inputs with 86 % of the influence moved.",
        "F1 0.710 [0.600, 0.800], n = 50, 0.820 in training.",
    )


def test_quiet_passes_are_folded_into_a_line() -> None:
    assert activity.quiet(QuietPasses(passes=37, from_at=NOW - timedelta(hours=2), to_at=NOW)) == (
        "Nothing found, 37 recorded passes: 30 Nov 2026 10:00 UTC to 30 Nov 2026 12:00 UTC"
    )
    assert activity.quiet(QuietPasses(passes=1, from_at=NOW, to_at=NOW)).endswith(
        "1 recorded pass: 30 Nov 2026 12:00 UTC"
    )


@pytest.mark.parametrize(
    ("right", "n", "expected"), [(0, 0, None), (14, 16, (0.64, 0.965)), (5, 5, (0.566, 1.0)), (0, 3, (0.0, 0.561))]
)
def test_the_hit_rate_has_an_interval_that_stays_between_nothing_and_all(
    right: int, n: int, expected: tuple[float, float] | None
) -> None:
    found = agent_standing.Rate(right, n).interval
    assert found == (None if expected is None else pytest.approx(expected, abs=0.001))


def test_the_hit_rate_counts_only_what_changes_what_serves() -> None:
    record = AgentRecord.model_validate(WORLD.record())
    assert agent_standing.hit_rate(record) == agent_standing.Rate(14, 16)
    empty = AgentRecord.model_validate(FakeApi(empty=True).record())
    assert "nothing to go by" in agent_standing.hit_note(agent_standing.hit_rate(empty))


def test_a_used_up_budget_and_a_rest_say_until_when() -> None:
    alerts, retrain = agent_standing.kinds(AgentStanding.model_validate(WORLD.answered("/agent/standing")), NOW)
    assert alerts["last 24 h"] == "3 of 3"
    assert "budget is used up, until 30 Nov 2026 14:00 UTC (in 2 h)" in alerts["now"].replace("\\", "")
    assert "A person rejected it, until 30 Nov 2026 17:00 UTC" in retrain["now"].replace("\\", "")
    assert retrain["decided by"] == "1 person"


def test_the_log_says_what_moved_newest_first() -> None:
    found = AgentNow.model_validate(WORLD.answered("/agent/now"))
    assert agent_standing.doing(found) == ["Retrain: gathering evidence, step train challenger, for 40 s"]
    assert agent_standing.log(found) == [
        "41 s ago · Finished “Tell people”: People are told.",
        "41 s ago · Opened an incident.",
    ]
