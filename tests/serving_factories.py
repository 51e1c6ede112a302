"""Small real things to serve in tests: the small model registered and activated, and keys."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from config.model_contract import ModelContract
from database.enums import ActorKind, DataSource, Scope
from database.models import ModelVersion
from database.queries import api_keys, model_versions
from database.queries.audit import Actor
from scripts.chaos.small_model import EXAMPLE, expected_probability, put_model

__all__ = ["EXAMPLE", "expected_probability", "put_model"]

HASH_KEY = "a key for tests, long enough for anybody"
PERSON = Actor(ActorKind.PERSON, "tester")


def register(session: Session, contract: ModelContract, digest: str, **changes: Any) -> ModelVersion:
    """A row for that artifact, as `staging`."""
    columns: dict[str, Any] = {
        "model_name": contract.name,
        "algorithm": "logistic_regression",
        "accuracy": 0.8,
        "f1_score": 0.8,
        "precision": 0.8,
        "recall": 0.8,
        "roc_auc": 0.85,
        "metrics": {"cv": {"f1": {"value": 0.8, "low": 0.74, "high": 0.86, "n": 303}}},
        "hyperparameters": {"C": 1.0},
        "feature_names": list(contract.feature_names),
        "threshold": 0.5,
        "training_rows": 303,
        "data_source": DataSource.DIRECTORY,
        "contract_digest": contract.digest,
        "dataset_digest": "0" * 64,
        "artifact_digest": digest,
        "reference_profile": {"n": 303, "features": {"age": {"kind": "numeric", "influence": 1.0}}},
    }
    return model_versions.register(session, PERSON, **(columns | changes))


def activate(session: Session, version: ModelVersion) -> None:
    """Make it serve, whatever serves now."""
    current = model_versions.active(session, version.model_name)
    model_versions.activate(
        session, PERSON, version, expected_active_id=current.id if current else None, reason="a test"
    )


@dataclass(frozen=True)
class Keys:
    """Plaintext keys of a test installation."""

    everything: str
    labels_only: str


def make_keys(session: Session) -> Keys:
    def make(name: str, scopes: list[Scope]) -> str:
        _, plaintext = api_keys.create_key(
            session, PERSON, name, scopes, None, timedelta(days=1), HASH_KEY.encode(), "development"
        )
        return plaintext

    return Keys(make("everything", [Scope.PREDICT, Scope.LABELS, Scope.METRICS]), make("labels only", [Scope.LABELS]))
