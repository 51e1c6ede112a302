"""A logistic model small enough to make in a moment, which the API really loads and serves."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from config.model_contract import ModelContract
from database.artifact_store import ArtifactStore
from scripts.crash.world import SOUND
from training.feature_engineering import Row, encoding_for

# The example body of the documentation; `thal: 2` is a code of another edition, tolerated by the contract.
EXAMPLE: Row = SOUND | {"thal": 2}


def logistic_onnx(width: int, bias: float) -> bytes:
    """probabilities = sigmoid(small fixed weights · features with NaN as 0, plus `bias`)."""
    weights = (np.linspace(-0.01, 0.01, width) / 10).astype(np.float32).reshape(width, 1)
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([bias], dtype=np.float32), "bias"),
        numpy_helper.from_array(np.array([0], dtype=np.float32), "zero"),
        numpy_helper.from_array(np.array([1], dtype=np.float32), "one"),
    ]
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["positive"]),
        helper.make_node("Sub", ["one", "positive"], ["negative"]),
        helper.make_node("Concat", ["negative", "positive"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "logistic",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def expected_probability(contract: ModelContract, row: Row, bias: float) -> float:
    """What the model above answers, computed without it."""
    features = np.nan_to_num(encoding_for(contract).matrix([row]))[0]
    weights = np.linspace(-0.01, 0.01, len(features)) / 10
    return float(1 / (1 + np.exp(-(features @ weights + bias))))


def put_model(store: ArtifactStore, contract: ModelContract, *, bias: float = 0.3, threshold: float = 0.5) -> str:
    """A serving artifact that passes every check of the loader; its digest."""
    encoding = encoding_for(contract)
    golden = {"rows": [EXAMPLE], "probabilities": [expected_probability(contract, EXAMPLE, bias)]}
    files = {
        "model.onnx": logistic_onnx(len(encoding.columns), bias),
        "encoding.json": json.dumps(encoding.to_json()).encode(),
        "calibration.json": json.dumps({"method": "none"}).encode(),
        "golden.json": json.dumps(golden).encode(),
        "contract.json": contract.model_dump_json().encode(),
    }
    meta = {
        "model_name": contract.name,
        "algorithm": "logistic_regression",
        "threshold": threshold,
        "contract_digest": contract.digest,
        "dataset_digest": "0" * 64,
        "libraries": {"onnx": onnx.__version__},
        "parity": {"rows": 1, "max_abs_diff": 0.0, "decision_changes": 0},
    }
    return store.put("serving_artifact", files, meta)
