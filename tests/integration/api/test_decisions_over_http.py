"""A decision sent over HTTP again and again, from several tabs, too late or by the wrong person: it counts once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from agent.actions.registry import handlers
from agent.core.executor import EXECUTING, Executor
from config.agent_policy import load_policy
from database.connection import session_scope
from database.models import ModelVersion
from database.queries import actions, people, provider_people
from database.queries.provider_people import Vouched
from tests.integration.agent.world import MODEL, forged, pending, reread
from tests.integration.api.conftest import PASSWORD, Api, Installation
from tests.serving_factories import HASH_KEY, PERSON

Body = dict[str, Any]


@pytest.fixture
def asked(installed: Installation) -> UUID:
    """A question about a version that is ready to serve."""
    with Session(installed.engine) as session:
        serving = session.scalars(select(ModelVersion.id).where(ModelVersion.is_active)).one()
    return pending(installed.engine, serving, installed.new_version(bias=1.0, serve=False)).action_id


def page(api: Api, asked: UUID, headers: dict[str, str]) -> Body:
    """What the browser sends when the button is pressed on the page as it is now."""
    shown = api.get(f"/actions/{asked}", headers=headers).json()
    return {
        "decision": "approve", "comment": "", "evidence_digest": shown["evidence_digest"],
        "seen_version": shown["version"], "idempotency_key": "first-tab",
    }  # fmt: skip


def send(api: Api, asked: UUID, headers: dict[str, str], body: Body) -> httpx.Response:
    return api.post(f"/actions/{asked}/decision", json=body, headers=headers)


def execute(installed: Installation) -> None:
    """The agent comes by twice."""
    policy = load_policy(installed.settings.platform.policy_file)
    for worker in ("w1", "w2"):
        contracts = {MODEL: installed.contract}
        Executor(installed.engine, installed.settings, contracts, policy, handlers(), worker).run_all(EXECUTING)


def executions(installed: Installation, asked: UUID) -> int:
    return int(installed.rows("SELECT count(*) FROM deployments WHERE action_id = %(id)s", id=str(asked))[0][0])


def approvals(installed: Installation) -> int:
    return int(installed.rows("SELECT count(*) FROM approvals")[0][0])


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """The sentence of a refusal, which is a problem of this kind."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code), answer.text
    detail = str(problem["detail"])
    assert len(detail.split()) >= 4
    return detail


@pytest.mark.parametrize("clicks", [2, 3, 10])
def test_the_same_click_however_often_it_arrives_is_one_approval_one_receipt_and_one_execution(
    api: Api, installed: Installation, asked: UUID, clicks: int
) -> None:
    headers = api.sign_in("approver")
    body = page(api, asked, headers)
    with ThreadPoolExecutor(clicks) as browser:
        answers = list(browser.map(lambda _: send(api, asked, headers, body), range(clicks)))
    assert [answer.status_code for answer in answers] == [200] * clicks
    receipt = answers[0].json()
    assert (receipt["status"], receipt["approvals_given"], receipt["by"]) == ("approved", 1, "approver")
    execute(installed)
    assert reread(installed.engine, asked).status == "verifying"
    late = send(api, asked, headers, body)  # a retry that was under way all the time
    assert [answer.json() for answer in (*answers, late)] == [receipt] * (clicks + 1)
    assert (approvals(installed), executions(installed, asked)) == (1, 1)
    logged = "SELECT seq FROM audit_log WHERE verb = 'action.approve' AND object_id = %(id)s"
    assert [row[0] for row in installed.rows(logged, id=str(asked))] == [receipt["audit_seq"]]


def test_a_second_tab_hears_who_decided_and_one_key_is_one_decision(
    api: Api, installed: Installation, asked: UUID
) -> None:
    headers = api.sign_in("approver")
    body = page(api, asked, headers)
    with ThreadPoolExecutor(4) as tabs:
        answers = list(
            tabs.map(lambda n: send(api, asked, headers, body | {"idempotency_key": f"tab-number-{n}"}), range(4))
        )
    (won,) = [answer for answer in answers if answer.status_code == 200]
    for answer in answers:
        if answer is not won:
            assert refused(answer, 409, "conflict").startswith("already approved by approver at 20")
    key = body | {"idempotency_key": f"tab-number-{answers.index(won)}"}
    for other in ({"decision": "reject", "comment": "no"}, {"evidence_digest": "0" * 64}):
        said = refused(send(api, asked, headers, key | other), 409, "conflict")
        assert said == "this idempotency key was used for another decision"
    execute(installed)
    assert (approvals(installed), executions(installed, asked)) == (1, 1)


def _world_moves(installed: Installation) -> None:
    installed.new_version(bias=-1.0)


def _evidence_changes(installed: Installation) -> None:
    _sql(installed, forged("UPDATE agent_actions SET evidence_digest = repeat('b', 64)"))


def _time_runs_out(installed: Installation) -> None:
    _sql(installed, forged("UPDATE agent_actions SET expires_at = clock_timestamp()"))


def _role_is_taken(installed: Installation) -> None:
    with session_scope(installed.engine) as session:
        people.set_roles(session, PERSON, "approver", ["viewer"])


def _is_disabled(installed: Installation) -> None:
    with session_scope(installed.engine) as session:
        people.disable(session, PERSON, "approver")


def _session_is_revoked(installed: Installation) -> None:
    _sql(installed, "UPDATE login_sessions SET revoked_at = now()")


def _session_expires(installed: Installation) -> None:
    _sql(installed, "UPDATE login_sessions SET expires_at = now()")


def _it_was_their_own(installed: Installation) -> None:
    _sql(installed, forged("UPDATE agent_actions SET proposed_by = 'person:approver'"))


def _sql(installed: Installation, statement: str) -> None:
    with installed.engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    ("meanwhile", "status", "code", "says"),
    [
        (_world_moves, 409, "stale", "v3 serves now, not the version this is about"),
        (_evidence_changes, 409, "stale", "the evidence changed after this page was opened"),
        (_time_runs_out, 409, "expired", "the time to decide ran out at 20"),
        (_role_is_taken, 403, "forbidden", "which you do not have"),
        (_is_disabled, 401, "unauthenticated", "This session is over; sign in again"),
        (_session_is_revoked, 401, "unauthenticated", "This session is over; sign in again"),
        (_session_expires, 401, "unauthenticated", "This session is over; sign in again"),
        (_it_was_their_own, 403, "forbidden", "you asked for this, so somebody else must decide it"),
    ],
)
def test_what_changed_between_the_page_and_the_click_refuses_the_click_in_words(
    api: Api,
    installed: Installation,
    asked: UUID,
    meanwhile: Callable[[Installation], None],
    status: int,
    code: str,
    says: str,
) -> None:
    headers = api.sign_in("approver")
    body = page(api, asked, headers)
    meanwhile(installed)
    assert says in refused(send(api, asked, headers, body), status, code)
    execute(installed)
    assert (approvals(installed), executions(installed, asked)) == (0, 0)
    assert reread(installed.engine, asked).status == "pending_approval"
    denied = installed.rows("SELECT actor, object_id FROM audit_log WHERE verb = 'decision.denied'")
    assert [tuple(row) for row in denied] == ([("approver", str(asked))] if status == 403 else [])


def test_a_role_taken_between_the_permission_and_the_decision_is_noticed_under_the_lock(
    api: Api, installed: Installation, asked: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = api.sign_in("approver")
    body = page(api, asked, headers)
    real = actions.lock_decision

    def taken_meanwhile(session: Session, user_id: int, key: str) -> None:
        _role_is_taken(installed)
        real(session, user_id, key)

    monkeypatch.setattr(actions, "lock_decision", taken_meanwhile)
    assert "you are not an approver" in refused(send(api, asked, headers, body), 403, "forbidden")
    assert approvals(installed) == 0
    assert len(installed.rows("SELECT 1 FROM audit_log WHERE verb = 'decision.denied'")) == 1


def test_of_two_people_who_are_needed_one_who_lost_the_role_is_not_shown_as_counted(
    api: Api, installed: Installation, asked: UUID
) -> None:
    with session_scope(installed.engine) as session:
        people.create_user(session, PERSON, "second", PASSWORD, ["approver"])
    _sql(installed, forged("UPDATE agent_actions SET approvers_needed = 2"))
    headers = api.sign_in("second")
    assert send(api, asked, headers, page(api, asked, headers)).json()["status"] == "pending_approval"
    reader = api.sign_in("viewer")
    assert api.get(f"/actions/{asked}", headers=reader).json()["approvals_given"] == 1
    with session_scope(installed.engine) as session:
        people.set_roles(session, PERSON, "second", ["viewer"])
    assert api.get(f"/actions/{asked}", headers=reader).json()["approvals_given"] == 0


def _high_risk(installed: Installation, *, two_people: bool = False) -> None:
    _sql(installed, forged("UPDATE agent_actions SET risk_level = 3"))
    if two_people:
        _sql(installed, forged("UPDATE agent_actions SET approvers_needed = 2"))


def test_what_is_of_high_risk_is_approved_only_by_who_has_just_shown_who_they_are(
    api: Api, installed: Installation, asked: UUID
) -> None:
    _high_risk(installed)
    headers = api.sign_in("approver")
    body = page(api, asked, headers)
    _sql(installed, "UPDATE login_sessions SET authenticated_at = now() - interval '901 seconds'")
    says = refused(send(api, asked, headers, body), 403, "step_up")
    assert "confirm that it is you" in says
    assert "15 minutes" in says
    _sql(installed, "UPDATE login_sessions SET authenticated_at = NULL")
    refused(send(api, asked, headers, body), 403, "step_up")
    assert approvals(installed) == 0
    assert api.post("/auth/again", json={"password": PASSWORD}, headers=headers).status_code == 200
    receipt = send(api, asked, headers, body)
    assert receipt.status_code == 200, receipt.text
    _sql(installed, "UPDATE login_sessions SET authenticated_at = now() - interval '1 day'")
    assert send(api, asked, headers, body).json() == receipt.json(), "the same key again is a receipt, not a decision"


def test_rejecting_and_what_is_of_less_risk_need_no_second_look_at_the_person(
    api: Api, installed: Installation, asked: UUID
) -> None:
    headers = api.sign_in("approver")
    _sql(installed, "UPDATE login_sessions SET authenticated_at = now() - interval '1 day'")
    _high_risk(installed)
    body = page(api, asked, headers) | {"decision": "reject", "comment": "not now"}
    assert send(api, asked, headers, body).status_code == 200


def test_two_sessions_of_one_person_are_one_of_the_two_who_are_needed(
    api: Api, installed: Installation, asked: UUID
) -> None:
    """Also where an identity provider vouches for them: a person is the provider's name for them, not a session."""
    _high_risk(installed, two_people=True)
    _sql(installed, "UPDATE users SET password_hash = NULL, subject = 'https://id.example u-1' WHERE name = 'approver'")
    sessions = []
    for _ in range(2):
        with session_scope(installed.engine) as session:
            vouched = Vouched("https://id.example", "u-1", ("whatever-they-say-now",), ("approver",))
            user = provider_people.come_in(session, vouched)
            assert user is not None
            token, _person = people.begin_session(
                session, user, hash_key=HASH_KEY.encode(), lifetime=timedelta(hours=1), where=people.NOWHERE,
                authenticated_at=datetime.now(UTC), how="provider",
            )  # fmt: skip
            sessions.append({"Authorization": f"Bearer {token}"})
    first, second = sessions
    assert send(api, asked, first, page(api, asked, first)).json()["approvals_given"] == 1
    body = page(api, asked, second) | {"idempotency_key": "another-key-of-the-same-person"}
    assert "you have approved this already" in refused(send(api, asked, second, body), 409, "conflict")
    assert (approvals(installed), reread(installed.engine, asked).status) == (1, "pending_approval")
