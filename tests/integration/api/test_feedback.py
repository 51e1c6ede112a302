"""Whether answers were right, as people say it: a label underneath, counted as a correction where it differs."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.schemas.feedback import MAX_FEEDBACK
from config.agent_policy import Corrections
from database.enums import Scope
from tests.integration.api.conftest import Api, Installation, wait_until

COUNTS = ("received", "stored", "revised", "unchanged", "unknown", "corrections")


def send(api: Api, installed: Installation, body: Any, key: str | None = None) -> httpx.Response:
    return api.post("/feedback", json=body, headers={"X-API-Key": key or installed.keys.labels_only})


def counts(answer: httpx.Response) -> tuple[int, ...]:
    assert answer.status_code == 200, answer.text
    return tuple(answer.json()[name] for name in COUNTS)


def predicted(api: Api, installed: Installation, n: int = 1) -> list[tuple[str, int]]:
    """So many stored predictions, each with its answer."""
    made = [api.predict(installed.keys.everything).json() for _ in range(n)]
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions")[0][0] >= n, 5)
    return [(one["prediction_id"], one["prediction"]) for one in made]


def waiting(api: Api) -> dict[str, Any]:
    answer = api.get("/corrections", headers=api.sign_in("viewer"))
    assert answer.status_code == 200, answer.text
    (one,) = answer.json()["models"]
    found: dict[str, Any] = one
    return found


def test_right_and_wrong_are_labels_and_only_a_wrong_one_is_a_correction(api: Api, installed: Installation) -> None:
    (right, answer), (wrong, _), (told, _) = predicted(api, installed, 3)
    assert counts(send(api, installed, {"prediction_id": right, "correct": True})) == (1, 1, 0, 0, 0, 0)
    wrongly = {"prediction_id": wrong, "correct": False, "comment": "seen on the angiogram"}
    assert counts(send(api, installed, wrongly)) == (1, 1, 0, 0, 0, 1)
    assert counts(send(api, installed, wrongly)) == (1, 0, 0, 1, 0, 1), "the same again is no change"
    other = {"prediction_id": told, "actual": 1 - answer}
    assert counts(send(api, installed, other | {"correct": False})) == (1, 1, 0, 0, 0, 1)
    rows = installed.rows("SELECT value, source FROM labels ORDER BY id")
    assert [tuple(row) for row in rows] == [(answer, "feedback"), (1 - answer, "feedback"), (1 - answer, "feedback")]
    found = waiting(api)
    assert (found["waiting"], found["false_alarms"], found["missed"]) == ((2, 2, 0) if answer else (2, 0, 2))
    assert (found["of_serving"], found["retrain_after"], found["serving_version"]) == (2, 5, 1)
    assert [(one["name"], one["n"]) for one in found["by_key"]] == [("labels only", 2)]
    assert (found["last_try"], found["not_before"]) == (None, None)


def test_the_older_name_of_the_label_and_its_words_are_understood(api: Api, installed: Installation) -> None:
    ((one, answer),) = predicted(api, installed)
    word = "no disease" if answer else "disease"
    assert counts(send(api, installed, {"prediction_id": one, "correct_label": word})) == (1, 1, 0, 0, 0, 1)
    both = send(api, installed, {"prediction_id": one, "correct_label": word, "actual": word})
    assert both.status_code == 422


def test_what_contradicts_itself_or_says_nothing_is_refused_by_place_and_nothing_is_stored(
    api: Api, installed: Installation
) -> None:
    ((one, answer),) = predicted(api, installed)
    items = [
        {"prediction_id": one, "correct": True, "actual": answer},
        {"prediction_id": one, "correct": True, "actual": 1 - answer},
        {"prediction_id": one, "correct": False, "actual": answer},
        {"prediction_id": one, "actual": "perhaps"},
        {"prediction_id": str(uuid4()), "correct": False},
    ]
    refused = send(api, installed, {"feedback": items})
    assert refused.status_code == 422
    fields = [fault["field"] for fault in refused.json()["errors"]]
    assert fields == ["feedback[1].correct", "feedback[2].correct", "feedback[3].actual", "feedback[4].prediction_id"]
    assert "perhaps" not in refused.text
    bodies: tuple[dict[str, Any], ...] = (
        {"prediction_id": one},
        {"prediction_id": one, "correct": None, "actual": None},
        {"prediction_id": one, "correct": "no"},
        {"prediction_id": one, "correct": 0},
        {"prediction_id": one, "correct": True, "more": 1},
        {"feedback": []},
        {"feedback": [{"prediction_id": one, "correct": True}] * (MAX_FEEDBACK + 1)},
    )
    for body in bodies:
        assert send(api, installed, body).status_code == 422, body
    assert installed.rows("SELECT count(*) FROM labels")[0][0] == 0


def test_an_answer_that_is_not_known_needs_its_label_and_counts_when_its_prediction_comes(
    api: Api, installed: Installation
) -> None:
    unknown = str(uuid4())
    refused = send(api, installed, {"prediction_id": unknown, "correct": False})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (404, "prediction_id")
    assert counts(send(api, installed, {"prediction_id": unknown, "actual": 1})) == (1, 1, 0, 0, 1, 0)
    assert waiting(api)["waiting"] == 0
    predicted(api, installed)
    copy = "INSERT INTO predictions SELECT (json_populate_record(p, json_build_object('id', :id, 'prediction', 0))).*"
    with installed.engine.begin() as connection:
        connection.exec_driver_sql(f"{copy.replace(':id', '%(id)s::text')} FROM predictions p", {"id": unknown})
    assert waiting(api)["waiting"] == 1


def test_a_key_of_another_model_learns_and_changes_nothing(api: Api, installed: Installation) -> None:
    ((one, answer),) = predicted(api, installed)
    foreign = installed.key_for([Scope.LABELS], ["another"])
    wait_until(lambda: len(api.runtime.keys.known()) == 3, 5)
    for body in (
        {"prediction_id": one, "correct": False},
        {"prediction_id": one, "correct": True, "actual": answer},
        {"feedback": [{"prediction_id": one, "actual": 1 - answer}]},
    ):
        assert send(api, installed, body, foreign).status_code in (404, 422), body
    assert send(api, installed, {"prediction_id": one, "correct": False}, foreign).status_code == 404
    assert installed.rows("SELECT count(*) FROM labels")[0][0] == 0


def test_an_answer_counts_once_whoever_corrects_it_and_no_longer_when_it_was_right_after_all(
    api: Api, installed: Installation
) -> None:
    (one, answer), (two, _) = predicted(api, installed, 2)
    second = installed.key_for([Scope.LABELS], name="second")
    wait_until(lambda: len(api.runtime.keys.known()) == 3, 5)
    wrong = {"feedback": [{"prediction_id": one, "correct": False}, {"prediction_id": two, "correct": False}]}
    assert counts(send(api, installed, wrong)) == (2, 2, 0, 0, 0, 2)
    send(api, installed, wrong, second)
    send(api, installed, {"prediction_id": one, "correct": True}, second)
    send(api, installed, {"prediction_id": one, "correct": False}, second)
    found = waiting(api)
    assert found["waiting"] == 2
    assert [(key["name"], key["n"]) for key in found["by_key"]] == [("labels only", 2)], "whoever said so first"
    send(api, installed, {"prediction_id": two, "correct": True}, second)
    assert waiting(api)["waiting"] == 1
    label = {"prediction_id": two, "actual": 1 - answer}
    assert api.post("/labels", json=label, headers={"X-API-Key": second}).status_code == 200
    assert waiting(api)["waiting"] == 2, "the feed agrees with who corrected it"


def test_a_wrong_answer_that_the_feed_alone_tells_of_is_no_correction(api: Api, installed: Installation) -> None:
    ((one, answer),) = predicted(api, installed)
    label = {"prediction_id": one, "actual": 1 - answer}
    assert api.post("/labels", json=label, headers={"X-API-Key": installed.keys.labels_only}).status_code == 200
    assert waiting(api)["waiting"] == 0


def test_a_row_whose_input_was_at_fault_is_no_correction(api: Api, installed: Installation) -> None:
    ((one, _),) = predicted(api, installed)
    send(api, installed, {"prediction_id": one, "correct": False})
    with installed.engine.begin() as connection:
        connection.exec_driver_sql(
            "SET LOCAL session_replication_role = replica; INSERT INTO quarantined_rows"
            " (prediction_id, window_id, action_id, reason) VALUES (%(id)s, 1, gen_random_uuid(), 'test')",
            {"id": one},
        )
    assert waiting(api)["waiting"] == 0


def test_the_page_may_say_that_corrections_lead_to_nothing(api: Api) -> None:
    never = Corrections(retrain_after=0)
    api.runtime.policy = api.runtime.policy.model_copy(update={"corrections": never})
    assert waiting(api)["retrain_after"] == 0


@pytest.mark.parametrize("comment", [b'"a\\u0000b"', b'"\\ud800"'])
def test_a_comment_the_database_cannot_keep_is_refused(api: Api, installed: Installation, comment: bytes) -> None:
    headers = {"X-API-Key": installed.keys.labels_only, "Content-Type": "application/json"}
    sent = f'{{"prediction_id": "{uuid4()}", "actual": 1, "comment": '.encode() + comment + b"}"
    assert api.post("/feedback", content=sent, headers=headers).status_code == 422
