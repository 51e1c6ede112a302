"""Made-up tables for the monitoring bench: a reference, a window with some columns moved, and the window's counts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from database.count_layout import Layout, Tally, total

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 7
CATEGORIES = ("a", "b", "c", "d")
_SHARES = (0.4, 0.3, 0.2, 0.1)
_MOVED_SHARES = (0.2, 0.3, 0.2, 0.3)
_MINUTES = 1440
_DECILES = np.arange(0.1, 0.95, 0.1)

Table = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Window:
    """Columns of a window, and the scores of its rows."""

    columns: Table
    scores: NDArray[np.float64]


def save(window: Window, file: Path) -> None:
    arrays: dict[str, Any] = {**window.columns, "scores": window.scores}
    np.savez(file, **arrays)


def load(file: str | Path) -> Window:
    with np.load(file) as arrays:
        columns = {name: arrays[name] for name in arrays.files if name != "scores"}
        return Window(columns, arrays["scores"])


def names_of(columns: int) -> list[str]:
    return [f"c{at:02d}" for at in range(columns)]


def table(rows: int, columns: int, seed: int, moved: float = 0.0, by: float = 0.5) -> Window:
    """A fifth of the columns are categories. The first `moved` share of the columns is moved: numbers by `by` standard
    deviations."""
    rng = np.random.default_rng(seed)
    found: Table = {}
    for at, name in enumerate(names_of(columns)):
        is_moved = at < moved * columns
        if at % 5 == 4:
            found[name] = rng.choice(CATEGORIES, rows, p=_MOVED_SHARES if is_moved else _SHARES)
        else:
            found[name] = rng.normal(by if is_moved else 0.0, 1.0, rows)
    return Window(found, rng.beta(2, 2, rows))


def contract_of(columns: int, name: str = "bench") -> ModelContract:
    features: dict[str, Any] = {}
    for at, one in enumerate(names_of(columns)):
        kind = {"kind": "category", "categories": CATEGORIES} if at % 5 == 4 else {"kind": "numeric"}
        features[one] = {"label": one, "nullable": True, **kind}
    target = {"column": "target", "positive": "yes", "negative": "no"}
    return ModelContract.model_validate(
        {"name": name, "title": name, "description": "made up", "features": features, "target": target}
    )


def profile_of(reference: Window) -> dict[str, Any]:
    """The reference profile of a table, as training makes it, without what drift does not read."""
    features: dict[str, Any] = {}
    n = len(reference.scores)
    for name, values in reference.columns.items():
        entry: dict[str, Any] = {"influence": 1 / len(reference.columns), "null_share": 0.0}
        if values.dtype.kind == "f":
            entry |= {"kind": "numeric", **_binned(values)}
        else:
            shares = [float((values == one).mean()) for one in CATEGORIES]
            entry |= {"kind": "category", "categories": list(CATEGORIES), "shares": [*shares, 0.0]}
        features[name] = entry
    return {"n": n, "features": features, "scores": {**_binned(reference.scores), "uncertain_band": 0.1}}


def _binned(values: NDArray[Any]) -> dict[str, Any]:
    edges = np.quantile(values, _DECILES)
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "shares": [*(counts / len(values)).tolist(), 0.0]}


def tallies(window: Window, layout: Layout) -> dict[datetime, Tally]:
    """The window's rows counted as the API counts them, as a day's minutes."""
    rows = len(window.scores)
    names = list(window.columns)
    ends = np.linspace(0, rows, _MINUTES + 1).astype(int)
    found = {}
    for minute in range(_MINUTES):
        part = slice(ends[minute], ends[minute + 1])
        values = zip(*(window.columns[name][part].tolist() for name in names), strict=True)
        given = [
            {
                "features": dict(zip(names, one, strict=True)),
                "prediction": int(score >= 0.5),
                "probability": score,
                "threshold": 0.5,
                "latency_ms": 1.0,
            }
            for one, score in zip(values, window.scores[part].tolist(), strict=True)
        ]
        if given:
            found[BEGIN + timedelta(minutes=minute)] = layout.tally(given)
    return found


def of_all(found: dict[datetime, Tally], layout: Layout) -> Tally:
    return total(found.values(), layout)
