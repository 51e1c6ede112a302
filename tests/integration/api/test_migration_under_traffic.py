"""A newer schema arrives while this code serves: nobody notices, and both get along."""

from database import migrations
from scripts.chaos.load import Load
from tests.integration.api.conftest import Api, Installation, wait_until
from tests.integration.database.test_migrations import revision, tomorrow

__all__ = ["tomorrow"]


def test_no_request_fails_while_the_schema_becomes_newer_than_the_code_and_all_is_stored(
    api: Api, installed: Installation, tomorrow: str
) -> None:
    key = installed.keys.everything
    headers = api.sign_in("viewer")
    load = Load(str(api.base_url), key, clients=2)
    wait_until(lambda: len(load.acknowledged) > 20, 10)
    migrations.upgrade(installed.engine.url)
    before = len(load.acknowledged)
    wait_until(lambda: len(load.acknowledged) > before + 20, 10)
    load.end()
    assert load.unanswered == 0
    assert revision(installed.engine) == tomorrow
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions") == [(len(load.acknowledged),)], 10)
    label = {"prediction_id": load.acknowledged[-1], "actual": 1}
    assert api.post("/labels", json=label, headers={"X-API-Key": key}).json()["stored"] == 1
    for path in ("/overview", "/actions", "/models/heart_disease", "/automation"):
        assert api.get(path, headers=headers).status_code == 200
    installed.new_version(bias=0.7)
    wait_until(lambda: api.predict(key).json()["model_version"] == 2, 5)
