"""Versions with what became of them, and the way from the rows to what served, on a real database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from database.artifact_keys import signing_store_of
from database.enums import ActionStatus, ActionType
from database.models import AgentAction, Approval, User
from database.queries import heartbeats
from database.queries.audit import digest_of
from tests.integration.api.conftest import Api, Installation
from tests.serving_factories import put_model, register

_S = ActionStatus
_WAY = {
    _S.GATHERING_EVIDENCE: (_S.GATHERING_EVIDENCE,),
    _S.PENDING_APPROVAL: (_S.GATHERING_EVIDENCE, _S.PENDING_APPROVAL),
    _S.REJECTED: (_S.GATHERING_EVIDENCE, _S.PENDING_APPROVAL, _S.REJECTED),
    _S.EXPIRED: (_S.GATHERING_EVIDENCE, _S.PENDING_APPROVAL, _S.EXPIRED),
    _S.CANCELLED: (_S.CANCELLED,),
}


def _retrain(session: Session, installed: Installation, status: ActionStatus) -> UUID:
    """A retrain that stands there, moved along the arrows as the database asks for."""
    action = AgentAction(
        action_id=uuid4(), model_name="heart_disease", action_type=ActionType.RETRAIN_MODEL, risk_level=2,
        requires_approval=True, approvers_needed=1, dedupe_key=str(uuid4()),
        question="Replace v1 by a version that learned from recent rows?", why={}, params={},
        proposed_by="agent:agent", evidence={}, evidence_digest=digest_of({}), from_version_id=installed.version.id,
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )  # fmt: skip
    session.add(action)
    session.flush()
    for step in _WAY[status]:
        if step is _S.REJECTED:
            _vote(session, action.action_id, "approver", "reject")
        action.status, action.version = step, action.version + 1
        session.flush()
    return action.action_id


def _vote(session: Session, action_id: UUID, person: str, decision: str = "approve") -> None:
    user = session.query(User).filter_by(name=person).one()
    session.add(
        Approval(action_id=action_id, user_id=user.id, decision=decision, comment="as seen",
                 evidence_digest=digest_of({}), idempotency_key=f"key-{person}-{action_id}")
    )  # fmt: skip
    session.flush()


def _rows(api: Api) -> dict[int, dict]:  # type: ignore[type-arg]
    answer = api.get("/models/heart_disease/lineage", headers=api.sign_in("viewer"))
    assert answer.status_code == 200, answer.text
    return {row["version"]: row for row in answer.json()["versions"]}


def test_a_first_version_serves_and_says_why_there_is_no_way_back_to_it(api: Api) -> None:
    row = _rows(api)[1]
    assert row["standing"] == "serving"
    assert row["why_not_restorable"] == "It serves now."
    assert row["primary"] == {"metric": "f1", "value": 0.8, "low": 0.74, "high": 0.86, "n": 303}
    assert row["approved_by"] == []
    assert (row["files"], row["files_checked_at"]) == ("unchecked", None)


def test_what_became_of_each_version_is_told_apart(api: Api, installed: Installation) -> None:
    with Session(installed.engine) as session, session.begin():
        for bias, status in ((0.1, ActionStatus.REJECTED), (0.2, ActionStatus.EXPIRED), (0.3, ActionStatus.CANCELLED)):
            digest = put_model(installed.store, installed.contract, bias=bias)
            action_id = _retrain(session, installed, status)
            register(session, installed.contract, digest, action_id=action_id)
    installed.new_version(bias=0.4)
    installed.new_version(bias=0.5)
    rows = _rows(api)
    assert {number: row["standing"] for number, row in rows.items()} == {
        1: "archived", 2: "rejected", 3: "lapsed", 4: "lapsed", 5: "previous", 6: "serving",
    }  # fmt: skip
    assert rows[5]["restorable"]
    assert rows[5]["why_not_restorable"] is None
    assert rows[2]["why_not_restorable"].startswith("It never served")


def test_a_version_of_an_open_question_is_a_candidate(api: Api, installed: Installation) -> None:
    with Session(installed.engine) as session, session.begin():
        action_id = _retrain(session, installed, ActionStatus.GATHERING_EVIDENCE)
        register(
            session, installed.contract, put_model(installed.store, installed.contract, bias=1), action_id=action_id
        )
    assert _rows(api)[2]["standing"] == "candidate"


def test_who_decided_stands_in_the_lineage_and_approves_nothing_that_never_served(
    api: Api, installed: Installation
) -> None:
    with Session(installed.engine) as session, session.begin():
        action_id = _retrain(session, installed, ActionStatus.PENDING_APPROVAL)
        _vote(session, action_id, "approver")
        digest = put_model(installed.store, installed.contract, bias=0.7)
        register(session, installed.contract, digest, action_id=action_id)
    answer = api.get("/models/heart_disease/versions/2/lineage", headers=api.sign_in("viewer")).json()
    assert [(vote["person"], vote["decision"]) for vote in answer["votes"]] == [("approver", "approve")]
    assert answer["run"]["asked"].startswith("Replace v1")
    assert _rows(api)[2]["approved_by"] == []


def test_the_monitors_word_about_the_files_is_passed_on(api: Api, installed: Installation) -> None:
    installed.new_version(bias=0.4)
    digest = installed.version.artifact_digest
    looked = "2026-11-30T12:00:00+00:00"
    with Session(installed.engine) as session, session.begin():
        heartbeats.beat(session, "monitor", "m", 1.0, {"damaged": {}, "hashed": {digest: looked}})
    assert _rows(api)[1]["files"] == "sound"
    assert datetime.fromisoformat(_rows(api)[1]["files_checked_at"]) == datetime.fromisoformat(looked)
    with Session(installed.engine) as session, session.begin():
        heartbeats.beat(session, "monitor", "m", 1.0, {"damaged": {digest: "a byte"}, "hashed": {digest: looked}})
    row = _rows(api)[1]
    assert (row["files"], row["restorable"]) == ("damaged", False)
    assert row["why_not_restorable"] == "Its files are damaged: a byte."


def test_lineage_names_the_key_that_signed_and_finds_a_changed_byte(api: Api, installed: Installation) -> None:
    signed = signing_store_of(installed.settings)
    digest = put_model(signed, installed.contract, bias=2.0)
    with Session(installed.engine) as session, session.begin():
        register(session, installed.contract, digest)
    person = api.sign_in("viewer")
    found = api.get("/models/heart_disease/versions/2/lineage", headers=person).json()["artifact"]
    assert found["fault"] is None
    assert len(found["signed_by"]) == 1
    assert "model.onnx" in found["files"]
    path = installed.settings.artifacts_dir / "sha256" / digest / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    found = api.get("/models/heart_disease/versions/2/lineage", headers=person).json()["artifact"]
    assert "not what its manifest says" in found["fault"]
    assert found["bytes"] is None


def test_rows_that_are_not_kept_any_more_are_still_named(api: Api) -> None:
    data = api.get("/models/heart_disease/versions/1/lineage", headers=api.sign_in("viewer")).json()["data"]
    assert data == {"digest": "0" * 64, "source": "directory", "rows": 303, "stored": False, "facts": None}


def test_an_unknown_version_and_an_unknown_model_are_not_found(api: Api) -> None:
    person = api.sign_in("viewer")
    assert api.get("/models/heart_disease/versions/77/lineage", headers=person).status_code == 404
    assert api.get("/models/nobody/lineage", headers=person).status_code == 404
