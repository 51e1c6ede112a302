"""A newer schema arrives while this code serves: nobody notices, and both get along."""

from datetime import UTC, datetime

from alembic import command

from database import migrations
from scripts.chaos.load import Load
from tests.integration.api.conftest import Api, Installation, wait_until
from tests.integration.database.test_migrations import revision, tomorrow
from tests.integration.database.test_partitions import places, put
from tests.integration.database.test_predictions_by_day import BEFORE_DAYS

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
    assert not load.faults
    assert revision(installed.engine) == tomorrow
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions") == [(len(load.acknowledged),)], 10)
    label = {"prediction_id": load.acknowledged[-1], "actual": 1}
    assert api.post("/labels", json=label, headers={"X-API-Key": key}).json()["stored"] == 1
    for path in ("/overview", "/actions", "/models/heart_disease", "/automation"):
        assert api.get(path, headers=headers).status_code == 200
    installed.new_version(bias=0.7)
    wait_until(lambda: api.predict(key).json()["model_version"] == 2, 5)


def test_no_request_fails_and_no_row_is_lost_while_a_table_full_of_predictions_becomes_days(
    api: Api, installed: Installation
) -> None:
    url = installed.engine.url
    command.downgrade(migrations.alembic_config(url), BEFORE_DAYS)
    put(installed.engine, installed.version.id, datetime(2026, 1, 1, tzinfo=UTC), 20_000)
    load = Load(str(api.base_url), installed.keys.everything, clients=2)
    wait_until(lambda: len(load.acknowledged) > 20, 10)
    migrations.upgrade(url)
    before = len(load.acknowledged)
    wait_until(lambda: len(load.acknowledged) > before + 20, 10)
    load.end()
    assert (load.unanswered, dict(load.faults)) == (0, {})
    expected = 20_000 + len(load.acknowledged)
    wait_until(lambda: sum(places(installed.engine).values()) == expected, 10)
    assert [name for name in places(installed.engine) if not name.startswith("predictions_before_")] == []
    assert installed.rows("SELECT count(*) FROM dead_letters") == [(0,)]
