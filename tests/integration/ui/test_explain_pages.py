"""Models & lineage and Agent activity, run by Streamlit itself without a browser."""

from tests.dashboard.api import FakeApi
from tests.integration.ui.test_pages import Open, button, fake, open_page, words

__all__ = ["fake", "open_page"]


def test_the_list_says_of_each_version_where_it_stands_and_whether_one_can_go_back(open_page: Open) -> None:
    at = open_page("7_Models.py")
    said = words(at)
    assert at.title[0].value.replace("\\", "") == "Models & lineage"
    assert "Serving" in said
    assert "Previous" in said
    assert "0.822 [0.780, 0.860], n = 303" in said
    assert "✓ Yes, files hashed" in said
    assert "nobody: the first version" in said


def test_a_versions_page_shows_card_quality_lineage_and_influence(open_page: Open, fake: FakeApi) -> None:
    at = open_page("7_Models.py", version="v2")
    said = words(at)
    assert not at.exception
    for expected in (
        "What it must not be taken for", "signed by f9ac865cd3634dc5", "198 of traffic", "grace, ", "Files sound",
        "It answers “disease” or “no disease”", "677 037 bytes in 2 files",
    ):  # fmt: skip
        assert expected in said.replace("\u202f", " "), expected
    assert any("flowchart LR" in one.value for one in at.markdown)
    assert {found.key for found in at.get("download_button")} >= {"card-md", "card-json"}
    fake.files_fault = "artifact ab: model.onnx is not what its manifest says"
    broken = open_page("7_Models.py", version="v2")
    assert "The files are not to be believed." in words(broken)
    assert "Files damaged" in words(broken)


def test_two_versions_stand_side_by_side_and_both_are_in_the_address(open_page: Open, fake: FakeApi) -> None:
    at = open_page("7_Models.py", version="v2", against="v1")
    said = words(at)
    assert "v2 beside v1" in said
    assert "intervals overlap" in said
    assert "≠ differs" in said
    assert {"GET /models/heart_disease/versions/1/lineage", "GET /models/heart_disease/versions/2/lineage"} <= {
        *fake.seen
    }


def test_a_version_in_the_address_that_is_not_there_shows_the_list(open_page: Open) -> None:
    at = open_page("7_Models.py", version="v99")
    assert not at.exception
    assert "Deployments" in words(at)


def test_who_may_not_propose_is_told_which_role_may(open_page: Open, fake: FakeApi) -> None:
    fake.roles = ("viewer",)
    at = open_page("7_Models.py", version="v2")
    assert button(at, "rollback").disabled
    assert button(at, "propose-retrain").disabled
    assert "needs the role operator or approver" in words(at)


def test_the_agents_page_tells_runs_budgets_and_what_it_does_now(open_page: Open) -> None:
    at = open_page("5_Agent_Activity.py")
    said = words(at).replace("\u202f", " ")
    assert not at.exception
    for expected in (
        "3 of 3", "88 %", "14 of 16 changes proved themselves", "Nothing found, 37 recorded passes",
        "Retrain: gathering evidence, step train challenger", "medium risk, 1 person decides, at most 5 a day",
        "Observed", "Concluded", "What else it could have been", "the budget is used up, until",
    ):  # fmt: skip
        assert expected.casefold() in said.casefold(), expected


def test_a_filter_and_a_page_of_the_timeline_are_asked_for_as_the_address_says(open_page: Open, fake: FakeApi) -> None:
    at = open_page("5_Agent_Activity.py", show="Left alone", days="7 days", before="20")
    assert not at.exception
    assert "/agent/runs?model=heart_disease&show=left_alone&days=7&before=20" in fake.addresses
    failed = open_page("5_Agent_Activity.py", show="Failed or taken back")
    assert "Nothing to tell" in words(failed)
    assert "Choose Everything, or more days." in words(failed)


def test_nonsense_in_the_address_is_left_alone(open_page: Open, fake: FakeApi) -> None:
    at = open_page("5_Agent_Activity.py", before="²; drop", show="no such", days="-1")
    assert not at.exception
    assert "/agent/runs?model=heart_disease&show=all&days=30" in fake.addresses


def test_the_report_is_offered_and_made_only_when_it_is_asked_for(open_page: Open, fake: FakeApi) -> None:
    at = open_page("5_Agent_Activity.py")
    assert [found.key for found in at.get("download_button")] == ["report-pdf"]
    assert "GET /report" not in fake.seen
