"""A version with a small reference profile, and answered rows as the spool holds them: for tests of counts."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.model_contract import load_contract
from config.settings import PlatformSettings
from database.connection import session_scope
from database.enums import LabelSource
from database.models import ModelVersion
from database.queries import count_upkeep, labels, prediction_counts, prediction_log
from database.queries.labels import NewLabel
from database.queries.prediction_counts import Layouts
from tests.serving_factories import register

BEGIN = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
PROFILE: dict[str, Any] = {
    "n": 300,
    "features": {
        "age": {
            "kind": "numeric",
            "edges": [40.0, 50.0, 60.0],
            "shares": [0.25, 0.25, 0.25, 0.25, 0.0],
            "null_share": 0.0,
        },
        "chol": {"kind": "numeric", "edges": [0.0, 0.0, 200.0], "shares": [0.0, 0.0, 0.5, 0.4, 0.1], "null_share": 0.1},
        "cp": {"kind": "category", "categories": [1, 2, 3, 4], "shares": [0.1, 0.2, 0.3, 0.4, 0.0], "null_share": 0.0},
        "sex": {"kind": "numeric"},  # a profile that lacks the reference of one
    },
    "scores": {"edges": [0.2, 0.5, 0.8], "shares": [0.25, 0.25, 0.25, 0.25, 0.0], "uncertain_band": 0.1},
}


def made_version(session: Session, profile: dict[str, Any] | None = None) -> ModelVersion:
    contract = load_contract("heart_disease", PlatformSettings().contracts_dir)
    return register(session, contract, uuid4().hex * 2, reference_profile=profile or PROFILE)


@dataclass
class CountedWorld:
    """Answers, labels and late rows of one version."""

    engine: Engine
    seed: int = 0
    layouts: Layouts = field(default_factory=Layouts)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311
        with session_scope(self.engine) as session:
            self.version = made_version(session)
            self.version_id = self.version.id

    def row(self, at: datetime | None = None, generation: int = 1) -> dict[str, Any]:
        dice = self.random
        score = round(dice.random(), 6)
        return {
            "id": str(uuid4()),
            "features": {
                "age": dice.choice([None, 30, 40, 40.0, 55.5, 70]),
                "chol": dice.choice([None, 0, 0, 150, 200, 300]),
                "cp": dice.choice([None, 1, 2.0, "3", 4, 9, "odd"]),
                "sex": 1,
            },
            "prediction": int(score >= 0.5),
            "probability": score,
            "model_id": self.version_id,
            "model_name": "heart_disease",
            "generation": generation,
            "key_id": "k",
            "request_id": "r",
            "threshold": 0.5,
            "latency_ms": dice.choice([0.01, 0.7, 3.0, 250.0, 1e5]),
            "created_at": (at or BEGIN + timedelta(seconds=dice.randrange(400))).isoformat(),
        }

    def store(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        with session_scope(self.engine) as session:
            return prediction_counts.store(session, [json.dumps(rows)], rows, self.layouts)

    def store_uncounted(self, rows: Sequence[dict[str, Any]]) -> None:
        with session_scope(self.engine) as session:
            prediction_log.store(session, [json.dumps(rows)])

    def count_late(self) -> int:
        with session_scope(self.engine) as session:
            return count_upkeep.count_late(session, session.merge(self.version, load=False))

    def label(self, ids: Sequence[str], values: Sequence[int], observed: int = 0) -> None:
        at = BEGIN + timedelta(hours=observed)
        told = [NewLabel(UUID(one), value, at) for one, value in zip(ids, values, strict=True)]
        with session_scope(self.engine) as session:
            labels.record(session, told, key_id="k", source=LabelSource.LABEL, allowed_models=None)

    def wrong(self) -> list[str]:
        """What a count of all raw rows says against the counts, rows that are not counted among it."""
        with Session(self.engine) as session:
            return count_upkeep.differences(session, session.get_one(ModelVersion, self.version_id))
