"""A part of the rows: which belong to it, and what people call it."""

from pathlib import Path
from typing import Any

import pytest

import config
from config.model_contract import ModelContract, load_contract
from config.segments import Segment

ROWS: list[dict[str, Any]] = [
    {"age": 40, "sex": 0},
    {"age": 55.0, "sex": 1},
    {"age": 61, "sex": 1},
    {"age": None, "sex": None},
]


@pytest.fixture(scope="module")
def contract() -> ModelContract:
    return load_contract("heart_disease", Path(config.__file__).parent / "models")


@pytest.mark.parametrize(
    ("segment", "rows", "words"),
    [
        (Segment("sex", category=0), [0], "Sex: female"),
        (Segment("sex"), [3], "Sex: not measured"),
        (Segment("age"), [3], "Age: not measured"),
        (Segment("age", high=55.0), [0], "Age: below 55"),
        (Segment("age", low=55.0, high=61.0), [1], "Age: 55 to 61"),
        (Segment("age", low=61.0), [2], "Age: 61 or more"),
    ],
)
def test_a_segment_knows_its_rows_and_its_name(
    contract: ModelContract, segment: Segment, rows: list[int], words: str
) -> None:
    assert segment.among(ROWS).nonzero()[0].tolist() == rows
    assert segment.words(contract) == words


def test_a_segment_comes_back_from_what_was_stored_with_it() -> None:
    segment = Segment("age", low=0.0, high=61.0)
    assert segment.to_json() == {"feature": "age", "low": 0.0, "high": 61.0}
    assert Segment.from_json({**segment.to_json(), "n": 30, "errors": 4}) == segment
