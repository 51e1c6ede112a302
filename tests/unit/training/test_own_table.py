"""A user's own table is read as its contract says, or refused by file, line and column."""

from pathlib import Path

import pytest
from loguru import logger

from config.model_contract import ModelContract
from database.errors import InvalidError
from training.own_table import load_csv

HEADER = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,disease"
CSV_LINE = "63,1,1,145,233,1,2,150,0,2.3,3,,6,1"
# As many more rows of each class as a table must have.
MORE = (CSV_LINE[:-1] + "0", CSV_LINE) * 25


def table(directory: Path, *lines: str) -> Path:
    path = directory / "own.csv"
    path.write_text("\n".join(lines))
    return path


def enough(directory: Path, *lines: str, end: str = "") -> Path:
    """The lines, and below them so many rows that the table can teach, each with `end`."""
    return table(directory, *lines, *(line + end for line in MORE))


def test_a_users_table_is_read_through_its_contract(tmp_path: Path, contract: ModelContract) -> None:
    found = load_csv(
        enough(tmp_path, HEADER + ",note", CSV_LINE + ",x", CSV_LINE[:-1] + "no disease,y", end=","), contract
    )
    assert found.labels[:2] == (1, 0)
    assert found.rows[0]["ca"] is None
    assert list(found.rows[0]) == list(contract.feature_names)


def test_categories_written_as_floats_are_understood(tmp_path: Path, contract: ModelContract) -> None:
    found = load_csv(enough(tmp_path, HEADER, CSV_LINE.replace("63,1,1,", "63,1.0,1.0,")), contract)
    assert found.rows[0]["cp"] == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER.replace(",chol", ""), CSV_LINE.replace(",233", "")], r"own\.csv:1: column chol is missing"),
        ([HEADER + ",chol", CSV_LINE + ",1"], r"own\.csv:1: column chol stands twice"),
        ([HEADER], "has a header and no rows"),
        ([], "is empty"),
        ([HEADER, CSV_LINE, "63,1,1"], r"own\.csv:3: has another number of columns"),
        ([HEADER, CSV_LINE + ",9"], r"own\.csv:2: has another number of columns"),
        ([HEADER, CSV_LINE.replace("63,", "old,")], r"own\.csv:2: column age: expected a number"),
        ([HEADER, CSV_LINE.replace("63,", ",")], r"own\.csv:2: column age: a value is missing"),
        ([HEADER, CSV_LINE.replace("63,1,1,", "63,1,9,")], r"own\.csv:2: column cp: expected one of 1, 2, 3, 4"),
        ([HEADER, CSV_LINE[:-1] + "2"], r"own\.csv:2: column disease: expected 1 or 0"),
        ([HEADER, CSV_LINE[:-1]], "column disease: no row has a label"),
    ],
)
def test_a_bad_table_is_refused_where_it_is_bad(
    tmp_path: Path, contract: ModelContract, lines: list[str], message: str
) -> None:
    with pytest.raises(InvalidError, match=message):
        load_csv(table(tmp_path, *lines), contract)


def test_a_table_that_is_not_there_or_not_text_is_said_so(tmp_path: Path, contract: ModelContract) -> None:
    with pytest.raises(InvalidError, match="cannot be read"):
        load_csv(tmp_path / "none.csv", contract)
    (tmp_path / "binary.csv").write_bytes(b"age\n\xe9\x01")
    with pytest.raises(
        InvalidError, match=r":2: is not UTF-8 text \(byte 4\); it may be cp1252: say so with --encoding"
    ):
        load_csv(tmp_path / "binary.csv", contract)


def test_truth_values_are_read_as_the_categories_0_and_1(tmp_path: Path, contract: ModelContract) -> None:
    found = load_csv(enough(tmp_path, HEADER, CSV_LINE.replace("63,1,", "63,True,")), contract)
    assert found.rows[0]["sex"] == 1


def test_a_feature_is_read_from_the_column_that_the_contract_names(tmp_path: Path, contract: ModelContract) -> None:
    features = {**contract.features, "age": contract.features["age"].model_copy(update={"column": "age in years"})}
    named = contract.model_copy(update={"features": features})
    found = load_csv(enough(tmp_path, HEADER.replace("age", "age in years"), CSV_LINE), named)
    assert found.rows[0]["age"] == 63
    with pytest.raises(InvalidError, match="column age in years is missing"):
        load_csv(table(tmp_path, HEADER, CSV_LINE), named)


def test_rows_without_a_label_are_left_out(tmp_path: Path, contract: ModelContract) -> None:
    found = load_csv(enough(tmp_path, HEADER, CSV_LINE[:-1], CSV_LINE, CSV_LINE[:-1] + "?"), contract)
    assert (found.labels[:2], len(found.labels)) == ((1, 0), 51)


def test_a_column_of_other_numbers_has_no_1_and_0(tmp_path: Path, contract: ModelContract) -> None:
    target = contract.target.model_copy(update={"positive": "2", "negative": "1"})
    graded = contract.model_copy(update={"target": target})
    lines = [HEADER, *(CSV_LINE, CSV_LINE[:-1] + "2.0") * 25]
    assert load_csv(table(tmp_path, *lines), graded).labels[:2] == (0, 1)
    with pytest.raises(InvalidError, match=r":52: column disease: expected 1 or 0 \(or `2` or `1`\), found '0'"):
        load_csv(table(tmp_path, *lines, CSV_LINE[:-1] + "0"), graded)


def test_a_table_without_the_time_column_still_teaches(tmp_path: Path, contract: ModelContract) -> None:
    timed = contract.model_copy(update={"time_column": "seen"})
    assert load_csv(enough(tmp_path, HEADER, CSV_LINE), timed).times is None
    found = load_csv(enough(tmp_path, HEADER + ",seen", CSV_LINE + ",2024-02-01", CSV_LINE + ",", end=","), timed)
    assert [str(time) for time in (found.times or ())[:2]] == ["2024-02-01 00:00:00+00:00", "None"]
    with pytest.raises(InvalidError, match=r":2: time column seen: expected a date or a time, found 'soon'"):
        load_csv(enough(tmp_path, HEADER + ",seen", CSV_LINE + ",soon", end=","), timed)


def test_a_contract_says_whether_the_day_or_the_month_comes_first(tmp_path: Path, contract: ModelContract) -> None:
    path = enough(tmp_path, HEADER + ",seen", CSV_LINE + ",03/04/2024", end=",")
    timed = contract.model_copy(update={"time_column": "seen"})
    for order, came in ((None, "2024-04-03"), ("day_first", "2024-04-03"), ("month_first", "2024-03-04")):
        times = load_csv(path, timed.model_copy(update={"time_order": order})).times or ()
        assert str(times[0]).startswith(came)
    path = enough(tmp_path, HEADER + ",seen", CSV_LINE + ",31/01/2024", end=",")
    with pytest.raises(InvalidError, match=r":2: time column seen: expected a date or a time, month first"):
        load_csv(path, timed.model_copy(update={"time_order": "month_first"}))


def test_a_guessed_order_of_day_and_month_is_logged_with_every_doubt(tmp_path: Path, contract: ModelContract) -> None:
    path = enough(tmp_path, HEADER + ",seen", CSV_LINE + ",03/04/2024", CSV_LINE + ",2024-05-01", end=",")
    logged: list[str] = []
    sink = logger.add(logged.append, format="{message}")
    try:
        load_csv(path, contract.model_copy(update={"time_column": "seen"}))
    finally:
        logger.remove(sink)
    (line,) = logged
    assert line.startswith(f"training.time_order_guessed table={path} column=seen doubts='03/04/2024' in line 2 is ")
    assert "; days are written in 2 ways: " in line


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (MORE[:3], "has 3 labelled rows, at least 50 are needed"),
        (MORE[1::2] * 3, "holds one class only, `1` in all 75 labelled rows; two are needed"),
        (MORE[::2] * 3, "holds one class only, `0` in all 75 labelled rows; two are needed"),
        (MORE[1::2] * 3 + MORE[:4], "`no disease` stands in 2 of 79 rows, at least 10 are needed"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused_by_file_and_target(
    tmp_path: Path, contract: ModelContract, lines: tuple[str, ...], says: str
) -> None:
    with pytest.raises(InvalidError, match=rf"own\.csv:1: target column disease: {says}"):
        load_csv(table(tmp_path, HEADER, *lines), contract, teaches=True)


def test_all_rows_with_the_same_fault_are_told_of_up_to_five(tmp_path: Path, contract: ModelContract) -> None:
    lines = [CSV_LINE, *[CSV_LINE.replace("63,", "old,")] * 7]
    with pytest.raises(InvalidError, match=r"found 'old' \(lines 3, 4, 5, 6, 7 and 2 more\)"):
        load_csv(table(tmp_path, HEADER, *lines), contract)


def test_a_number_outside_the_range_may_be_history_and_may_not_teach(tmp_path: Path, contract: ModelContract) -> None:
    path = enough(tmp_path, HEADER, CSV_LINE.replace("63,", "999,"))
    assert load_csv(path, contract).rows[0]["age"] == 999
    with pytest.raises(InvalidError, match=r"own\.csv:2: column age: expected .*, the `range` of the contract"):
        load_csv(path, contract, teaches=True)
