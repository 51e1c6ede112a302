"""Whom a row is about: kept as a keyed hash alone, and erased wherever rows are kept."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from sqlalchemy import URL, Engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from agent.core.work import Json
from api.main import create_app
from api.spool_claim import claim_spools
from api.spool_file import Answered
from config.settings import PlatformSettings, Settings
from database.connection import ReadSession, read_scope, session_scope
from database.erasure import erase
from database.models import ModelVersion
from database.queries import audit, count_upkeep, prediction_log, predictions
from database.retention import drop_old_days
from database.subjects import subject_digest
from scripts.cli import app
from tests.integration.api.conftest import Api, Installation, install, serve, settings_for, wait_until
from tests.integration.api.test_nothing_answered_is_lost import _spool_row
from tests.serving_factories import EXAMPLE, HASH_KEY, PERSON

MODEL, PERSON_ASKED = "heart_disease", "Ada Lovelace, 1815-12-10"
CANARY = 312.71828182
DIGEST = subject_digest(HASH_KEY.encode(), MODEL, PERSON_ASKED)


@pytest.fixture
def settings(home: Path, database_url: URL) -> Settings:
    """The contract of the house, whose rows may say whom they are about and what nobody keeps."""
    page = yaml.safe_load((PlatformSettings().contracts_dir / f"{MODEL}.yml").read_text())
    page["along"] = {"patient": {"store": "hash"}, "ward": {"store": "drop"}}
    (home / "contracts").mkdir()
    (home / "contracts" / f"{MODEL}.yml").write_text(yaml.safe_dump(page, sort_keys=False))
    found = settings_for(home, database_url)
    platform = found.platform.model_copy(update={"contracts_dir": home / "contracts"})
    return found.model_copy(update={"platform": platform})


@pytest.fixture
def installed(settings: Settings, engine: Engine) -> Installation:
    return install(settings, engine)


@pytest.fixture
def api(installed: Installation) -> Iterator[Api]:
    yield from serve(create_app(installed.settings))


def about(subject: object = PERSON_ASKED, **changes: object) -> Json:
    return {**EXAMPLE, "chol": CANARY, "patient": subject, "ward": "Sunflower", **changes}


def everything(installed: Installation) -> str:
    """Every row of every table, and every file of the installation."""
    names = [row[0] for row in installed.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    rows = [str(row[0]) for name in names for row in installed.rows(f"SELECT t::text FROM {name} t")]  # noqa: S608
    home = installed.settings.platform.home
    files = [path.read_bytes().decode(errors="replace") for path in home.rglob("*") if path.is_file()]
    return "\n".join([*rows, *files])


def shipped(api: Api, installed: Installation, rows: int) -> None:
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions") == [(rows,)], 10)
    wait_until(lambda: api.runtime.shipper.depth == 0, 10)


def test_a_subject_is_kept_as_a_keyed_hash_and_what_is_to_be_dropped_is_nowhere(
    api: Api, installed: Installation
) -> None:
    key = installed.keys.everything
    assert api.predict(key, about()).status_code == 200
    assert api.predict(key, {"rows": [about(), EXAMPLE, about(None), about(7), about("7")]}).status_code == 200
    assert api.predict(key).status_code == 200
    shipped(api, installed, 7)
    held = everything(installed)
    assert str(CANARY) in held
    assert DIGEST in held
    assert PERSON_ASKED not in held
    assert "Sunflower" not in held
    found = installed.rows("SELECT subject, count(*) FROM prediction_subjects GROUP BY 1")
    assert dict(map(tuple, found)) == {DIGEST: 2, subject_digest(HASH_KEY.encode(), MODEL, "7"): 2}
    assert all(set(row[0]) == set(EXAMPLE) for row in installed.rows("SELECT features FROM predictions"))


def test_a_version_trained_before_the_contract_named_a_subject_takes_it_as_well(
    settings: Settings, engine: Engine, home: Path, database_url: URL
) -> None:
    before = install(settings_for(home, database_url), engine)  # by the contract of the house, which names none
    api = next(serving := serve(create_app(settings)))
    assert api.predict(before.keys.everything, about()).status_code == 200
    shipped(api, before, 1)
    assert before.rows("SELECT subject FROM prediction_subjects") == [(DIGEST,)]
    serving.close()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"patient": "x" * 201}, "patient", id="too long"),
        pytest.param({"patient": ["x"]}, "patient", id="a list"),
        pytest.param({"patient": 1.5}, "patient", id="no whole number"),
        pytest.param({"patient": True}, "patient", id="a truth"),
        pytest.param({"ward": {"a": 1}}, "ward", id="an object"),
        pytest.param({"room": 1}, "room", id="what the contract does not name"),
    ],
)
def test_what_is_sent_along_and_is_not_fit_is_named_and_not_repeated(
    api: Api, installed: Installation, changes: Json, field: str
) -> None:
    answer = api.predict(installed.keys.everything, {"rows": [EXAMPLE, about(**changes)]})
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [f"rows[1].{field}"]
    assert "xxxx" not in answer.text


def test_a_field_sent_along_twice_is_refused_and_quotes_in_it_are_not_mistaken_for_one(
    api: Api, installed: Installation
) -> None:
    key, headers = installed.keys.everything, {"Content-Type": "application/json"}
    assert api.predict(key, about('say "Ada"')).status_code == 200
    twice = json.dumps(about())[:-1] + ', "patient": "somebody else"}'
    answer = api.post("/predict", content=twice, headers={"X-API-Key": key, **headers})
    assert answer.status_code == 422
    assert "stands twice" in answer.text


def test_after_an_erasure_nothing_of_the_subject_is_anywhere_and_the_rest_is_as_it_was(
    api: Api, installed: Installation, engine: Engine, monkeypatch: pytest.MonkeyPatch, database_url: URL
) -> None:
    key, admin = installed.keys.everything, api.sign_in("admin")
    told = [api.predict(key, about()).json()["prediction_id"] for _ in range(3)]
    other = api.predict(key, about("somebody else", chol=201.5)).json()["prediction_id"]
    shipped(api, installed, 4)
    features = {**EXAMPLE, "chol": CANARY}
    changes: Json = {"features": features, "subject": DIGEST, "created_at": "2026-11-01T00:00:00+00:00"}
    # A row that PostgreSQL refuses, and one in the spool of a replica that died: both come with the person's values.
    poison = _spool_row(installed, str(uuid4()), **changes, request_id="nul\x00here")
    api.runtime.spool.append(Answered(poison, 1, b""))
    wait_until(lambda: installed.rows("SELECT count(*) FROM dead_letters") == [(1,)], 10)
    late = str(uuid4())
    dead, _ = claim_spools(installed.settings.spool_dir, max_rows=1000)
    dead.append(Answered(_spool_row(installed, late, **changes), 1, b""))
    dead.close()
    asked = {"model_name": MODEL, "subject": PERSON_ASKED}
    looked = api.post("/subjects/erase", json={**asked, "dry_run": True}, headers=admin).json()
    assert (looked["predictions"], looked["dead_letters"], looked["until"]) == (3, 1, None)
    receipt = api.post("/subjects/erase", json=asked, headers=admin).json()
    assert (receipt["predictions"], receipt["dead_letters"], receipt["subject"]) == (3, 1, DIGEST)
    # The dead replica's rows are taken over by whoever starts next.
    _take_over(installed, late)
    api.runtime.spool.let_shipped_go()
    held = everything(installed)
    assert str(CANARY) not in held
    assert PERSON_ASKED not in held
    assert "201.5" in held
    ids = {str(row[0]): row[1] for row in installed.rows("SELECT id, features FROM predictions")}
    assert all(ids[one] == {} for one in (*told, late))
    assert ids[other] != {}
    assert _counts_are_right(engine, installed.version)
    with read_scope(engine) as session:
        assert audit.verify(session).ok
        rows = predictions.outcomes_between(session, MODEL, installed.version.id, *_span(installed))
        assert [row.features["chol"] for row in rows] == [201.5]
    again = api.post("/subjects/erase", json=asked, headers=admin).json()
    assert (again["predictions"], again["dead_letters"]) == (0, 0)
    # Who comes back is a new matter, and the command finds them as well.
    assert api.predict(key, about()).status_code == 200
    wait_until(lambda: installed.rows("SELECT count(*) FROM prediction_subjects") == [(2,)], 10)
    monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("STEWARD_HOME", str(installed.settings.platform.home))
    monkeypatch.setenv("STEWARD_CONTRACTS_DIR", str(installed.settings.platform.contracts_dir))
    monkeypatch.setenv("STEWARD_SECRET_KEY", HASH_KEY)
    done = CliRunner().invoke(app, ["erase", MODEL, "--json"], input=PERSON_ASKED + "\n")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["predictions"] == 1
    assert PERSON_ASKED not in done.output


def test_a_refused_row_that_comes_after_the_erasure_is_kept_without_the_person(
    api: Api, installed: Installation, engine: Engine
) -> None:
    old = {"features": {"chol": CANARY}, "subject": DIGEST, "created_at": "2026-11-01T00:00:00+00:00"}
    erase(engine, PERSON, MODEL, DIGEST)
    whole = _spool_row(installed, str(uuid4()), **old, request_id="nul\x00here")
    cut = _spool_row(installed, str(uuid4()), **old)[:-1]
    new = _spool_row(installed, str(uuid4()), **{**old, "created_at": "2126-11-01T00:00:00+00:00"}, request_id="\x00")
    for piece in (whole, cut, new):
        api.runtime.spool.append(Answered(piece, 1, b""))
    wait_until(lambda: installed.rows("SELECT count(*) FROM dead_letters") == [(3,)], 10)
    letters = [row[0] for row in installed.rows("SELECT payload FROM dead_letters ORDER BY id")]
    assert [(str(CANARY) in one, DIGEST in one) for one in letters] == [(False, False), (False, False), (True, True)]
    assert json.loads(letters[0])["features"] == {}


def _take_over(installed: Installation, late: str) -> None:
    second = serve(create_app(installed.settings))
    next(second)
    wait_until(lambda: late in {str(row[0]) for row in installed.rows("SELECT id FROM predictions")}, 10)
    second.close()


def _span(installed: Installation) -> tuple[datetime, datetime]:
    first, last = installed.rows("SELECT min(created_at), max(created_at) + interval '1 s' FROM predictions")[0]
    return first, last


def _counts_are_right(engine: Engine, version: ModelVersion) -> bool:
    with session_scope(engine) as session:
        right = count_upkeep.differences(session, version) == []
        count_upkeep.rebuild(session, version)
        return right and count_upkeep.differences(session, version) == []


def test_a_wish_that_comes_while_rows_are_stored_misses_none(installed: Installation, engine: Engine) -> None:
    """Whoever stores holds the lock that the wish waits for."""
    row = _spool_row(installed, str(uuid4()), subject=DIGEST, features={**EXAMPLE, "chol": CANARY}).decode()
    with Session(engine) as storing:
        prediction_log.store(storing, [f"[{row}]"])
        with session_scope(engine) as rival:
            rival.execute(text("SET LOCAL lock_timeout = '100ms'"))
            with pytest.raises(Exception, match="lock timeout"):
                rival.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": prediction_log.TRUTH_LOCK})
            rival.rollback()
        storing.commit()
    assert erase(engine, PERSON, MODEL, DIGEST).predictions == 1


def test_a_model_without_a_subject_says_so(installed: Installation, home: Path) -> None:
    page = yaml.safe_load((home / "contracts" / f"{MODEL}.yml").read_text())
    del page["along"]
    (home / "contracts" / f"{MODEL}.yml").write_text(yaml.safe_dump(page, sort_keys=False))
    serving = serve(create_app(installed.settings))
    other = next(serving)
    answer = other.post("/subjects/erase", json={"model_name": MODEL, "subject": "x"}, headers=other.sign_in("admin"))
    assert answer.status_code == 422
    assert "names no subject" in answer.text
    serving.close()


def test_after_the_time_they_are_kept_nothing_of_a_row_is_left(
    api: Api, installed: Installation, engine: Engine
) -> None:
    api.predict(installed.keys.everything, about())
    shipped(api, installed, 1)
    with session_scope(engine) as session:  # the newest day that holds rows stays whatever its age
        now = session.scalar(text("SELECT now() + interval '401 days'"))
        session.execute(
            text(
                "CREATE TABLE predictions_later PARTITION OF predictions FOR VALUES FROM"
                f" ('{now:%Y-%m-%d}') TO ('{now + timedelta(days=1):%Y-%m-%d}')"
            )
        )
        session.execute(
            text(
                "INSERT INTO predictions SELECT gen_random_uuid(), model_id, model_name, generation, key_id,"
                " request_id, '{}', prediction, probability, threshold, latency_ms, :now, :now, counted"
                " FROM predictions"
            ),
            {"now": now},
        )
    assert now is not None
    drop_old_days(engine, PERSON, now + timedelta(days=1), timedelta(days=400))
    assert installed.rows("SELECT count(*) FROM predictions WHERE features <> '{}'") == [(0,)]
    assert installed.rows("SELECT count(*) FROM prediction_subjects") == [(0,)]
    with read_scope(engine) as session:
        assert audit.verify(ReadSession(session)).ok
