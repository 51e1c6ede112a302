"""Rows against their contract: every fault at once, nothing repeated, nothing accepted that the model cannot read."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.contract_schema import RowReader, example_row, row_schema
from api.errors import RefusalError
from config.model_contract import Feature, ModelContract, Target, load_contract
from training.feature_engineering import encoding_for

CONTRACT = load_contract("heart_disease", Path(__file__).parents[3] / "config" / "models")
READER = RowReader(CONTRACT, max_rows=5)
GOOD = example_row(CONTRACT)


def _faults(body: Any, reader: RowReader = READER) -> dict[str, str]:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(RefusalError) as caught:
        reader.read(sent)
    return {fault.field: fault.message for fault in caught.value.errors}


def _contract(**features: Feature) -> ModelContract:
    target = Target(column="y", positive="a", negative="b")
    return ModelContract(name="toy", title="Toy", description="-", features=features, target=target)


def test_a_row_comes_back_in_contract_order_whatever_order_it_was_sent_in() -> None:
    shuffled = dict(reversed(GOOD.items()))
    rows, is_batch = READER.read(json.dumps(shuffled).encode())
    assert list(rows[0]) == list(CONTRACT.features)
    assert (rows[0], is_batch) == (GOOD, False)


def test_null_is_accepted_only_where_the_contract_says_so() -> None:
    assert READER.read(json.dumps(GOOD | {"chol": None}).encode())[0][0]["chol"] is None
    assert _faults(GOOD | {"age": None}) == {"age": "expected a number from 0 to 120 (years)"}


@pytest.mark.parametrize("value", [True, False, "55", [55], {"a": 1}, -0.001, 120.001, 1e39])
def test_a_number_is_a_number_inside_its_range(value: object) -> None:
    assert list(_faults(GOOD | {"age": value})) == ["age"]


@pytest.mark.parametrize("value", [0, 5, "1", True, 1.5, [1], ""])
def test_a_category_is_one_of_its_values_and_not_something_that_looks_like_it(value: object) -> None:
    assert list(_faults(GOOD | {"cp": value})) == ["cp"]


def test_a_whole_float_counts_as_the_category_it_equals_and_is_stored_as_that() -> None:
    row = READER.read(json.dumps(GOOD | {"cp": 3.0}).encode())[0][0]
    assert (row["cp"], type(row["cp"])) == (3, int)


def test_a_tolerated_code_is_served_as_an_unknown_category() -> None:
    rows, _ = READER.read(json.dumps(GOOD | {"thal": 2}).encode())
    assert rows[0]["thal"] == 2
    encoding = encoding_for(CONTRACT)
    thal = [at for at, column in enumerate(encoding.columns) if column.feature == "thal"]
    assert encoding.matrix(rows)[0, thal].tolist() == [0.0] * len(thal)
    assert "expected one of 3, 6, 7 or null" in _faults(GOOD | {"thal": 4})["thal"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "The body is not valid JSON: see `errors`."),
        (b"age=55", "The body is not valid JSON: see `errors`."),
        (b"[1]", "The rows do not fit the model's contract: see `errors`."),
    ],
)
def test_a_body_that_is_no_json_is_not_said_to_miss_the_contract(body: bytes, says: str) -> None:
    with pytest.raises(RefusalError) as caught:
        READER.read(body)
    assert (caught.value.status, caught.value.code, caught.value.detail) == (422, "invalid", says)
    assert [fault.field for fault in caught.value.errors] == ["(body)"]


def test_faults_of_a_batch_name_the_row() -> None:
    assert set(_faults({"rows": [GOOD, GOOD | {"age": -1}, {**GOOD, "more": 1}]})) == {"rows[1].age", "rows[2].more"}
    assert set(_faults({"rows": [GOOD], "options": {}})) == {"options"}


def test_a_hostile_field_name_is_not_repeated() -> None:
    assert "(an unknown field)" in _faults(GOOD | {"<script>alert(1)</script>": 1})


def test_faults_are_many_but_bounded() -> None:
    reader = RowReader(CONTRACT, max_rows=10_000)
    assert len(_faults({"rows": [{}] * 5000}, reader)) <= 200


@pytest.mark.parametrize("twice", ['"age": 1, "age": 2', '"age": 1, "\\u0061ge": 2'])
def test_a_field_that_stands_twice_is_refused(twice: str) -> None:
    body = json.dumps(GOOD)[1:-1].replace(f'"age": {json.dumps(GOOD["age"])}', twice)
    assert _faults(f"{{{body}}}".encode()) == {"age": "stands twice"}


def test_text_categories_with_quotes_and_escapes_are_read_whole() -> None:
    contract = _contract(word=Feature(kind="category", label="Word", categories=('say "hi"', "plain", "naïve")))
    reader = RowReader(contract, max_rows=5)
    for word in ('say "hi"', "plain", "naïve"):
        assert reader.read(json.dumps({"word": word}).encode()) == ([{"word": word}], False)
    assert reader.read('{"word": "naïve"}'.encode()) == ([{"word": "naïve"}], False)


def test_a_number_without_range_must_still_fit_what_the_model_computes_with() -> None:
    reader = RowReader(_contract(x=Feature(kind="numeric", label="X")), max_rows=5)
    assert reader.read(b'{"x": -1e38}') == ([{"x": -1e38}], False)
    assert _faults({"x": 1e39}, reader) == {"x": "expected a finite number"}


def test_a_feature_called_rows_is_a_feature() -> None:
    reader = RowReader(_contract(rows=Feature(kind="numeric", label="Rows")), max_rows=5)
    assert reader.read(b'{"rows": 3}') == ([{"rows": 3}], False)


def test_the_documented_example_and_schema_agree_with_the_reader() -> None:
    schema = row_schema(CONTRACT)
    assert schema["required"] == list(CONTRACT.features)
    assert READER.read(json.dumps(GOOD).encode())[0] == [GOOD]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*CONTRACT.features, "rows", "x"]), _JSON) | _JSON)
def test_whatever_is_sent_is_either_a_row_the_model_can_read_or_refused(body: Any) -> None:
    try:
        rows, _ = READER.read(json.dumps(body).encode())
    except RefusalError:
        return
    assert encoding_for(CONTRACT).matrix(rows).shape[0] == len(rows)


_VALUES: st.SearchStrategy[Any] = st.sampled_from([None, 0, 1, 3, 3.0, 4, 55, 55.5, 121, True, "3", [], 1e300])


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*CONTRACT.features]), _VALUES, max_size=2))
def test_a_row_among_many_is_judged_as_it_is_alone(changes: dict[str, Any]) -> None:
    reader = RowReader(CONTRACT, max_rows=20)
    row = GOOD | changes
    try:
        ((alone,), _) = reader.read(json.dumps(row).encode())
    except RefusalError as refusal:
        faults = {f"rows[4].{fault.field}": fault.message for fault in refusal.errors}
        assert _faults({"rows": [*[GOOD] * 4, row, *[GOOD] * 10]}, reader) == faults
        return
    rows, _ = reader.read(json.dumps({"rows": [*[GOOD] * 4, row, *[GOOD] * 10]}).encode())
    assert (rows[4], [type(value) for value in rows[4].values()]) == (alone, [type(value) for value in alone.values()])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_order(body: bytes) -> None:
    with pytest.raises(RefusalError):
        READER.read(body)
