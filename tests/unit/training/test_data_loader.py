"""Every fault of a file is named with file, line and column."""

from pathlib import Path

import pytest

from config.model_contract import ModelContract
from config.settings import PlatformSettings, Settings
from database.errors import InvalidError
from training.data_loader import load_hospital, parse_hospital
from training.synthetic import synthetic_rows

LINE = "63.0,1.0,1.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,?,6.0,2"
FILE = Path("processed.cleveland.data")


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
