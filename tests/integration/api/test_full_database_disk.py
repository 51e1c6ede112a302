"""The disk of the database fills up: answers are kept, nothing is said to be recorded that is not, and it heals."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine

from api.main import create_app
from database import migrations
from database.embedded import EmbeddedPostgres
from tests.integration.agent.world import pending
from tests.integration.api.conftest import Api, Installation, install, serve, settings_for, wait_until
from tests.integration.api.test_decisions_over_http import approvals, page, send
from tests.serving_factories import EXAMPLE

SIZE_MB = 150


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of its own for the server."""
    directory = Path(tempfile.mkdtemp(prefix="steward-disk-", dir="/tmp"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=755", "tmpfs", str(directory)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        directory.rmdir()
        pytest.skip("no disk can be mounted here: this takes root and the right to mount")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)
    shutil.rmtree(directory, ignore_errors=True)


def _fill(path: Path) -> None:
    """A file that leaves no block free."""
    with path.open("wb") as ballast:
        size = 1024 * 1024
        while size >= 4096:
            try:
                os.write(ballast.fileno(), b"\1" * size)
            except OSError:
                size //= 2


def _depth(api: Api) -> int:
    return int(api.get("/readyz").json()["spool_depth"])


def _question(installed: Installation) -> UUID:
    """A question about a version that is ready to serve."""
    made = installed.new_version(bias=1.0, serve=False)
    return pending(installed.engine, installed.version.id, made).action_id


def test_answers_wait_labels_and_decisions_are_refused_and_all_is_well_when_there_is_room_again(
    small_disk: Path, home: Path
) -> None:
    server = EmbeddedPostgres(small_disk / "postgres", settings={"fsync": "off", "max_wal_size": "64MB"})
    server.start()
    server.ensure_database("steward")
    url = server.url("steward")
    migrations.upgrade(url)
    engine = create_engine(url)
    installed: Installation = install(settings_for(home, url), engine)
    running = serve(create_app(installed.settings))
    api = next(running)
    key = installed.keys.everything
    approver = api.sign_in("approver")
    asked = _question(installed)
    decision = page(api, asked, approver)
    try:
        answered = api.predict(key, {"rows": [EXAMPLE] * 10}).json()["predictions"]
        wait_until(lambda: installed.rows("SELECT count(*) FROM predictions") == [(10,)], 10)
        _fill(small_disk / "ballast")
        for _ in range(3):
            batch = api.predict(key, {"rows": [EXAMPLE] * 1000})
            assert batch.status_code == 200
            answered += batch.json()["predictions"]
        labels = [{"prediction_id": one["prediction_id"], "actual": 1} for one in answered]
        refused = api.post("/labels", json={"labels": labels}, headers={"X-API-Key": key})
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        assert "nothing was recorded" in refused.json()["detail"]
        assert _depth(api) > 0
        assert installed.rows("SELECT count(*) FROM labels") == [(0,)]
        refused = send(api, asked, approver, decision)
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        assert approvals(installed) == 0
        wait_until(lambda: api.get("/readyz").json()["status"] == "degraded", 10)

        (small_disk / "ballast").unlink()
        wait_until(lambda: _depth(api) == 0, 20)
        stored = api.post("/labels", json={"labels": labels}, headers={"X-API-Key": key})
        assert (stored.status_code, stored.json()["stored"]) == (200, len(answered))
        assert installed.rows("SELECT count(*), count(DISTINCT id) FROM predictions") == [(3010, 3010)]
        assert send(api, asked, approver, decision).json()["status"] == "approved"
        assert approvals(installed) == 1
    finally:
        running.close()
        engine.dispose()
        server.stop()
