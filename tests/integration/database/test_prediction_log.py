"""Rows of the spools arriving in the database."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.prediction_ids import new_ids
from config.model_contract import load_contract
from config.settings import Settings
from database.models import Prediction
from database.queries import prediction_log
from tests.serving_factories import EXAMPLE, register

NOON = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def row(model_id: int, prediction_id: str, at: datetime = NOON, **changes: Any) -> dict[str, Any]:
    """One answered prediction as the spool keeps it."""
    return {
        "id": prediction_id,
        "features": dict(EXAMPLE),
        "prediction": 1,
        "probability": 0.75,
        "model_id": model_id,
        "model_name": "heart_disease",
        "generation": 1,
        "key_id": "k",
        "request_id": "r",
        "threshold": 0.5,
        "latency_ms": 0.5,
        "created_at": at.isoformat(),
    } | changes


def ids_at(at: datetime, count: int) -> list[str]:
    return new_ids(count, int(at.timestamp() * 1000))


def test_a_batch_says_which_of_its_rows_were_new_and_stores_each_once(session: Session) -> None:
    contract = load_contract("heart_disease", Settings().platform.contracts_dir)
    model_id = register(session, contract, "1" * 64).id
    ids = ids_at(NOON, 3)
    first = [row(model_id, one) for one in ids[:2]]
    assert sorted(prediction_log.store(session, [json.dumps(first)])) == sorted(ids[:2])
    again = [row(model_id, one) for one in ids]
    assert prediction_log.store(session, [json.dumps(again)]) == [ids[2]]
    assert prediction_log.store(session, ["[]"]) == []
    assert session.scalar(select(func.count()).select_from(Prediction)) == 3
