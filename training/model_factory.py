"""From a candidate's name to an unfitted estimator, with the hyperparameters of `config/model_config.yml`.

Every candidate reads the matrix of `feature_engineering`: float32, NaN for a number that was not measured. Linear
models impute and scale inside their pipeline. Trees take the matrix as it is and are never scaled: scaling before trees
moves values across splits when the model is converted, which was measured to change half of the answers. All run on
one thread: on a small table more only take cores from whatever else runs here.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightgbm import LGBMClassifier
from pydantic import BaseModel, ConfigDict
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from config.yaml_source import ConfigError, read_yaml

CONFIG_FILE = Path(__file__).resolve().parent.parent / "config" / "model_config.yml"

Params = dict[str, int | float | str | bool | None]


class Candidates(BaseModel):
    """The page of candidates a training run compares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: dict[str, Params]


def _imputer() -> Any:
    # A column nobody measured must keep its place in the matrix.
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _logistic_regression(params: Params, seed: int) -> Any:
    return make_pipeline(_imputer(), StandardScaler(), LogisticRegression(**{"random_state": seed, **params}))


def _random_forest(params: Params, seed: int) -> Any:
    return make_pipeline(_imputer(), RandomForestClassifier(**{"random_state": seed, "n_jobs": 1, **params}))


def _xgboost(params: Params, seed: int) -> Any:
    return XGBClassifier(**{"random_state": seed, "n_jobs": 1, "tree_method": "hist", **params})


def _lightgbm(params: Params, seed: int) -> Any:
    fixed = {"random_state": seed, "n_jobs": 1, "verbose": -1, "deterministic": True, "force_row_wise": True}
    return LGBMClassifier(**{**fixed, **params})


# Name -> how it is built, and whose hyperparameters it takes. A new candidate is one line here and one in the page. The
# slowest first, as measured at 1,000 and at 100,000 rows: so they are cross-validated.
REGISTRY: Mapping[str, tuple[Callable[[Params, int], Any], type]] = {
    "random_forest": (_random_forest, RandomForestClassifier),
    "xgboost": (_xgboost, XGBClassifier),
    "lightgbm": (_lightgbm, LGBMClassifier),
    "logistic_regression": (_logistic_regression, LogisticRegression),
}


def make(name: str, params: Params, seed: int) -> Any:
    """The unfitted estimator called `name`.

    Raises `ConfigError` for a name or a hyperparameter nobody knows; two of the libraries would swallow the latter.
    """
    if name not in REGISTRY:
        raise ConfigError(f"candidate `{name}` is not known; known: {', '.join(REGISTRY)}")
    build, takes = REGISTRY[name]
    foreign = sorted(set(params) - set(takes().get_params()))
    if foreign:
        raise ConfigError(f"candidate `{name}` has no hyperparameter `{foreign[0]}`; see the documentation of {takes}")
    return build(params, seed)


# More rows than this teach a forest nothing that a sample for each tree does not. Measured on 30,000 rows: the same
# AUC (0.856, 0.854 with all), in a third of the time and a tenth of the file.
FOREST_ROWS = 10_000


def sized(name: str, params: Params, rows: int) -> Params:
    """The hyperparameters for a table of so many rows: on a large one, a forest's trees sample it."""
    if name != "random_forest" or rows <= FOREST_ROWS:
        return params
    least = params.get("min_samples_leaf")
    leaf = max(least, 10) if isinstance(least, int) else 10
    return {"max_samples": round(FOREST_ROWS / 2 / rows, 4), **params, "min_samples_leaf": leaf}


def load_candidates(path: Path = CONFIG_FILE) -> dict[str, Params]:
    """The candidates of the page, each checked by building it once.

    Raises `ConfigError` naming the file and what was expected.
    """
    candidates = read_yaml(path, Candidates).candidates
    if not candidates:
        raise ConfigError(f"{path}: candidates: expected at least one of {', '.join(REGISTRY)}")
    for name, params in candidates.items():
        try:
            make(name, params, seed=0)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
    return candidates
