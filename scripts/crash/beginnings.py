"""What the monitor's and the API's lives begin with. Apart from those, since only this needs a real training."""

from datetime import timedelta
from uuid import uuid4

import orjson
from sqlalchemy import Engine

from api.spool_claim import claim_spools
from api.spool_file import Answered
from config.settings import Settings
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.enums import Scope
from database.models import Label, Prediction
from database.queries import api_keys, model_versions
from database.queries.audit import SYSTEM
from scripts.crash import serving, watching, world
from scripts.crash.lives import contract_of
from scripts.crash.trained import make_version
from training import serving_artifact
from training.synthetic import synthetic_rows

_LEFT = 3


def monitor(engine: Engine, settings: Settings) -> None:
    """A version that was really trained, and rows of people like those it learned from, each with its truth."""
    contract, store = contract_of(settings), ArtifactStore(settings.artifacts_dir)
    columns = make_version(store, contract, *synthetic_rows("cleveland", 303, 1))
    with session_scope(engine) as session:
        version = model_versions.register(session, SYSTEM, **columns)
        deployment = model_versions.activate(session, SYSTEM, version, expected_active_id=None, reason="the first")
        session.refresh(deployment)
        began, version_id, digest = deployment.created_at, version.id, version.artifact_digest
    model = serving_artifact.load(store, digest)
    rows, truths = synthetic_rows("cleveland", watching.WINDOWS * contract.monitoring.window_rows, 2)
    with session_scope(engine) as session:
        for at, (row, truth, probability) in enumerate(zip(rows, truths, model.predict(rows), strict=True)):
            answered = Prediction(
                id=uuid4(),
                model_id=version_id,
                model_name=contract.name,
                generation=1,
                key_id="k",
                request_id="r",
                features=dict(row),
                prediction=int(probability >= model.threshold),
                probability=float(probability),
                threshold=model.threshold,
                latency_ms=1.0,
                created_at=began + timedelta(microseconds=10 * at),
            )
            session.add(answered)
            observed = began + timedelta(minutes=1)
            session.add(Label(prediction_id=answered.id, revision=1, value=truth, key_id="k", observed_at=observed))


def api(engine: Engine, settings: Settings) -> None:
    """A version that was really trained, a key, and the spool of a process that died with rows in it."""
    contract = contract_of(settings)
    columns = make_version(ArtifactStore(settings.artifacts_dir), contract, *synthetic_rows("cleveland", 303, 1))
    with session_scope(engine) as session:
        version = model_versions.register(session, SYSTEM, **columns)
        model_versions.activate(session, SYSTEM, version, expected_active_id=None, reason="the first version")
        _, key = api_keys.create_key(
            session, SYSTEM, "client", [Scope.PREDICT], None, timedelta(days=1), serving.SECRET.encode(), "development"
        )
        version_id = version.id
    (settings.platform.home / serving.KEY).write_text(key)
    own, _ = claim_spools(settings.spool_dir, max_rows=100)
    dead, _ = claim_spools(settings.spool_dir, max_rows=100)
    rows = [_row(version_id) for _ in range(_LEFT)]
    dead.append(Answered(orjson.dumps(rows)[1:-1], len(rows), b""))
    for spool in (own, dead):
        spool.close()
    serving.write_down(settings.platform.home, [{"asked": "before", "ids": [row["id"] for row in rows]}])


def _row(version_id: int) -> dict[str, object]:
    return {
        "id": str(uuid4()), "model_id": version_id, "model_name": world.MODEL, "generation": 1, "key_id": "k",
        "request_id": "r", "features": world.SOUND, "prediction": 1, "probability": 0.7, "threshold": 0.5,
        "latency_ms": 1.0, "created_at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
