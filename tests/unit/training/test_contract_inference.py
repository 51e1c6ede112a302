"""A contract drawn from a table accepts that table, leaves out what a model cannot use, and says where to look."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st
from pydantic import TypeAdapter

from api.contract_schema import RowReader
from config.model_contract import FeatureName, ModelContract
from database.errors import InvalidError
from training import contract_inference
from training.column_inference import bounds, without_sentinels
from training.contract_inference import Draft, draft_contract, slug_of
from training.contract_page import page_of
from training.own_table import load_csv
from training.table_file import read_table

ROWS = 120
Cell = Callable[[int], object]


def amounts(at: int) -> float:
    return round(20 + 30 * ((at * 37) % 101) / 101, 2)


def table_of(directory: Path, rows: int = ROWS, /, **columns: Cell) -> Path:
    """A CSV file: `amount`, `plan` and the target `left`, unless `columns` says otherwise."""
    made: dict[str, Cell] = {
        "amount": amounts,
        "plan": lambda at: "abc"[at % 3],
        "left": lambda at: int(at % 4 == 0),
        **columns,
    }
    path = directory / "own.csv"
    lines = [",".join(made), *(",".join(f'"{cell(at)}"' for cell in made.values()) for at in range(rows))]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def drafted(path: Path, target: str = "left", **given: Any) -> Draft:
    """The draft, after its page was read back and the same file was loaded through it."""
    draft = draft_contract(read_table(path), "own", target, **given)
    assert ModelContract.model_validate(yaml.safe_load(page_of(draft, path.name))) == draft.contract
    assert len(load_csv(path, draft.contract).rows) == draft.rows
    return draft


def left_out(draft: Draft) -> dict[str, str]:
    return {one.column: one.why for one in draft.left_out}


def test_numbers_become_ranges_and_words_categories(tmp_path: Path) -> None:
    draft = drafted(table_of(tmp_path))
    amount, plan = draft.contract.features["amount"], draft.contract.features["plan"]
    assert amount.kind == "numeric"
    assert amount.expected is not None
    assert amount.range is not None
    assert amount.range[0] <= amount.expected[0] <= 20 < 50 <= amount.expected[1] < amount.range[1]
    assert (plan.kind, plan.categories, plan.nullable) == ("category", ("a", "b", "c"), False)
    assert draft.contract.target.column == "left"
    assert (draft.contract.quality.metric, draft.contract.quality.minimum) == ("f1", 0.42)


@given(
    st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=2, max_size=60).filter(
        lambda values: min(values) < max(values)
    )
)
def test_bounds_hold_every_value_and_each_other(values: list[float]) -> None:
    given_values = np.array(values)
    expected, accepted = bounds(given_values, (-999.0,))
    assert accepted[0] <= expected[0] <= min(values) < max(values) <= expected[1] <= accepted[1]
    assert accepted[0] <= -999
    assert min(values) < 0 or expected[0] >= 0


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([*range(80, 300), *[0] * 20], (0.0,)),
        ([*range(20, 90), *[999] * 5, *[-1] * 30], (-1.0, 999.0)),
        ([*range(1, 6), *range(1, 6), *range(1, 6), *[99] * 3], (99.0,)),
        ([0, 1, 2, 3] * 20, ()),  # zero belongs to a count
        ([*range(20, 90), 999], ()),  # once is no pile
        ([*range(60, 99), *[99] * 9], ()),  # the end of a scale does not stand apart
        ([*range(80, 300), *[77] * 50], ()),  # 77 is no usual code
    ],
)
def test_a_pile_of_codes_far_from_the_rest_is_found(values: list[int], codes: tuple[float, ...]) -> None:
    rest, found = without_sentinels(np.array(values, dtype=float))
    assert sorted(found) == sorted(codes)
    assert not set(rest) & set(codes)


def test_a_code_is_accepted_but_not_expected_and_pointed_out(tmp_path: Path) -> None:
    draft = drafted(table_of(tmp_path, amount=lambda at: -999 if at % 10 == 3 else amounts(at)))
    amount = draft.contract.features["amount"]
    assert amount.range is not None
    assert amount.expected is not None
    assert amount.range[0] == -999
    assert amount.expected[0] >= 0
    assert any("look here: -999" in note for note in draft.notes["features.amount"])
    assert "# look here: -999" in page_of(draft, "own.csv")


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (lambda _: "", "holds no value"),
        (lambda at: "N/A" if at % 2 else "", "holds no value"),
        (lambda _: 7, "holds 7 in every row"),
        (lambda at: "x" if at % 2 else "", "holds 'x' in every row that"),
        (lambda at: 5000 + at, "numbers the rows"),
        (lambda at: f"customer {at}", "is an id or free text: 120 different texts"),
        (lambda at: f"word {at % 60}", "has 60 different texts"),
        (lambda at: f"2024-01-{at % 28 + 1:02}", "name it with --time-column"),
    ],
)
def test_what_a_model_cannot_use_is_left_out_with_the_reason(tmp_path: Path, cell: Cell, why: str) -> None:
    draft = drafted(table_of(tmp_path, extra=cell))
    assert why in left_out(draft)["extra"]
    assert f"# - extra: {left_out(draft)['extra']}" in page_of(draft, "own.csv")


def test_an_id_is_told_by_its_name_too_and_a_column_is_left_out_when_asked(tmp_path: Path) -> None:
    draft = drafted(table_of(tmp_path, customerId=lambda at: 7 * (at // 2), plan=lambda at: at % 5), without=["amount"])
    assert "is called an id" in left_out(draft)["customerId"]
    assert left_out(draft)["amount"] == "as asked"
    assert list(draft.contract.features) == ["plan"]


@pytest.mark.parametrize(
    ("cell", "categories", "nullable"),
    [
        (lambda at: ("True", "False")[at % 2], (0, 1), False),
        (lambda at: ("1.0", "0.0", "unknown")[at % 3], (0, 1), True),
        (lambda at: ("yes", "no", "?")[at % 3], ("no", "yes"), True),
        (lambda at: f"0{at % 4}200", ("00200", "01200", "02200", "03200"), False),
        (lambda at: ("1", "2", "3+")[at % 3], ("1", "2", "3+"), False),
    ],
)
def test_codes_and_truth_values_are_categories(
    tmp_path: Path, cell: Cell, categories: tuple[object, ...], *, nullable: bool
) -> None:
    feature = drafted(table_of(tmp_path, extra=cell)).contract.features["extra"]
    assert (feature.kind, feature.categories, feature.nullable) == ("category", categories, nullable)


def test_words_for_nothing_among_numbers_are_null_and_said_with_the_first_row(tmp_path: Path) -> None:
    draft = drafted(table_of(tmp_path, amount=lambda at: "unknown" if at == 5 else amounts(at)))
    assert draft.contract.features["amount"].nullable
    assert "column amount: 'unknown' is read as missing: 1 row, the first in line 7" in draft.remarks


def test_a_text_among_numbers_is_refused_with_its_row(tmp_path: Path) -> None:
    path = table_of(tmp_path, amount=lambda at: "abc" if at == 5 else amounts(at))
    with pytest.raises(InvalidError, match=r"own\.csv:7: column amount: 'abc' is no number; 119 rows hold one, 1 row"):
        drafted(path)
    path = table_of(tmp_path, amount=lambda at: "abc" if at in {5, 9} else amounts(at))
    with pytest.raises(InvalidError, match=r"2 rows another text \(lines 7, 11\): mend them"):
        drafted(path)


@pytest.mark.parametrize(
    ("words", "positive", "negative"),
    [
        (("1", "0", "0"), "left", "no left"),
        (("true", "False", "False"), "left", "no left"),
        (("No", "Yes", "Yes"), "Yes", "No"),
        ((">50K", "<=50K", "<=50K"), ">50K", "<=50K"),
        (("2", "1.0", "1"), "2", "1"),
    ],
)
def test_the_positive_class_is_the_yes_or_the_rarer_one(
    tmp_path: Path, words: tuple[str, ...], positive: str, negative: str
) -> None:
    path = table_of(tmp_path, left=lambda at: words[at % 3])
    draft = drafted(path)
    assert (draft.contract.target.positive, draft.contract.target.negative) == (positive, negative)
    yes = 2 / 3 if words[1] == positive else 1 / 3
    assert sum(load_csv(path, draft.contract).labels) == yes * ROWS


def test_the_positive_class_can_be_chosen(tmp_path: Path) -> None:
    draft = drafted(table_of(tmp_path), positive="0")
    assert (draft.contract.target.positive, draft.contract.target.negative) == ("0", "1")
    assert draft.positive_share == 0.75


def test_several_classes_are_refused_by_name_and_one_is_learnt_against_the_rest_when_asked(tmp_path: Path) -> None:
    path = table_of(tmp_path, left=lambda at: ("stays", "leaves", "asks")[at % 3])
    with pytest.raises(InvalidError, match=r"has 3 classes: .*`asks` \(33%\).*--positive VALUE"):
        drafted(path)
    draft = drafted(path, positive="leaves")
    assert draft.contract.target.rest
    assert sum(load_csv(path, draft.contract).labels) == ROWS / 3
    with pytest.raises(InvalidError, match="`moves` does not stand in it; it holds"):
        drafted(path, positive="moves")


@pytest.mark.parametrize(
    ("columns", "given_options", "message"),
    [
        ({}, {"target": "churn"}, "target column `churn` is not there; there are amount, plan, left"),
        ({}, {"time_column": "when"}, "time column `when` is not there"),
        ({}, {"without": ["left"]}, "`left` cannot be the target and something else"),
        ({"left": lambda _: 1}, {}, "holds one class only, `1` in all 120 labelled rows"),
        ({"left": lambda _: ""}, {}, "target column left: holds no value"),
        ({"left": lambda at: at + 0.5}, {}, r"a number with 120 different values from 0\.5 to 119\.5"),
        ({"left": lambda at: int(at == 3)}, {}, "`left` stands in 1 of 120 rows, at least 10"),
        ({"amount": lambda _: 1, "plan": lambda _: "a"}, {}, "no column is left to learn from: amount: holds 1"),
        ({"amount": lambda at: "1e300" if at == 4 else at / 7}, {}, r":6: column amount: a model cannot read"),
        ({"a b": lambda at: at % 7, "a-b": lambda at: at % 5}, {}, "`a b` and `a-b` would both be called `a_b`"),
    ],
)
def test_a_table_that_makes_no_contract_is_refused_with_the_reason(
    tmp_path: Path, columns: dict[str, Cell], given_options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidError, match=message):
        drafted(table_of(tmp_path, **columns), **given_options)


def test_three_rows_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="has 3 labelled rows, at least 50"):
        drafted(table_of(tmp_path, 3))


def test_more_columns_than_can_be_watched_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract_inference, "MOST_FEATURES", 1)
    with pytest.raises(InvalidError, match="more than 1 of them would be features"):
        drafted(table_of(tmp_path))


def test_rows_without_a_label_are_left_out_and_counted(tmp_path: Path) -> None:
    draft = drafted(table_of(tmp_path, left=lambda at: "" if at < 7 else at % 2))
    assert draft.rows == ROWS - 7
    assert "column left: 7 rows without a label, left out" in draft.remarks


def test_a_time_column_in_three_ways_of_writing_is_remembered_and_no_feature(tmp_path: Path) -> None:
    ways = ("2024-01-{:02}T10:00:00Z", "{:02}/02/2024 11:30", "Mar {}, 2024")
    path = table_of(tmp_path, when=lambda at: ways[at % 3].format(at % 28 + 1))
    draft = drafted(path, time_column="when")
    assert draft.contract.time_column == "when"
    assert "when" not in draft.contract.features
    assert "column when: from 2024-01-01 10:00 to 2024-03-28 00:00" in draft.remarks
    told = "'2024-01-01T10:00:00Z' in line 2, '02/02/2024 11:30' in line 3, 'Mar 3, 2024' in line 4"
    assert f"warning: {path}: column when: days are written in 3 ways: {told}; all are read" in draft.remarks
    times = load_csv(path, draft.contract).times
    assert times is not None
    assert str(times[1]) == "2024-02-02 11:30:00+00:00"


def test_a_time_nobody_can_read_is_refused_with_its_row(tmp_path: Path) -> None:
    path = table_of(tmp_path, when=lambda at: "soon" if at == 5 else f"{at % 28 + 1:02}/02/2024")
    with pytest.raises(InvalidError, match=r":7: time column when: expected a date or a time, found 'soon'"):
        drafted(path, time_column="when")


def test_dates_that_contradict_each_other_are_refused_with_both_rows(tmp_path: Path) -> None:
    path = table_of(tmp_path, when=lambda at: "12/31/2024" if at == 25 else f"{at % 28 + 1:02}/02/2024")
    with pytest.raises(
        InvalidError, match=r":14: .*'13/02/2024' can only be read day first, but '12/31/2024' in line 27 only month"
    ):
        drafted(path, time_column="when")


def test_dates_with_two_readings_are_guessed_with_a_warning_and_a_place_to_look(tmp_path: Path) -> None:
    path = table_of(tmp_path, when=lambda at: f"{at % 5 + 1:02}/{at % 7 + 3:02}/2024")
    draft = drafted(path, time_column="when")
    doubt = "'01/03/2024' in line 2 is 1 March 2024 or 3 January 2024, and no row shows which: taken for 1 March 2024"
    assert f"warning: {path}: column when: {doubt}, the day first" in draft.remarks
    page = page_of(draft, "own.csv")
    assert f"# look here: {doubt}" in page
    assert "--time-order month_first, or write it\ntime_order: day_first\n" in page

    draft = drafted(path, time_column="when", time_order="month_first")
    assert not any("warning" in remark for remark in draft.remarks)
    assert "column when: from 2024-01-03 00:00 to 2024-05-09 00:00" in draft.remarks
    assert draft.contract.time_order == "month_first"


def test_dates_that_are_sorted_as_text_show_no_order_of_day_and_month(tmp_path: Path) -> None:
    draft = drafted(table_of(tmp_path, when=lambda at: f"{at // 12 + 1:02}/{at % 12 + 1:02}/2024"), time_column="when")
    assert not any("only so do its rows stand in order" in remark for remark in draft.remarks)
    assert any("and no row shows which: taken for 1 February 2024" in remark for remark in draft.remarks)


@pytest.mark.parametrize("cell", [str, lambda at: 45_000 + at / 8])
def test_numbers_are_not_days_written_in_several_ways(tmp_path: Path, cell: Cell) -> None:
    draft = drafted(table_of(tmp_path, when=cell), time_column="when")
    assert not any("ways" in remark for remark in draft.remarks)


@pytest.mark.parametrize(
    ("cell", "doubted"),
    [
        (lambda at: f"24-{at // 28 + 1:02}-{at % 28 + 1:02}", True),
        (lambda at: f"{at % 28 + 1:02}-{at // 28 + 1:02}-24", False),
        (lambda at: f"{at // 28 + 1:02}/{at % 28 + 1:02}/24", False),
        (lambda at: f"{at % 28 + 1:02}-{at // 28 + 1:02}-2024", False),
    ],
)
def test_a_year_of_two_digits_that_seems_to_stand_first_is_doubted(
    tmp_path: Path, cell: Cell, *, doubted: bool
) -> None:
    path = table_of(tmp_path, when=cell)
    doubt = (
        f"warning: {path}: column when: of '24-01-01' in line 2 the last number is taken for the year; if it is the "
        "first, write years with four digits, such as 2024-01-05"
    )
    remarks = drafted(path, time_column="when").remarks
    assert (doubt in remarks, any("two digits" in one or "four digits" in one for one in remarks)) == (doubted, doubted)


def test_a_number_too_large_for_a_time_is_refused_with_its_row(tmp_path: Path) -> None:
    path = table_of(tmp_path, when=lambda at: 10**19 if at == 5 else 1_700_000_000 + at)
    with pytest.raises(InvalidError, match=r":7: time column when: expected a date or a time, found '10000000000000"):
        drafted(path, time_column="when")


@pytest.mark.parametrize("order", ["day_first", "month_first"])
def test_rows_that_stand_in_order_by_one_reading_only_show_which_it_is(tmp_path: Path, order: str) -> None:
    day_first = order == "day_first"

    def cell(at: int) -> str:
        day, month, year = at % 12 + 1, (at // 12 + 10) % 12 + 1, 2023 + (at >= 24)
        return f"{day:02}/{month:02}/{year}" if day_first else f"{month:02}/{day:02}/{year}"

    draft = drafted(table_of(tmp_path, when=cell), time_column="when")
    assert draft.contract.time_order == order
    assert "column when: from 2023-11-01 00:00 to 2024-08-12 00:00" in draft.remarks
    assert any("only so do its rows stand in order" in remark for remark in draft.remarks)
    assert not any("warning" in remark for remark in draft.remarks)


def test_odd_column_names_are_kept_beside_a_name_that_serves(tmp_path: Path) -> None:
    path = table_of(tmp_path, **{"2 hours-per.week": amounts, "größe": amounts, "row_source": amounts})
    features = drafted(path).contract.features
    assert (features["x2_hours_per_week"].column, features["x2_hours_per_week"].label) == (
        "2 hours-per.week",
        "2 hours per week",
    )
    assert features["grosse"].column == "größe"
    assert features["row_source_"].column == "row_source"
    assert features["amount"].column is None


@given(st.text(max_size=80), st.integers(1, 2000))
def test_every_header_has_a_name_that_serves(header: str, place: int) -> None:
    slug = slug_of(header, place)
    assert TypeAdapter(FeatureName).validate_python(slug) == slug


@options(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(("0", "1", "1.0", "2.50", "01", "true", "False", "yes", "?", "NA", "none", "unknown", "-")),
            st.sampled_from(("1,5", "1,000", "1e5", "2024-01-02", "3/4/2024", "-999", "", "#x: [y", "a, b")),
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
            st.integers(),
            st.floats(),
        ),
        min_size=1,
        max_size=8,
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"'), min_size=1, max_size=12),
)
def test_whatever_stands_in_a_column_the_table_is_accepted_by_its_own_contract_or_refused(
    tmp_path: Path, values: list[object], header: str
) -> None:
    cells = [str(value).replace('"', "'") for value in values]
    name = header if header.strip() not in {"amount", "plan", "left"} else "other"
    path = table_of(tmp_path, **{f'"{name}"': lambda at: cells[at % len(cells)]})
    try:
        draft = draft_contract(read_table(path), "own", "left")
    except InvalidError as error:
        said = str(error)
    else:
        assert ModelContract.model_validate(yaml.safe_load(page_of(draft, path.name))) == draft.contract
        rows = load_csv(path, draft.contract).rows
        RowReader(draft.contract, ROWS).read(json.dumps({"rows": rows}).encode())
        said = path.name
    assert "own.csv" in said


def test_large_tables_are_cross_validated_once_and_watched_in_larger_windows(tmp_path: Path) -> None:
    contract = drafted(table_of(tmp_path, 6000)).contract
    assert (contract.training.cv_folds, contract.training.cv_repeats) == (3, 1)
    assert (contract.monitoring.window_rows, contract.monitoring.min_rows) == (100, 30)
    assert (contract.training.recent_rows, contract.training.keep_original) == (400, False)


def test_a_rare_class_is_judged_by_its_ranking(tmp_path: Path) -> None:
    quality = drafted(table_of(tmp_path, 2000, left=lambda at: int(at % 100 == 0))).contract.quality
    assert (quality.metric, quality.minimum, quality.watched[0]) == ("roc_auc", 0.51, "roc_auc")


@pytest.mark.parametrize(
    ("cell", "gives_away"),
    [
        (lambda at: "closed" if at % 4 == 0 else "open", True),
        (lambda at: 900 + at / 7 if at % 4 == 0 else at / 7, True),
        (lambda at: "closed" if at % 4 == 0 or at % 10 == 1 else "open", False),
        (lambda at: at / 7, False),
    ],
)
def test_a_column_that_knows_the_answer_is_pointed_out(tmp_path: Path, cell: Cell, *, gives_away: bool) -> None:
    notes = drafted(table_of(tmp_path, extra=cell)).notes.get("features.extra", ())
    assert any("by itself it tells nearly every label" in note for note in notes) == gives_away
