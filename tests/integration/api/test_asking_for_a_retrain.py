"""A retrain is asked for by a request or by a command, once however often it is sent, and who asked finds out what
became of it."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import typer
from sqlalchemy import text

from database.enums import Scope
from scripts import retrain
from scripts.plain_speech import CommandFailedError
from scripts.retrain import ByApi, OpenAlreadyError, Wanted, waited
from tests.integration.api.conftest import Api, Installation, wait_until

Capture = pytest.CaptureFixture[str]
WHY = {"reason": "the monthly figures are in"}


def key_of(api: Api, installed: Installation, owner: str = "operator", name: str = "one") -> dict[str, str]:
    known = len(api.runtime.keys.known())
    key = installed.key_for([Scope.PROPOSE], name=name, owner=owner)
    wait_until(lambda: len(api.runtime.keys.known()) == known + 1, 5)
    return {"X-API-Key": key}


def ended(installed: Installation, status: str, outcome: str) -> None:
    with installed.engine.begin() as connection:
        query = "UPDATE agent_actions SET status = :status, outcome = :outcome, version = version + 1"
        connection.execute(text(query), {"status": status, "outcome": outcome})


def test_the_same_request_again_is_the_same_action_whatever_became_of_it(api: Api, installed: Installation) -> None:
    headers = key_of(api, installed) | {"Idempotency-Key": "month-11"}
    first = api.post("/retrain", json=WHY, headers=headers)
    assert first.status_code == 202, first.text
    assert api.post("/retrain", json=WHY, headers=headers).json() == first.json()
    refused = api.post("/retrain", json=WHY, headers=headers | {"Idempotency-Key": "month-12"})
    assert refused.status_code == 409
    assert first.json()["action_id"] in refused.json()["detail"], "it names what is open"
    ended(installed, "cancelled", "not better")
    assert api.post("/retrain", json=WHY, headers=headers).json()["action_id"] == first.json()["action_id"]
    other = api.post("/retrain", json={"reason": "another reason"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert installed.rows("SELECT count(*) FROM agent_actions")[0][0] == 1
    assert api.post("/retrain", json=WHY, headers=headers | {"Idempotency-Key": "month-12"}).status_code == 202


def test_one_word_of_two_askers_is_two_requests(api: Api) -> None:
    word = {"Idempotency-Key": "1"}
    own, other = api.sign_in("operator") | word, api.sign_in("approver") | word
    first = api.post("/retrain", json=WHY, headers=own)
    assert first.status_code == 202
    assert api.post("/retrain", json=WHY, headers=other).status_code == 409
    assert api.post("/retrain", json=WHY, headers=own).json() == first.json()
    assert api.post("/retrain", json=WHY, headers=own | {"Idempotency-Key": "with a space"}).status_code == 422


def test_a_program_finds_out_what_became_of_what_it_asked_for_and_of_nothing_else(
    api: Api, installed: Installation
) -> None:
    headers, foreign = key_of(api, installed), key_of(api, installed, "approver", "two")
    asked = api.post("/retrain", json=WHY | {"only_if_better": True}, headers=headers).json()
    place = f"/proposals/{asked['action_id']}"
    seen = api.get(place, headers=headers).json()
    assert (seen["status"], seen["gathering"], seen["open"], seen["outcome"]) == (
        "gathering_evidence", True, True, None,
    )  # fmt: skip
    assert installed.rows("SELECT params FROM agent_actions")[0][0] == {"only_if_better": True}
    assert api.get(place, headers=foreign).status_code == 404
    assert api.get(place, headers=api.sign_in("operator")).json() == seen
    assert api.get(f"/proposals/{UUID(int=1)}", headers=headers).status_code == 404
    ended(installed, "cancelled", "a version taught anew is not surely better")
    seen = api.get(place, headers=headers).json()
    assert (seen["gathering"], seen["open"], seen["serving_version"]) == (False, False, 1)
    assert seen["outcome"] == "a version taught anew is not surely better"


def test_a_program_reads_again_what_serves_if_who_answers_for_it_may(api: Api, installed: Installation) -> None:
    answer = api.post("/reload", headers=key_of(api, installed))
    assert answer.status_code == 200, answer.text
    assert [one["observed_generation"] for one in answer.json()["replicas"]] == [1]
    refused = api.post("/reload", headers=key_of(api, installed, "approver", "two"))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert api.post("/reload", headers={"X-API-Key": installed.keys.everything}).status_code == 403


# ------------------------------------------------------------------------------------------------------ the command


def run(installed: Installation, monkeypatch: pytest.MonkeyPatch, *, wait: bool = False, **changes: Any) -> None:
    url = installed.settings.database.url
    assert url is not None
    monkeypatch.setenv("DATABASE_URL", url.get_secret_value())
    monkeypatch.setenv("STEWARD_HOME", str(installed.settings.platform.home))
    given: dict[str, Any] = {
        "model": "heart_disease", "reason": WHY["reason"], "wait": wait, "timeout": 1.0, "only_if_better": False,
        "if_free": False, "once": None, "api": None, "key_file": None, "as_json": True,
    }  # fmt: skip
    retrain.retrain(**(given | changes))


def test_the_command_asks_the_database_as_the_route_does(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    run(installed, monkeypatch, once="november", only_if_better=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["asked"], told["status"], told["model"]) == (True, "gathering_evidence", "heart_disease")
    rows = installed.rows("SELECT action_type, proposed_by, requires_approval, params FROM agent_actions")
    assert [row[0] for row in rows] == ["retrain_model"]
    assert rows[0][1].startswith("system:shell:")
    assert (rows[0][2], rows[0][3]) == (True, {"only_if_better": True})
    run(installed, monkeypatch, once="november", only_if_better=True)
    assert json.loads(capsys.readouterr().out)["action_id"] == told["action_id"]
    with pytest.raises(typer.Exit):
        run(installed, monkeypatch)
    assert "this is open already" in capsys.readouterr().err
    run(installed, monkeypatch, if_free=True)
    told = json.loads(capsys.readouterr().out)
    assert told["asked"] is False
    assert "open already" in told["says"]


@pytest.mark.parametrize(("model", "says"), [("nothing", "nothing"), ("../x", "x")])
def test_a_model_that_is_not_there_is_a_sentence(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, capsys: Capture, model: str, says: str
) -> None:
    with pytest.raises(typer.Exit) as exited:
        run(installed, monkeypatch, model=model)
    assert exited.value.exit_code == 1
    assert says in capsys.readouterr().err
    assert installed.rows("SELECT count(*) FROM agent_actions")[0][0] == 0


def test_the_command_waits_until_the_proof_is_there_and_says_what_came_of_it(
    api: Api,
    installed: Installation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    tmp_path: Path,
) -> None:
    key = tmp_path / "key"
    key.write_text(key_of(api, installed)["X-API-Key"] + "\n")
    over_http = {"api": str(api.base_url), "key_file": key, "once": "one"}
    with pytest.raises(typer.Exit):
        run(installed, monkeypatch, wait=True, **over_http)
    assert "gathering evidence after 1 s; does the agent run?" in capsys.readouterr().err
    ended(installed, "cancelled", "not better")
    run(installed, monkeypatch, wait=True, **over_http)
    assert json.loads(capsys.readouterr().out)["outcome"] == "not better"
    run(installed, monkeypatch, wait=False, **(over_http | {"once": "two"}))
    capsys.readouterr()
    with installed.engine.begin() as connection:
        query = "UPDATE agent_actions SET status = 'failed', outcome = 'no memory', version = version + 1 WHERE"
        connection.execute(text(f"{query} status = 'gathering_evidence'"))
    with pytest.raises(typer.Exit):
        run(installed, monkeypatch, wait=True, **(over_http | {"once": "two"}))
    assert json.loads(capsys.readouterr().out)["outcome"] == "no memory"


def test_without_a_key_or_with_a_wrong_one_the_command_says_so(
    api: Api,
    installed: Installation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv(retrain.KEY_VARIABLE, raising=False)
    with pytest.raises(typer.Exit):
        run(installed, monkeypatch, api=str(api.base_url))
    assert "a key with the scope actions:propose is needed" in capsys.readouterr().err
    monkeypatch.setenv(retrain.KEY_VARIABLE, installed.keys.everything)
    with pytest.raises(typer.Exit):
        run(installed, monkeypatch, api=str(api.base_url))
    said = capsys.readouterr().err
    assert "(403)" in said
    assert installed.keys.everything not in said
    with pytest.raises(typer.Exit):
        run(installed, monkeypatch, api=str(api.base_url), key_file=tmp_path / "not-there")
    assert "not-there" in capsys.readouterr().err
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    with pytest.raises(typer.Exit):
        run(installed, monkeypatch, api=str(api.base_url), key_file=tmp_path / "image.png")
    assert "is not UTF-8 text" in " ".join(capsys.readouterr().err.split())


def test_an_api_that_is_away_for_a_moment_is_waited_for_and_asked_once(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain, "_PAUSE_S", 0.0)
    left = [2]
    with httpx.Client(base_url=str(api.base_url), headers=key_of(api, installed)) as client:
        send = client.post

        def unsteady(path: str, **given: Any) -> Any:
            answer = send(path, **given)
            left[0] -= 1
            return httpx.Response(503) if left[0] >= 0 else answer  # it was done, and nobody heard of it

        monkeypatch.setattr(client, "post", unsteady)
        action_id = ByApi(client).ask(Wanted("heart_disease", WHY["reason"], False, "once"))
    assert left[0] < 0
    assert [row[0] for row in installed.rows("SELECT action_id FROM agent_actions")] == [action_id]


def test_waiting_ends_with_a_sentence_when_nobody_can_be_asked() -> None:
    class Away:
        def ask(self, _: Wanted) -> UUID:
            raise OpenAlreadyError

        def look(self, _: UUID) -> None:
            return None

    with pytest.raises(CommandFailedError, match="could not be looked at"):
        waited(Away(), UUID(int=1), 0.0, sleep=lambda _: None)
