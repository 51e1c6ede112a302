"""The report of a period: what it says, and that no text of the data can be more than text on its pages."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pypdf
import pytest

from tests.dashboard.period import HOSTILE, decision, nothing, report, window
from ui.answers.period import PeriodReport
from ui.report import report_charts, report_content, report_pdf


def said(answer: dict[str, Any], made_by: str = "person:anna") -> dict[str, Any]:
    found = PeriodReport.model_validate_json(json.dumps(answer, default=str))
    return report_content.content(found, made_by=made_by)


def read(pdf: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf))


def words_of(pdf: bytes) -> str:
    text = "\n".join(page.extract_text() for page in read(pdf).pages)
    return " ".join(text.replace("\u200b", "").split())


@pytest.fixture(scope="module")
def full() -> bytes:
    return report_pdf.render(said(report()))


def test_the_same_answer_gives_the_same_file(full: bytes) -> None:
    assert report_pdf.render(said(report())) == full
    assert report_pdf.render(said(report(answered=1))) != full


def test_its_words_can_be_read_out_searched_and_copied(full: bytes) -> None:
    text = words_of(full)
    for expected in (
        "Heart disease", "31 October 2026 to 30 November 2026", "made 30 Nov 2026 12:00 UTC by anna", "Production",
        "F1 was 0.770 [0.730, 0.810] in the newest judged window (n = 48), at least the 0.750 asked for",
        "Decided by grace (approve) after 2 h.", "Evidence 3f9ac0de", "more missing values than before",
        "every event is as it was written", "Page 1 of", "v2 serves at its end",
    ):  # fmt: skip
        assert expected in text, expected


def test_the_file_names_title_author_and_language_and_is_tagged_for_screen_readers(full: bytes) -> None:
    found = read(full)
    assert found.metadata is not None
    assert found.metadata.title == "Heart disease: 31 October 2026 to 30 November 2026"
    assert found.metadata.author == "Steward"
    root = found.root_object
    assert str(root["/Lang"]).startswith("en")
    assert root["/MarkInfo"]["/Marked"]  # type: ignore[index]
    assert "/StructTreeRoot" in root


@pytest.mark.parametrize("place", ["title", "model_name", "environment"])
def test_hostile_words_of_the_heading_stay_words(place: str) -> None:
    text = words_of(report_pdf.render(said(report() | {place: HOSTILE})))
    assert "<script>" in text or place != "title"
    assert "#eval" in text
    assert "root:" not in text


def test_hostile_words_anywhere_else_stay_words() -> None:
    answer = report(
        windows=[], decisions=[decision(question=HOSTILE, outcome=HOSTILE, asked_by=HOSTILE, decided_by=[HOSTILE])],
        incidents=[report()["incidents"][0] | {"title": HOSTILE}],
        checks=[report()["checks"][0] | {"column": HOSTILE, "check_name": HOSTILE}],
        done_alone=[report()["done_alone"][0] | {"last_outcome": HOSTILE}],
        versions=[report()["versions"][0] | {"reason": HOSTILE, "algorithm": HOSTILE}],
    )  # fmt: skip
    text = words_of(report_pdf.render(said(answer, made_by=HOSTILE)))
    assert text.count("<script>alert(1)</script>") >= 4
    assert "*bold*" in text
    assert "root:" not in text


@pytest.mark.parametrize("long", ["x" * 10_000, "word " * 2_000, "שלום " * 2_000, "\U0001f600" * 5_000])
def test_ten_thousand_characters_are_cut_and_stay_on_the_page(long: str) -> None:
    found = read(report_pdf.render(said(report(windows=[], decisions=[decision(question=long, outcome=long)]))))
    assert len(found.pages) <= 4


def test_an_empty_period_says_so_everywhere_and_claims_nothing() -> None:
    content = said(nothing())
    text = words_of(report_pdf.render(content))
    assert content["quality_chart"] is None
    for expected in (
        "no version served", "No window could be judged: 0 of 0 answers have a label, which is not to say that quality",
        "Whether the inputs moved could not be said", "Nobody was asked for a decision", "did nothing by itself",
        "No window ended in this period.", "No check of the data failed.", "No incident was open.", "none was decided",
    ):  # fmt: skip
        assert expected in text, expected
    assert not any(hole in text for hole in ("nan", "None", "inf]"))


def test_a_huge_period_is_a_few_pages_and_says_what_it_leaves_out() -> None:
    answer = report(400, decisions=[decision() for _ in range(60)])
    answer["oversight"] |= {"questions": 2_000, "approved": 1_500}
    text = words_of(pdf := report_pdf.render(said(answer)))
    assert "The newest 25 of 400 windows." in text
    assert "The newest 25 of 2 000 questions." in text.replace("\u202f", " ")
    assert len(read(pdf).pages) <= 8


@pytest.mark.parametrize(
    ("audit", "expected"),
    [
        ({"events": 69, "head": "ab" * 32, "verified": False, "faults": 2}, "is NOT whole: 2 faults"),
        ({"events": 10**7, "head": "ab" * 32, "verified": None, "faults": 0}, "too long to be walked for a report"),
    ],
)
def test_a_chain_that_is_broken_or_was_not_walked_is_never_called_whole(audit: dict[str, Any], expected: str) -> None:
    assert expected in said(report(audit=audit))["audit"]


def test_a_metric_that_fell_below_what_is_asked_for_is_said_in_the_second_sentence() -> None:
    sentence = said(report(20))["summary"][1]
    assert "below the 0.750 asked for" in sentence
    low = [window(1), window(2, value=0.2), window(3, value=0.8)]
    assert "lowest was 0.200 in window 2" in said(report(3, windows=low))["summary"][1]


def test_made_up_rows_are_said_on_the_first_page() -> None:
    assert "learned from made-up rows" in read(report_pdf.render(said(report(synthetic=True)))).pages[0].extract_text()


def test_times_are_utc_whatever_zone_the_answer_came_in() -> None:
    east = datetime(2026, 11, 30, 14, 0, tzinfo=UTC).astimezone(tz=None)
    assert report_content.moment(east) == "30 Nov 2026 14:00"
    assert report_content.day(datetime(2026, 11, 3, tzinfo=UTC)) == "3 November 2026"


@pytest.mark.parametrize("count", [1, 2, 9, 120, 400])
def test_drawings_are_whole_and_stay_inside_their_frame(count: int) -> None:
    windows = PeriodReport.model_validate(report(count)).windows
    for drawing in (report_charts.quality(windows, 0.75), report_charts.drift(windows)):
        assert drawing is not None
        root = ET.fromstring(drawing)  # noqa: S314  (our own drawing)
        for one in root.iter():
            for name in ("x", "cx", "x1", "x2"):
                assert -1 <= float(one.get(name, 0)) <= report_charts.WIDTH + 1
        assert "nan" not in drawing


def test_a_window_without_a_figure_breaks_no_drawing() -> None:
    bare = window(2, value=None, low=None, high=None, drift=None, drift_score=None)
    windows = PeriodReport.model_validate(report(3, windows=[window(1), bare, window(3, low=None, high=None)])).windows
    assert report_charts.quality(windows, 0.75) is not None
    assert report_charts.quality(windows[1:2], 0.75) is None
    assert report_charts.drift(windows[1:2]) is None


def test_what_went_wrong_is_a_page_of_its_own() -> None:
    text = words_of(report_pdf.apology("The API does not answer.", "Waited 30 s. #eval(1)"))
    assert "No report could be made" in text
    assert "#eval(1)" in text


def test_words_longer_than_a_column_may_be_broken_and_control_characters_go() -> None:
    assert report_content.text("a" * 60).count("\u200b") == 2
    assert report_content.text("a\x00b\nc\ud800") == "a b c?"
    assert report_content.text("x" * 900, 100).replace("\u200b", "").endswith("x…")


def test_a_span_of_one_day_is_not_written_twice() -> None:
    at = datetime(2026, 11, 30, 1, tzinfo=UTC)
    content = said(report(from_at=at, to_at=at + timedelta(hours=2)))
    assert content["period"] == "30 November 2026"


def test_questions_that_were_called_off_are_not_left_out() -> None:
    ends = {"questions": 5, "approved": 1, "rejected": 0, "expired": 0, "waiting": 2, "taken_back": 0}
    found = json.dumps(said(report(oversight=ends | {"median_wait_s": 60.0})))
    assert "asked 5 times: 1 approved, 2 still open, 2 called off before anybody decided." in found
