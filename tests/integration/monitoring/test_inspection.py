"""A damaged file of a version that serves or served last is found before anybody needs it."""

import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.model_contract import load_contract
from config.settings import AuditSettings, MonitorSettings, PlatformSettings, Settings
from database.artifact_store import ArtifactStore
from database.connection import read_scope
from database.queries import heartbeats
from monitoring.inspection import Inspection
from monitoring.metrics import MonitorMetrics
from monitoring.report_runner import ReportRunner
from monitoring.run_checks import LASTING, Monitor
from tests.serving_factories import activate, put_model, register

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        platform=PlatformSettings(home=tmp_path),
        audit=AuditSettings(checkpoint_interval_s=0),
        monitor=MonitorSettings(interval_s=0.02, artifact_check_interval_s=3600),
    )


@pytest.fixture
def digests(settings: Settings, session: Session) -> list[str]:
    """Five versions that served one after the other, the first one's digest first."""
    contract = load_contract("heart_disease", settings.platform.contracts_dir)
    store = ArtifactStore(settings.artifacts_dir)
    made = [put_model(store, contract, bias=step / 10) for step in range(5)]
    for digest in made:
        activate(session, register(session, contract, digest))
    session.commit()
    return made


def files_of(settings: Settings, digest: str) -> Path:
    return settings.artifacts_dir / "sha256" / digest


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_what_serves_and_the_three_before_it_are_hashed_and_older_ones_are_not(
    engine: Engine, settings: Settings, digests: list[str]
) -> None:
    assert Inspection(settings).damaged(engine, NOON) == {}
    for digest in digests:
        flip(files_of(settings, digest) / "model.onnx")
    found = Inspection(settings).damaged(engine, NOON)
    assert set(found) == set(digests[1:])
    assert found[digests[4]].startswith("heart_disease version 5: artifact")
    assert "model.onnx is not what its manifest says" in found[digests[4]]


def test_files_are_read_once_in_an_interval_and_a_damaged_one_until_it_is_whole_again(
    engine: Engine, settings: Settings, digests: list[str]
) -> None:
    inspection = Inspection(settings)
    assert inspection.damaged(engine, NOON) == {}
    lost, kept = files_of(settings, digests[3]), files_of(settings, digests[3]).with_name("kept")
    shutil.move(lost, kept)
    assert inspection.damaged(engine, NOON + timedelta(minutes=59)) == {}
    assert "is not in the store" in inspection.damaged(engine, NOON + timedelta(minutes=60))[digests[3]]
    shutil.move(kept, lost)
    assert inspection.damaged(engine, NOON + timedelta(minutes=61)) == {}


def test_an_interval_of_zero_reads_nothing(engine: Engine, settings: Settings, digests: list[str]) -> None:
    shutil.rmtree(files_of(settings, digests[4]))
    never = settings.model_copy(update={"monitor": MonitorSettings(artifact_check_interval_s=0)})
    assert Inspection(never).damaged(engine, NOON) == {}


def test_the_monitor_says_it_in_its_sign_of_life_and_what_fails_in_four_passes_is_called_lasting(
    engine: Engine, session: Session, settings: Settings, digests: list[str], tmp_path: Path
) -> None:
    flip(files_of(settings, digests[4]) / "golden.json")
    nowhere = tmp_path / "contracts"
    nowhere.mkdir()
    blind = settings.model_copy(update={"platform": settings.platform.model_copy(update={"contracts_dir": nowhere})})
    monitor = Monitor(engine, blind, threading.Event(), ReportRunner(), MonitorMetrics())
    lasting = []
    for _ in range(LASTING):
        monitor._pass()
        session.expire_all()
        (beat,) = heartbeats.latest(session)
        lasting.append(len(beat.details["lasting"]))
        session.rollback()
    assert lasting == [0, 0, 0, 1]
    with read_scope(engine) as reading:
        assert list(heartbeats.damaged_artifacts(reading)) == [digests[4]]
