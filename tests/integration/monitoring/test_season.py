"""A weekend's rhythm on a real database: the monitor finds it in its own earlier reports."""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from agent.core.reading import window_of
from config.model_contract import ModelContract
from config.settings import PlatformSettings, Settings
from database.enums import MetricKind, Verdict
from database.models import DriftReport, MonitoringWindow
from database.queries import windows
from scripts.crash.trained import Columns
from tests.conftest import Prepare
from tests.integration.monitoring.world import World
from training.synthetic import synthetic_rows

DAY = timedelta(days=1)


def live_a_week(world: World, monday: datetime) -> None:
    """A hundred patients a day; at weekends they are older and out of breath."""
    for day in range(7):
        world.clock = monday + day * DAY
        rows, labels = synthetic_rows("cleveland", 100, world.clock.toordinal() % 1000)
        sent: list[dict[str, Any]] = [dict(row) for row in rows]
        for row in sent if day > 4 else ():
            row.update(age=min(80, row["age"] + 12), thalach=row["thalach"] - 45)
        world.label(world.serve(sent), labels)
    world.look()


@dataclass(frozen=True)
class Lived:
    """Two weeks that were lived: the database to copy, and whose world it was."""

    template: str
    world: World
    monday: datetime


@pytest.fixture(scope="module")
def lived(
    prepared: Prepare,
    contract: ModelContract,
    contracts_dir: Path,
    trained: tuple[Path, Columns, Columns],
    tmp_path_factory: pytest.TempPathFactory,
) -> Lived:
    """Every test here begins with the same two weeks."""
    home = tmp_path_factory.mktemp("lived") / "home"
    shutil.copytree(trained[0], home)
    settings = Settings(platform=PlatformSettings(home=home, contracts_dir=contracts_dir))
    now = datetime.now(UTC)
    monday = (now + (7 - now.weekday()) * DAY).replace(hour=23, minute=0, second=0, microsecond=0)
    worlds: list[World] = []

    def live(engine: Engine) -> None:
        worlds.append(World(engine, settings, contract, now))
        worlds[0].activate(trained[1])
        for week in range(2):
            live_a_week(worlds[0], monday + 7 * week * DAY)

    return Lived(prepared(live), worlds[0], monday)


@pytest.fixture(scope="module")
def template(lived: Lived) -> str:
    return lived.template


@pytest.fixture
def world(engine: Engine, lived: Lived, tmp_path: Path) -> World:
    """A world of a test's own, after these two weeks."""
    home, platform = tmp_path / "home", lived.world.settings.platform
    shutil.copytree(platform.home, home)
    settings = Settings(platform=PlatformSettings(home=home, contracts_dir=platform.contracts_dir))
    return replace(lived.world, engine=engine, settings=settings)


def reports(world: World, session: Session) -> list[tuple[MonitoringWindow, DriftReport]]:
    session.expire_all()
    found = windows.recent(session, world.contract.name, 50)
    by_window = {one.window_id: one for one in windows.drift_reports(session, [one.id for one in found])}
    return [(one, by_window[one.id]) for one in found]


def test_the_third_weekend_is_in_order_and_its_report_names_the_rhythm(
    world: World, session: Session, lived: Lived
) -> None:
    live_a_week(world, lived.monday + 14 * DAY)
    known = reports(world, session)
    weekends = [(window, report) for window, report in known if window.to_at.weekday() > 4]
    assert len(known) == 21
    assert all({"age", "thalach"} <= set(report.drifted_features) for _, report in weekends)
    first, third = weekends[0], weekends[-1]
    assert not any(entry["season"] for entry in first[1].features)
    assert first[1].verdict != Verdict.OK
    said = {entry["feature"]: entry["season"] for entry in third[1].features if entry["season"]}
    assert set(said) == set(third[1].drifted_features)
    assert set(said.values()) <= {"the weekend", "Saturday", "Sunday"}
    assert (third[1].verdict, third[1].drift_detected, third[1].drift_score) == (Verdict.OK, True, 0.0)
    read = window_of(world.contract, third[0], (), third[1])
    assert {feature.name for feature in read.features if feature.season} == set(said)
    [usual] = windows.figures_of(session, [third[0].id], [MetricKind.PREDICTION], ["usual_f1"])
    assert usual.metadata_["of"] in said.values()
    assert usual.metric_value is not None


def test_reports_written_before_bins_were_kept_explain_nothing_and_hurt_nobody(
    world: World, session: Session, lived: Lived
) -> None:
    for _, report in reports(world, session):
        report.features = [
            {key: value for key, value in entry.items() if key not in {"counts", "season"}} for entry in report.features
        ]
    session.commit()
    live_a_week(world, lived.monday + 14 * DAY)
    newest = reports(world, session)[-1][1]
    assert not any(entry["season"] for entry in newest.features)
    assert newest.verdict != Verdict.OK
