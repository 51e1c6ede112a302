"""LitServe: `python lit.py pipeline PORT` and `python lit.py onnx PORT`, one worker each."""

import os
import sys
from pathlib import Path
from typing import Any

import joblib
import litserve
import numpy as np
import onnxruntime
import pandas as pd

DIRECTORY = Path(os.environ["PEER_DIRECTORY"])


class Pipeline(litserve.LitAPI):
    """The fitted pipeline on a pandas row."""

    def setup(self, device: str) -> None:
        del device
        self.model = joblib.load(DIRECTORY / "pipeline.joblib")

    def predict(self, row: dict[str, Any]) -> dict[str, float]:
        """One row as it is sent."""
        return {"probability": float(self.model.predict_proba(pd.DataFrame([row]))[0, 1])}


class Onnx(litserve.LitAPI):
    """The served ONNX file on a row that the client has encoded."""

    def setup(self, device: str) -> None:
        del device
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(DIRECTORY / "model.onnx", options)

    def predict(self, row: dict[str, Any]) -> dict[str, float]:
        """One encoded row."""
        (both,) = self.session.run(["probabilities"], {"features": np.array([row["features"]], dtype=np.float32)})
        return {"probability": float(both[0, 1])}


if __name__ == "__main__":
    api = {"pipeline": Pipeline, "onnx": Onnx}[sys.argv[1]]()
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="error")
