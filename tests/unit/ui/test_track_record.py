"""What the pages say about how often the agent was right."""

from database.enums import ActionStatus
from tests.dashboard.api import RETRAIN, FakeApi
from ui.api_types import ActionDetail, AgentRecord
from ui.explain import track_record


def detail(fake: FakeApi) -> ActionDetail:
    return ActionDetail.model_validate(fake.detail(RETRAIN))


def test_a_question_shows_the_record_of_its_reason_and_of_all_reasons_only_where_that_says_more() -> None:
    fake = FakeApi()
    ((what, says),) = track_record.told(detail(fake))
    assert what == "Record of “Retrain”, harmful change of the inputs:"
    assert says == "Right 14 of 16; 2 taken back, 1 undecided."
    shown = fake.detail(RETRAIN)
    shown["record"]["rule"] = fake.record_of("retrain_model", "concept_drift", [])
    lines = track_record.told(ActionDetail.model_validate(shown))
    assert [says for _, says in lines] == [
        "Never tried before. There is nothing to go by yet.",
        "Right 14 of 16; 2 taken back, 1 undecided.",
    ]


def test_that_more_people_are_asked_than_usually_is_said_with_its_reason() -> None:
    shown = FakeApi().detail(RETRAIN)
    shown["why"] = {"more_people": "the last such change was taken back"}
    assert track_record.told(ActionDetail.model_validate(shown))[-1] == (
        "More people are asked than usually:",
        "The last such change was taken back.",
    )


def test_what_nobody_diagnosed_was_asked_for() -> None:
    fake = FakeApi()
    shown = fake.detail(RETRAIN)
    shown["record"]["rule"] = fake.record_of("retrain_model", None, [ActionStatus.SUCCEEDED])
    (what, _), _ = track_record.told(ActionDetail.model_validate(shown))
    assert what == "Record of “Retrain”, asked for by a person or the calendar:"


def test_the_table_has_a_row_for_each_reason_of_a_change_and_one_for_each_kind_that_changes_nothing() -> None:
    rows = track_record.rows(AgentRecord.model_validate(FakeApi().record()))
    assert [(row["action"], row["reason"]) for row in rows] == [
        ("Retrain", "Harmful change of the inputs"),
        ("Retrain", "Asked for by a person or the calendar"),
        ("Roll back", "Bad release"),
        ("Tell people", "Any"),
    ]
    assert rows[2]["record"] == "Right 0 of 1; 1 taken back\\."
    assert track_record.rows(AgentRecord.model_validate(FakeApi(empty=True).record())) == []
