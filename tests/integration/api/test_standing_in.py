"""A process that starts and cannot load what should serve: the version before it answers, under its own name, loudly;
and never one that nobody put in place, or that people went back from."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session

from config.model_contract import ModelContract
from config.settings import ArtifactSettings, DatabaseSettings
from database.models import ModelVersion
from tests.integration.api.conftest import Api, Installation, install, settings_for, started, wait_until
from tests.integration.api.test_hostile_artifacts import vouch
from tests.serving_factories import EXAMPLE, activate, expected_probability


def home_of(installed: Installation, version: ModelVersion) -> Path:
    return installed.settings.artifacts_dir / "sha256" / version.artifact_digest


def damage(installed: Installation, version: ModelVersion) -> bytes:
    """Flip a byte of its model; what was there before."""
    model = home_of(installed, version) / "model.onnx"
    whole = model.read_bytes()
    at = len(whole) // 2
    model.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    return whole


def go_back(installed: Installation, version: ModelVersion) -> None:
    with Session(installed.engine) as session, session.begin():
        activate(session, session.get_one(ModelVersion, version.id))


def refuses(api: Api, installed: Installation) -> None:
    answer = api.predict(installed.keys.everything)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_active_version")
    assert api.get("/readyz").status_code == 503


def test_after_a_restart_the_version_before_answers_as_itself_until_the_files_are_whole_again(
    installed: Installation,
) -> None:
    second, third = installed.new_version(bias=0.5), installed.new_version(bias=0.7)
    installed.new_version(bias=0.9, serve=False)
    whole = damage(installed, third)
    with started(installed.settings) as api:
        answer = api.predict(installed.keys.everything)
        assert (answer.status_code, answer.json()["model_version"]) == (200, 2)
        expected = expected_probability(installed.contract, EXAMPLE, 0.5)
        assert answer.json()["probability"] == pytest.approx(expected, abs=1e-6)
        wait_until(lambda: installed.rows("SELECT count(*) FROM predictions")[0][0] == 1, 5)
        stored = installed.rows("SELECT model_id, generation, probability FROM predictions")[0]
        assert tuple(stored[:2]) == (second.id, 2)
        assert stored[2] == answer.json()["probability"]

        ready = api.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert "version 3 could not be loaded" in ready.json()["why"][0]
        assert "version 2 answers in its place (generation 2)" in ready.json()["why"][0]
        assert 'steward_version_not_loaded{model="heart_disease"} 1.0' in api.get("/metrics").text
        wait_until(lambda: installed.rows("SELECT count(*) FROM replicas WHERE error IS NOT NULL")[0][0] == 1, 5)
        told = [one["text"] for one in api.get("/overview", headers=api.sign_in("viewer")).json()["notices"]]
        assert any("Version 2 (generation 2) answers in its place." in text for text in told), told

        (home_of(installed, third) / "model.onnx").write_bytes(whole)
        assert api.post("/reload", headers=api.sign_in("operator")).status_code == 200
        assert api.predict(installed.keys.everything).json()["model_version"] == 3
        assert api.get("/readyz").json()["status"] == "ok"
        assert 'steward_version_not_loaded{model="heart_disease"} 0.0' in api.get("/metrics").text


def test_a_version_that_people_went_back_from_does_not_come_back_though_nothing_else_is_there(
    installed: Installation,
) -> None:
    installed.new_version(bias=0.5)
    go_back(installed, installed.version)
    damage(installed, installed.version)
    with started(installed.settings) as api:
        refuses(api, installed)


def test_a_version_that_people_went_back_from_gives_way_to_one_that_may_stand_in(installed: Installation) -> None:
    second, third = installed.new_version(bias=0.5), installed.new_version(bias=0.7)
    damage(installed, second)
    with started(installed.settings) as api:
        assert api.predict(installed.keys.everything).json()["model_version"] == 3
        go_back(installed, second)
        wait_until(lambda: api.predict(installed.keys.everything).json()["model_version"] == 1, 5)
    with started(installed.settings) as api:
        assert api.predict(installed.keys.everything).json()["model_version"] == 1
    assert third.version == 3


def test_one_that_cannot_prove_itself_is_passed_over(home: Path, database_url: URL, engine: Engine) -> None:
    """Below the damaged one: a damaged one, one nobody signed, one of other features, and a sound one."""
    settings = settings_for(home, database_url).model_copy(update={"artifact": ArtifactSettings(unsigned="refuse")})
    installed = install(settings, engine)
    vouch(installed, installed.version.artifact_digest)
    page = installed.contract.model_dump(mode="json")
    fewer = {name: feature for name, feature in page["features"].items() if name != "thal"}
    other = replace(installed, contract=ModelContract.model_validate(page | {"features": fewer}))
    of_others = other.new_version(bias=0.4)
    vouch(installed, of_others.artifact_digest)
    installed.new_version(bias=0.5)
    damaged, active = installed.new_version(bias=0.6), installed.new_version(bias=0.7)
    for version in (damaged, active):
        vouch(installed, version.artifact_digest)
        damage(installed, version)
    with started(settings) as api:
        assert api.predict(installed.keys.everything).json()["model_version"] == 1


def test_where_the_setting_says_so_nobody_stands_in(installed: Installation) -> None:
    damage(installed, installed.new_version(bias=0.5))
    api_settings = installed.settings.api.model_copy(update={"when_damaged": "refuse"})
    with started(installed.settings.model_copy(update={"api": api_settings})) as api:
        refuses(api, installed)


def test_without_the_database_what_was_last_known_says_who_may_stand_in(installed: Installation) -> None:
    second = installed.new_version(bias=0.5)
    with started(installed.settings) as api:
        assert api.predict(installed.keys.everything).json()["model_version"] == 2
    damage(installed, second)
    nowhere = DatabaseSettings(url=SecretStr("postgresql://nobody@127.0.0.1:1/steward"))
    with started(installed.settings.model_copy(update={"database": nowhere})) as api:
        answer = api.predict(installed.keys.everything)
        assert (answer.status_code, answer.json()["model_version"]) == (200, 1)
        assert "answers in its place" in api.get("/readyz").json()["why"][0]


def test_a_version_that_was_never_put_in_place_stands_in_for_nobody(installed: Installation) -> None:
    installed.new_version(bias=0.5, serve=False)
    damage(installed, installed.version)
    with started(installed.settings) as api:
        refuses(api, installed)
