"""MLflow: every run logged, the winner registered, the aliases a projection of what our own database says.

The only module that knows MLflow, and nothing waits for it: what serves is decided in `model_versions`. When MLflow is
away a run goes on, says so in the log, and its version carries no run id.
"""
# ruff: noqa: E402  (what MLflow reads when it is imported must be said before)

import argparse
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Said before MLflow is imported: it reads them then. A server that is away must cost seconds, not the 200 its seven
# retries take; nothing is reported to anybody; no progress bars in our logs.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "8",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}.items():
    os.environ.setdefault(_name, _value)

import httpx
import mlflow
import mlflow.onnx
import onnx
from loguru import logger
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from config.logging_config import configure_logging
from config.settings import Settings
from database.address import agent_database_url, mlflow_url
from database.connection import first_line, make_engine, read_scope
from database.enums import VersionStatus
from database.queries import model_versions
from training.export import library_versions

_CONNECT_S = 5
logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # warns that there is no pip
PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True)
class RunRecord:
    """What the log keeps of one candidate."""

    algorithm: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    charts: Callable[[], Mapping[str, bytes]]  # drawn when somebody is there to keep them
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Registered:
    """Where the winner stands in MLflow."""

    run_id: str
    version: str


@dataclass(frozen=True)
class Registry:
    """One MLflow, reached through its server or through its own database in our cluster."""

    uri: str
    artifacts: str | None

    @classmethod
    def of(cls, settings: Settings) -> "Registry":
        if settings.mlflow.tracking_uri:
            return cls(settings.mlflow.tracking_uri, None)
        url = mlflow_url(settings).render_as_string(hide_password=False)
        return cls(url, (settings.platform.home / "mlflow").as_uri())

    def log_run(self, model_name: str, candidates: Sequence[RunRecord], winner: str, model: bytes) -> Registered | None:
        """One parent run with a run for each candidate; the winner's model registered. None, and a line in the log,
        when MLflow cannot be reached or refuses."""
        try:
            self._reach()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # MLflow's own use of what its libraries deprecate
                return self._log_run(model_name, candidates, winner, model)
        except Exception as error:  # noqa: BLE001  (whatever MLflow or its drivers raise: training does not wait for it)
            logger.warning("mlflow.away model={} reason={}: {}", model_name, type(error).__name__, first_line(error))
            return None

    def project_aliases(self, model_name: str, champion: str | None, challenger: str | None) -> bool:
        """Make the aliases say what our database says. False, and a line in the log, when that cannot be done now."""
        try:
            self._reach()
            client = self._client()
            # A store behind a server answers with text, one in a database with numbers.
            present = {name: str(version) for name, version in client.get_registered_model(model_name).aliases.items()}
            for alias, version in (("champion", champion), ("challenger", challenger)):
                if version is None and alias in present:
                    client.delete_registered_model_alias(model_name, alias)
                elif version is not None and present.get(alias) != version:
                    client.set_registered_model_alias(model_name, alias, version)
        except Exception as error:  # noqa: BLE001  (a projection that is late is not an error; the next one corrects it)
            logger.warning("mlflow.aliases_late model={} reason={}", model_name, first_line(error))
            return False
        return True

    def _client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def _reach(self) -> None:
        """Fail at once if nobody is there: MLflow itself would retry for minutes."""
        if self.uri.startswith(("http://", "https://")):
            httpx.get(f"{self.uri.rstrip('/')}/health", timeout=_CONNECT_S).raise_for_status()
        elif self.uri.startswith("postgresql"):
            engine = create_engine(self.uri, connect_args={"connect_timeout": _CONNECT_S})
            try:
                engine.connect().close()
            finally:
                engine.dispose()

    def _log_run(self, model_name: str, candidates: Sequence[RunRecord], winner: str, model: bytes) -> Registered:
        client = self._client()
        experiment = client.get_experiment_by_name(model_name)
        experiment_id = (
            experiment.experiment_id
            if experiment
            else client.create_experiment(model_name, artifact_location=self.artifacts)
        )
        parent = client.create_run(experiment_id, run_name=f"train {model_name}", tags={"winner": winner})
        registered: Registered | None = None
        for candidate in candidates:
            run_id = self._log_candidate(client, experiment_id, parent.info.run_id, candidate)
            if candidate.algorithm == winner:
                registered = self._register(client, model_name, run_id, model, candidate)
            client.set_terminated(run_id)
        client.set_terminated(parent.info.run_id)
        if registered is None:
            raise ValueError(f"the winner {winner} is not among the candidates")
        return registered

    @staticmethod
    def _log_candidate(client: MlflowClient, experiment_id: str, parent_id: str, candidate: RunRecord) -> str:
        run = client.create_run(
            experiment_id, run_name=candidate.algorithm, tags={PARENT_TAG: parent_id, **candidate.tags}
        )
        run_id = str(run.info.run_id)
        now = run.info.start_time
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in candidate.metrics.items()],
            params=[Param(name, str(value)) for name, value in candidate.params.items()],
        )
        with tempfile.TemporaryDirectory(prefix="steward-mlflow-") as draft:
            for name, picture in candidate.charts().items():
                (Path(draft) / f"{name}.png").write_bytes(picture)
            client.log_artifacts(run_id, draft, "charts")
        return run_id

    @staticmethod
    def _register(client: MlflowClient, model_name: str, run_id: str, model: bytes, candidate: RunRecord) -> Registered:
        versions = library_versions()
        needs = [f"{name}=={versions[name]}" for name in ("onnx", "onnxruntime", "numpy")]
        with tempfile.TemporaryDirectory(prefix="steward-mlflow-") as draft:
            path = Path(draft) / "model"
            mlflow.onnx.save_model(onnx.load_from_string(model), str(path), pip_requirements=needs)
            client.log_artifacts(run_id, str(path), "model")
        if not any(found.name == model_name for found in client.search_registered_models(f"name = '{model_name}'")):
            client.create_registered_model(model_name)
        version = client.create_model_version(
            model_name, f"{client.get_run(run_id).info.artifact_uri}/model", run_id, tags=dict(candidate.tags)
        )
        return Registered(run_id, str(version.version))


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m training.registry project MODEL`: make the aliases say what our database says; 1 if it must be tried
    again later."""
    parser = argparse.ArgumentParser(prog="python -m training.registry")
    parser.add_argument("command", choices=["project"])
    parser.add_argument("model", help="the model's name")
    given = parser.parse_args(argv)
    settings = Settings()
    configure_logging("registry", level=settings.platform.log_level, as_json=settings.platform.log_json)
    engine = make_engine(agent_database_url(settings), settings.database, application="steward-registry")
    try:
        with read_scope(engine) as session:
            versions = model_versions.all_of(session, given.model)
            champion = next((v.mlflow_version for v in versions if v.is_active), None)
            staged = (v.mlflow_version for v in versions if v.status == VersionStatus.STAGING and v.mlflow_version)
            challenger = next(staged, None)
    except OperationalError as error:
        logger.warning("mlflow.aliases_late model={} reason={}", given.model, first_line(error))
        return 1
    finally:
        engine.dispose()
    return 0 if Registry.of(settings).project_aliases(given.model, champion, challenger) else 1


if __name__ == "__main__":
    sys.exit(main())
