"""The peers' environment and models: `make bench-peers` installs, their own Python prepares, ours imports nothing."""

import csv
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config.settings import ROOT
from database.artifact_store import ArtifactStore
from scripts.bench.serving.installation import Installation
from training import serving_artifact

ENVIRONMENT = ROOT / ".venv-peers"
SERVERS = ROOT / "scripts" / "bench" / "peers"
_PREPARED_S = 180.0
_ASK = (
    "import importlib.metadata, json, sys; print(json.dumps({n: importlib.metadata.version(n) for n in sys.argv[1:]}))"
)
PACKAGES = (
    "mlflow",
    "bentoml",
    "litserve",
    "fastapi",
    "uvicorn",
    "starlette",
    "scikit-learn",
    "pandas",
    "xgboost",
    "onnxruntime",
)


@dataclass(frozen=True)
class Peers:
    """An environment with models ready, or `missing`: why there is none."""

    python: Path
    directory: Path
    versions: dict[str, str]
    missing: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What every peer's process is told."""
        return {
            "PEER_DIRECTORY": str(self.directory),
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": "",
            "VIRTUAL_ENV": str(self.python.parent.parent),
            "BENTOML_HOME": str(self.directory / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "1",
            "OMP_NUM_THREADS": "1",
        }


def prepare(installed: Installation) -> Peers:
    """Write what the peers need and let their environment make its models. Never raises: what is missing is said."""
    directory = installed.directory / "peers"
    directory.mkdir()
    peers = Peers(ENVIRONMENT / "bin" / "python", directory, {})
    if not peers.python.is_file():
        return Peers(peers.python, directory, {}, "not installed: `make bench-peers` does it")
    _write(installed, directory)
    environment = os.environ | peers.environment
    try:
        found = subprocess.run(
            [peers.python, "-c", _ASK, *PACKAGES], env=environment, capture_output=True, text=True, check=True
        )
        subprocess.run(
            [peers.python, SERVERS / "prepare.py", directory],
            env=environment, capture_output=True, text=True, check=True, timeout=_PREPARED_S,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        return Peers(peers.python, directory, {}, f"cannot be used: {error.stderr.strip().splitlines()[-1]}")
    except subprocess.TimeoutExpired:
        return Peers(peers.python, directory, {}, f"their models were not made within {_PREPARED_S:.0f} s")
    return Peers(peers.python, directory, json.loads(found.stdout))


def _write(installed: Installation, directory: Path) -> None:
    contract, table = installed.contract, installed.table
    store = ArtifactStore(installed.settings.artifacts_dir)
    files = store.read(installed.models[0].digest, serving_artifact.KIND).files
    (directory / "model.onnx").write_bytes(files["model.onnx"])
    fixed = {"random_state": contract.training.seed, "n_jobs": 1, "tree_method": "hist"}
    categories = {name: one.categories for name, one in contract.features.items() if one.kind == "category"}
    (directory / "peers.json").write_text(json.dumps({"params": fixed | installed.params, "categories": categories}))
    with (directory / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*contract.feature_names, "label"])
        for row, label in zip(table.rows, table.labels, strict=True):
            writer.writerow([*(row[name] for name in contract.feature_names), label])
