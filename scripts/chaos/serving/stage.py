"""What a run plays on: versions that really serve, a key, and the rows that are sent."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from config.model_contract import load_contract
from config.settings import Settings
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.enums import ActorKind, Scope
from database.queries import model_versions
from database.queries.audit import Actor
from scripts.chaos.small_model import put_model
from scripts.crash.world import MODEL, client_key, version_columns
from training import serving_artifact
from training.feature_engineering import Row
from training.serving_artifact import LoadedModel
from training.synthetic import synthetic_rows

POOL = 2000
PERSON = Actor(ActorKind.PERSON, "run")
_BIASES = (-0.4, 0.1, 0.6)


@dataclass(frozen=True)
class Version:
    """One that may serve: its row, the number clients are told, and itself in memory to compute anew."""

    id: int
    number: int
    model: LoadedModel


@dataclass(frozen=True)
class Stage:
    """`directory` is where clients write down what they were told. `pool`: different rows, all that is ever sent."""

    settings: Settings
    engine: Engine
    directory: Path
    key: str
    versions: Sequence[Version]
    pool: Sequence[Row]

    def serve(self, number: int) -> None:
        """Make one of the versions serve, if it does not: a person's command, which needs no action."""
        with session_scope(self.engine) as session:
            version = model_versions.get(session, self.versions[number].id)
            current = model_versions.active(session, version.model_name)
            if current is None or current.id != version.id:
                expected = current.id if current else None
                model_versions.activate(session, PERSON, version, expected_active_id=expected, reason="a run")


def different(rows: Sequence[Row]) -> list[Row]:
    """Each row once."""
    return list({json.dumps(row, sort_keys=True): row for row in rows}.values())


def prepare(settings: Settings, engine: Engine, directory: Path) -> Stage:
    """Small versions that answer differently, the first of which serves."""
    contract = load_contract(MODEL, settings.platform.contracts_dir)
    store = ArtifactStore(settings.artifacts_dir)
    digests = [put_model(store, contract, bias=bias) for bias in _BIASES]
    with session_scope(engine) as session:
        made = [model_versions.register(session, PERSON, **version_columns(contract, digest)) for digest in digests]
        model_versions.activate(session, PERSON, made[0], expected_active_id=None, reason="the first version")
        key = client_key(session, settings, PERSON, "run", [Scope.PREDICT, Scope.LABELS])
        known = [(one.id, one.version) for one in made]
    versions = [
        Version(row_id, number, serving_artifact.load(store, digest))
        for (row_id, number), digest in zip(known, digests, strict=True)
    ]
    rows, _ = synthetic_rows("cleveland", POOL, 1)
    return Stage(settings, engine, directory, key, versions, different(rows))
