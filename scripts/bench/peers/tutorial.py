"""The API of the usual tutorial: FastAPI, a pandas row, a pickled pipeline; and an INSERT for each request, if asked.

`PEER_DIRECTORY` holds `pipeline.joblib`; `PEER_DATABASE` is where a row goes for each request, if it is set.
"""

import json
import os
import threading
from pathlib import Path

import joblib
import pandas as pd
import psycopg2
from fastapi import FastAPI
from pydantic import BaseModel


class Patient(BaseModel):
    """One row, as the tutorial's class would have it."""

    age: float
    sex: int
    cp: int
    trestbps: float | None
    chol: float | None
    fbs: int | None
    restecg: int | None
    thalach: float | None
    exang: int | None
    oldpeak: float | None
    slope: int | None
    ca: float | None
    thal: int | None


TABLE = """CREATE TABLE IF NOT EXISTS tutorial_predictions (
    id bigserial PRIMARY KEY, features jsonb NOT NULL, prediction int NOT NULL, probability float8 NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now())"""

app = FastAPI()
model = joblib.load(Path(os.environ["PEER_DIRECTORY"]) / "pipeline.joblib")
database = os.environ.get("PEER_DATABASE")
threads = threading.local()  # FastAPI runs the route in a pool of threads; each keeps a connection


def execute(statement: str, values: tuple[object, ...] = ()) -> None:
    """One statement in a transaction of its own."""
    if not hasattr(threads, "connection"):
        threads.connection = psycopg2.connect(database)
    with threads.connection, threads.connection.cursor() as cursor:
        cursor.execute(statement, values)


if database:
    execute(TABLE)


@app.post("/predict")
def predict(patient: Patient) -> dict[str, float]:
    """Predict; and keep it, in a transaction of its own, when there is a database."""
    row = patient.model_dump()
    probability = float(model.predict_proba(pd.DataFrame([row]))[0, 1])
    prediction = int(probability >= 0.5)
    if database:
        execute(
            "INSERT INTO tutorial_predictions (features, prediction, probability) VALUES (%s, %s, %s)",
            (json.dumps(row), prediction, probability),
        )
    return {"prediction": prediction, "probability": probability}
