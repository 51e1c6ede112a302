"""Keys and people: made, used, taken away, refused."""

import re
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import URL
from sqlalchemy.orm import Session

from api.errors import RefusalError
from api.main import create_app
from config.settings import ApiSettings
from database.connection import ReadSession
from database.embedded import bin_dir
from database.enums import Scope
from database.errors import ConflictError, InvalidError, NotFoundError
from database.models import ApiKey
from database.queries import api_keys, audit, people
from tests.integration.api.conftest import PASSWORD, Api, Installation, serve, wait_until
from tests.serving_factories import HASH_KEY, PERSON


def test_a_key_works_at_once_and_ends_at_once_and_the_database_holds_no_secret(
    api: Api, installed: Installation
) -> None:
    with Session(installed.engine) as session, session.begin():
        key, plaintext = api_keys.create_key(
            session, PERSON, "new", [Scope.PREDICT], None, timedelta(days=1), HASH_KEY.encode(), "development"
        )
        key_id = key.key_id
    wait_until(lambda: api.predict(plaintext).status_code == 200, 2)
    stored = str(installed.rows("SELECT * FROM api_keys")) + str(installed.rows("SELECT * FROM audit_log"))
    assert plaintext not in stored
    assert api_keys.parse(plaintext) is not None
    assert plaintext.split("_")[3] not in stored
    api.runtime.watcher._reported = (None, 0.0)
    wait_until(lambda: installed.rows("SELECT last_used_at FROM api_keys WHERE key_id = %(id)s", id=key_id)[0][0], 8)
    with Session(installed.engine) as session, session.begin():
        api_keys.revoke_key(session, PERSON, key_id)
    wait_until(lambda: api.predict(plaintext).status_code == 401, 2)
    with Session(installed.engine) as session, pytest.raises(NotFoundError):
        api_keys.revoke_key(session, PERSON, "nobody00")


def test_a_rotated_key_and_its_successor_both_work_until_the_old_one_ends(api: Api, installed: Installation) -> None:
    old = installed.keys.everything
    old_id = old.split("_")[2]
    with Session(installed.engine, expire_on_commit=False) as session, session.begin():
        before = session.get_one(ApiKey, old_id)
        new, plaintext = api_keys.rotate_key(
            session, PERSON, old_id, timedelta(hours=2), timedelta(days=30), HASH_KEY.encode(), "development"
        )
    assert (new.name, new.scopes, new.models) == (before.name, before.scopes, before.models)
    wait_until(lambda: api.predict(plaintext).status_code == 200, 2)
    assert api.predict(old).status_code == 200
    with Session(installed.engine) as session, session.begin():
        third, last = api_keys.rotate_key(
            session, PERSON, new.key_id, timedelta(0), timedelta(days=30), HASH_KEY.encode(), "development"
        )
        assert third.expires_at > new.expires_at - timedelta(days=1)
    wait_until(lambda: (api.predict(plaintext).status_code, api.predict(last).status_code) == (401, 200), 2)
    assert api.predict(old).status_code == 200, "ends at its own time"
    with Session(installed.engine) as session, session.begin(), pytest.raises(InvalidError, match="has ended"):
        api_keys.rotate_key(session, PERSON, new.key_id, timedelta(0), timedelta(days=1), b"k", "development")
    with Session(installed.engine) as session, session.begin(), pytest.raises(InvalidError, match="overlap"):
        api_keys.rotate_key(session, PERSON, old_id, timedelta(days=91), timedelta(days=1), b"k", "development")
    told = installed.rows("SELECT details FROM audit_log WHERE verb = 'key.rotated' ORDER BY seq")
    assert [row[0]["replaced_by"] for row in told] == [new.key_id, last.split("_")[2]]


def test_a_dump_of_the_database_holds_nothing_to_sign_in_or_call_with(
    api: Api, installed: Installation, database_url: URL
) -> None:
    """Keys, sessions, passwords: nothing that was ever shown, and nothing that works when it is sent."""
    token = api.sign_in("approver")["Authorization"].removeprefix("Bearer ")
    assert api.predict(installed.keys.everything).status_code == 200
    dump = subprocess.run(
        [bin_dir() / "pg_dump", "--inserts", "-h", str(database_url.query["host"]), "-U", str(database_url.username),
         str(database_url.database)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    key_id, secret = installed.keys.everything.split("_")[2:4]
    assert key_id in dump
    for shown in (installed.keys.everything, secret, token, PASSWORD, HASH_KEY):
        assert shown not in dump
    for stored in set(re.findall(r"[0-9a-f]{64}", dump)):
        forged = f"stw_dev_{key_id}_{stored[:43]}"
        key = f"{forged}_{api_keys._checksum(forged)}"
        with pytest.raises(RefusalError):
            api.runtime.keys.check(key, Scope.PREDICT, datetime.now(UTC))
        assert person_of_token(installed, stored) is None


def person_of_token(installed: Installation, token: str) -> object:
    with Session(installed.engine) as session:
        return people.person_of(session, people.token_digest(HASH_KEY.encode(), token), timedelta(days=1))


def test_keys_that_make_no_sense_are_not_made(session: Session) -> None:
    for name, scopes, days in ((" ", [Scope.PREDICT], 1), ("a", [], 1), ("a", [Scope.PREDICT], 1000)):
        with pytest.raises(InvalidError):
            api_keys.create_key(session, PERSON, name, scopes, None, timedelta(days=days), b"k", "development")


def test_signing_in_gives_a_session_that_ends_when_signed_out(api: Api, installed: Installation) -> None:
    headers = api.sign_in("operator")
    me = api.get("/auth/me", headers=headers).json()
    assert (me["name"], me["roles"]) == ("operator", ["operator"])
    assert "automation.stop" in me["permissions"]
    assert "actions.decide" not in me["permissions"]
    assert headers["Authorization"][7:] not in str(installed.rows("SELECT * FROM login_sessions"))
    assert api.post("/auth/logout", headers=headers).status_code == 204
    assert api.get("/auth/me", headers=headers).status_code == 401


def test_every_way_to_fail_at_signing_in_looks_the_same(api: Api, installed: Installation) -> None:
    with Session(installed.engine) as session, session.begin():
        people.disable(session, PERSON, "viewer")
    answers = [
        api.post("/auth/login", json={"name": name, "password": password})
        for name, password in (("nobody", PASSWORD), ("operator", "wrong password"), ("viewer", PASSWORD))
    ]
    assert {(one.status_code, one.json()["detail"]) for one in answers} == {(401, "The name or the password is wrong.")}


def test_an_unknown_name_takes_as_long_as_a_wrong_password(session: Session) -> None:
    people.create_user(session, PERSON, "somebody", PASSWORD, ["viewer"])

    def seconds(name: str) -> float:
        began = time.perf_counter()
        signed_in = people.sign_in(session, name=name, password="no", hash_key=b"k", lifetime=timedelta(hours=1))
        assert signed_in is None
        return time.perf_counter() - began

    # The quickest of each: what else the machine does only ever adds.
    pairs = [(seconds("somebody"), seconds("nobody")) for _ in range(15)]
    assert 0.5 < min(known for known, _ in pairs) / min(unknown for _, unknown in pairs) < 2.0


def test_guessing_passwords_and_keys_is_slowed_down(api: Api) -> None:
    statuses = [api.post("/auth/login", json={"name": "admin", "password": "x"}).status_code for _ in range(25)]
    assert statuses[:20] == [401] * 20
    assert statuses[-1] == 429
    answers = [api.predict("stw_dev_wrong") for _ in range(25)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_a_session_ends_when_it_is_idle_too_old_or_its_person_is_disabled(session: Session) -> None:
    people.create_user(session, PERSON, "somebody", PASSWORD, ["viewer"])

    def signed_in(lifetime: timedelta) -> str:
        started = people.sign_in(session, name="somebody", password=PASSWORD, hash_key=b"k", lifetime=lifetime)
        assert started is not None
        return people.token_digest(b"k", started[0])

    good, old = signed_in(timedelta(hours=1)), signed_in(timedelta(0))
    assert people.person_of(session, good, timedelta(minutes=30)) is not None
    assert people.person_of(session, old, timedelta(minutes=30)) is None
    assert people.person_of(session, good, timedelta(0)) is None
    people.disable(session, PERSON, "somebody")
    assert people.person_of(session, good, timedelta(minutes=30)) is None


def test_a_role_taken_away_counts_from_the_next_request(api: Api, installed: Installation) -> None:
    headers = api.sign_in("operator")
    stop = {"state": "paused", "reason": "looking into something"}
    assert api.post("/automation", json=stop, headers=headers).status_code == 200
    with Session(installed.engine) as session, session.begin():
        people.set_roles(session, PERSON, "operator", ["viewer"])
    refused = api.post("/automation", json=stop | {"state": "stopped"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_people_that_cannot_be_are_not_made(session: Session) -> None:
    people.create_user(session, PERSON, "somebody", PASSWORD, ["viewer", "approver"])
    with pytest.raises(ConflictError):
        people.create_user(session, PERSON, "somebody", PASSWORD, ["viewer"])
    for name, password, roles in (
        ("Some Body", PASSWORD, ["viewer"]),
        ("other", "short", ["viewer"]),
        ("other", PASSWORD, ["root"]),
        ("other", PASSWORD, []),
    ):
        with pytest.raises(InvalidError):
            people.create_user(session, PERSON, name, password, roles)
    assert audit.verify(ReadSession(session)).ok


def test_more_requests_than_a_key_may_send_get_429_with_a_time_to_wait(installed: Installation) -> None:
    limited = installed.settings.model_copy(update={"api": ApiSettings(poll_s=0.2, rate_per_s=1, rate_burst=20)})
    generator = serve(create_app(limited))
    api = next(generator)
    answers = [api.predict(installed.keys.everything) for _ in range(30)]
    assert {answer.status_code for answer in answers[:20]} == {200}
    assert {answer.status_code for answer in answers[22:]} == {429}
    assert answers[-1].json()["code"] == "rate_limited"
    assert int(answers[-1].headers["retry-after"]) >= 1
    generator.close()
