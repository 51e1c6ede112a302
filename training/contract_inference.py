"""From any table to the draft of a model contract, with a note wherever a person should look. Pure: a table in, a
draft out.

Nothing here is clever: the bounds are the quantiles of the table rounded outward, a pile of equal values far outside
the rest is taken for a code, and what a model cannot use is left out with the reason. The draft always accepts the
table that it was drawn from.
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
    Category,
    Feature,
    Labels,
    Metric,
    ModelContract,
    Monitoring,
    Quality,
    Target,
    Training,
)
from database.errors import InvalidError
from training.cells import NULL_WORDS, TRUTH, Numbers, canonical, is_number, numbers, times
from training.dataset import ROW_SOURCE
from training.own_table import labels_of
from training.table_file import TableFile

LEAST_ROWS = 50
LEAST_OF_A_CLASS = 10
MOST_FEATURES = 200
MOST_CATEGORIES = 50
# A column of numbers with a text in it: this few different values make a category, this small a share of texts a fault.
FEW_VALUES = 20
FAULTY_SHARE = 0.1
# Tables with more rows, or more cells, are cross-validated once, in three parts.
LARGE_TABLE = 5000
LARGE_CELLS = 250_000
# Of a constant answer; the draft asks for this share of what is left to perfection.
ABOVE_TRIVIAL = 0.1
SENTINELS = frozenset(
    {0.0, -1.0, -9.0, 9.0, *(sign * float("9" * digits) for sign in (1, -1) for digits in range(2, 10))}
)
_POSITIVE_WORDS = ("yes", "y", "true", "t", "positive", "pos", "bad", "fraud", "churned", "default", "failed")
_NEGATIVE_WORDS = ("no", "n", "false", "f", "negative", "neg", "good", "legit", "stayed", "paid", "ok")
_ID_NAME = re.compile(r"(?i:(.*[_\s.-])?(id|uuid|guid|rowid)|index)|.*[a-z]I[dD]")
_DATE_LIKE = re.compile(r".*\d{1,4}[-/.\s]+\w{1,9}[-/.,\s]+\d{1,4}.*")
_LARGEST = 3.0e38
# Of the way from knowing nothing to knowing every label.
GIVEAWAY = 0.98
LOOK = "look here: "


@dataclass(frozen=True)
class LeftOut:
    """A column that is no feature, and why."""

    column: str
    why: str


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


@dataclass(frozen=True)
class _Found:
    """A column that became a feature."""

    feature: Feature
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def draft_contract(
    table: TableFile,
    name: str,
    target: str,
    *,
    time_column: str | None = None,
    positive: str | None = None,
    without: Sequence[str] = (),
) -> Draft:
    """The contract of `table`. `positive` is the value of the target that means 1; `without` are columns to leave out.

    Raises `InvalidError` naming file, column and, where there is one, the row.
    """
    _check_columns(table, target, time_column, without)
    notes = _Notes(remarks=list(table.remarks))
    said = _target(table, target, positive, notes)
    labels = labels_of(table, said)
    labelled = ~np.isnan(labels)
    if not labelled.all():
        notes.remarks.append(f"column {target}: {_rows(int((~labelled).sum()))} without a label, left out")
        table = table.take(labelled)
    share = float(labels[labelled].mean())
    _check_size(table, said, labels[labelled])
    spacing = _spacing(table, time_column, notes)
    apart = {target, time_column, *without}
    features, left_out = _features(table, [str(c) for c in table.frame if c not in apart], target, notes)
    _mind_giveaways(table, features, labels[labelled], notes)
    left_out = [*(LeftOut(column, "as asked") for column in without), *left_out]
    rows = len(table.frame)
    contract = ModelContract(
        name=name,
        title=_label(name),
        description=f"Tells {said.positive} from {said.negative}.",
        features=features,
        target=said,
        time_column=time_column,
        quality=_quality(share, notes),
        labels=_labels(notes),
        monitoring=_monitoring(rows, share, spacing, notes),
        training=_training(rows, len(features), notes),
    )
    by_place = {place: tuple(found) for place, found in notes.by_place.items()}
    return Draft(contract, by_place, tuple(left_out), tuple(notes.remarks), rows, share)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _check_columns(table: TableFile, target: str, time_column: str | None, without: Sequence[str]) -> None:
    for role, column in (("target", target), ("time", time_column), *(("left out", one) for one in without)):
        if column is not None and column not in table.frame:
            there = [str(name) for name in table.frame][:40]
            more = f" and {table.frame.shape[1] - 40} more" if table.frame.shape[1] > 40 else ""
            raise InvalidError(
                f"{table.header_place}: {role} column `{column}` is not there; there are {', '.join(there)}{more}"
            )
    if target == time_column or target in without:
        raise InvalidError(f"{table.header_place}: column `{target}` cannot be the target and something else")


def _check_size(table: TableFile, target: Target, labels: NDArray[np.float64]) -> None:
    rows, ones = len(labels), int(labels.sum())
    if rows < LEAST_ROWS:
        raise InvalidError(f"{table.path}: has {rows} labelled rows, at least {LEAST_ROWS} are needed")
    rarer, word = min((ones, target.positive), (rows - ones, target.negative))
    if rarer < LEAST_OF_A_CLASS:
        raise InvalidError(
            f"{table.path}: column {target.column}: `{word}` stands in {rarer} of {rows} rows, "
            f"at least {LEAST_OF_A_CLASS} are needed"
        )


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
        raise InvalidError(f"{place}: holds one class only: `{next(iter(counts))}` in every row")
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
        word = _words(column)
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


def _spacing(table: TableFile, column: str | None, notes: _Notes) -> timedelta | None:
    """The mean time from one row to the next."""
    if column is None:
        return None
    read = times(table.frame[column])
    if read.strange.any():
        at = int(np.argmax(read.strange))
        found = str(table.frame[column].iloc[at])[:40]
        raise InvalidError(f"{table.place(at)}: time column {column}: expected a date or a time, found {found!r}")
    known = read.values.dropna()
    if known.empty:
        raise InvalidError(f"{table.header_place}: time column {column}: holds no time")
    if read.null.any():
        notes.remarks.append(f"column {column}: {_rows(int(read.null.sum()))} without a time")
    notes.remarks.append(f"column {column}: from {known.min():%Y-%m-%d %H:%M} to {known.max():%Y-%m-%d %H:%M}")
    if read.remark:
        notes.add("time_column", f"{LOOK}it {read.remark}")
    if "running" in read.remark:
        return None
    return timedelta(seconds=(known.max() - known.min()).total_seconds() / max(len(known) - 1, 1))


# --- features


def _features(
    table: TableFile, columns: Sequence[str], target: str, notes: _Notes
) -> tuple[dict[str, Feature], list[LeftOut]]:
    kept: dict[str, _Found] = {}
    left_out: list[LeftOut] = []
    for column in columns:
        found = _column(table, column)
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


def _words(column: str) -> str:
    """`hours-per-week` and `hoursPerWeek` are three words."""
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[_\W]+", " ", column)).split()) or column


def _label(column: str) -> str:
    """The name people read."""
    words = _words(column)
    return words[:1].upper() + words[1:]


def _column(table: TableFile, column: str) -> _Found | LeftOut:
    cells = table.frame[column]
    read = numbers(cells, table.delimiter)
    known = int((~read.null).sum())
    if not known:
        return LeftOut(column, "holds no value")
    odd = int(read.strange.sum())
    if odd == 0 and not _is_code(cells[~read.null]):
        return _numeric(table, column, cells, read)
    if 0 < odd < known:
        _refuse_typing_errors(table, column, cells, read)
    return _text(table, column, cells)


def _is_code(cells: "pd.Series[Any]") -> bool:
    """Digits with leading zeros are a code (a postcode), not a number."""
    return bool(cells.str.fullmatch(r"0\d+").any())


def _refuse_typing_errors(table: TableFile, column: str, cells: "pd.Series[Any]", read: Numbers) -> None:
    odd, known = int(read.strange.sum()), int((~read.null).sum())
    if cells.nunique() > FEW_VALUES and odd / known <= FAULTY_SHARE:
        at = int(np.argmax(read.strange))
        raise InvalidError(
            f"{table.place(at)}: column {column}: {str(cells.iloc[at])[:40]!r} is no number; {_rows(known - odd)} "
            f"hold one, {_rows(odd)} another text: mend them, empty them, or leave the column out with --without"
        )


# --- numbers


def _numeric(table: TableFile, column: str, cells: "pd.Series[Any]", read: Numbers) -> _Found | LeftOut:
    values = read.values[~read.null]
    distinct = np.unique(values)
    if len(distinct) == 1:
        return LeftOut(column, f"holds {distinct[0]:g} in every row that holds anything")
    if np.abs(values).max() > _LARGEST:
        at = int(np.nanargmax(np.abs(read.values)))
        raise InvalidError(f"{table.place(at)}: column {column}: a model cannot read a number as large as this")
    whole = bool((values == np.round(values)).all())
    if whole and len(distinct) == len(values) and distinct[-1] - distinct[0] < 2 * len(values):
        return LeftOut(column, f"numbers the rows: {len(values):,} whole numbers, each different")
    if whole and len(distinct) > MOST_CATEGORIES and _ID_NAME.fullmatch(column):
        return LeftOut(
            column, f"is called an id, with {len(distinct):,} different whole numbers in {len(values):,} rows"
        )
    notes, remarks = _null_notes(table, column, cells, read.null)
    categories = tuple(int(value) for value in distinct[:2])
    if {canonical(str(word)) for word in cells[~read.null].unique()} == {str(value) for value in categories}:
        if categories != (0, 1):
            notes = [f"{LOOK}only {categories[0]} and {categories[1]} stand here: taken for a category", *notes]
        feature = Feature(kind="category", label=_label(column), categories=categories, nullable=bool(read.null.any()))
        return _Found(feature, tuple(notes), tuple(remarks))
    if whole and len(distinct) <= 10:
        listed = ", ".join(f"{value:g}" for value in distinct)
        notes.append(f"{LOOK}only {listed}; if these are codes, write: kind: category, categories: [{listed}]")
    sound, sentinels = without_sentinels(values)
    for value in sentinels:
        share = float((values == value).mean())
        notes.append(
            f"{LOOK}{value:g} stands apart from the rest in {share:.1%} of the rows; if it means that nobody measured, "
            "empty it in the table and write nullable: true"
        )
        remarks.append(f"column {column}: {value:g} in {share:.1%} of the rows looks like a code for a missing value")
    expected, accepted = bounds(sound, sentinels)
    feature = Feature(
        kind="numeric", label=_label(column), range=accepted, expected=expected, nullable=bool(read.null.any())
    )
    return _Found(feature, tuple(notes), tuple(remarks))


def _null_notes(
    table: TableFile, column: str, cells: "pd.Series[Any]", null: NDArray[np.bool_]
) -> tuple[list[str], list[str]]:
    """What is said of words that are read as nothing; an empty cell needs no words."""
    remarks = []
    written = cells[null & (cells != "").to_numpy()]
    for word, count in written.value_counts().items():
        first = int(np.argmax((cells == word).to_numpy()))
        remarks.append(
            f"column {column}: {str(word)!r} is read as missing: {_rows(int(count))}, the first in {table.spot(first)}"
        )
    words = ", ".join(repr(str(word)) for word in written.unique())
    return ([f"{words} is read as missing"] if words else []), remarks


def without_sentinels(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    """The values without codes such as -1, 0 or 999 that pile up far outside the rest, and those codes."""
    rest, codes = values, []
    while len(rest):
        code = next((edge for edge in (rest.min(), rest.max()) if _piled_up(float(edge), rest, len(values))), None)
        if code is None:
            break
        codes.append(float(code))
        rest = rest[rest != code]
    return rest, tuple(codes)


def _piled_up(code: float, values: NDArray[np.float64], rows: int) -> bool:
    """Often, apart from the nearest value, and far: three typical deviations from the middle of the rest, or a gap of
    a quarter of its width."""
    if code not in SENTINELS:
        return False
    others = values[values != code]
    pile = len(values) - len(others)
    if pile < max(3, 0.002 * rows) or len(others) < pile or others.min() == others.max():
        return False
    low, first, middle, third, high = np.quantile(others, [0.01, 0.25, 0.5, 0.75, 0.99])
    deviation = max((third - first) / 1.349, (high - low) / 4.65) or float(others.std())
    gap, step = float(np.abs(others - code).min()), float(np.median(np.diff(np.unique(others))))
    far = abs(code - middle) >= 3 * deviation or gap >= 0.25 * (high - low)
    return bool(far and gap >= 0.5 * deviation and gap >= 3 * step)


def bounds(
    sound: NDArray[np.float64], sentinels: Sequence[float] = ()
) -> tuple[tuple[float, float], tuple[float, float]]:
    """What is expected (every sound value, and the width of the quantiles by a tenth more) and what is accepted
    (three widths more to each side, and the codes); rounded outward. What is never negative stays so."""
    low, high = float(sound.min()), float(sound.max())
    first, last = (float(q) for q in np.quantile(sound, [0.01, 0.99]))
    width = max(last - first, 0.2 * (high - low), abs(high) * 1e-6, 1e-12)
    expected = _outward(min(low, first - 0.1 * width), max(high, last + 0.1 * width), width, low)
    reach = 3 * (expected[1] - expected[0])
    accepted = _outward(expected[0] - reach, expected[1] + reach, reach, low)
    return expected, (
        _plain(min(accepted[0], *sentinels, expected[0])),
        _plain(max(accepted[1], *sentinels, expected[1])),
    )


def _outward(low: float, high: float, width: float, least: float) -> tuple[float, float]:
    """Both ends rounded away from each other to a tenth of the power of ten in `width`."""
    digits = 1 - math.floor(math.log10(width))
    step = 10.0**-digits
    down, up = (
        round(math.floor(low / step) * step, max(digits, 0)),
        round(math.ceil(high / step) * step, max(digits, 0)),
    )
    # What a float rounds away must not shut out a value.
    return _plain(max(min(down, low), 0.0) if least >= 0 else min(down, low)), _plain(max(up, high))


def _plain(value: float) -> float:
    return float(np.clip(value, -_LARGEST, _LARGEST)) + 0.0


# --- texts


def _text(table: TableFile, column: str, cells: "pd.Series[Any]") -> _Found | LeftOut:
    null = cells.str.lower().isin(NULL_WORDS).to_numpy()
    known = cells[~null]
    words = [str(word) for word in known.unique()]
    if not words:
        return LeftOut(column, "holds no value")
    if len(words) == 1:
        return LeftOut(column, f"holds {words[0][:40]!r} in every row that holds anything")
    if reason := _unfit_text(words, len(known)):
        return LeftOut(column, reason)
    notes, remarks = _null_notes(table, column, cells, null)
    categories, labels = _categories(words)
    pairs = [both for both in Counter(word.casefold() for word in words).items() if both[1] > 1]
    if pairs and not labels:
        alike = next([word for word in words if word.casefold() == folded] for folded, _ in pairs)
        notes.append(f"{LOOK}{' and '.join(map(repr, alike))} differ only in capitals")
    numeric = sum(map(is_number, words))
    if 0 < numeric < len(words):
        odd = next(word for word in words if not is_number(word))
        first = table.spot(int(np.argmax((cells == odd).to_numpy())))
        notes.append(f"{LOOK}{numeric} numbers and {len(words) - numeric} texts ({odd[:40]!r} in {first}): a category")
        remarks.append(f"column {column}: mixes numbers and texts (the first is {odd[:40]!r} in {first}): a category")
    feature = Feature(
        kind="category",
        label=_label(column),
        categories=categories,
        category_labels=labels,
        nullable=bool(null.any()),
    )
    return _Found(feature, tuple(notes), tuple(remarks))


def _unfit_text(words: list[str], rows: int) -> str:
    """Why a text cannot be a category; empty if it can."""
    sample = words[:200]
    if all(map(_DATE_LIKE.fullmatch, sample)) and not times(pd.Series(sample, dtype=object)).strange.any():
        return "holds dates or times; if they say when a row came, name it with --time-column"
    if len(words) > 0.9 * rows and len(words) > FEW_VALUES:
        return f"is an id or free text: {len(words):,} different texts in {rows:,} rows"
    if len(words) > MOST_CATEGORIES:
        return f"has {len(words):,} different texts; a category may have {MOST_CATEGORIES}"
    return ""


def _categories(words: Sequence[str]) -> tuple[tuple[Category, ...], dict[Category, str]]:
    if {word.lower() for word in words} == set(TRUTH):
        return (0, 1), {value: word for word, value in TRUTH.items()}
    return tuple(sorted(dict.fromkeys(map(canonical, words)))), {}


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
    window = int(np.clip(round(rows / 40, -1), 100, 1000))
    age = timedelta(days=7)
    if spacing is not None:
        days = 2 * window * spacing / timedelta(days=1)
        age = timedelta(days=int(np.clip(math.ceil(days), 7, 3650)))
        notes.add("monitoring.window_max_age", f"a window's rows came in {days / 2:.2g} days here; at least 7 days")
    notes.add("monitoring.window_rows", f"a fortieth of the {rows:,} rows, between 100 and 1000")
    rarer = window * min(share, 1 - share)
    if rarer < LEAST_OF_A_CLASS:
        notes.add("monitoring.window_rows", f"{LOOK}only some {rarer:.1f} rows of the rarer class are in a window")
    return Monitoring(window_rows=window, window_max_age=age, min_rows=int(np.clip(window // 5, 30, 200)))


def _training(rows: int, features: int, notes: _Notes) -> Training:
    if rows <= LARGE_TABLE and rows * features <= LARGE_CELLS:
        return Training()
    notes.add("training.cv_folds", f"{rows:,} rows of {features} features are many: once in three parts, to save time")
    return Training(cv_folds=3, cv_repeats=1)
