"""The file of an action, checked as somebody would who has nothing but the file and Python's standard library."""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from tests.integration.api.conftest import Api, Installation
from tests.integration.api.test_decisions_over_http import asked, execute, page, send

__all__ = ["asked"]

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def faults_by_the_page(bundle: dict[str, Any], tmp_path: Path, capsys: Any) -> str:
    """What the program in docs/operations.md prints about a bundle."""
    program = OPERATIONS.read_text().split("<!-- check a bundle -->")[1].split("```python\n")[1].split("```")[0]
    kept = tmp_path / "bundle.json"
    kept.write_text(json.dumps(bundle))
    exec(compile(program.replace('"bundle.json"', repr(str(kept))), "operations.md", "exec"), {})  # noqa: S102
    return str(capsys.readouterr().out).strip()


def decided(api: Api, installed: Installation, asked: UUID) -> dict[str, Any]:
    headers = api.sign_in("approver")
    said = {"text": "Looks sound to me.", "idempotency_key": "a-comment-of-mine"}
    assert api.post(f"/actions/{asked}/comments", json=said, headers=headers).status_code == 201
    assert send(api, asked, headers, page(api, asked, headers)).status_code == 200
    execute(installed)
    answer = api.get(f"/actions/{asked}/bundle", headers=api.sign_in("viewer"))
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return dict(answer.json())


def test_a_bundle_holds_all_that_was_asked_decided_and_done(api: Api, installed: Installation, asked: UUID) -> None:
    bundle = decided(api, installed, asked)
    assert bundle["format"] == "steward.evidence-bundle/1"
    assert bundle["made_for"] == "viewer"
    assert bundle["action"]["status"] == "verifying"
    assert [vote["user"] for vote in bundle["approvals"]] == ["approver"]
    assert bundle["approvals"][0]["evidence_digest"] == bundle["asked"][-1]["digest"]
    assert [said["text"] for said in bundle["comments"]] == ["Looks sound to me."]
    verbs = [event["verb"] for event in bundle["events"]]
    assert verbs == ["action.commented", "action.approve", "action.approved", "action.executing", "action.verifying"]
    assert set(bundle["versions"]) == {"from", "to"}
    assert bundle["versions"]["to"]["artifact_digest"]


def test_it_can_be_checked_with_nothing_but_the_file_and_the_page_about_it(
    api: Api, installed: Installation, asked: UUID, tmp_path: Path, capsys: Any
) -> None:
    bundle = decided(api, installed, asked)
    assert faults_by_the_page(bundle, tmp_path, capsys) == "sound"
    stored = dict(installed.rows("SELECT seq, hash FROM audit_log"))
    assert {event["seq"]: event["hash"] for event in bundle["events"]}.items() <= stored.items()


def test_whatever_is_altered_in_the_file_shows(
    api: Api, installed: Installation, asked: UUID, tmp_path: Path, capsys: Any
) -> None:
    sound = decided(api, installed, asked)

    def forged(change: Any, *, with_digest: bool = True) -> str:
        bundle = json.loads(json.dumps(sound))
        change(bundle)
        if with_digest:  # a forger who knows how the outer digest is made
            body = {name: value for name, value in bundle.items() if name != "digest"}
            canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            bundle["digest"] = hashlib.sha256(canonical.encode()).hexdigest()
        return faults_by_the_page(bundle, tmp_path, capsys)

    assert "evidence" in forged(lambda b: b["asked"][0]["evidence"].update(says="all is well"))
    assert "event" in forged(lambda b: b["events"][1].update(actor="somebody"))
    assert "signed" in forged(lambda b: b["approvals"][0].update(evidence_digest="0" * 64))
    assert "file" in forged(lambda b: b["comments"][0].update(text="Do not."), with_digest=False)


def test_of_an_action_that_is_not_there_there_is_no_bundle(api: Api) -> None:
    answer = api.get(f"/actions/{uuid4()}/bundle", headers=api.sign_in("viewer"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_question_without_evidence_yet_has_a_bundle_that_says_so(api: Api) -> None:
    headers = api.sign_in("operator")
    begun = api.post("/retrain", json={"reason": "because I want it"}, headers=headers).json()["action_id"]
    bundle = api.get(f"/actions/{begun}/bundle", headers=headers).json()
    assert (bundle["asked"], bundle["approvals"], bundle["action"]["status"]) == ([], [], "gathering_evidence")
