"""A backup on a new server: whole, followed, made up for, and never overtaken by what a replica remembers."""

import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.orm import Session

from api.main import create_app
from api.spool_claim import claim_spools
from api.spool_file import Answered
from database import migrations
from database.connection import ReadSession
from database.embedded import EmbeddedPostgres, bin_dir
from database.queries import audit
from scripts.crash.checker import violations
from tests.conftest import open_directory
from tests.integration.api.conftest import Api, Installation, serve, settings_for, wait_until
from tests.integration.api.test_nothing_answered_is_lost import _spool_row


@pytest.fixture
def new_server() -> Iterator[EmbeddedPostgres]:
    with open_directory() as directory:
        server = EmbeddedPostgres(directory / "postgres", settings={"fsync": "off"})
        server.start()
        yield server
        server.stop()


def _program(name: str, url: URL, *arguments: str) -> None:
    from_libpq = url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([bin_dir() / name, *arguments, "--dbname", from_libpq], check=True, capture_output=True, timeout=60)


def test_a_backup_is_restored_checked_followed_and_made_up_for(
    installed: Installation, database_url: URL, new_server: EmbeddedPostgres
) -> None:
    key, home = installed.keys.everything, installed.settings.platform.home
    session = serve(create_app(installed.settings))
    api = next(session)
    told = [api.predict(key).json()["prediction_id"] for _ in range(3)]
    wait_until(lambda: installed.rows("SELECT count(*) FROM predictions") == [(3,)], 10)
    with tempfile.TemporaryDirectory() as directory:
        dump = str(Path(directory) / "steward.dump")
        _program("pg_dump", database_url, "--format=custom", f"--file={dump}")
        # After the backup: another version serves, and an answer is still on its way when everything ends.
        installed.new_version(bias=0.9)
        wait_until(lambda: api.predict(key).json()["model_version"] == 2, 10)
        session.close()
        own, _ = claim_spools(installed.settings.spool_dir, max_rows=1000)
        late = str(uuid4())
        own.append(Answered(_spool_row(installed, late), 1, b""))
        own.close()

        new_server.ensure_database("steward")
        url = new_server.url("steward")
        _program("pg_restore", url, "--no-owner", "--no-privileges", "--exit-on-error", dump)
    migrations.upgrade(url)
    engine = create_engine(url)
    with Session(engine) as restored:
        assert violations(restored, installed.store, lease=timedelta(seconds=30)) == []
        assert audit.verify(ReadSession(restored)).ok
    restarted = serve(create_app(settings_for(home, url)))
    api = next(restarted)
    answer = api.predict(key).json()
    assert answer["model_version"] == 1
    wanted = {*told, late, answer["prediction_id"]}
    wait_until(lambda: wanted == _stored(engine), 10)
    (notice,) = api.get("/overview", headers=api.sign_in("viewer")).json()["notices"]
    assert notice["title"] == "The database knows less than it did."
    assert "version 2 served as generation 2, and the database has generation 1 of it" in notice["text"]
    ready = api.get("/readyz").json()
    assert (ready["status"], notice["text"]) == ("degraded", ready["why"][0])
    restarted.close()
    engine.dispose()


def _stored(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return {str(one) for one in connection.scalars(text("SELECT id FROM predictions"))}


def test_a_version_the_database_has_never_heard_of_is_not_served(api: Api, installed: Installation) -> None:
    key = installed.keys.everything
    assert api.predict(key).status_code == 200
    with installed.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM deployments"))
    wait_until(lambda: api.predict(key).status_code == 503, 5)
    assert api.predict(key).json()["code"] == "no_active_version"
    assert "the database has no deployment of it" in str(api.get("/readyz").json()["why"])
