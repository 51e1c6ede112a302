"""The page a person opens, and a second opinion on drift: the only module that imports Evidently.

Evidently's scores depend on the sample they are computed on, so they decide nothing here; they stand beside our own.
Its whole report raises on a single column it cannot read, so columns are made readable first, and those that still
cannot be compared are left out and named. Importing it takes seconds and hundreds of megabytes: it runs in a process
of its own, `python -m monitoring.evidently_report --window ID`, and the last line on stdout is JSON.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from loguru import logger
from sqlalchemy import Engine

from config.logging_config import configure_logging
from config.model_contract import ModelContract, category_name, load_contract
from config.settings import Settings
from config.yaml_source import ConfigError
from database.address import database_url
from database.artifact_keys import store_of
from database.connection import ReadSession, make_engine, read_scope, session_scope
from database.errors import NotFoundError, StewardError
from database.models import ModelVersion, MonitoringWindow
from database.queries import model_versions, predictions, windows
from monitoring.window_counts import LARGE, large_window
from training import dataset

os.environ.setdefault("DO_NOT_TRACK", "1")
with warnings.catch_warnings():
    # Importing it warns about what its own dependencies deprecate.
    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

KIND = "report"
FILE = "report.html"
MISSING = "__missing__"
# Fewer usable values than this on either side, and a statistic says more about luck than about the column.
LEAST_VALUES = 10
_TEST = "Value Drift for column "


@dataclass(frozen=True)
class Opinion:
    """What Evidently says about one column, by which of its methods."""

    score: float
    method: str
    drifted: bool

    def to_json(self) -> dict[str, Any]:
        return {"score": self.score, "method": self.method, "drifted": self.drifted}


@dataclass(frozen=True)
class Page:
    """A finished report: the page, its opinions by column, and the columns it had to leave out with the reason."""

    html: bytes
    opinions: Mapping[str, Opinion]
    skipped: Mapping[str, str]


@dataclass(frozen=True)
class Prepared:
    """Two frames Evidently can read, and which of their columns it may compare."""

    reference: pd.DataFrame
    current: pd.DataFrame
    numeric: list[str]
    category: list[str]
    skipped: dict[str, str]


def prepare(
    reference: pd.DataFrame, current: pd.DataFrame, numeric: Sequence[str], category: Sequence[str]
) -> Prepared:
    """Numbers as float with infinities as missing, categories as text with missingness as a category of its own;
    columns that are absent or nearly empty on either side are left out."""
    skipped: dict[str, str] = {}
    readable = []
    for side, frame in (("reference", reference), ("window", current)):
        made = pd.DataFrame(index=frame.index)
        for name in (*numeric, *category):
            if name not in frame:
                skipped.setdefault(name, f"missing in the {side}")
                continue
            made[name] = _numbers(frame[name]) if name in numeric else _words(frame[name])
            usable = int(made[name].notna().sum())
            if usable < LEAST_VALUES:
                skipped.setdefault(name, f"{usable} usable values in the {side}, at least {LEAST_VALUES} are needed")
        readable.append(made)
    return Prepared(
        readable[0],
        readable[1],
        [name for name in numeric if name not in skipped],
        [name for name in category if name not in skipped],
        skipped,
    )


def _numbers(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)


def _words(column: pd.Series) -> pd.Series:
    words = column.astype("object").map(category_name, na_action="ignore")
    return words.where(column.notna(), MISSING).astype(str)


def make_page(contract: ModelContract, reference: pd.DataFrame, current: pd.DataFrame) -> Page:
    """Compare a window with the reference. A column on which Evidently fails is left out and named, never fatal.

    Raises `NotFoundError` when no column can be compared at all.
    """
    numeric = [name for name, feature in contract.features.items() if feature.kind == "numeric"]
    category = [name for name, feature in contract.features.items() if feature.kind == "category"]
    ready = prepare(reference, current, numeric, category)
    skipped = dict(ready.skipped)
    columns = [name for name in contract.feature_names if name not in skipped]
    snapshot = _run(ready, columns)
    if snapshot is None:
        for name in list(columns):
            if _run(ready, [name]) is None:
                skipped[name] = "Evidently cannot compare this column"
                columns.remove(name)
        snapshot = _run(ready, columns)
    if snapshot is None:
        raise NotFoundError(f"no column of the window can be compared: {skipped}")
    return Page(_html(snapshot), _opinions(snapshot.dict()), skipped)


def _run(ready: Prepared, columns: Sequence[str]) -> Any:
    """Evidently's result, or None if it raised (or there is nothing to compare)."""
    if not columns:
        return None
    definition = DataDefinition(
        numerical_columns=[name for name in ready.numeric if name in columns],
        categorical_columns=[name for name in ready.category if name in columns],
    )
    current, reference = (
        Dataset.from_pandas(frame[list(columns)], data_definition=definition)
        for frame in (ready.current, ready.reference)
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's about degenerate columns; the result says it
            return Report([DataDriftPreset(columns=list(columns))], include_tests=True).run(current, reference)
    except Exception as error:  # noqa: BLE001  it raises whatever a statistic of its trips over
        logger.warning("monitor.report.columns_refused columns={} error={}", list(columns), error)
        return None


def _html(snapshot: Any) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / FILE
        snapshot.save_html(str(path))
        return path.read_bytes()


def _opinions(result: Mapping[str, Any]) -> dict[str, Opinion]:
    failed = {
        test["name"].removeprefix(_TEST): test["status"].value == "FAIL"
        for test in result["tests"]
        if test["name"].startswith(_TEST)
    }
    found = {}
    for metric in result["metrics"]:
        column = metric.get("config", {}).get("column")
        if column in failed:
            score = float(metric["value"])
            if np.isfinite(score):
                found[column] = Opinion(score, str(metric["config"].get("method")), failed[column])
    return found


def make_report(engine: Engine, settings: Settings, window_id: int) -> str:
    """Make the page of one window, keep it, and note it and the opinions on the window's drift report.

    Returns the artifact's digest. Asked twice for the same window, it returns the page that was made. Raises
    `NotFoundError` if the window, its reference or every comparable column is missing.
    """
    store = store_of(settings)
    with read_scope(engine) as session:
        window = windows.get(session, window_id)
        report = windows.drift_report(session, window_id)
        if report is not None and report.report_path and store.has(report.report_path):
            return report.report_path
        version = model_versions.get(session, window.model_id)
        model_name, digest, seq, number = window.model_name, version.dataset_digest, window.seq, version.version
        contract = load_contract(model_name, settings.platform.contracts_dir)
        rows, whole = _rows(session, contract, version, window), window.n
    reference = dataset.load(store, digest).rows
    current = pd.DataFrame(rows, columns=list(contract.feature_names))
    page = make_page(contract, reference, current)
    key = store.put(
        KIND,
        {FILE: page.html},
        {
            "model_name": model_name,
            "window_id": window_id,
            "seq": seq,
            "version": number,
            "skipped": dict(page.skipped),
            "rows": len(rows),
            "window_rows": whole,
        },
    )
    _note(engine, window_id, key, page)
    logger.info("monitor.report.made model={} window={} bytes={}", model_name, seq, len(page.html))
    return key


def _rows(
    session: ReadSession, contract: ModelContract, version: ModelVersion, window: MonitoringWindow
) -> Sequence[Mapping[str, Any]]:
    """What a window's clients sent; of a large window, of rows drawn by lot."""
    if window.n > LARGE:
        large = large_window(session, contract, version, window.from_at, window.to_at)
        if large is not None:
            return large.sample.features
    outcomes = predictions.outcomes_between(session, version.model_name, version.id, window.from_at, window.to_at)
    return [outcome.features for outcome in outcomes]


def _note(engine: Engine, window_id: int, key: str, page: Page) -> None:
    with session_scope(engine) as session:
        report = windows.drift_report(session, window_id)
        if report is None:
            raise NotFoundError(f"window {window_id} has no drift report")
        report.report_path = key
        report.features = [_with_opinion(entry, page) for entry in report.features]


def _with_opinion(entry: Mapping[str, Any], page: Page) -> dict[str, Any]:
    name = entry["feature"]
    opinion = page.opinions.get(name)
    if opinion is not None:
        return {**entry, "evidently": opinion.to_json()}
    return {**entry, "evidently": None, "evidently_says": page.skipped.get(name, "no opinion")}


def main() -> int:
    """The command. Exit code 0 with `{"ok": true, "report": digest}`, or 1 with `{"ok": false, "says": reason}`."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.evidently_report", description=__doc__)
    parser.add_argument("--window", type=int, required=True, help="id of the monitoring window")
    window_id = parser.parse_args().window
    settings = Settings()
    configure_logging("report", level=settings.platform.log_level, as_json=settings.platform.log_json)
    with contextlib.suppress(OSError):
        os.nice(10)  # whoever answers predictions or people goes first
    engine = make_engine(database_url(settings), settings.database, application="steward-report")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            key = make_report(engine, settings, window_id)
    except (StewardError, ConfigError) as error:
        sys.stdout.write(json.dumps({"ok": False, "window": window_id, "says": str(error)}) + "\n")
        return 1
    finally:
        engine.dispose()
    sys.stdout.write(json.dumps({"ok": True, "window": window_id, "report": key}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
