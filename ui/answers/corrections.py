"""Corrected answers that wait to be learnt from."""

from datetime import datetime

from ui.api_types import Answer


class CorrectingKey(Answer):
    key_id: str
    name: str
    n: int


class LastTry(Answer):
    action_id: str
    status: str
    outcome: str | None
    created_at: datetime


class CorrectionsOut(Answer):
    model_name: str
    title: str
    serving_version: int | None
    waiting: int
    false_alarms: int
    missed: int
    of_serving: int
    retrain_after: int
    since: datetime | None
    newest_at: datetime | None
    by_key: list[CorrectingKey]
    not_before: datetime | None
    last_try: LastTry | None


class CorrectionsList(Answer):
    models: list[CorrectionsOut]
