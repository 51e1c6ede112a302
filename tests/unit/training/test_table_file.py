"""Tables are read in the ways people write them, and refused where they are damaged, by file and line."""

from pathlib import Path

import pandas as pd
import pytest

from database.errors import InvalidError
from training import table_file
from training.cells import canonical, numbers
from training.table_file import read_table
from training.times import times


def written(directory: Path, content: bytes, name: str = "own.csv") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(tmp_path: Path, delimiter: str) -> None:
    lines = ["a,b,c", "1,x y,3", '2,"p, q; r",4']
    content = "\n".join(line.replace(",", delimiter) if '"' not in line else "" for line in lines)
    table = read_table(written(tmp_path, content.encode()))
    assert (list(table.frame), table.delimiter) == (["a", "b", "c"], delimiter)


def test_a_semicolon_table_with_decimal_commas_is_no_comma_table(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, b"a;b\n1,5;2\n2,5;3\n1.234,5;4\n"))
    assert numbers(table.frame["a"], table.delimiter).values.tolist() == [1.5, 2.5, 1234.5]


@pytest.mark.parametrize(
    ("cells", "delimiter", "values"),
    [
        (["1,234", "5,678.5", "12"], ",", [1234, 5678.5, 12]),
        (["1,234", "5,678"], ";", [1.234, 5.678]),
        (["3,14", "2"], ",", [3.14, 2]),
        ([" 1e3".strip(), ".5", "-2."], ",", [1000, 0.5, -2]),
    ],
)
def test_commas_in_numbers_are_understood(cells: list[str], delimiter: str, values: list[float]) -> None:
    read = numbers(pd.Series(cells, dtype=object), delimiter)
    assert read.values.tolist() == values
    assert not read.strange.any()


def test_what_is_not_finite_or_only_partly_a_number_is_strange() -> None:
    read = numbers(pd.Series(["inf", "1_000", "12 km", "-nan", "0x10", "?", "1"], dtype=object))
    assert read.strange.tolist() == [True, True, True, True, True, False, False]
    assert read.null.tolist() == [False, False, False, False, False, True, False]


def test_whole_numbers_have_one_way_of_writing_and_codes_keep_theirs() -> None:
    assert [canonical(word) for word in ("1.0", "1", "-3.00", "01", "1.5", "x")] == ["1", "1", "-3", "01", "1.5", "x"]


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["20240131", "20240201"], "2024-01-31"),
        (["2019", "2020"], "2019-01-01"),
        (["1700000000", "1700000060"], "2023-11-14"),
        (["1700000000000", "1700000000001"], "2023-11-14"),
        (["2024-01-31 10:00:00+02:00", "31.01.2024"], "2024-01-31"),
        (["1/31/2024 3:04 PM", "2/1/2024 12:00 AM"], "2024-01-31"),
        (["5-Jan-24", "6-Jan-24"], "2024-01-05"),
        (["7", "8"], "1970-01-01"),
    ],
)
def test_times_are_read_in_the_ways_people_write_them(cells: list[str], first: str) -> None:
    read = times(pd.Series(cells, dtype=object))
    assert not read.strange.any()
    assert f"{read.values.iloc[0]:%Y-%m-%d}" == first


@pytest.mark.parametrize(
    ("cells", "order", "guessed"),
    [
        (["1/2/2024", "3/4/2024"], "day_first", True),
        (["1/2/2024", "3/14/2024"], "month_first", False),
        (["1/2/2024", "14/3/2024"], "day_first", False),
        (["1/1/2024", "2/2/2024"], None, False),  # both readings are the same
        (["2024-02-01", "1 Feb 2024"], None, False),
        ([f"{day}/1/2024" for day in range(1, 8)], "day_first", True),  # so few stand in order by luck
        ([f"{month}/{month % 2 + 1}/2024" for month in range(3, 11)], "month_first", False),
        ([f"{month}/{month % 2 + 1}/2024" for month in range(10, 2, -1)], "month_first", False),
        ([f"01/{day:02}/2024" for day in range(1, 13)], "day_first", True),  # sorted as text
        ([f"{day:02}/{month:02}/2024" for day in range(12, 0, -1) for month in (3, 2)], "day_first", True),
    ],
)
def test_day_and_month_are_told_apart_where_the_column_shows_it(
    cells: list[str], order: str | None, *, guessed: bool
) -> None:
    read = times(pd.Series(cells, dtype=object))
    assert (read.order, read.guessed) == (order, guessed)


def test_running_numbers_are_no_dates_and_that_is_said() -> None:
    read = times(pd.Series(["1", "2"], dtype=object))
    assert read.running
    assert "running numbers" in read.doubts[0]
    assert not times(pd.Series(["2001", "2002"], dtype=object)).running


@pytest.mark.parametrize("other", ["5", "2020", "20240131", "1700000000", "10000000000000000001"])
def test_a_number_too_large_for_any_time_is_strange_in_its_row_alone(other: str) -> None:
    for large in ("10000000000000000000", "-1e19", "9200000000000000000"):
        read = times(pd.Series([other, large, "", other], dtype=object))
        assert read.strange.tolist() == [len(other) > 19, True, False, len(other) > 19]
        assert read.null.tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"a,b\n", "has a header and no rows"),
        (b"PK\x03\x04 and so on", "is an Excel workbook"),
        (b"\xd0\xcf\x11\xe0", "is an old Excel workbook"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"PAR1 and so on", "is a damaged Parquet file"),
        (b"a,b\n1,2\n1\n", r"own\.csv:3: has another number of columns than the header \(1, not 2\)"),
        (b'a,b\n"1\n2",3\n1,2,3\n', r"own\.csv:4: has another number of columns"),
        (b'a,b\n1,2\n1,"x\n', r"own\.csv:3: is not a CSV table"),
        (b"a,b,a\n1,2,3\n", "own.csv:1: column a stands twice, as number 1 and number 3"),
        (b"1,2\n3,4\n", "holds numbers where the names of the columns should stand"),
        (b"a,b\n1,\xe9\n", r"own\.csv:2: is not UTF-8 text \(byte 6\); it may be cp1252: say so with --encoding"),
        (b"a,b\n1,\x81\n", "it may be latin-1"),
        (b"a,b\n1,\x81\x00\n", "is no text file"),
        ("a,b\n1,2\n".encode("utf-16-le"), r"own\.csv:1: holds a zero byte.*--encoding utf-16-le"),
    ],
)
def test_a_damaged_file_is_refused_where_it_is_damaged(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        read_table(written(tmp_path, content))


def test_a_file_too_large_for_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "MOST_BYTES", 3)
    with pytest.raises(InvalidError, match="take a sample"):
        read_table(written(tmp_path, b"a,b\n1,2\n"))


def test_an_encoding_is_taken_as_given_and_a_mark_at_the_beginning_is_believed(tmp_path: Path) -> None:
    text = "größe,b\né,2\n"
    for content, encoding in (
        (text.encode("cp1252"), "cp1252"),
        (text.encode("utf-8-sig"), None),
        (text.encode("utf-16"), None),
    ):
        assert read_table(written(tmp_path, content), encoding).frame["größe"].tolist() == ["é"]
    with pytest.raises(InvalidError, match="encoding `klingon` is not known"):
        read_table(written(tmp_path, b"a\n"), "klingon")


def test_a_column_without_a_name_is_called_by_its_place_or_is_none(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, b",a,\n1,2,\n3,4,\n"))
    assert list(table.frame) == ["column_1", "a"]


def test_a_header_of_two_lines_becomes_one(tmp_path: Path) -> None:
    assert list(read_table(written(tmp_path, b'"seen\n at",a\n1,2\n')).frame) == ["seen at", "a"]


def test_each_row_keeps_its_place(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, b'a,b\n"x\ny",1\n\nz,2\n'))
    assert [table.spot(0), table.spot(1)] == ["line 2", "line 5"]
    assert table.take(table.frame["b"].eq("2").to_numpy()).spot(0) == "line 5"


def test_a_parquet_file_says_the_same_as_its_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None], dtype="Int64"),
            "f": [0.1, float("nan")],
            "t": ["x ", None],
            "b": [True, False],
            "d": [pd.Timestamp("2024-01-01"), pd.NaT],
        }
    )
    frame.to_parquet(tmp_path / "own.parquet")
    table = read_table(tmp_path / "own.parquet")
    assert table.frame.to_numpy().tolist() == [
        ["1", "0.1", "x", "true", "2024-01-01T00:00:00"],
        ["", "", "", "false", ""],
    ]
    assert (table.spot(1), table.place(1)) == ("row 2", f"{tmp_path / 'own.parquet'}: row 2")
    with pytest.raises(InvalidError, match="does not begin like one"):
        read_table(written(tmp_path, b"a,b\n1,2\n", "other.parquet"))
