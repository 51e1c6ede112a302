"""The model contract: what one served model is about, in one YAML a person can review.

The API builds its request schema from it, training its design matrix, data validation its expectations, monitoring its
windows and thresholds, the dashboard its names and units. Two ranges stand beside each other on purpose: `range` is
what the API accepts at all (outside: 422), `expected` is what a sound source sends (outside: served, and reported as
a data fault).
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from config.yaml_source import ConfigError, read_yaml

NAME_PATTERN = r"^[a-z0-9_-]{1,64}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
FeatureName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Header = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Category = int | str
Metric = Literal["f1", "accuracy", "precision", "recall", "roc_auc"]
TimeOrder = Literal["day_first", "month_first"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(_Frozen):
    """One column a client sends."""

    kind: Literal["numeric", "category"]
    label: str = Field(description="the name people read")
    column: Header | None = Field(None, description="what a table calls it, where that is not its name")
    unit: str | None = None
    description: str | None = None
    range: tuple[float, float] | None = Field(None, description="accepted by the API, both ends included")
    expected: tuple[float, float] | None = Field(None, description="what a sound source sends")
    categories: tuple[Category, ...] | None = Field(None, description="accepted values of a category")
    category_labels: dict[Category, str] = Field(default_factory=dict)
    tolerated: tuple[Category, ...] = Field(
        (), description="codes of other editions of the data: served as an unknown category, and reported as such"
    )
    nullable: bool = False
    store: Literal["full", "hash", "drop"] = Field("full", description="only `full`: what a model reads is kept whole")
    masked: bool = Field(False, description="its values are shown to nobody: records on the dashboard leave them out")

    @model_validator(mode="after")
    def _is_stored(self) -> Self:
        if self.store != "full":
            raise ValueError(
                f"`store: {self.store}` on something the model reads: on rows that lack it no change could be proved, "
                "verified or undone, and no version trained. Take it out of `features` and name it under `along`: "
                "clients may go on sending it"
            )
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "category":
            if not self.categories:
                raise ValueError("a category feature needs `categories`, a list of at least one value")
            if len(set(map(str, self.categories))) != len(self.categories):
                raise ValueError("`categories` holds a value twice")
            if self.range or self.expected:
                raise ValueError("`range` and `expected` belong to numeric features")
            if set(map(str, self.tolerated)) & set(map(str, self.categories)):
                raise ValueError("`tolerated` repeats a value of `categories`")
        elif self.categories or self.category_labels or self.tolerated:
            raise ValueError("`categories` belong to category features")
        for pair in (self.range, self.expected):
            if pair and pair[0] >= pair[1]:
                raise ValueError(f"the lower end {pair[0]} is not below the upper end {pair[1]}")
        if (
            self.range
            and self.expected
            and not (self.range[0] <= self.expected[0] <= self.expected[1] <= self.range[1])
        ):
            raise ValueError("`expected` must lie inside `range`")
        return self


class Along(_Frozen):
    """A field that clients may send with a row and no model reads: it never stands in a stored row."""

    label: str | None = Field(None, description="the name people read")
    store: Literal["hash", "drop"] = Field(
        description="hash: whom the row is about, kept as a keyed hash to erase by; drop: not kept in any form"
    )


class Target(_Frozen):
    """What the model predicts: 1 is the positive class."""

    column: Header
    positive: str = Field(description="what 1 means; a table may write 1, or this")
    negative: str = Field(description="what 0 means; a table may write 0, or this")
    rest: bool = Field(False, description="every value of the column but `positive` means 0")


class Quality(_Frozen):
    """How good is good enough, and what an error costs."""

    metric: Metric = "f1"
    minimum: float = Field(0.75, ge=0, le=1, description="a candidate below this in cross-validation is not registered")
    tolerance: float = Field(0.03, ge=0, le=1, description="how far below the champion a candidate may be")
    watched: tuple[Metric, ...] = Field(("f1", "roc_auc", "accuracy"), description="metrics whose loss is harm")
    harm_margin: float = Field(0.03, ge=0, le=1, description="a loss smaller than this is not worth acting on")
    cost_per_error: float = Field(1.0, ge=0, description="of one wrong answer, in `currency`")
    currency: str = "errors"


class Labels(_Frozen):
    """When the truth arrives."""

    delay: timedelta = Field(timedelta(days=1), description="after this long a missing label is not waited for")
    maturity: float = Field(0.8, gt=0, le=1, description="share of a window's rows that must be labelled to judge it")


class Monitoring(_Frozen):
    """Windows and what is alarming in one."""

    window_rows: int = Field(
        500, ge=20, le=1_000_000, description="a window closes when it holds this many predictions"
    )
    window_max_age: timedelta = Field(timedelta(days=7), description="or when it is this old")
    min_rows: int = Field(30, ge=10, description="fewer rows are never judged")
    false_alarm_rate: float = Field(0.05, gt=0, lt=0.5, description="of drift scores, per window, over all features")
    suspect_share: float = Field(0.1, gt=0, lt=1, description="share of rows outside `expected` that is a data fault")
    uncertain_band: float = Field(0.1, gt=0, lt=0.5, description="a score this near to the threshold is uncertain")


class Training(_Frozen):
    """How a version comes about."""

    cv_folds: int = Field(5, ge=2, le=20)
    cv_repeats: int = Field(3, ge=1, le=20)
    seed: int = 20_240_601
    holdout_share: float = Field(0.5, gt=0, lt=0.9, description="of the recent labelled rows, kept to compare versions")
    recent_rows: int = Field(400, ge=50, description="how many recent labelled rows evidence looks at")
    keep_original: bool = Field(True, description="a retrain also learns from the first version's training data")


class ModelContract(_Frozen):
    """One served model. `name` is the file's name."""

    name: Name
    title: str
    description: str
    source: str | None = Field(None, description="where its first training data come from")
    task: Literal["binary_classification"] = "binary_classification"
    features: dict[FeatureName, Feature]
    along: dict[FeatureName, Along] = Field(default_factory=dict, description="sent along, read by no model")
    target: Target
    time_column: Header | None = Field(None, description="the column of a table that says when its rows came")
    time_order: TimeOrder | None = Field(None, description="what comes first in its 03/04/2024: the day or the month")
    quality: Quality = Quality()
    labels: Labels = Labels()
    monitoring: Monitoring = Monitoring()
    training: Training = Training()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.features:
            raise ValueError("`features` is empty: name at least one column")
        if self.target.column in self.features:
            raise ValueError(f"the target `{self.target.column}` also stands under `features`")
        named = [self.target.column, *(self.header_of(name) for name in self.features)]
        if self.time_column is not None:
            named.append(self.time_column)
        elif self.time_order is not None:
            raise ValueError("`time_order` speaks of `time_column`, which is not named")
        if len(set(named)) != len(named):
            twice = max(named, key=named.count)
            raise ValueError(f"the column `{twice}` is named twice: as target, time column or a feature's `column`")
        self._along_is_apart()
        if self.quality.metric not in self.quality.watched:
            raise ValueError(f"`quality.watched` must include the selection metric `{self.quality.metric}`")
        return self

    def _along_is_apart(self) -> None:
        for name in self.along:
            if name in self.features or name in {self.target.column, "rows"}:
                raise ValueError(f"`along` names `{name}`, which means something else in a row")
        subjects = [name for name, field in self.along.items() if field.store == "hash"]
        if len(subjects) > 1:
            raise ValueError(f"`along`: a row is about one subject, and {' and '.join(subjects)} are `store: hash`")

    @property
    def subject_field(self) -> str | None:
        """The field that says whom a row is about."""
        return subject_of(self.along)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """In the order of the page, which is the order of every stored row."""
        return tuple(self.features)

    def header_of(self, feature: str) -> str:
        """What a table calls this feature."""
        return self.features[feature].column or feature

    @cached_property
    def digest(self) -> str:
        """sha256 of the contract's meaning: stamped on every version trained under it.

        How a table is laid out counts only where it is said: versions older than these fields keep their digest. Who
        may see a value, and what is sent along with it, changes nothing that was learned.
        """
        meaning = self.model_dump(mode="json", exclude={"features": {"__all__": {"masked", "store"}}, "along": True})
        columns = [(feature, "column") for feature in meaning["features"].values()]
        layout = ((meaning, "time_column"), (meaning, "time_order"), (meaning["target"], "rest"), *columns)
        for part, field in layout:
            if not part[field]:
                del part[field]
        canonical = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def subject_of(along: Mapping[str, Along]) -> str | None:
    """The field among these that says whom a row is about."""
    return next((name for name, field in along.items() if field.store == "hash"), None)


def category_name(value: object) -> str:
    """As the contract writes it: the category 4, whether it came as 4, 4.0 or "4"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def load_contract(name: str, contracts_dir: Path) -> ModelContract:
    """Read `<contracts_dir>/<name>.yml`.

    Raises `ConfigError` naming file, line, field and what was expected.
    """
    path = contracts_dir / f"{name}.yml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in contracts_dir.glob("*.yml"))) or "none"
        raise ConfigError(f"{path}: there is no contract of that name; known: {known}")
    contract = read_yaml(path, ModelContract)
    if contract.name != name:
        raise ConfigError(f"{path}: name: expected `{name}` (the file's name), found `{contract.name}`")
    return contract


def load_contracts(contracts_dir: Path) -> dict[str, ModelContract]:
    """Every contract of the directory, by name."""
    return {path.stem: load_contract(path.stem, contracts_dir) for path in sorted(contracts_dir.glob("*.yml"))}
