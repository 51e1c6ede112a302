"""What is said of a file of labels that cannot be read: what was found, and the line of the fault."""

import io
from datetime import UTC, datetime

import pytest

from database.label_file import check

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = "01890a5d-ac96-774b-bcce-b302099a8057"
HEADER = b"prediction_id,actual\n"
LABEL = f"{ID},1\n".encode()


def fault(content: bytes) -> str:
    ((place, says),) = check(io.BytesIO(content), {}, NOW).faults
    assert place == "file"
    return says


@pytest.mark.parametrize(
    ("first", "found"),
    [
        ("prediction_id,actual,note", "`prediction_id`, `actual`, `note`"),
        ("prediction_id;actual", "`prediction_id;actual`"),
        ("prediction_id,actual,actual", "`prediction_id`, `actual`, `actual`"),
        ('prediction_id,"a\x1b[31m\n\u202eb"', "`prediction_id`, `a?[31m??b`"),
        ("x" * 50, f"`{'x' * 40}…`"),
        (",".join("abcdefghij"), "`a`, `b`, `c`, `d`, `e`, `f`, `g`, `h` and 2 more"),
        ("", "none"),
    ],
)
def test_a_first_line_that_names_other_columns_is_shown_in_short(first: str, found: str) -> None:
    assert fault(f"{first}\n{ID},1\n".encode()) == (
        "line 1: expected the columns prediction_id, actual and, if known, observed_at, separated by commas; "
        f"found {found}"
    )


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_label_in_place_of_the_names_is_not_repeated(delimiter: str) -> None:
    says = fault(f"{ID}{delimiter}disease\n".encode())
    assert says.endswith("found a label: is the line with the names missing?")
    assert ID not in says
    assert "disease" not in says


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("good", [0, 1, 5000])
@pytest.mark.parametrize("bad", [b"\xe9t\xe9", b"\xed\xb2\x80", b"\xc3"])
def test_a_line_that_is_not_utf_8_is_named_however_far_ahead_the_text_is_decoded(
    end: bytes, good: int, bad: bytes
) -> None:
    content = (HEADER + LABEL * good + bad).replace(b"\n", end)
    assert fault(content) == f"line {good + 2}: is not UTF-8"
    assert fault(content + end + end.join([LABEL.strip()] * 5000)) == f"line {good + 2}: is not UTF-8"


def test_a_name_that_is_not_utf_8_stands_in_the_first_line() -> None:
    assert fault("prediction_id,actual,año\n".encode("latin-1")) == "line 1: is not UTF-8"
    assert fault(HEADER.decode().encode("utf-16")) == "line 1: is not UTF-8"


def test_a_quote_in_the_middle_of_a_line_is_named_by_that_line() -> None:
    assert fault(HEADER + LABEL + b'"a"b,1\n' + LABEL).startswith("line 3: is not valid CSV: ")
