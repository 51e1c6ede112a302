"""A served model in a database of its own: two real versions, and rows and labels sent as a client would send them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Engine

from config.model_contract import ModelContract
from config.settings import Settings
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.models import Label, ModelVersion, Prediction
from database.queries import model_versions
from database.queries.audit import SYSTEM
from monitoring.run_checks import PassReport, run_pass
from scripts.crash.trained import Columns
from tests.serving_factories import PERSON
from training import serving_artifact
from training.feature_engineering import Row

# So small that the rows of a test are answered before its next activation, as the database sees it.
TICK = timedelta(microseconds=10)


@dataclass
class World:
    """Serves, labels and looks. `clock` follows the database's at each activation, then ticks with every row."""

    engine: Engine
    settings: Settings
    contract: ModelContract
    clock: datetime
    generation: int = 0
    version: ModelVersion | None = None

    def activate(self, columns: Columns) -> ModelVersion:
        """Register a version and let it serve from now on."""
        with session_scope(self.engine) as session:
            version = model_versions.register(session, SYSTEM, **columns)
        return self.activate_again(version.id)

    def activate_again(self, version_id: int) -> ModelVersion:
        """Let a registered version serve from now on."""
        with session_scope(self.engine) as session:
            version = model_versions.get(session, version_id)
            before = model_versions.active(session, self.contract.name)
            deployment = model_versions.activate(
                session, PERSON, version, expected_active_id=before.id if before else None, reason="test"
            )
            session.refresh(version)
            session.refresh(deployment)
            self.clock = max(self.clock, deployment.created_at)
            self.generation, self.version = deployment.generation, version
        return version

    def serve(self, rows: Sequence[Row], *, at: datetime | None = None) -> list[UUID]:
        """Answer rows with the serving version, one after the other (or all at the instant `at`)."""
        assert self.version is not None
        model = serving_artifact.load(ArtifactStore(self.settings.artifacts_dir), self.version.artifact_digest)
        probabilities = model.predict(rows)
        ids = []
        with session_scope(self.engine) as session:
            for row, probability in zip(rows, probabilities, strict=True):
                if at is None:
                    self.clock += TICK
                ids.append(uuid4())
                session.add(
                    Prediction(
                        id=ids[-1],
                        model_id=self.version.id,
                        model_name=self.contract.name,
                        generation=self.generation,
                        key_id="k",
                        request_id="r",
                        features=dict(row),
                        prediction=int(probability >= model.threshold),
                        probability=float(probability),
                        threshold=model.threshold,
                        latency_ms=1.5,
                        created_at=at or self.clock,
                    )
                )
        return ids

    def label(self, ids: Sequence[UUID], truths: Sequence[int], revision: int = 1) -> None:
        """The truth arrives."""
        with session_scope(self.engine) as session:
            session.add_all(
                Label(
                    prediction_id=one,
                    revision=revision,
                    value=int(truth),
                    key_id="k",
                    observed_at=self.clock + timedelta(minutes=revision),
                )
                for one, truth in zip(ids, truths, strict=True)
            )

    def look(self, after: timedelta = timedelta(seconds=10)) -> PassReport:
        """One pass of the monitor, a little later."""
        return run_pass(self.engine, self.settings, self.clock + after)
