"""Every fault of a file is named with file, line and column."""

from pathlib import Path

import pytest

from config.model_contract import ModelContract
from config.settings import PlatformSettings, Settings
from database.errors import InvalidError
from training.data_loader import load_csv, load_hospital, parse_hospital
from training.synthetic import synthetic_rows

LINE = "63.0,1.0,1.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,?,6.0,2"
FILE = Path("processed.cleveland.data")
HEADER = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,disease"
CSV_LINE = "63,1,1,145,233,1,2,150,0,2.3,3,,6,1"


def test_a_published_line_becomes_a_row_and_a_label() -> None:
    rows, labels = parse_hospital(FILE, LINE + "\n\n")
    assert labels == (1,)
    assert rows[0]["age"] == 63
    assert isinstance(rows[0]["age"], int)
    assert (rows[0]["oldpeak"], rows[0]["ca"]) == (2.3, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{LINE}\n63.0,1.0,1.0", r"processed\.cleveland\.data:2: expected 14 columns, found 3; is it cut short"),
        (LINE.replace("233.0", "high"), r":1: column chol: expected a number or `\?`, found 'high'"),
        (LINE.replace("233.0", "inf"), r":1: column chol"),
        (LINE[:-1] + "?", r":1: column num: the diagnosis must not be missing"),
        ("\n", "is empty"),
    ],
)
def test_a_damaged_file_is_refused_where_it_is_damaged(text: str, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        parse_hospital(FILE, text)


def settings(directory: Path) -> Settings:
    return Settings(platform=PlatformSettings(home=directory, data_dir=directory))


def test_a_file_that_is_not_the_published_one_is_refused_by_its_checksum(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(LINE + "\n")
    with pytest.raises(InvalidError, match=r"its sha256 is .* 1 rows, expected 303"):
        load_hospital("cleveland", settings(tmp_path))


def test_a_data_directory_without_the_file_says_what_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="STEWARD_DATA_DIR must hold the four"):
        load_hospital("va", settings(tmp_path), allow_synthetic=True)


def test_an_unknown_hospital_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="known: cleveland, hungarian, va, switzerland"):
        load_hospital("paris", settings(tmp_path))


def table(directory: Path, *lines: str) -> Path:
    path = directory / "own.csv"
    path.write_text("\n".join(lines))
    return path


def test_a_users_table_is_read_through_its_contract(tmp_path: Path, contract: ModelContract) -> None:
    found = load_csv(table(tmp_path, HEADER + ",note", CSV_LINE + ",x", CSV_LINE[:-1] + "no disease,y"), contract)
    assert found.labels == (1, 0)
    assert found.rows[0]["ca"] is None
    assert list(found.rows[0]) == list(contract.feature_names)


def test_categories_written_as_floats_are_understood(tmp_path: Path, contract: ModelContract) -> None:
    found = load_csv(table(tmp_path, HEADER, CSV_LINE.replace("63,1,1,", "63,1.0,1.0,")), contract)
    assert found.rows[0]["cp"] == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER.replace(",chol", ""), CSV_LINE], r"own\.csv:1: column chol is missing"),
        ([HEADER + ",chol", CSV_LINE + ",1"], r"own\.csv:1: column chol stands twice"),
        ([HEADER], "has a header and no rows"),
        ([], r"column age is missing"),
        ([HEADER, CSV_LINE, "63,1,1"], r"own\.csv:3: has another number of columns"),
        ([HEADER, CSV_LINE + ",9"], r"own\.csv:2: has another number of columns"),
        ([HEADER, CSV_LINE.replace("63,", "old,")], r"own\.csv:2: column age: expected a number"),
        ([HEADER, CSV_LINE.replace("63,", ",")], r"own\.csv:2: column age: a value is missing"),
        ([HEADER, CSV_LINE.replace("63,1,1,", "63,1,9,")], r"own\.csv:2: column cp: expected one of 1, 2, 3, 4"),
        ([HEADER, CSV_LINE[:-1] + "2"], r"own\.csv:2: column disease: expected 1 or 0"),
        ([HEADER, CSV_LINE[:-1]], r"own\.csv:2: column disease: expected 1 or 0"),
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
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InvalidError, match="is not UTF-8 text"):
        load_csv(tmp_path / "binary.csv", contract)


def test_synthetic_patients_are_the_same_for_a_seed_and_others_for_another() -> None:
    assert synthetic_rows("va", 50, 1) == synthetic_rows("va", 50, 1)
    assert synthetic_rows("va", 50, 1) != synthetic_rows("va", 50, 2)


def test_synthetic_hospitals_keep_what_makes_them_different(contract: ModelContract) -> None:
    zurich, labels = synthetic_rows("switzerland", 123, 0)
    assert all(row["chol"] == 0 for row in zurich)
    assert sum(labels) / 123 > 0.9
    budapest, _ = synthetic_rows("hungarian", 294, 0)
    assert sum(row["ca"] is None for row in budapest) > 280
    assert {row["cp"] for row in budapest} <= {*(contract.features["cp"].categories or ())}
