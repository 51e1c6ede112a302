"""What a client program sees of /predict, over real HTTP and a real database."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.integration.api.conftest import Api, Installation, wait_until
from tests.promtool import promtool_says
from tests.serving_factories import EXAMPLE, expected_probability


def _stored(installed: Installation) -> int:
    return int(installed.rows("SELECT count(*) FROM predictions")[0][0])


def test_the_example_of_the_documentation_gets_an_answer_that_is_soon_in_the_database(
    api: Api, installed: Installation
) -> None:
    answer = api.predict(installed.keys.everything)
    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == {
        "prediction_id", "prediction", "probability", "threshold", "model_name", "model_version", "latency_ms"
    }  # fmt: skip
    assert told["probability"] == pytest.approx(expected_probability(installed.contract, EXAMPLE, 0.3), abs=1e-6)
    assert told["prediction"] == int(told["probability"] >= 0.5)
    assert (told["model_name"], told["model_version"]) == ("heart_disease", 1)
    assert UUID(told["prediction_id"]).version == 7

    wait_until(lambda: _stored(installed) == 1, 5)
    row = installed.rows(
        "SELECT id, features, prediction, probability, generation, model_id, created_at, request_id FROM predictions"
    )[0]
    assert str(row[0]) == told["prediction_id"]
    assert row[1] == EXAMPLE
    assert (row[2], row[3]) == (told["prediction"], told["probability"])
    assert (row[4], row[5]) == (1, installed.version.id)
    assert abs((datetime.now(UTC) - row[6]).total_seconds()) < 30
    assert row[7] == answer.headers["x-request-id"]


def test_a_batch_is_answered_in_its_order_and_stored_row_by_row(api: Api, installed: Installation) -> None:
    rows = [EXAMPLE | {"age": age, "chol": None} for age in range(20, 120)]
    told = api.predict(installed.keys.everything, {"rows": rows}).json()
    assert len(told["predictions"]) == 100
    expected = [expected_probability(installed.contract, row, 0.3) for row in rows]
    assert [one["probability"] for one in told["predictions"]] == pytest.approx(expected, abs=1e-6)
    wait_until(lambda: _stored(installed) == 100, 5)
    assert len({one["prediction_id"] for one in told["predictions"]}) == 100


def _problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) == {"type", "title", "status", "code", "detail", "request_id", "errors"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def test_without_a_key_401_with_the_wrong_scope_403(api: Api, installed: Installation) -> None:
    missing = api.post("/predict", json=EXAMPLE)
    _problem(missing, 401, "unauthenticated")
    assert missing.headers["www-authenticate"] == "ApiKey"
    key = installed.keys.everything
    wrong = "A" if key[30] != "A" else "B"
    mistyped = _problem(api.predict(key[:30] + wrong + key[31:]), 401, "unauthenticated")
    foreign = _problem(api.predict("stw_dev_aaaaaaaa_" + "a" * 43 + "_000000"), 401, "unauthenticated")
    assert mistyped["detail"] == foreign["detail"]
    _problem(api.predict(installed.keys.labels_only), 403, "forbidden")


def test_every_fault_of_a_row_is_named_and_no_value_is_repeated(api: Api, installed: Installation) -> None:
    row = EXAMPLE | {"age": "fifty-SECRET", "cp": 77123, "sex": None, "chol": 99999, "surplus": 1}
    del row["thal"]
    problem = _problem(api.predict(installed.keys.everything, row), 422, "invalid")
    said = {fault["field"]: fault["message"] for fault in problem["errors"]}
    assert set(said) == {"age", "cp", "sex", "chol", "surplus", "thal"}
    assert said["age"] == "expected a number from 0 to 120 (years)"
    assert said["cp"] == "expected one of 1, 2, 3, 4"
    assert "send null" in said["thal"]
    text = json.dumps(problem)
    assert not any(value in text for value in ("SECRET", "77123", "99999"))
    assert _stored(installed) == 0


_POISON: tuple[bytes, ...] = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b'{"rows": []}',
    b'{"rows": {}}',
    b'{"rows": [1, null]}',
    b'{"age": NaN}',
    b'{"age": Infinity}',
    b'{"age": 1e400}',
    b'{"age": 99999999999999999999999999999}',
    b'{"age": true}',
    b'{"\\ud800": 1}',
    b'{"a\\u0000b": 1}',
    b"\xff\xfe",
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    json.dumps({"age": "x" * 900_000}).encode(),
    json.dumps(EXAMPLE).replace('"age": 55', '"age": 55, "age": 56').encode(),
)


def test_poison_gets_422_quickly_and_leaves_nothing(api: Api, installed: Installation) -> None:
    headers = {"X-API-Key": installed.keys.everything, "Content-Type": "application/json"}
    for body in _POISON:
        began = time.perf_counter()
        answer = api.post("/predict", content=body, headers=headers)
        seconds = time.perf_counter() - began
        _problem(answer, 422, "invalid")
        assert len(answer.content) < 20_000
        assert seconds < 1.0
    assert api.predict(installed.keys.everything).status_code == 200
    wait_until(lambda: _stored(installed) == 1, 5)


def test_too_many_rows_and_too_large_bodies_get_413(api: Api, installed: Installation) -> None:
    rows = [EXAMPLE] * (installed.settings.api.max_rows + 1)
    _problem(api.predict(installed.keys.everything, {"rows": rows}), 413, "too_many_rows")
    headers = {"X-API-Key": installed.keys.everything}
    size = installed.settings.api.max_body_bytes + 1
    _problem(api.post("/predict", content=b" " * size, headers=headers), 413, "body_too_large")
    chunks = (b" " * 65_536 for _ in range(20))
    _problem(api.post("/predict", content=chunks, headers=headers), 413, "body_too_large")


def test_an_unknown_model_and_an_unknown_address_are_404_and_a_wrong_method_405(
    api: Api, installed: Installation
) -> None:
    headers = {"X-API-Key": installed.keys.everything}
    _problem(api.post("/models/nothing/predict", json=EXAMPLE, headers=headers), 404, "not_found")
    _problem(api.post("/models/..%2fetc/predict", json=EXAMPLE, headers=headers), 404, "not_found")
    _problem(api.get("/nothing"), 404, "not_found")
    _problem(api.get("/predict"), 405, "method_not_allowed")
    assert api.post("/models/heart_disease/predict", json=EXAMPLE, headers=headers).status_code == 200


def test_a_foreign_host_header_is_refused(api: Api) -> None:
    answer = api.get("/livez", headers={"Host": "evil.example"})
    _problem(answer, 400, "unknown_host")
    assert "API_ALLOWED_HOSTS" in answer.json()["detail"]
    assert "evil" not in answer.text


def test_probes_and_scrapes_may_name_the_machine_by_its_bare_address_and_nothing_else_may(
    api: Api, installed: Installation
) -> None:
    for host in ("10.1.2.3:8000", "[fd00::1]:8000", "10.1.2.3"):
        for path in ("/livez", "/readyz", "/health", "/metrics"):
            assert api.get(path, headers={"Host": host}).status_code == 200, (host, path)
        _problem(api.predict(installed.keys.everything, Host=host), 400, "unknown_host")
        _problem(api.get("/models", headers={"Host": host}), 400, "unknown_host")
        _problem(api.post("/livez", headers={"Host": host}), 400, "unknown_host")
    for host in ("10.1.2.3.evil.example", "evil.example:10", "", "[evil]", "10.1.2"):
        _problem(api.get("/metrics", headers={"Host": host}), 400, "unknown_host")


def test_prometheus_shows_its_key_as_a_bearer_token(api: Api, installed: Installation) -> None:
    def scrape(authorization: str) -> int:
        return api.get("/metrics", headers={"Authorization": authorization}).status_code

    assert scrape(f"Bearer {installed.keys.everything}") == 200
    assert scrape(f"Bearer {installed.keys.labels_only}") == 403
    assert scrape(f"Bearer {installed.keys.everything[:-1]}") == 401  # a key with a slip in it
    assert scrape("Bearer of-a-person") == 200  # a session is no key, and this machine needs none
    refused = api.get("/models", headers={"Authorization": f"Bearer {installed.keys.everything}"})
    assert refused.status_code == 401  # a key is nobody's session


def test_promtool_finds_nothing_to_say_and_the_process_tells_of_itself(api: Api, installed: Installation) -> None:
    api.predict(installed.keys.everything)
    text = api.get("/metrics").text
    for name in (
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        'steward_disk_free_bytes{volume="spool"}',
    ):
        assert f"\n{name} " in text
    assert "steward_build_info{release=" in text
    assert promtool_says(text) == ""


def test_the_same_idempotency_key_gets_the_same_answer_and_one_row(api: Api, installed: Installation) -> None:
    key = installed.keys.everything
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.predict(key, **{"Idempotency-Key": "order-1"}), range(24)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replay" in answer.headers for answer in answers) == 23
    other = api.predict(key, EXAMPLE | {"age": 56}, **{"Idempotency-Key": "order-1"})
    _problem(other, 422, "idempotency_conflict")
    assert api.predict(key, **{"Idempotency-Key": "order-2"}).content != answers[0].content
    wait_until(lambda: _stored(installed) == 2, 5)


def test_metrics_count_with_a_small_closed_set_of_labels(api: Api, installed: Installation) -> None:
    api.predict(installed.keys.everything)
    for at in range(50):
        api.get(f"/nothing-{at}")
        api.request("POST", f"/models/model-{at}/predict", json=EXAMPLE)
    text = api.get("/metrics").text
    assert 'steward_predictions_total{model="heart_disease",prediction="0",version="1"}' in text
    assert "steward_database_up 1.0" in text
    assert "nothing-" not in text
    assert "model-1" not in text
    assert len(text.splitlines()) < 200


def test_readiness_and_documentation_need_no_key(api: Api) -> None:
    assert api.get("/livez").json() == {"status": "ok"}
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert api.get("/health").json()["models"][0]["version"] == 1
    row = api.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    assert row["content"]["application/json"]["schema"]["anyOf"][0]["properties"]["age"]["maximum"] == 120
