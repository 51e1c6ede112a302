"""What the documents tell programs to send is what the API's own document knows, and it is answered."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from database.enums import Scope
from tests.integration.api.conftest import Api, Installation, wait_until

OPERATIONS = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"<!-- example -->\n```sh\n(.*?)```", OPERATIONS, re.DOTALL)


def taken_apart(example: str) -> tuple[str, dict[str, str], Any]:
    """The address, the headers but for the key, and the body of a `curl` command."""
    path = re.search(r"http://127\.0\.0\.1:8000(/\S+)", example)
    body = re.search(r"-d '(.*?)'", example, re.DOTALL)
    assert path is not None
    assert body is not None
    headers = dict(one.split(": ", 1) for one in re.findall(r'-H "([^"]+)"', example))
    assert headers.pop("X-API-Key") == "$KEY"
    return path.group(1), headers, json.loads(body.group(1))


def unknown_fields(sent: Any, schema: Any, document: Any) -> set[str]:
    """The fields of a body that the document does not know where they stand."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if (ways := schema.get("oneOf") or (schema.get("anyOf") if "properties" not in schema else None)) is not None:
        return min((unknown_fields(sent, way, document) for way in ways), key=len)
    if isinstance(sent, list):
        return {name for one in sent for name in unknown_fields(one, schema.get("items", {}), document)}
    if not isinstance(sent, dict):
        return set()
    known: dict[str, Any] = schema.get("properties", {})
    below = {name for key in sent.keys() & known.keys() for name in unknown_fields(sent[key], known[key], document)}
    return set(sent) - set(known) | below


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_names_what_the_document_knows_and_is_answered(
    api: Api, installed: Installation, example: str
) -> None:
    path, headers, body = taken_apart(example)
    document = api.get("/openapi.json").json()
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert unknown_fields(body, content, document) == set()
    known = [api.predict(installed.keys.everything).json()["prediction_id"] for _ in range(2)]
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions")[0][0] == 2, 5)
    sent = json.dumps(body)
    for at, one in enumerate(known, start=1):
        sent = sent.replace(f"01920000-0000-7000-8000-00000000000{at}", one)
    key = installed.key_for([Scope.PROPOSE]) if path == "/retrain" else installed.keys.labels_only
    wait_until(lambda: len(api.runtime.keys.known()) == (3 if path == "/retrain" else 2), 5)
    answer = api.post(path, content=sent, headers=headers | {"X-API-Key": key})
    assert answer.status_code in (200, 202), answer.text


def test_there_are_examples_and_one_that_does_not_fit_is_noticed(api: Api) -> None:
    assert {taken_apart(one)[0] for one in EXAMPLES} == {"/retrain", "/feedback"}
    document = api.get("/openapi.json").json()
    content = document["paths"]["/feedback"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    wrong = {"feedback": [{"prediction_id": "x", "wrong": True}]}
    assert unknown_fields(wrong, content, document) == {"wrong"}
    assert unknown_fields({"labels": []}, content, document) == {"labels"}
