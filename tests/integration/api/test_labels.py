"""The truth arrives early, late, twice, revised, wrong and for nobody."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text
from sqlalchemy.orm import Session

from database.enums import LabelSource, Scope
from database.queries.labels import MOST_SAID, NewLabel, record
from tests.integration.api.conftest import Api, Installation, wait_until


def _send(api: Api, installed: Installation, body: Any) -> httpx.Response:
    return api.post("/labels", json=body, headers={"X-API-Key": installed.keys.labels_only})


def _counts(answer: httpx.Response) -> tuple[int, int, int, int, int]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["received"], body["stored"], body["revised"], body["unchanged"], body["unknown"]


def _predicted(api: Api, installed: Installation) -> str:
    prediction_id: str = api.predict(installed.keys.everything).json()["prediction_id"]
    query = "SELECT count(*) FROM predictions WHERE id = %(id)s"
    wait_until(lambda: installed.rows(query, id=prediction_id)[0][0] == 1, 5)
    return prediction_id


def _actual(installed: Installation, prediction_id: str) -> Any:
    return installed.rows("SELECT actual FROM prediction_outcomes WHERE id = %(id)s", id=prediction_id)[0][0]


def test_a_label_is_stored_once_and_a_changed_one_is_a_revision(api: Api, installed: Installation) -> None:
    prediction_id = _predicted(api, installed)
    label = {"prediction_id": prediction_id, "actual": 1}
    assert _counts(_send(api, installed, label)) == (1, 1, 0, 0, 0)
    assert _counts(_send(api, installed, label)) == (1, 0, 0, 1, 0)
    assert _actual(installed, prediction_id) == 1
    assert _counts(_send(api, installed, label | {"actual": "no disease"})) == (1, 0, 1, 0, 0)
    assert _actual(installed, prediction_id) == 0
    rows = installed.rows("SELECT revision, value FROM labels ORDER BY revision")
    assert [tuple(row) for row in rows] == [(1, 1), (2, 0)]


def test_a_label_may_come_before_its_prediction_and_for_nobody(api: Api, installed: Installation) -> None:
    unknown = str(uuid4())
    assert _counts(_send(api, installed, {"labels": [{"prediction_id": unknown, "actual": 1}] * 3})) == (3, 1, 0, 2, 3)
    assert installed.rows("SELECT count(*) FROM labels")[0][0] == 1


def test_an_older_observation_that_arrives_later_does_not_win_in_any_order(session: Session) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    said = [(0, now), (1, now + timedelta(hours=1)), (0, now + timedelta(hours=2))]
    for order in permutations(said):
        prediction_id = uuid4()
        for value, at in [*order, *order]:
            label = NewLabel(prediction_id, value, at)
            record(session, [label], key_id="k", source=LabelSource.LABEL, allowed_models=None)
        rows = session.connection().exec_driver_sql(
            "SELECT value FROM labels WHERE prediction_id = %(id)s"
            " ORDER BY observed_at DESC, received_at DESC, revision DESC",
            {"id": prediction_id},
        )
        assert rows.scalars().first() == 0


def test_the_truth_is_the_same_whatever_the_order_of_arrival(session: Session) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    said = [(1, now), (0, now + timedelta(hours=1)), (1, now + timedelta(hours=2)), (1, now + timedelta(hours=3))]
    for order in permutations(said):
        prediction_id = uuid4()
        for value, at in [*order, *order]:
            label = NewLabel(prediction_id, value, at)
            record(session, [label], key_id="k", source=LabelSource.LABEL, allowed_models=None)
        assert _truth(session, prediction_id) == 1, order


def test_a_label_is_dated_by_its_arrival_after_the_deliveries_before_it(session: Session) -> None:
    began = session.execute(text("SELECT now()")).scalar_one()
    first, second = uuid4(), uuid4()
    for prediction_id in (first, second):
        label = NewLabel(prediction_id, 1, datetime(2026, 1, 1, tzinfo=UTC))
        record(session, [label], key_id="k", source=LabelSource.LABEL, allowed_models=None)
    received = session.execute(text("SELECT received_at FROM labels ORDER BY id")).scalars().all()
    assert began < received[0] < received[1]


def _truth(session: Session, prediction_id: UUID) -> int:
    value: int = session.execute(
        text(
            "SELECT value FROM labels WHERE prediction_id = :id"
            " ORDER BY observed_at DESC, received_at DESC, revision DESC LIMIT 1"
        ),
        {"id": prediction_id},
    ).scalar_one()
    return value


def test_faults_name_the_label_and_nothing_of_the_delivery_is_stored(api: Api, installed: Installation) -> None:
    labels = [
        {"prediction_id": str(uuid4()), "actual": 1},
        {"prediction_id": str(uuid4()), "actual": 2},
        {"prediction_id": str(uuid4()), "actual": "perhaps"},
        {"prediction_id": str(uuid4()), "actual": 0, "observed_at": "2999-01-01T00:00:00Z"},
        {"prediction_id": str(uuid4()), "actual": 0, "observed_at": "2026-01-01T00:00:00"},
    ]
    refused = _send(api, installed, {"labels": labels})
    assert refused.status_code == 422
    said = {fault["field"]: fault["message"] for fault in refused.json()["errors"]}
    assert set(said) == {"labels[1].actual", "labels[2].actual", "labels[3].observed_at", "labels[4].observed_at"}
    assert "perhaps" not in refused.text
    malformed = _send(api, installed, {"labels": [{"prediction_id": "x", "actual": [1], "more": 1}]})
    assert {fault["field"] for fault in malformed.json()["errors"]} == {
        "labels[0].prediction_id",
        "labels[0].actual",
        "labels[0].more",
    }
    assert installed.rows("SELECT count(*) FROM labels")[0][0] == 0


def test_ten_thousand_labels_are_one_delivery_and_more_are_refused(api: Api, installed: Installation) -> None:
    labels = [{"prediction_id": str(uuid4()), "actual": at % 2} for at in range(10_000)]
    assert _counts(_send(api, installed, {"labels": labels})) == (10_000, 10_000, 0, 0, 10_000)
    assert _counts(_send(api, installed, {"labels": labels})) == (10_000, 0, 0, 10_000, 10_000)
    assert _send(api, installed, {"labels": [*labels, labels[0]]}).status_code == 422
    assert _send(api, installed, {"labels": []}).status_code == 422


def test_a_prediction_that_is_labelled_back_and_forth_in_one_delivery_is_refused_by_its_place(
    api: Api, installed: Installation
) -> None:
    one = str(uuid4())
    labels = [
        {"prediction_id": one, "actual": at % 2, "observed_at": f"2026-01-01T00:{at // 60:02}:{at % 60:02}Z"}
        for at in range(MOST_SAID + 1)
    ]
    refused = _send(api, installed, {"labels": labels})
    assert (refused.status_code, refused.json()["detail"][:26]) == (422, "labels[100].prediction_id:")
    assert installed.rows("SELECT count(*) FROM labels")[0][0] == 0
    assert _counts(_send(api, installed, {"labels": labels[:-1]})) == (100, 1, 99, 0, 100)


def test_a_key_for_one_model_cannot_label_or_use_another(api: Api, installed: Installation) -> None:
    prediction_id = _predicted(api, installed)
    foreign = installed.key_for([Scope.PREDICT, Scope.LABELS], ["another"])
    wait_until(lambda: len(api.runtime.keys.known()) == 3, 5)
    refused = api.post("/labels", json={"prediction_id": prediction_id, "actual": 1}, headers={"X-API-Key": foreign})
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert api.predict(foreign).status_code == 404
    assert installed.rows("SELECT count(*) FROM labels")[0][0] == 0
