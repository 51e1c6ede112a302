"""The job of the weekly workflow that asks a platform, run from its own file against a real API."""

import json
import threading
import time

import pytest
from sqlalchemy import text

from database.enums import Scope
from scripts.proofs import retrain
from tests.integration.api.conftest import Api, Installation, wait_until

# As evidence that was gathered puts an action before people.
GATHERED = (
    "UPDATE agent_actions SET status = 'pending_approval', version = version + 1, evidence = '{}',"
    " evidence_digest = json_digest('{}'), expires_at = now() + interval '1 h' WHERE status = 'gathering_evidence'"
)


def _gathers(installed: Installation, stop: threading.Event) -> None:
    while not stop.is_set():
        with installed.engine.begin() as connection:
            connection.execute(text(GATHERED))
        time.sleep(0.2)


@pytest.mark.timeout(120)
def test_it_asks_waits_for_the_proof_and_tells_people_where_to_decide(api: Api, installed: Installation) -> None:
    key = installed.key_for([Scope.PROPOSE], owner="operator")
    wait_until(lambda: len(api.runtime.keys.known()) == 3, 5)
    values = {
        "vars.STEWARD_URL": str(api.base_url),
        "vars.STEWARD_UI_URL": "https://steward.example.org",
        "secrets.STEWARD_PROPOSE_KEY": key,
        "inputs.reason || 'the weekly retrain'": "the weekly retrain",
        "github.run_id": "7",
    }
    stop = threading.Event()
    agent = threading.Thread(target=_gathers, args=(installed, stop), daemon=True)
    agent.start()
    try:
        with retrain.prepared(values) as ground:
            assert retrain.run_jobs(ground, ["ask"]) == {"ask": "success"}
            asked = json.loads((ground.place / "build/asked.json").read_text())
            told = ground.slack.texts
            # The week after: the question is still open, so nothing is asked for, and that is no failure.
            again = retrain.prepared(values | {"github.run_id": "8"})
            with again as later:
                assert retrain.run_jobs(later, ["ask"]) == {"ask": "success"}
                assert json.loads((later.place / "build/asked.json").read_text())["asked"] is False
    finally:
        stop.set()
        agent.join(10)
    assert asked["status"] == "pending_approval"
    assert len(told) == 1
    assert f"action id: {asked['action_id']}" in told[0]
    assert "decide at https://steward.example.org" in told[0]
    assert key not in told[0] + json.dumps(asked)
    assert installed.rows("SELECT count(*) FROM agent_actions")[0][0] == 1
    assert installed.rows("SELECT count(*) FROM approvals")[0][0] == 0
