"""Training sets keep every value and its name; the contract's checks find what breaks it in any table."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.model_contract import Feature, ModelContract, category_name
from database.artifact_store import ArtifactStore
from database.enums import DataSource
from database.errors import InvalidError
from training import dataset
from training.data_validation import prepared, suite_for, validate
from training.feature_engineering import Row
from training.synthetic import synthetic_rows


def test_rows_come_back_as_they_were_and_keep_their_name(contract: ModelContract, store: ArtifactStore) -> None:
    rows, labels = synthetic_rows("hungarian", 60, 1)
    frame = dataset.frame_of(contract, rows, labels, "hungarian")
    kept = dataset.store(store, contract, frame, DataSource.SYNTHETIC)
    back = dataset.load(store, kept.digest)
    assert back.features(contract) == list(rows)
    assert back.labels(contract).tolist() == list(labels)
    assert back.source is DataSource.SYNTHETIC
    assert dataset.store(store, contract, back.rows, DataSource.SYNTHETIC).digest == kept.digest
    changed = frame.assign(age=frame["age"] + 1)
    assert dataset.store(store, contract, changed, DataSource.SYNTHETIC).digest != kept.digest


def test_categories_of_words_and_of_both_kinds_survive(contract: ModelContract, store: ArtifactStore) -> None:
    mixed = contract.model_copy(
        update={"features": {"plan": Feature(kind="category", label="Plan", categories=("basic", 2), nullable=True)}}
    )
    rows: list[Row] = [{"plan": "basic"}, {"plan": 2}, {"plan": None}, {"plan": "unheard of"}]
    kept = dataset.store(store, mixed, dataset.frame_of(mixed, rows, [0, 1, 0, 1], "x"), DataSource.FILE)
    assert dataset.load(store, kept.digest).features(mixed) == rows


def test_rows_that_do_not_belong_together_are_refused(contract: ModelContract) -> None:
    rows, labels = synthetic_rows("va", 5, 1)
    with pytest.raises(InvalidError, match="5 rows, 4 labels"):
        dataset.frame_of(contract, rows, labels[:4], "va")
    with pytest.raises(InvalidError, match="a label must be 0 or 1"):
        dataset.frame_of(contract, rows, [0, 1, 2, 0, 1], "va")
    with pytest.raises(InvalidError, match="column age: a value is not a numeric"):
        dataset.frame_of(contract, [{**rows[0], "age": "old"}], [1], "va")


def frame(contract: ModelContract, hospital: str = "cleveland") -> pd.DataFrame:
    rows, labels = synthetic_rows(hospital, 40, 1)
    return dataset.frame_of(contract, rows, labels, hospital)


def failed(contract: ModelContract, table: pd.DataFrame) -> dict[tuple[str, str | None], int]:
    return {(check.name, check.column): check.failed_rows for check in validate(contract, table).failed}


def test_sound_data_pass_every_check(contract: ModelContract) -> None:
    found = validate(contract, frame(contract))
    assert found.success
    assert found.failed == ()


def test_a_missing_value_written_as_zero_is_reported_softly(contract: ModelContract) -> None:
    found = validate(contract, frame(contract, "switzerland"))
    assert found.success
    assert [(c.name, c.column, c.failed_rows, c.hard) for c in found.failed] == [("expected", "chol", 40, False)]


def test_what_the_api_would_refuse_is_a_hard_failure(contract: ModelContract) -> None:
    table = frame(contract)
    assert failed(contract, table.assign(age=[500.0] + [50.0] * 39)) == {("range", "age"): 1, ("expected", "age"): 1}
    assert failed(contract, table.assign(cp=9)) == {("categories", "cp"): 40}
    assert failed(contract, table.assign(sex=pd.array([None] * 40, dtype="Int64"))) == {("null", "sex"): 40}
    assert not validate(contract, table.assign(cp=9)).success


def test_two_promises_that_say_the_same_are_both_answered(contract: ModelContract) -> None:
    alike = Feature(kind="numeric", label="Age", range=(0, 100), expected=(0, 100))
    found = validate(contract.model_copy(update={"features": {"age": alike}}), pd.DataFrame({"age": [50, 101, 102]}))
    failed = {check.name: check.failed_rows for check in found.failed}
    assert failed == {"range": 2, "expected": 2}


def test_text_where_a_number_belongs_is_outside_every_range(contract: ModelContract) -> None:
    assert failed(contract, frame(contract).assign(age="old"))[("range", "age")] == 40


def test_a_missing_column_an_empty_table_and_one_of_nulls_are_answered(contract: ModelContract) -> None:
    table = frame(contract)
    assert failed(contract, table.drop(columns=["age"]))[("column", "age")] == 40
    assert failed(contract, table.iloc[:0]) == {("rows", None): 0}
    nothing = table.assign(**dict.fromkeys(contract.feature_names, None))
    assert {column for name, column in failed(contract, nothing) if name == "null"} == {"age", "sex", "cp"}
    assert not validate(contract, pd.DataFrame()).success


def in_full(contract: ModelContract, table: pd.DataFrame) -> dict[tuple[str, str | None], tuple[bool, int]]:
    """What the library says when it is asked for everything it can tell, of one promise after the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx  # here, since it warns while it is imported

        batch = (
            gx.get_context(mode="ephemeral")
            .data_sources.add_pandas("full")
            .add_dataframe_asset("full")
            .add_batch_definition_whole_dataframe("full")
            .get_batch({"dataframe": prepared(contract, table)})
        )
        answers = {
            (check.name, check.column): batch.validate(check.expectation, result_format="COMPLETE")
            for check in suite_for(contract)
            if check.column is None or check.column in table
        }
    return {
        key: (bool(answer.success), int((answer.result or {}).get("unexpected_count") or 0))
        for key, answer in answers.items()
    }


@pytest.mark.parametrize("seed", range(3))
def test_only_what_is_read_is_asked_for_and_it_is_what_the_full_answer_says(contract: ModelContract, seed: int) -> None:
    dice = np.random.default_rng(seed)
    rows, _ = synthetic_rows("cleveland", 60, seed)
    table = pd.DataFrame(list(rows), columns=list(contract.feature_names)).astype(object)
    spoilt: list[Any] = [None, float("nan"), -1.0, 0, 1e9, float("inf"), "no number", 7, "", True]
    for _ in range(40 * seed):
        table.iat[int(dice.integers(len(table))), int(dice.integers(table.shape[1]))] = spoilt[dice.integers(10)]
    table = table.assign(thal=None) if seed == 2 else table
    found = validate(contract, table)
    assert {(c.name, c.column): (c.success, c.failed_rows) for c in found.checks} == in_full(contract, table)
    assert bool(found.failed) == (seed > 0)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([3, 6, 7, 3]),
        pd.Series([3.0, 6.5, None, float("inf"), 1e16, -0.0]),
        pd.Series([True, False, True]),
        pd.Series([3, None, 7], dtype="Int64"),
        pd.Series([1, True, 1.0, "1", None], dtype=object),
        pd.Series([], dtype=object),
        pd.Series([3.0, 6.0], index=[9, 4]),
    ],
    ids=["whole", "broken", "yes or no", "whole with nulls", "all kinds", "none", "in another order"],
)
def test_each_category_is_named_as_by_itself(contract: ModelContract, values: "pd.Series[Any]") -> None:
    named = prepared(contract, pd.DataFrame({"thal": values}))["thal"]
    assert named.index.equals(values.index)
    assert named.dtype == object
    assert [None if pd.isna(one) else one for one in named] == [
        None if pd.isna(one) else category_name(one) for one in values
    ]
