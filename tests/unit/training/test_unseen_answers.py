"""Answers kept beside a training, so that the next one can be compared row by row."""

from pathlib import Path

import numpy as np
import pytest

from database.errors import InvalidError
from training import unseen_answers
from training.evaluator import Scored
from training.feature_engineering import Row
from training.unseen_answers import UnseenAnswers

ROWS: list[Row] = [{"age": 50, "sex": 1}, {"age": 60, "sex": 0}, {"age": 50, "sex": 1}]


def made(rows: list[Row], probabilities: list[float]) -> UnseenAnswers:
    labels = np.array([row["sex"] for row in rows], dtype=np.int64)
    return unseen_answers.of(rows, labels, [Scored.at(np.array(probabilities), 0.5)])


def test_what_was_written_is_read_and_holds_no_row(tmp_path: Path) -> None:
    kept = made(ROWS, [0.1, 0.9, 0.4])
    unseen_answers.write(tmp_path / "answers.json", kept)
    read = unseen_answers.read(tmp_path / "answers.json")
    assert read.keys == kept.keys
    assert read.repeats[0].probabilities.tolist() == [0.1, 0.9, 0.4]
    assert "age" not in (tmp_path / "answers.json").read_text()


def test_equal_rows_are_told_apart_and_common_rows_stand_in_one_order() -> None:
    old, new = made(ROWS, [0.1, 0.9, 0.4]), made([ROWS[1], {"age": 1, "sex": 0}, *ROWS[:1]], [0.8, 0.5, 0.2])
    assert len(set(old.keys)) == 3
    before, after = unseen_answers.common(old, new)
    assert before.keys == after.keys
    assert before.repeats[0].probabilities.tolist() == [0.9, 0.1]
    assert after.repeats[0].probabilities.tolist() == [0.8, 0.2]
    assert before.labels.tolist() == after.labels.tolist()


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"rows": ["a"], "labels": [1, 0], "repeats": [{"probabilities": [0.1], "answers": [true]}]}',
     '{"rows": ["a", "a"], "labels": [1, 1], "repeats": [{"probabilities": [0, 1], "answers": [true, true]}]}',
     '{"rows": ["a"], "labels": [1], "repeats": []}'],
)  # fmt: skip
def test_a_file_that_is_no_such_thing_is_refused_by_name(content: str, tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text(content)
    with pytest.raises(InvalidError, match=r"answers\.json"):
        unseen_answers.read(tmp_path / "answers.json")
