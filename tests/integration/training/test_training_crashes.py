"""A real training run is killed at one place after the other, and done again: one version comes of it."""

import json
import os
import subprocess
import sys

import pytest
from sqlalchemy import URL, Engine, select
from sqlalchemy.orm import Session

from config.fault_points import KILLED
from config.settings import ROOT
from database.artifact_store import ArtifactStore
from database.connection import ReadSession
from database.models import ModelVersion
from database.queries import audit
from tests.integration.training.conftest import AWAY
from tests.integration.training.test_evidence import World, first, one_candidate, patients, template, world
from training import serving_artifact

__all__ = ["first", "one_candidate", "template", "world"]  # fixtures
# In the order in which a run comes by them: each is killed a little later than the one before.
DEATHS = (
    "train.mid=kill",
    "artifact.file_written=kill@2",
    "artifact.before_manifest=kill@2",
    "artifact.after_rename=kill@1",
    "train.before_register=kill",
    "db.before_commit=kill",
    "db.commit=kill",
    "train.after_evidence=kill",
)
# One before anything is stored, one in the middle of a file, one whose commit went through: for every test run.
SOME_DEATHS = ("train.mid=kill", "artifact.before_manifest=kill@2", "db.commit=kill")
# Imports once, for they take longer than training one candidate; each run is a process of its own.
RUNS = """
import os, sys
from config.fault_points import arm
from training import challenger, train_pipeline

page = {"logistic_regression": train_pipeline.load_candidates()["logistic_regression"]}
train_pipeline.load_candidates = lambda: page
for faults in sys.argv[2:]:
    if (pid := os.fork()) == 0:
        arm(faults)
        code = challenger.main(["--action-id", sys.argv[1]])
        sys.stdout.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@pytest.fixture
def environment(world: World, database_url: URL) -> dict[str, str]:
    platform = world.settings.platform
    return os.environ | {
        "DATABASE_URL": database_url.render_as_string(hide_password=False).replace("+psycopg2", ""),
        "STEWARD_HOME": str(platform.home),
        "STEWARD_CONTRACTS_DIR": str(platform.contracts_dir),
        "MLFLOW_TRACKING_URI": AWAY,
    }


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "deaths", [pytest.param(SOME_DEATHS, id="some"), pytest.param(DEATHS, id="all", marks=pytest.mark.lane)]
)
def test_a_training_killed_anywhere_is_done_again_and_makes_one_version(
    world: World, engine: Engine, environment: dict[str, str], deaths: tuple[str, ...]
) -> None:
    rows, labels = patients(120, "heart")
    world.receive(rows, list(labels))
    action_id = world.ask()
    command = [sys.executable, "-c", RUNS, str(action_id), *deaths, ""]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    codes = [int(line) for line in ended.stdout.splitlines() if line.isdigit()]
    assert codes == [KILLED] * len(deaths) + [0], ended.stderr[-2000:]
    answer = json.loads(next(line for line in ended.stdout.splitlines() if line.startswith("{")))
    with Session(engine) as session:
        (made,) = session.scalars(select(ModelVersion).where(ModelVersion.action_id == action_id))
        assert audit.verify(ReadSession(session)).ok
    assert (answer["ok"], answer["to_version_id"]) == (True, made.id)
    store = ArtifactStore(world.settings.artifacts_dir)
    assert serving_artifact.load(store, made.artifact_digest)
    assert store.sweep(older_than_s=-1.0) > 0, "the dead left drafts"
    assert not list((world.settings.artifacts_dir / "tmp").iterdir())
