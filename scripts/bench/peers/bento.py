"""BentoML services: `bentoml serve bento:Pipeline` and `bentoml serve bento:Onnx`, one worker each."""

import os
from pathlib import Path
from typing import Any

import bentoml
import joblib
import numpy as np
import onnxruntime
import pandas as pd

DIRECTORY = Path(os.environ["PEER_DIRECTORY"])


@bentoml.service(workers=1)
class Pipeline:
    """The fitted pipeline on a pandas row."""

    def __init__(self) -> None:
        self.model = joblib.load(DIRECTORY / "pipeline.joblib")

    @bentoml.api
    def predict(self, row: dict[str, Any]) -> dict[str, float]:
        """One row as it is sent."""
        return {"probability": float(self.model.predict_proba(pd.DataFrame([row]))[0, 1])}


@bentoml.service(workers=1)
class Onnx:
    """The served ONNX file on a row that the client has encoded."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(DIRECTORY / "model.onnx", options)

    @bentoml.api
    async def predict(self, features: list[float]) -> dict[str, float]:
        """One encoded row."""
        (both,) = self.session.run(["probabilities"], {"features": np.array([features], dtype=np.float32)})
        return {"probability": float(both[0, 1])}
