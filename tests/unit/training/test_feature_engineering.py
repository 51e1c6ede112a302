"""One encoding for training and serving: nulls, unknown categories, order."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.model_contract import ModelContract
from training.feature_engineering import Encoding, Row, encoding_for

ROW: Row = {
    "age": 55, "sex": 1, "cp": 3, "trestbps": 140, "chol": 250, "fbs": 0, "restecg": 1,
    "thalach": 150, "exang": 0, "oldpeak": 1.5, "slope": 2, "ca": 0, "thal": 7,
}  # fmt: skip


@pytest.fixture
def encoding(contract: ModelContract) -> Encoding:
    return encoding_for(contract)


def column(encoding: Encoding, row: Row, name: str) -> float:
    return float(encoding.matrix([row])[0, encoding.names.index(name)])


def test_a_number_stands_as_it_is_and_its_null_as_nan(encoding: Encoding) -> None:
    assert column(encoding, ROW, "oldpeak") == 1.5
    assert math.isnan(column(encoding, {**ROW, "oldpeak": None}, "oldpeak"))
    assert math.isnan(column(encoding, {k: v for k, v in ROW.items() if k != "oldpeak"}, "oldpeak"))


def test_a_category_lights_exactly_its_own_column(encoding: Encoding) -> None:
    lit = [column(encoding, ROW, f"cp={category}") for category in (1, 2, 3, 4)]
    assert lit == [0, 0, 1, 0]
    assert column(encoding, {**ROW, "cp": 3.0}, "cp=3") == 1


@pytest.mark.parametrize("value", [None, 9, "3", math.nan])
def test_a_null_or_unknown_category_lights_nothing(encoding: Encoding, value: float | str | None) -> None:
    assert [column(encoding, {**ROW, "cp": value}, f"cp={category}") for category in (1, 2, 3, 4)] == [0, 0, 0, 0]


def test_no_rows_make_an_empty_matrix_of_full_width(encoding: Encoding) -> None:
    assert encoding.matrix([]).shape == (0, len(encoding.columns))


def test_the_order_of_keys_in_a_row_does_not_matter(encoding: Encoding) -> None:
    backwards = dict(reversed(ROW.items()))
    assert np.array_equal(encoding.matrix([ROW]), encoding.matrix([backwards]))


def test_it_survives_its_own_json(encoding: Encoding) -> None:
    again = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert again == encoding


def test_another_order_of_columns_is_another_encoding(encoding: Encoding) -> None:
    assert Encoding(tuple(reversed(encoding.columns))) != encoding


@given(ages=st.lists(st.none() | st.floats(0, 120, width=32), min_size=1, max_size=20))
def test_rows_encoded_together_are_as_encoded_alone(contract: ModelContract, ages: list[float | None]) -> None:
    encoding = encoding_for(contract)
    rows = [{**ROW, "age": age} for age in ages]
    alone = np.vstack([encoding.matrix([row]) for row in rows])
    assert np.array_equal(encoding.matrix(rows), alone, equal_nan=True)
