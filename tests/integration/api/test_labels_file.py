"""Labels as a file: long deliveries, all or nothing, with every fault named by its line."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx

from api.prediction_ids import new_ids
from database.enums import Scope
from tests.integration.api.conftest import Api, Installation, wait_until
from tests.integration.database.test_partitions import put

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=90)


def send(api: Api, key: str, body: str | bytes | Iterator[bytes]) -> httpx.Response:
    return api.post("/labels", content=body, headers={"X-API-Key": key, "Content-Type": "text/csv; charset=utf-8"})


def counts(answer: httpx.Response) -> tuple[int, int, int, int, int]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["received"], body["stored"], body["revised"], body["unchanged"], body["unknown"]


def test_a_file_is_stored_once_and_revised_as_single_labels_are(api: Api, installed: Installation) -> None:
    key = installed.keys.labels_only
    ids = put(installed.engine, installed.version.id, NOW, 2) + put(installed.engine, installed.version.id, OLD, 1)
    unknown = new_ids(1, 0)
    lines = [f"{one},{at % 2},{NOW.isoformat()}" for at, one in enumerate([*ids, *unknown])]
    file = "\ufeffprediction_id,actual,observed_at\r\n" + "\r\n".join(lines) + "\r\n\r\n"
    assert counts(send(api, key, file)) == (4, 4, 0, 0, 1)
    assert counts(send(api, key, file)) == (4, 0, 0, 4, 1)
    words = f"actual,prediction_id\n disease,{ids[0]}\n"
    assert send(api, key, words).status_code == 422
    assert counts(send(api, key, words.replace(" disease", '"disease"'))) == (1, 0, 1, 0, 0)
    found = installed.rows("SELECT actual FROM prediction_outcomes ORDER BY created_at, id")
    assert sorted(row[0] for row in found) == [0, 1, 1]


def test_every_fault_is_named_by_its_line_and_nothing_is_stored(api: Api, installed: Installation) -> None:
    good = new_ids(1, 0)[0]
    lines = [f"{good},1,", "x,1,", f"{good},7,", f"{good},1,2999-01-01T00:00:00Z", f"{good},1,2026-01-01", f"{good},1"]
    refused = send(api, installed.keys.labels_only, "prediction_id,actual,observed_at\n" + "\n".join(lines))
    assert refused.status_code == 422
    assert [fault["field"] for fault in refused.json()["errors"]] == [
        "line 3, prediction_id",
        "line 4, actual",
        "line 5, observed_at",
        "line 6, observed_at",
        "line 7, row",
    ]
    for body, said in (
        (b"id,actual\n1,1\n", "if known, observed_at, separated by commas; found `id`, `actual`"),
        (b"prediction_id,actual\n", "expected at least one label"),
        (b"prediction_id,actual\n\xff\xfe,1\n", "line 2: is not UTF-8"),
        (f'prediction_id,actual\n"{good},1\n'.encode(), "is not valid CSV"),
        (b"", "line 1: expected the columns"),
    ):
        answer = send(api, installed.keys.labels_only, body)
        assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert installed.rows("SELECT count(*) FROM labels") == [(0,)]


def test_a_file_is_held_to_its_limits_while_it_arrives(api: Api, installed: Installation) -> None:
    key, limits = installed.keys.labels_only, api.runtime.settings.api
    line = f"{new_ids(1, 0)[0]},1\n".encode()

    def endless() -> Iterator[bytes]:
        yield b"prediction_id,actual\n"
        for _ in range(2 * limits.labels_file_max_bytes // len(line) // 1000):
            yield line * 1000

    with suppress(httpx.HTTPError):  # closed before it could be said
        assert send(api, key, endless()).status_code == 413
    many = b"prediction_id,actual\n" + line * (limits.labels_file_max_rows + 1)
    assert "at most 250000 labels" in send(api, key, many).text
    assert api.post("/labels", content=b"x" * 2_000_000, headers={"X-API-Key": key}).status_code == 413
    other = installed.keys.everything
    assert send(api, other[:-1] + ("x" if other[-1] != "x" else "y"), b"").status_code == 401
    assert installed.rows("SELECT count(*) FROM labels") == [(0,)]


def test_a_key_for_another_model_stores_nothing_of_a_file(api: Api, installed: Installation) -> None:
    ids = put(installed.engine, installed.version.id, NOW, 1)
    foreign = installed.key_for([Scope.PREDICT, Scope.LABELS], ["another"])
    wait_until(lambda: len(api.runtime.keys.known()) == 3, 5)
    refused = send(api, foreign, f"prediction_id,actual\n{new_ids(1, 0)[0]},1\n{ids[0]},1\n")
    assert (refused.status_code, refused.json()["detail"]) == (
        404,
        "label 2, prediction_id: there is no such prediction",
    )
    assert installed.rows("SELECT count(*) FROM labels") == [(0,)]
