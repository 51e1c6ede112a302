"""Thirty-odd real decisions over HTTP, and what oversight says of them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from database.models import ModelVersion
from database.queries import people
from tests.integration.agent.world import MODEL, behind_its_back, pending
from tests.integration.api.conftest import PASSWORD, Api, Installation
from tests.serving_factories import PERSON

Decide = Callable[..., UUID]


@pytest.fixture
def decide(api: Api, installed: Installation) -> Decide:
    """Ask, have somebody decide over HTTP, and let it end in a status of the test's own choosing."""
    with Session(installed.engine) as session, session.begin():
        people.create_user(session, PERSON, "ben", PASSWORD, ["approver"])
        serving = session.scalars(select(ModelVersion.id).where(ModelVersion.is_active)).one()
    to = installed.new_version(bias=1.0, serve=False)
    signed_in = {name: api.sign_in(name) for name in ("approver", "ben")}

    def decided(
        decision: str, *, by: str = "approver", read_s: float | None = 60.0, ended: str = "cancelled",
        waited: str = "2 hours", verified: bool = False,
    ) -> UUID:  # fmt: skip
        asked = pending(installed.engine, serving, to)
        with behind_its_back(installed.engine) as session:
            ago = "UPDATE evidence_bundles SET created_at = now() - CAST(:ago AS interval) WHERE action_id = :id"
            session.execute(text(ago), {"ago": waited, "id": asked.action_id})
        body: dict[str, Any] = {
            "decision": decision, "comment": "not now", "evidence_digest": asked.evidence_digest, "seen_version": 2,
            "idempotency_key": uuid4().hex, "read_s": read_s,
        }  # fmt: skip
        answer = api.post(f"/actions/{asked.action_id}/decision", json=body, headers=signed_in[by])
        assert answer.status_code == 200, answer.text
        if decision == "approve":
            with behind_its_back(installed.engine) as session:
                end = "UPDATE agent_actions SET status = :status, verified_at = CASE WHEN :verified THEN now() END"
                facts = {"status": ended, "verified": verified, "id": asked.action_id}
                session.execute(text(f"{end} WHERE action_id = :id"), facts)
        return asked.action_id

    return decided


def asked(api: Api, **query: Any) -> dict[str, Any]:
    answer = api.get("/oversight", params=query, headers=api.sign_in("viewer"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_people_decided_is_counted_by_person_and_in_all(api: Api, installed: Installation, decide: Decide) -> None:
    for _ in range(2):
        decide("approve", ended="succeeded", verified=True, read_s=20.0)
    decide("approve", ended="reverted", read_s=40.0)
    decide("approve", ended="succeeded", read_s=None)  # nobody watched it
    decide("reject", by="ben", waited="10 hours", read_s=200.0)
    with behind_its_back(installed.engine) as session:
        session.execute(text("UPDATE agent_actions SET reviewed_by = NULL, status = 'expired' WHERE status='rejected'"))
    found = asked(api, model=MODEL)
    together = found["together"]
    assert (together["decisions"], together["approved"], found["questions"], found["expired"]) == (5, 4, 5, 1)
    assert together["approval_low"] < together["approval_rate"] == 0.8 < together["approval_high"]
    assert (together["watched"], together["taken_back"], together["advice_refused"]) == (3, 1, 1)
    assert (together["read_median_s"], together["read_n"]) == (30.0, 4)
    assert together["to_decision_median_s"] == pytest.approx(7200, abs=60)
    assert together["to_decision_p90_s"] > 20_000
    assert [(one["person"], one["decisions"]) for one in found["people"]] == [("approver", 4), ("ben", 1)]
    assert found["short_of"].startswith("5 of 30 decisions")
    with behind_its_back(installed.engine) as session:
        session.execute(text("UPDATE agent_actions SET expires_at = now() - interval '91 days'"))
    assert asked(api)["expired"] == 0
    with behind_its_back(installed.engine) as session:
        session.execute(text("UPDATE approvals SET decided_at = now() - interval '8 days'"))
    assert asked(api, days=7)["together"]["decisions"] == 0
    assert asked(api, days=9)["together"]["decisions"] == 5


def test_thirty_clicks_of_four_seconds_stand_on_top_of_every_page(api: Api, decide: Decide) -> None:
    for _ in range(30):
        decide("approve", read_s=4.0)
    found = asked(api)
    assert len(found["signs"]) == 4
    assert found["too_many"] is False  # 30 in 90 days
    overview = api.get("/overview", headers=api.sign_in("viewer")).json()
    (notice,) = [one for one in overview["notices"] if "nodded" in one["title"]]
    assert notice["severity"] == "warning"
    assert "4 s at the median of 30 decisions" in notice["text"]


@pytest.mark.parametrize("claimed", [-1, 30 * 86_400 + 1, "long", True, float("inf")])
def test_a_reading_time_that_cannot_be_is_refused_and_decides_nothing(
    api: Api, installed: Installation, claimed: Any
) -> None:
    body = {
        "decision": "approve", "evidence_digest": "0" * 64, "seen_version": 2, "idempotency_key": uuid4().hex,
        "read_s": str(claimed) if claimed == float("inf") else claimed,
    }  # fmt: skip
    answer = api.post(f"/actions/{uuid4()}/decision", json=body, headers=api.sign_in("approver"))
    assert answer.status_code == 422 or (claimed is True and answer.status_code == 404)
    assert installed.rows("SELECT count(*) FROM approvals")[0][0] == 0


def test_a_model_nobody_has_is_not_here(api: Api) -> None:
    assert api.get("/oversight?model=nothing", headers=api.sign_in("viewer")).status_code == 404
