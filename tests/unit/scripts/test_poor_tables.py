"""Whatever is given for a table, `init-model`, `train` and `backtest` say in one line what is wrong with it, end with
1, and leave nothing behind."""

import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from scripts.cli import app
from training import train_pipeline

ROWS = 800


def table() -> pd.DataFrame:
    """A sound one: what comes when, a number, a word, and a target with two classes."""
    places = range(ROWS)
    return pd.DataFrame(
        {
            "seen": [str(date(2024, 1, 1) + timedelta(days=at)) for at in places],
            "chol": [str(150 + at * 37 % 101) for at in places],
            "plan": ["abc"[at % 3] for at in places],
            "y": [str(int(at % 4 == 0)) for at in places],
        }
    )


def csv(**columns: str | Callable[[int], str]) -> bytes:
    """The sound table with other cells in some columns: the same in every row, or by the row's number."""
    frame = table()
    for name, cell in columns.items():
        frame[name] = [cell if isinstance(cell, str) else cell(at) for at in range(ROWS)]
    return frame.to_csv(index=False).encode()


def parquet() -> bytes:
    buffer = io.BytesIO()
    table().to_parquet(buffer)
    return buffer.getvalue()


SOUND = csv()
LINES = SOUND.splitlines(keepends=True)
DAYS = ("2024-01-{:02}", "{:02}/01/2024", "01/{:02}/2024")
# The file's content (None: there is a directory in its place), and what `init-model` says; `train` and `backtest` the
# same, unless that follows.
POOR: dict[str, tuple[bytes | None, str, str]] = {
    "no target": (table().drop(columns="y").to_csv().encode(), ":1: target column `y` is not there", ":1: column y is"),
    "one class": (csv(y="0"), ":1: target column y: holds one class only, `0` in all 800 labelled rows", ""),
    "no label": (csv(y=""), ":1: target column y: holds no value", ":1: target column y: no row has a label"),
    "no rows": (LINES[0], ": has a header and no rows", ""),
    "no header": (b"".join(LINES[1:]), ":1: target column `y` is not there", ":1: columns chol, plan, y are missing"),
    "nothing": (b"", ": is empty", ""),
    "a column twice": (SOUND.replace(b"plan", b"chol", 1), ":1: column chol stands twice", ""),
    "text among numbers": (
        csv(chol=lambda at: "high" if at in {10, 20, 30} else str(150 + at % 101)),
        ":12: column chol: 'high' is no number; 797 rows hold one, 3 rows another text (lines 12, 22, 32)",
        ":12: column chol: expected a number or `?`, found 'high' (lines 12, 22, 32)",
    ),
    "dates in three formats": (
        csv(seen=lambda at: DAYS[at % 3].format(at % 28 + 1)),
        ":15: time column seen: '14/01/2024' can only be read day first, but '01/15/2024' in line 16 only month first",
        "",
    ),
    "three classes": (
        csv(y=lambda at: str(at % 3)),
        ":1: target column y: has 3 classes",
        ":4: column y: expected 1 or 0 (or `y` or `no y`), found '2' (lines 4, 7, 10, 13, 16 and 261 more)",
    ),
    "2,000 columns": (
        pd.DataFrame({f"c{one}": [str(one + at % 7) for at in range(60)] for one in range(2000)})
        .assign(y=[str(at % 2) for at in range(60)], seen=[str(2000 + at) for at in range(60)])
        .to_csv()
        .encode(),
        ": has 2003 columns, and more than 200",
        ":1: columns chol, plan are missing",
    ),
    "latin-1": (
        SOUND.replace(b",a,", b",\xe9,", 1),
        ":2: is not UTF-8 text (byte 32); it may be cp1252: say so with --encoding cp1252",
        "",
    ),
    "a binary file": (b"\xff\x00\x01" * 99, ": is no text file", ""),
    "an Excel workbook": (b"PK\x03\x04 and so on", ": is an Excel workbook", ""),
    "half a Parquet file": (parquet()[:900], ": is a damaged Parquet file", ""),
    "a directory": (None, ": cannot be read: Is a directory", ""),
}


def run(command: str, path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The command's exit code and what it says on stderr. `train` without the database, which it must not reach."""
    if command == "train":
        return train_pipeline.main(["sound", "--csv", str(path)]), capsys.readouterr().err
    words = ["new", "--target", "y", "--time-column", "seen"] if command == "init-model" else ["sound"]
    result = CliRunner().invoke(app, [command, *words, "--csv", str(path)])
    return result.exit_code, result.stderr


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A STEWARD_HOME with the contract `sound`, drawn from the sound table."""
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STEWARD_CONTRACTS_DIR", str(tmp_path / "contracts"))
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:9/none")
    (tmp_path / "sound.csv").write_bytes(SOUND)
    words = ["sound", "--csv", str(tmp_path / "sound.csv"), "--target", "y", "--time-column", "seen"]
    assert CliRunner().invoke(app, ["init-model", *words]).exit_code == 0
    return tmp_path


@pytest.mark.parametrize("case", POOR)
def test_a_poor_table_is_one_line_and_leaves_nothing_behind(
    home: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content, drafting, reading = POOR[case]
    path = home / "own.csv"
    path.mkdir() if content is None else path.write_bytes(content)
    before = set(home.rglob("*"))
    for command, says in {
        "init-model": drafting,
        "train": reading or drafting,
        "backtest": reading or drafting,
    }.items():
        code, err = run(command, path, capsys)
        assert (code, len(err.strip().splitlines())) == (1, 1), command
        assert f"{path}{says}" in err, command
    assert set(home.rglob("*")) == before


def test_three_rows_are_too_few(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "own.csv").write_bytes(b"".join(LINES[:4]))
    for command in ("init-model", "train"):
        code, err = run(command, home / "own.csv", capsys)
        assert (code, "own.csv:1: target column y: has 3 labelled rows, at least 50" in err) == (1, True)
    code, err = run("backtest", home / "own.csv", capsys)
    assert (code, "own.csv: 3 rows: 200 train the first version" in err) == (1, True)


def test_a_history_whose_first_rows_hold_one_class_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "own.csv").write_bytes(csv(y=lambda at: str(int(at > 700))))
    code, err = run("backtest", home / "own.csv", capsys)
    assert (code, f"{home / 'own.csv'}: " in err) == (1, True)


def test_an_order_of_dates_without_a_time_column_is_a_slip(home: Path) -> None:
    words = ["new", "--csv", str(home / "sound.csv"), "--target", "y", "--time-order", "day_first"]
    result = CliRunner().invoke(app, ["init-model", *words])
    assert result.exit_code == 1
    assert "names no time column (--time-column)" in result.stderr


def test_a_file_is_what_it_holds_whatever_it_is_called(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "own.parquet").write_bytes(SOUND)
    (home / "own.csv").write_bytes(parquet())
    for command in ("init-model", "train", "backtest"):
        code, err = run(command, home / "own.parquet", capsys)
        assert (code, "own.parquet: is not a Parquet file" in err) == (1, True)
        code, err = run(command, home / "none.csv", capsys)
        assert (code, "none.csv: cannot be read: No such file or directory" in err) == (1, True)
    assert run("init-model", home / "own.csv", capsys)[0] == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (csv(chol=""), "left out chol: holds no value"),
        (csv(chol="7"), "left out chol: holds 7 in every row"),
        (csv(y=lambda at: "" if at % 10 == 3 else str(at % 2)), "column y: 80 rows without a label, left out"),
        (b"\xef\xbb\xbf" + SOUND, "2 features"),
        (SOUND.replace(b",", b";"), "its columns are separated by semicolons"),
        (csv(seen=lambda at: f"{at % 12 + 1:02}/{at % 11 + 1:02}/2024"), "warning: "),
    ],
)
def test_what_can_be_made_of_a_table_is_made_and_said(
    home: Path, content: bytes, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "own.csv").write_bytes(content)
    code, err = run("init-model", home / "own.csv", capsys)
    assert (code, says in err) == (0, True)
