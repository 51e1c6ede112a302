"""From any table to the draft of a model contract, with a note wherever a person should look. Pure: a table in, a
draft out. What a column becomes is found in `column_inference`.

The draft always accepts the table that it was drawn from.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.model_contract import (
    Feature,
    Labels,
    Metric,
    ModelContract,
    Monitoring,
    Quality,
    Target,
    TimeOrder,
    Training,
)
from database.errors import InvalidError
from training.cells import NULL_WORDS, canonical, is_number, numbers
from training.column_inference import (
    FEW_VALUES,
    LOOK,
    Found,
    LeftOut,
    infer_column,
    label_of,
    rows_in_words,
    words_of,
)
from training.dataset import ROW_SOURCE
from training.own_table import LEAST_OF_A_CLASS, labels_of, refuse_too_few
from training.table_file import TableFile, in_short
from training.times import read_times

MOST_FEATURES = 200
# Tables with more rows, or more cells, are cross-validated once, in three parts.
LARGE_TABLE = 5000
LARGE_CELLS = 250_000
# Of a table, a window holds this part, and a retrain learns from that part if the table is large.
WINDOWS, RECENT, MOST_RECENT = 120, 20, 5000
# More than a constant answer, by this share of what is left to perfection: a history that changed is hard to fit whole.
ABOVE_TRIVIAL = 0.02
_POSITIVE_WORDS = ("yes", "y", "true", "t", "positive", "pos", "bad", "fraud", "churned", "default", "failed")
_NEGATIVE_WORDS = ("no", "n", "false", "f", "negative", "neg", "good", "legit", "stayed", "paid", "ok")
# Of the way from knowing nothing to knowing every label.
GIVEAWAY = 0.98


@dataclass(frozen=True)
class Draft:
    """A contract with its notes. `notes` are by place on the page: `features.age`, `target`, `quality.minimum`;
    `remarks` say what was found and done, for the terminal."""

    contract: ModelContract
    notes: Mapping[str, tuple[str, ...]]
    left_out: tuple[LeftOut, ...]
    remarks: tuple[str, ...]
    rows: int
    positive_share: float

    @property
    def places_to_look(self) -> int:
        return sum(note.startswith(LOOK) for notes in self.notes.values() for note in notes)


@dataclass
class _Notes:
    """What is gathered on the way."""

    by_place: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, place: str, *notes: str) -> None:
        self.by_place.setdefault(place, []).extend(notes)


def draft_contract(
    table: TableFile,
    name: str,
    target: str,
    *,
    time_column: str | None = None,
    time_order: TimeOrder | None = None,
    positive: str | None = None,
    without: Sequence[str] = (),
) -> Draft:
    """The contract of `table`. `positive` is the value of the target that means 1; `without` are columns to leave out;
    `time_order` says how a time column's 03/04/2024 is meant.

    Raises `InvalidError` naming file, column and, where there is one, the row.
    """
    _check_columns(table, target, time_column, without)
    if time_order is not None and time_column is None:
        raise InvalidError(f"{table.path}: says how its times are written, and names no time column (--time-column)")
    notes = _Notes(remarks=list(table.remarks))
    said = _target(table, target, positive, notes)
    labels = labels_of(table, said)
    labelled = ~np.isnan(labels)
    if not labelled.all():
        notes.remarks.append(f"column {target}: {rows_in_words(int((~labelled).sum()))} without a label, left out")
        table = table.take(labelled)
    share = float(labels[labelled].mean())
    refuse_too_few(table, said, labels[labelled])
    spacing, time_order = (None, None) if time_column is None else _times(table, time_column, time_order, notes)
    apart = {target, time_column, *without}
    features, left_out = _features(table, [str(c) for c in table.frame if c not in apart], target, notes)
    _mind_giveaways(table, features, labels[labelled], notes)
    left_out = [*(LeftOut(column, "as asked") for column in without), *left_out]
    rows = len(table.frame)
    contract = ModelContract(
        name=name,
        title=label_of(name),
        description=f"Tells {said.positive} from {said.negative}.",
        features=features,
        target=said,
        time_column=time_column,
        time_order=time_order,
        quality=_quality(share, notes),
        labels=_labels(notes),
        monitoring=_monitoring(rows, share, spacing, notes),
        training=_training(rows, len(features), notes),
    )
    by_place = {place: tuple(found) for place, found in notes.by_place.items()}
    return Draft(contract, by_place, tuple(left_out), tuple(notes.remarks), rows, share)


def _check_columns(table: TableFile, target: str, time_column: str | None, without: Sequence[str]) -> None:
    for role, column in (("target", target), ("time", time_column), *(("left out", one) for one in without)):
        if column is not None and column not in table.frame:
            there = in_short([str(name) for name in table.frame])
            raise InvalidError(f"{table.header_place}: {role} column `{column}` is not there; there are {there}")
    if target == time_column or target in without:
        raise InvalidError(f"{table.header_place}: column `{target}` cannot be the target and something else")


# --- the target


def _target(table: TableFile, column: str, positive: str | None, notes: _Notes) -> Target:
    counts: Counter[str] = Counter()
    for word, count in table.frame[column].value_counts().items():
        if str(word).lower() not in NULL_WORDS or word == positive:
            counts[canonical(str(word))] += int(count)
    place = f"{table.header_place}: target column {column}"
    if not counts:
        raise InvalidError(f"{place}: holds no value")
    if positive is not None and canonical(positive) not in counts:
        raise InvalidError(f"{place}: `{positive}` does not stand in it; it holds {_values_in_words(counts)}")
    if len(counts) == 1:
        raise InvalidError(
            f"{place}: holds one class only, `{next(iter(counts))}` in all {counts.total():,} labelled rows; two are "
            "needed"
        )
    if len(counts) > 2:
        return _one_against_the_rest(place, column, positive, counts, notes)
    return _two_classes(column, positive, counts, notes)


def _values_in_words(counts: Counter[str]) -> str:
    total = counts.total()
    shown = [f"`{' '.join(word.split())[:40]}` ({count / total:.0%})" for word, count in counts.most_common(6)]
    return ", ".join(shown) + (f" and {len(counts) - 6} more" if len(counts) > 6 else "")


def _one_against_the_rest(place: str, column: str, positive: str | None, counts: Counter[str], notes: _Notes) -> Target:
    if positive is not None:
        chosen = canonical(positive)
        notes.add("target", f"{LOOK}{chosen} against the rest: {_values_in_words(counts)}")
        return Target(column=column, positive=chosen, negative=f"not {chosen}", rest=True)
    if len(counts) > FEW_VALUES and all(map(is_number, counts)):
        values = sorted(map(float, counts))
        raise InvalidError(
            f"{place}: is a number with {len(counts)} different values from {values[0]:g} to {values[-1]:g}; today "
            "only a yes or no can be learnt: add a column that says whether it is above a limit, and name that"
        )
    raise InvalidError(
        f"{place}: has {len(counts)} classes: {_values_in_words(counts)}; today only two can be told apart: "
        "--positive VALUE learns VALUE against the rest"
    )


def _two_classes(column: str, positive: str | None, counts: Counter[str], notes: _Notes) -> Target:
    one, other = sorted(counts, key=counts.__getitem__)
    share = counts[one] / counts.total()
    if {word.lower() for word in counts} in ({"0", "1"}, {"true", "false"}) and positive is None:
        word = words_of(column)
        notes.add("target", f"{LOOK}say in words what {' and '.join(sorted(counts, reverse=True))} mean")
        return Target(column=column, positive=word, negative=f"no {word}")
    notes.add("target", "the words as the column writes them: training reads them there")
    if positive is not None:
        one, other = sorted(counts, key=lambda word: word != canonical(positive))
    elif other.lower() in _POSITIVE_WORDS or one.lower() in _NEGATIVE_WORDS:
        one, other = other, one
    elif one.lower() not in _POSITIVE_WORDS and other.lower() not in _NEGATIVE_WORDS:
        notes.add(
            "target", f"{LOOK}{one} is taken for what is to be found, as the rarer ({share:.0%}); else --positive"
        )
    return Target(column=column, positive=one, negative=other)


# --- time


def _times(
    table: TableFile, column: str, order: TimeOrder | None, notes: _Notes
) -> tuple[timedelta | None, TimeOrder | None]:
    """The mean time from one row to the next, and what comes first where day and month are numbers."""
    read = read_times(table, column, order)
    known = read.values.dropna()
    if known.empty:
        raise InvalidError(f"{table.header_place}: time column {column}: holds no time")
    if read.null.any():
        notes.remarks.append(f"column {column}: {rows_in_words(int(read.null.sum()))} without a time")
    notes.remarks.append(f"column {column}: from {known.min():%Y-%m-%d %H:%M} to {known.max():%Y-%m-%d %H:%M}")
    if read.remark:
        notes.remarks.append(f"column {column}: {read.remark}")
        notes.add("time_order", f"it {read.remark}")
    for doubt in read.doubts:
        notes.remarks.append(f"warning: {table.path}: column {column}: {doubt}")
        notes.add("time_column", f"{LOOK}{doubt}")
    if read.guessed:
        notes.add(
            "time_order",
            f"{LOOK}day or month first? If the month: draft again with --time-order month_first, or write it",
        )
    if read.running:
        return None, None
    spacing = timedelta(seconds=(known.max() - known.min()).total_seconds() / max(len(known) - 1, 1))
    return spacing, read.order


# --- features


def _features(
    table: TableFile, columns: Sequence[str], target: str, notes: _Notes
) -> tuple[dict[str, Feature], list[LeftOut]]:
    kept: dict[str, Found] = {}
    left_out: list[LeftOut] = []
    for column in columns:
        found = infer_column(table, column)
        if isinstance(found, LeftOut):
            left_out.append(found)
        else:
            kept[column] = found
        if len(kept) > MOST_FEATURES:
            raise InvalidError(
                f"{table.path}: has {table.frame.shape[1]} columns, and more than {MOST_FEATURES} of them would be "
                f"features; at most {MOST_FEATURES} can be served and watched: keep the ones that matter"
            )
    if not kept:
        raise InvalidError(f"{table.path}: no column is left to learn from: {_why_all(left_out)}")
    features: dict[str, Feature] = {}
    slugs = _slugs(table, list(kept), target)
    for column, found in kept.items():
        slug = slugs[column]
        features[slug] = found.feature if slug == column else found.feature.model_copy(update={"column": column})
        notes.add(f"features.{slug}", *found.notes)
        notes.remarks.extend(found.remarks)
    return features, left_out


def _why_all(left_out: Sequence[LeftOut]) -> str:
    return "; ".join(f"{one.column}: {one.why}" for one in left_out[:6]) or "there is none but the target"


def _slugs(table: TableFile, columns: Sequence[str], target: str) -> dict[str, str]:
    """A name of its own for each column.

    Raises `InvalidError` for two columns that differ only in what a name cannot hold.
    """
    owner = {target: target, ROW_SOURCE: "(a name that is taken)"}
    slugs = {}
    places = {str(column): at for at, column in enumerate(table.frame, start=1)}
    for column in columns:
        slug = slug_of(column, places[column])
        slug = f"{slug}_" if slug == ROW_SOURCE else slug
        if slug in owner:
            raise InvalidError(
                f"{table.header_place}: columns `{owner[slug]}` and `{column}` would both be called `{slug}`: rename "
                "one, or leave one out with --without"
            )
        owner[slug] = column
        slugs[column] = slug
    return slugs


def slug_of(column: str, place: int = 1) -> str:
    """A feature name like `column`: the same where that is one already."""
    plain = unicodedata.normalize("NFKD", column.replace("ß", "ss")).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_]+", "_", plain)
    slug = slug if slug == column else slug.strip("_")
    if not slug:
        return f"column_{place}"
    return (f"x{slug}" if slug[0].isdigit() else slug)[:64]


# --- features that know the answer


def _mind_giveaways(
    table: TableFile, features: Mapping[str, Feature], labels: NDArray[np.float64], notes: _Notes
) -> None:
    """A feature that tells nearly every label by itself is often written after the truth is known."""
    for name, feature in features.items():
        column = feature.column or name
        cells = table.frame[column]
        if feature.kind == "numeric":
            told = 2 * abs(_area(numbers(cells, table.delimiter).values, labels) - 0.5)
        else:
            told = _gain(cells, labels)
        if told >= GIVEAWAY:
            notes.add(
                f"features.{name}", f"{LOOK}by itself it tells nearly every label: is it known before the answer?"
            )
            notes.remarks.append(f"column {column}: tells nearly every label by itself")


def _area(values: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    """The area under the ROC curve of a single column, where it is known."""
    known = ~np.isnan(values)
    ranks, ones = pd.Series(values[known]).rank().to_numpy(), labels[known] == 1
    positives, negatives = int(ones.sum()), int((~ones).sum())
    if not positives or not negatives:
        return 0.5
    return float((ranks[ones].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _gain(cells: "pd.Series[Any]", labels: NDArray[np.float64]) -> float:
    """Of the errors of always saying the same, the share that saying the same for each category avoids."""
    counts = pd.crosstab(cells.to_numpy(), labels).to_numpy()
    errors = counts.sum() - counts.sum(axis=0).max()
    return float(1 - counts.min(axis=1).sum() / errors)


# --- the rest of the page


def _quality(share: float, notes: _Notes) -> Quality:
    """F1, unless nearly always the same answer would do well at it or it would rest on a handful of rows."""
    metric: Metric = "f1" if 0.02 <= share <= 0.67 else "roc_auc"
    trivial = 2 * share / (1 + share) if metric == "f1" else 0.5
    minimum = math.ceil(round(100 * (trivial + ABOVE_TRIVIAL * (1 - trivial)), 6)) / 100
    always = "always saying yes" if metric == "f1" else "guessing"
    notes.add(
        "quality.minimum",
        f"{LOOK}{share:.1%} of the rows are positive, and {always} has {metric} {trivial:.2f}; this is a little more.",
        "Set it to what you need: a version below it is not registered.",
    )
    watched: tuple[Metric, ...] = ("f1", "roc_auc", "accuracy") if metric == "f1" else ("roc_auc", "f1", "accuracy")
    return Quality(metric=metric, minimum=minimum, watched=watched)


def _labels(notes: _Notes) -> Labels:
    notes.add("labels.delay", f"{LOOK}after how long is the truth known? P1D is a day, PT6H six hours")
    return Labels(delay=timedelta(days=1))


def _monitoring(rows: int, share: float, spacing: timedelta | None, notes: _Notes) -> Monitoring:
    window = int(np.clip(round(rows / WINDOWS, -1), 100, 1000))
    age = timedelta(days=7)
    if spacing is not None:
        days = 2 * window * spacing / timedelta(days=1)
        age = timedelta(days=int(np.clip(math.ceil(days), 7, 3650)))
        notes.add("monitoring.window_max_age", f"a window's rows came in {days / 2:.2g} days here; at least 7 days")
    notes.add("monitoring.window_rows", f"a {WINDOWS}th of the {rows:,} rows, between 100 and 1000")
    rarer = window * min(share, 1 - share)
    if rarer < LEAST_OF_A_CLASS:
        notes.add("monitoring.window_rows", f"{LOOK}only some {rarer:.1f} rows of the rarer class are in a window")
    return Monitoring(window_rows=window, window_max_age=age, min_rows=int(np.clip(window // 5, 30, 200)))


def _training(rows: int, features: int, notes: _Notes) -> Training:
    if rows <= LARGE_TABLE and rows * features <= LARGE_CELLS:
        return Training()
    notes.add("training.cv_folds", f"{rows:,} rows of {features} features are many: once in three parts, to save time")
    recent = int(np.clip(round(rows / RECENT, -2), Training().recent_rows, MOST_RECENT))
    notes.add("training.recent_rows", f"a {RECENT}th of the {rows:,} rows, at most {MOST_RECENT:,}")
    notes.add(
        "training.keep_original", f"{recent:,} recent rows are enough to learn from; older ones would outvote them"
    )
    return Training(cv_folds=3, cv_repeats=1, recent_rows=recent, keep_original=False)
