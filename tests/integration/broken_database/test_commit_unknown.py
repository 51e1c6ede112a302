"""A COMMIT that counted and whose answer never came: whoever asked asks again, and nothing happens twice."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, Engine, func, select
from sqlalchemy.orm import Session

from config.settings import AgentSettings, DatabaseSettings, PlatformSettings, Settings
from database.artifact_store import ArtifactStore
from database.connection import is_away, make_engine, session_scope
from database.models import Approval, AuditEvent, Label
from scripts.chaos.proxy import Proxy
from scripts.chaos.waiting import wait_until
from scripts.crash import lives
from scripts.crash.checker import violations
from tests.integration.agent.world import pending
from tests.integration.api.conftest import Api, Installation

ROUNDS = 4


@pytest.fixture
def worker(engine: Engine, proxied_url: URL, tmp_path: Path) -> Iterator[lives.Worker]:
    """At work behind the proxy on a threshold that a person asked for."""
    settings = Settings(
        platform=PlatformSettings(home=tmp_path), database=DatabaseSettings(), agent=AgentSettings(lease_s=10)
    )
    lives.prepare(engine, settings, "threshold")
    proxied = make_engine(proxied_url)
    yield lives.Worker.of(proxied, settings, "threshold")
    proxied.dispose()


def live(worker: lives.Worker) -> None:
    """As the agent's loops do it: a part that lost its database is done again in the next round."""
    for _ in range(ROUNDS):
        for part in worker.parts():
            try:
                part()
            except Exception as error:
                if not is_away(error):
                    raise


@pytest.mark.parametrize(
    ("what", "statement"),
    [
        ("claim", "lease_epoch=(agent_actions.lease_epoch + 1)"),
        ("step", "INSERT INTO action_steps"),
        ("version", "INSERT INTO model_versions"),
        ("decision", "INSERT INTO approvals"),
        ("activation", "INSERT INTO deployments"),
    ],
)
def test_a_change_takes_effect_once_though_nobody_heard_of_its(
    engine: Engine, proxy: Proxy, worker: lives.Worker, tmp_path: Path, what: str, statement: str
) -> None:
    proxy.swallow_commit(after=statement)
    live(worker)
    assert proxy.swallowed == 1, what
    assert worker.over()
    with session_scope(engine) as session:
        assert violations(session, ArtifactStore(tmp_path / "artifacts"), lease=timedelta(seconds=10)) == []
        assert lives.deviations(session, "threshold") == []


@pytest.fixture
def asked(installed: Installation) -> dict[str, Any]:
    """A question before the approver, as a decision names it."""
    action = pending(installed.engine, installed.version.id, installed.new_version(bias=0.4, serve=False))
    return {
        "action_id": str(action.action_id),
        "decision": "approve",
        "evidence_digest": action.evidence_digest,
        "seen_version": 2,
        "idempotency_key": "one and the same click",
    }


def test_a_decision_whose_receipt_was_lost_is_repeated_and_counts_once(
    api: Api, proxy: Proxy, engine: Engine, asked: dict[str, Any]
) -> None:
    headers, path = api.sign_in("approver"), f"/actions/{asked.pop('action_id')}/decision"
    proxy.swallow_commit(after="INSERT INTO approvals")
    lost = api.post(path, json=asked, headers=headers)
    assert (lost.status_code, lost.json()["code"]) == (503, "database_unavailable")
    assert proxy.swallowed == 1
    wait_until(lambda: api.runtime.gate.is_open, 5)
    receipts = [api.post(path, json=asked, headers=headers) for _ in range(3)]
    assert {receipt.status_code for receipt in receipts} == {200}
    assert {receipt.json()["status"] for receipt in receipts} == {"approved"}
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Approval)) == 1
        assert session.scalar(select(func.count()).where(AuditEvent.verb == "action.approve")) == 1


def test_a_delivery_of_labels_whose_answer_was_lost_is_repeated_and_stores_each_once(
    api: Api, proxy: Proxy, engine: Engine, installed: Installation
) -> None:
    sent = {"labels": [{"prediction_id": str(uuid4()), "actual": at % 2} for at in range(20)]}
    headers = {"X-API-Key": installed.keys.everything}
    proxy.swallow_commit(after="INSERT INTO labels")
    lost = api.post("/labels", json=sent, headers=headers)
    assert (lost.status_code, lost.json()["code"]) == (503, "database_unavailable")
    assert proxy.swallowed == 1
    wait_until(lambda: api.runtime.gate.is_open, 5)
    again = api.post("/labels", json=sent, headers=headers).json()
    assert (again["stored"], again["revised"], again["unchanged"]) == (0, 0, 20)
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Label)) == 20


def test_predictions_whose_storing_was_not_confirmed_are_stored_once(
    api: Api, proxy: Proxy, installed: Installation
) -> None:
    proxy.swallow_commit(after="INSERT INTO predictions")
    told = [api.predict(installed.keys.everything).json()["prediction_id"] for _ in range(10)]
    wait_until(lambda: proxy.swallowed == 1 and api.runtime.shipper.depth == 0, 10)
    stored = [str(row[0]) for row in installed.rows("SELECT id FROM predictions")]
    assert sorted(stored) == sorted(told)
