"""Make the peers' models, in the peers' environment: `python prepare.py DIRECTORY`.

The directory holds `table.csv` (rows as they are sent, and `label`), `peers.json` (categories and hyperparameters) and
`model.onnx`. The pipeline encodes as the served version does and is fitted anew with the same hyperparameters on the
same rows, so it is the same model; the ONNX file is the very one that is served.
"""

import json
import sys
from pathlib import Path
from typing import Any

import joblib
import mlflow.onnx
import mlflow.sklearn
import onnx
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier


def pipeline(columns: list[str], categories: dict[str, list[Any]], params: dict[str, Any]) -> Pipeline:
    """From the columns as they are sent to a probability."""
    steps = [
        (name, OneHotEncoder(categories=[categories[name]], handle_unknown="ignore", sparse_output=False), [name])
        if name in categories
        else (name, "passthrough", [name])
        for name in columns
    ]
    return Pipeline([("encode", ColumnTransformer(steps)), ("model", XGBClassifier(**params))])


def main(directory: Path) -> None:
    """Fit, and write what each server loads."""
    facts = json.loads((directory / "peers.json").read_text())
    table = pd.read_csv(directory / "table.csv")
    labels = table.pop("label")
    fitted = pipeline(list(table.columns), facts["categories"], facts["params"]).fit(table, labels)
    joblib.dump(fitted, directory / "pipeline.joblib")
    mlflow.sklearn.save_model(
        fitted,
        directory / "mlflow_sklearn",
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
        pip_requirements=[],
    )
    mlflow.onnx.save_model(onnx.load(directory / "model.onnx"), directory / "mlflow_onnx", pip_requirements=[])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
