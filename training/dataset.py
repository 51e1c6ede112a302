"""A training set, named by what is in it: the digest on a version says exactly which rows made it.

Kept in the artifact store as Parquet (no pickle): the features in contract order, the target, and for each row where
it came from.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.model_contract import Feature, ModelContract
from database.artifact_store import ArtifactStore
from database.enums import DataSource
from database.errors import InvalidError
from training.feature_engineering import Row

KIND = "dataset"
FILE = "data.parquet"
ROW_SOURCE = "row_source"


@dataclass(frozen=True)
class Dataset:
    """Stored rows. `rows` holds the features in contract order, then the target, then `row_source`."""

    rows: pd.DataFrame
    source: DataSource
    digest: str

    def features(self, contract: ModelContract) -> list[Row]:
        """The rows as the encoding reads them."""
        return rows_of(contract, self.rows)

    def labels(self, contract: ModelContract) -> NDArray[np.int64]:
        return self.rows[contract.target.column].to_numpy(dtype=np.int64)


def learnt_until(made_from: Mapping[str, Any]) -> datetime | None:
    """When the newest traffic row of a training set came, by what is stored about it: a version is not judged by that
    one or any before. None for a set without traffic."""
    until = made_from.get("trained_until")
    return None if until is None else datetime.fromisoformat(until)


def _column(feature: Feature, values: Iterable[Any]) -> Any:
    """One column with a type of its own, so that the same rows always make the same file."""
    listed = list(values)
    if feature.kind == "numeric":
        return pd.array([np.nan if v is None else float(v) for v in listed], dtype="float64")
    if all(isinstance(category, int) for category in feature.categories or ()):
        return pd.array([None if v is None else int(v) for v in listed], dtype="Int64")
    return pd.array([None if v is None else str(v) for v in listed], dtype="object")


def frame_of(
    contract: ModelContract, rows: Sequence[Mapping[str, Any]], labels: Sequence[int], row_source: Sequence[str] | str
) -> pd.DataFrame:
    """Rows, labels and their origin as one table.

    Raises `InvalidError` if they are not of one length, if a label is not 0 or 1, or if a value has not the type of
    its column.
    """
    sources = [row_source] * len(rows) if isinstance(row_source, str) else list(row_source)
    if not len(rows) == len(labels) == len(sources):
        raise InvalidError(f"{len(rows)} rows, {len(labels)} labels and {len(sources)} origins do not belong together")
    if set(labels) - {0, 1}:
        raise InvalidError(f"column {contract.target.column}: a label must be 0 or 1")
    columns: dict[str, Any] = {}
    for name, feature in contract.features.items():
        try:
            columns[name] = _column(feature, (row.get(name) for row in rows))
        except (TypeError, ValueError) as error:
            raise InvalidError(f"column {name}: a value is not a {feature.kind}: {error}") from error
    columns[contract.target.column] = np.asarray(labels, dtype=np.int64)
    columns[ROW_SOURCE] = pd.array(sources, dtype="object")
    return pd.DataFrame(columns)


def rows_of(contract: ModelContract, frame: pd.DataFrame) -> list[Row]:
    """The features of a table as rows: every missing value None, every category as the contract writes it."""
    columns = []
    for name, feature in contract.features.items():
        known = {str(category): category for category in feature.categories or ()}
        values = [None if missing else value for value, missing in zip(frame[name], frame[name].isna(), strict=True)]
        columns.append([known.get(str(value), value) for value in values] if known else values)
    names = contract.feature_names
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def store(
    store_: ArtifactStore,
    contract: ModelContract,
    frame: pd.DataFrame,
    source: DataSource,
    details: Mapping[str, Any] | None = None,
) -> Dataset:
    """Keep `frame` and give it its name. The same rows from the same source have the same digest."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", index=False, compression="zstd")
    meta = {
        "model_name": contract.name,
        "contract_digest": contract.digest,
        "source": source.value,
        "rows": len(frame),
        "positives": int(frame[contract.target.column].sum()),
        "origins": {str(k): int(v) for k, v in sorted(frame[ROW_SOURCE].value_counts().items())},
        **(details or {}),
    }
    return Dataset(frame, source, store_.put(KIND, {FILE: buffer.getvalue()}, meta))


def load(store_: ArtifactStore, digest: str) -> Dataset:
    """The training set of that name, verified. Raises `NotFoundError` or `IntegrityError`."""
    artifact = store_.read(digest, KIND)
    frame = pd.read_parquet(io.BytesIO(artifact.files[FILE]), engine="pyarrow")
    return Dataset(frame, DataSource(artifact.meta["source"]), digest)
