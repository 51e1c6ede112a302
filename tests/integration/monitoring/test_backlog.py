"""More rows than some passes can close in windows of the contract's size: windows get wider, and it is said."""

import threading
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import MonitorSettings, Settings
from database.models import MonitoringWindow
from database.queries import heartbeats
from monitoring import cutting, run_checks, windows
from monitoring.metrics import MonitorMetrics
from monitoring.report_runner import ReportRunner
from monitoring.run_checks import Monitor
from tests.integration.monitoring import world as world_of_tests
from tests.integration.monitoring.world import World
from training.synthetic import synthetic_rows


@pytest.fixture
def _scored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,200 rows a microsecond apart, as those of a scored file; five windows of a hundred are all that may wait."""
    monkeypatch.setattr(windows, "BACKLOG_WINDOWS", 5)
    monkeypatch.setattr(windows, "BACKLOG_PARTS", 4)
    monkeypatch.setattr(world_of_tests, "TICK", timedelta(microseconds=1))
    rows, _ = synthetic_rows("cleveland", 1200, 4)
    world.serve(rows)


def _windows(session: Session) -> list[MonitoringWindow]:
    session.rollback()
    return list(session.scalars(select(MonitoringWindow).order_by(MonitoringWindow.seq)))


@pytest.mark.usefixtures("_scored")
@pytest.mark.parametrize("few", [2_000, 50])  # cut by their rows, and by the counts of their minutes
def test_a_backlog_is_cut_wide_then_narrower_and_at_last_as_the_contract_says(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(cutting, "FEW", few)
    (done,) = world.look().models
    found = _windows(session)
    assert [one.n for one in found] == [300, 225, 168, 126, 100, 100, 100]
    assert all(one.to_at == following.from_at for one, following in pairwise(found))
    assert (done.closed, done.behind, done.faults) == (7, 0, ())


@pytest.mark.usefixtures("_scored")
def test_how_far_behind_it_is_stands_in_the_sign_of_life_until_the_backlog_is_gone(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_checks, "MOST_CLOSED_PER_PASS", 2)
    monkeypatch.setattr(run_checks, "database_now", lambda _: world.clock + timedelta(seconds=10))
    settings = Settings(platform=world.settings.platform, monitor=MonitorSettings(interval_s=15))
    monitor = Monitor(world.engine, settings, threading.Event(), ReportRunner(), MonitorMetrics())
    said = []
    for _ in range(2):
        monitor._pass()
        session.rollback()
        (beat,) = heartbeats.latest(session)
        said.append(beat.details["behind"])
    monitor.reports.stop()
    assert said == [{"heart_disease": 675}, {}]


@pytest.mark.usefixtures("_scored")
def test_a_sign_of_life_does_not_wait_for_windows_that_take_long(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_checks, "LONGEST_CLOSING_S", -1.0)
    (done,) = world.look().models
    assert (done.closed, done.behind) == (1, 900)
    assert len(_windows(session)) == 1


def test_a_few_windows_that_wait_are_cut_as_the_contract_says_and_are_no_backlog(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "BACKLOG_WINDOWS", 5)
    monkeypatch.setattr(run_checks, "MOST_CLOSED_PER_PASS", 1)
    rows, _ = synthetic_rows("cleveland", 500, 4)
    world.serve(rows)
    (done,) = world.look().models
    assert ([one.n for one in _windows(session)], done.behind) == ([100], 0)
