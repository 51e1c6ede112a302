"""A key's rows of a day, over HTTP: refused with the time to wait, shared by replicas, kept by a restart."""

import json
import time

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from database.enums import Scope
from database.queries import api_keys
from scripts.cli import app
from tests.integration.api.conftest import Api, Installation, started, wait_until
from tests.serving_factories import EXAMPLE, PERSON

DAY_S = 86_400


@pytest.fixture(autouse=True)
def not_at_midnight() -> None:
    """A day that ends in the middle of a test would give the key new rows."""
    if DAY_S - time.time() % DAY_S < 30:
        time.sleep(31)


@pytest.fixture
def key(installed: Installation) -> str:
    return installed.key_for([Scope.PREDICT], name="metered", rows_per_day=10)


def told(installed: Installation) -> int:
    rows = installed.rows("SELECT rows FROM key_usage JOIN api_keys USING (key_id) WHERE name = 'metered'")
    return int(rows[0][0]) if rows else 0


def batch(rows: int) -> dict[str, object]:
    return {"rows": [EXAMPLE] * rows}


def refused(api: Api, key: str, rows: int) -> None:
    before = time.time()
    answer = api.predict(key, batch(rows))
    assert (answer.status_code, answer.json()["code"]) == (429, "daily_quota")
    left = DAY_S - before % DAY_S
    assert left - 5 <= int(answer.headers["Retry-After"]) <= left + 1


def test_the_rows_of_a_day_are_answered_and_no_more_and_an_answer_that_was_given_may_be_asked_for_again(
    installed: Installation, key: str
) -> None:
    with started(installed.settings) as api:
        assert api.predict(key, batch(7)).status_code == 200
        refused(api, key, 4)
        last = api.predict(key, batch(3), **{"Idempotency-Key": "the-last-three"})
        assert last.status_code == 200
        refused(api, key, 1)
        again = api.predict(key, batch(3), **{"Idempotency-Key": "the-last-three"})
        assert (again.status_code, again.headers["Idempotent-Replay"], again.json()) == (200, "true", last.json())
        another = api.predict(key, batch(2), **{"Idempotency-Key": "the-last-three"})
        assert another.json()["code"] == "idempotency_conflict"
        new = api.predict(key, batch(3), **{"Idempotency-Key": "not-asked-before"})
        assert new.json()["code"] == "daily_quota"
        assert api.predict(installed.keys.everything, batch(50)).status_code == 200, "another key has no quota"
        assert "steward_keys_near_quota 1.0" in api.get("/metrics").text
    assert installed.rows(
        "SELECT count(*) FROM predictions p JOIN api_keys k USING (key_id) WHERE name = 'metered'"
    ) == [(10,)]


def test_what_was_answered_counts_after_a_restart_and_at_the_next_replica(installed: Installation, key: str) -> None:
    with started(installed.settings) as one:
        assert one.predict(key, batch(6)).status_code == 200
        wait_until(lambda: told(installed) == 6, 10)
        with started(installed.settings) as two:
            refused(two, key, 5)
            assert two.predict(key, batch(4)).status_code == 200
            wait_until(lambda: told(installed) == 10, 10)
            wait_until(lambda: one.predict(key, batch(1)).status_code == 429, 10)
    with started(installed.settings) as one:
        refused(one, key, 1)


def test_what_is_refused_for_another_reason_costs_nothing(installed: Installation, key: str) -> None:
    with started(installed.settings) as api:
        for _ in range(3):
            assert api.predict(key, {"rows": [EXAMPLE] * 9 + [{}]}).status_code == 422
        assert api.predict(key, batch(10)).status_code == 200


def test_another_quota_holds_at_once_and_yesterday_is_over(installed: Installation, key: str) -> None:
    key_id = key.split("_")[2]
    with installed.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO key_usage VALUES (:k, (now() AT TIME ZONE 'utc')::date - 1, 10)"), {"k": key_id}
        )
    with started(installed.settings) as api:
        assert api.predict(key, batch(10)).status_code == 200
        refused(api, key, 1)
        with Session(installed.engine) as session, session.begin():
            api_keys.set_quota(session, PERSON, key_id, 20)
        wait_until(lambda: api.predict(key, batch(10)).status_code == 200, 5)
        refused(api, key, 1)


def test_the_command_makes_shows_and_changes_a_quota(installed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", installed.settings.database.url.get_secret_value())  # type: ignore[union-attr]
    monkeypatch.setenv("API_ROWS_PER_DAY", "500")

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["keys", *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    key_id = json.loads(run("create", "nightly", "--rows-per-day", "120000", "--json"))["key_id"]
    listed = {one["key_id"]: one for one in json.loads(run("list", "--json"))}
    assert (listed[key_id]["rows_per_day"], listed[key_id]["rows_today"]) == (120_000, 0)
    assert all(one["rows_per_day"] == 500 for other, one in listed.items() if other != key_id)
    run("quota", key_id, "--rows-per-day", "0")
    assert {one["key_id"]: one for one in json.loads(run("list", "--json"))}[key_id]["rows_per_day"] is None
    run("quota", key_id, "--rows-per-day", "7")
    assert "0 today" in run("list")
    assert "of 7" in run("list")
    rotated = json.loads(run("rotate", key_id, "--json"))["key_id"]
    assert {one["key_id"]: one for one in json.loads(run("list", "--json"))}[rotated]["rows_per_day"] == 7
