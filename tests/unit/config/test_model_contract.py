"""A contract is read whole, or refused with file, line, field and what was expected."""

from pathlib import Path

import pytest

from config.model_contract import ModelContract, load_contract, load_contracts
from config.settings import PlatformSettings
from config.yaml_source import ConfigError

GOOD = """\
name: churn
title: Churn
description: Does the customer leave?
target: {column: left, positive: leaves, negative: stays}
features:
  tenure: {kind: numeric, label: Tenure, range: [0, 100], expected: [0, 80]}
  plan: {kind: category, label: Plan, categories: [basic, pro]}
"""


def _load(directory: Path, text: str, name: str = "churn") -> ModelContract:
    (directory / f"{name}.yml").write_text(text)
    return load_contract(name, directory)


def test_the_shipped_contracts_are_sound() -> None:
    contracts = load_contracts(PlatformSettings().contracts_dir)
    assert contracts["heart_disease"].feature_names[:3] == ("age", "sex", "cp")


def test_defaults_fill_what_the_page_leaves_out(tmp_path: Path) -> None:
    contract = _load(tmp_path, GOOD)
    assert contract.quality.metric == "f1"
    assert contract.features["plan"].nullable is False


def test_the_digest_changes_with_the_meaning_and_not_with_the_layout(tmp_path: Path) -> None:
    first = _load(tmp_path, GOOD).digest
    assert _load(tmp_path, "# a comment\n" + GOOD).digest == first
    assert _load(tmp_path, GOOD.replace("[0, 80]", "[0, 79]")).digest != first


def test_how_a_table_is_laid_out_leaves_the_digest_of_older_contracts_alone(tmp_path: Path) -> None:
    """Versions carry the digest of the contract they were trained under, so it must outlive new fields."""
    contract = _load(tmp_path, GOOD)
    assert contract.digest == "7cdb318a2410f556792d510689317268a74ecc905ab26d3b066ed60508708bfe"
    for old, new in (
        ("label: Plan,", "label: Plan, column: the plan,"),
        ("negative: stays", "negative: stays, rest: true"),
        ("target:", "time_column: when\ntarget:"),
        ("target:", "time_column: when\ntime_order: day_first\ntarget:"),
    ):
        assert _load(tmp_path, GOOD.replace(old, new)).digest != contract.digest


def test_a_table_may_call_a_feature_differently(tmp_path: Path) -> None:
    contract = _load(tmp_path, GOOD.replace("label: Plan,", "label: Plan, column: the plan,"))
    assert [contract.header_of(name) for name in contract.feature_names] == ["tenure", "the plan"]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("kind: numeric", "kind: number", 6, "features.tenure.kind"),
        ("[0, 100]", "[100, 0]", 6, "lower end"),
        ("[0, 80]", "[0, 800]", 6, "inside `range`"),
        ("categories: [basic, pro]", "categories: []", 7, "at least one value"),
        ("categories: [basic, pro]", "categories: [basic, basic]", 7, "twice"),
        ("title: Churn", "titel: Churn", 1, "title"),
        ("column: left", "column: plan", 1, "also stands under"),
        ("label: Plan,", "label: Plan, column: tenure,", 1, "the column `tenure` is named twice"),
        ("target:", "time_column: left\ntarget:", 1, "the column `left` is named twice"),
        ("target:", "time_order: day_first\ntarget:", 1, "`time_order` speaks of `time_column`"),
        (
            "kind: category, label: Plan, categories: [basic, pro]",
            "kind: numeric, label: Plan, categories: [a]",
            7,
            "category",
        ),
        ("name: churn", "name: other", 0, "expected `churn`"),
        ("  plan:", "  tenure:", 7, "stands twice"),
        ("features:", "features: [", 0, "not valid YAML"),
    ],
)
def test_a_malformed_page_is_refused_by_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, GOOD.replace(old, new, 1))
    message = str(caught.value)
    assert says in message
    assert f"{tmp_path / 'churn.yml'}:{line or ''}" in message


def test_all_faults_of_a_page_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, GOOD.replace("kind: numeric", "kind: n").replace("kind: category", "kind: c"))
    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_model_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    _load(tmp_path, GOOD)
    with pytest.raises(ConfigError, match="known: churn"):
        load_contract("fraud", tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "just words"])
def test_a_page_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="expected a mapping"):
        _load(tmp_path, text)


def test_a_page_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "churn.yml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_contract("churn", tmp_path)


ALONG = GOOD + "along: {customer: {store: hash}, note: {store: drop}}\n"


def test_what_is_sent_along_and_how_a_value_is_stored_change_no_digest(tmp_path: Path) -> None:
    contract = _load(tmp_path, ALONG)
    assert contract.subject_field == "customer"
    assert contract.digest == _load(tmp_path, GOOD).digest
    assert _load(tmp_path, GOOD.replace("label: Plan,", "label: Plan, store: full,")).digest == contract.digest
    assert _load(tmp_path, GOOD).subject_field is None


@pytest.mark.parametrize("store", ["hash", "drop"])
def test_what_a_model_reads_cannot_be_left_out_of_what_is_stored(tmp_path: Path, store: str) -> None:
    with pytest.raises(ConfigError, match=f"store: {store}` on something the model reads.*name it under `along`"):
        _load(tmp_path, GOOD.replace("label: Plan,", f"label: Plan, store: {store},"))


@pytest.mark.parametrize(
    ("along", "says"),
    [
        ("{plan: {store: drop}}", "`along` names `plan`"),
        ("{left: {store: drop}}", "`along` names `left`"),
        ("{rows: {store: drop}}", "`along` names `rows`"),
        ("{a: {store: hash}, b: {store: hash}}", "a and b are `store: hash`"),
        ("{a: {store: full}}", "store"),
        ("{a: {}}", "store"),
    ],
)
def test_what_is_sent_along_is_apart_from_what_a_row_is(tmp_path: Path, along: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        _load(tmp_path, f"{GOOD}along: {along}\n")
