"""The rows of the four hospitals. Every fault names file, line and column.

Hospital files come from `STEWARD_DATA_DIR` if that is set, else from UCI (verified by checksum, kept in
`STEWARD_HOME/downloads`), else, only for a caller that asks for it, from a synthetic cohort that says what it is.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from config.settings import Settings
from database.enums import DataSource
from database.errors import InvalidError, UnavailableError
from training.download import fetch
from training.feature_engineering import Row
from training.synthetic import synthetic_rows

# What a contract calls this data, and the hospital whose patients a first version learns from.
UCI_SOURCE, FIRST_HOSPITAL = "uci_heart_disease", "cleveland"
UCI_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/"
# The columns of the published files, in their order; the last is 0 for no disease, 1 to 4 for its degree.
COLUMNS = (
    "age", "sex", "cp", "trestbps", "chol", "fbs", "restecg",
    "thalach", "exang", "oldpeak", "slope", "ca", "thal", "num",
)  # fmt: skip


@dataclass(frozen=True)
class HospitalFile:
    """One published file and what it must be."""

    title: str
    file: str
    sha256: str
    rows: int


HOSPITALS: Mapping[str, HospitalFile] = {
    "cleveland": HospitalFile(
        "Cleveland",
        "processed.cleveland.data",
        "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
        303,
    ),
    "hungarian": HospitalFile(
        "Budapest",
        "processed.hungarian.data",
        "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796",
        294,
    ),
    "va": HospitalFile(
        "Long Beach", "processed.va.data", "e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f", 200
    ),
    "switzerland": HospitalFile(
        "Zurich and Basel",
        "processed.switzerland.data",
        "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314",
        123,
    ),
}


@dataclass(frozen=True)
class HospitalData:
    """One hospital's patients in the order of its file."""

    name: str
    title: str
    rows: tuple[Row, ...]
    labels: tuple[int, ...]
    source: DataSource


def load_hospital(
    name: str, settings: Settings, *, allow_synthetic: bool = False, base_url: str = UCI_URL, seed: int = 0
) -> HospitalData:
    """The patients of `name`: cleveland, hungarian, va or switzerland.

    Raises `InvalidError` for a file that is not the published one, and `UnavailableError` (saying what to set) when
    none can be had, unless `allow_synthetic`: then a cohort made up from published statistics, and a loud warning.
    """
    if name not in HOSPITALS:
        raise InvalidError(f"hospital `{name}` is not known; known: {', '.join(HOSPITALS)}")
    hospital = HOSPITALS[name]
    if settings.platform.data_dir is not None:
        path = settings.platform.data_dir / hospital.file
        if not path.is_file():
            raise InvalidError(f"{path}: is not there; STEWARD_DATA_DIR must hold the four processed.*.data files")
        return _from_file(name, path, DataSource.DIRECTORY)
    try:
        path = fetch(base_url + hospital.file, settings.downloads_dir / hospital.file, hospital.sha256)
    except UnavailableError as error:
        if not allow_synthetic:
            raise
        logger.warning("data.synthetic hospital={} reason={}", name, error)
        logger.warning("THESE PATIENTS ARE SYNTHETIC: made up from published statistics, never measured on anybody")
        rows, labels = synthetic_rows(name, hospital.rows, seed)
        return HospitalData(name, hospital.title, rows, labels, DataSource.SYNTHETIC)
    return _from_file(name, path, DataSource.UCI)


def _from_file(name: str, path: Path, source: DataSource) -> HospitalData:
    hospital = HOSPITALS[name]
    data = path.read_bytes()
    rows, labels = parse_hospital(path, data.decode("ascii", errors="replace"))
    found = hashlib.sha256(data).hexdigest()
    if found != hospital.sha256:
        raise InvalidError(
            f"{path}: is not the file UCI publishes: its sha256 is {found[:16]}…, expected {hospital.sha256[:16]}…, "
            f"{len(rows)} rows, expected {hospital.rows}; delete it and fetch it again"
        )
    return HospitalData(name, hospital.title, rows, labels, source)


def parse_hospital(path: Path, text: str) -> tuple[tuple[Row, ...], tuple[int, ...]]:
    """The rows and labels of a published file's text. `path` is for the messages.

    Raises `InvalidError` naming file, line and column for anything but fourteen numbers or `?`.
    """
    rows: list[Row] = []
    labels: list[int] = []
    for at, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        cells = line.strip().split(",")
        if len(cells) != len(COLUMNS):
            raise InvalidError(f"{path}:{at}: expected {len(COLUMNS)} columns, found {len(cells)}; is it cut short?")
        values = [_number(cell, f"{path}:{at}", column) for cell, column in zip(cells, COLUMNS, strict=True)]
        if values[-1] is None:
            raise InvalidError(f"{path}:{at}: column num: the diagnosis must not be missing")
        rows.append(dict(zip(COLUMNS[:-1], values[:-1], strict=True)))
        labels.append(int(values[-1] > 0))
    if not rows:
        raise InvalidError(f"{path}: is empty")
    return tuple(rows), tuple(labels)


def _number(cell: str, place: str, column: str) -> int | float | None:
    text = cell.strip()
    if text in {"", "?"}:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise InvalidError(f"{place}: column {column}: expected a number or `?`, found {text[:40]!r}")
    return int(value) if value.is_integer() else value
