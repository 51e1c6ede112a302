"""Who may not decide, and why: one rule for the page that offers the decision and for the decision itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.core.approval_manager import refusal
from database.enums import ActorKind
from database.errors import ConflictError, ExpiredError, ForbiddenError, StewardError
from database.models import AgentAction, Approval
from database.queries.audit import Actor

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ANN = Actor(ActorKind.PERSON, "ann")


def refused(roles: tuple[str, ...] = ("approver",), voted_on: str | None = None, **changes: Any) -> StewardError | None:
    given = {
        "status": "pending_approval", "proposed_by": "agent:agent", "expires_at": NOW + timedelta(seconds=1),
        "evidence_digest": "e" * 64, "why": {"answers_for": "person:bob"},
    } | changes  # fmt: skip
    votes = [Approval(evidence_digest=voted_on)] if voted_on else []
    return refusal(AgentAction(**given), ANN, roles, votes, NOW)


def test_an_approver_who_has_not_voted_may_decide_until_the_time_runs_out() -> None:
    assert refused() is None
    assert refused(("viewer", "approver")) is None
    assert refused(proposed_by="person:bob") is None
    assert refused(voted_on="d" * 64) is None  # on evidence that was replaced since


@pytest.mark.parametrize(
    ("facts", "kind", "says"),
    [
        ({"roles": ("admin", "operator")}, ForbiddenError, "you are not an approver"),
        ({"proposed_by": "person:ann"}, ForbiddenError, "you asked for this, so somebody else must decide it"),
        ({"why": {"answers_for": "person:ann"}}, ForbiddenError, "a program you answer for asked for this"),
        ({"expires_at": NOW}, ExpiredError, "ran out at 2026-11-21 09:00:00 UTC"),
        ({"voted_on": "e" * 64}, ConflictError, "another approver is needed"),
        ({"status": "expired", "expires_at": NOW}, ExpiredError, "the time to decide ran out at"),
        (
            {"status": "expired", "reviewed_by": "bob", "reviewed_at": NOW, "expires_at": NOW},
            ConflictError,
            "already approved by bob",
        ),
        (
            {"status": "gathering_evidence", "evidence_digest": None},
            ConflictError,
            "not waiting for a decision: it is gath",
        ),
        (
            {"status": "rejected", "reviewed_by": "bob", "reviewed_at": NOW, "roles": ("viewer",)},
            ConflictError,
            "already rejected by bob at 2026-11-21 09:00:00 UTC",
        ),
    ],
)
def test_every_reason_is_a_sentence_of_its_kind(facts: dict[str, Any], kind: type[StewardError], says: str) -> None:
    found = refused(**facts)
    assert type(found) is kind
    assert says in str(found)
