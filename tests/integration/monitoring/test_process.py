"""The monitor as a process: signs of life, a database that goes away, an orderly end, figures for Prometheus."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from loguru import logger
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from config.settings import MonitorSettings, Settings
from database.connection import session_scope
from database.models import Heartbeat, MonitoringWindow
from database.queries import heartbeats
from monitoring import run_checks
from monitoring.metrics import MonitorMetrics
from monitoring.report_runner import ReportRunner
from monitoring.run_checks import Monitor
from scripts.platform_roles import free_port
from tests.integration.monitoring.world import World
from tests.promtool import promtool_says
from training.synthetic import synthetic_rows


def wait_for(there: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_a_sign_of_life_is_one_row_that_moves(engine: Engine, session: Session) -> None:
    for round_ in range(3):
        with session_scope(engine) as writing:
            heartbeats.beat(writing, "monitor", "here:1", 15.0, {"round": round_})
    (beat,) = heartbeats.latest(session)
    assert (beat.service, beat.instance, beat.interval_s, beat.details) == ("monitor", "here:1", 15.0, {"round": 2})


def test_the_process_judges_beats_and_ends_on_sigterm(world: World, session: Session) -> None:
    rows, labels = synthetic_rows("cleveland", 100, 5)
    world.label(world.serve(rows), labels)
    url = world.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg2", "postgresql")
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "STEWARD_HOME": str(world.settings.platform.home),
        "STEWARD_CONTRACTS_DIR": str(world.settings.platform.contracts_dir),
        "MONITOR_INTERVAL_S": "0.2",
        "MONITOR_METRICS_PORT": str(port := free_port("127.0.0.1")),
    }
    root = Path(run_checks.__file__).parent.parent
    child = subprocess.Popen([sys.executable, "-m", "monitoring.run_checks"], env=environment, cwd=root)
    try:

        def done() -> bool:
            session.rollback()
            judged = session.scalars(select(MonitoringWindow).where(MonitoringWindow.judged_at.is_not(None))).all()
            return bool(judged and heartbeats.latest(session))

        wait_for(done)
        told = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'steward_window_seq{model="heart_disease"} 1.0' in told
        assert 'steward_monitor_windows_closed_total{model="heart_disease"} 1.0' in told
        assert "steward_build_info{release=" in told
        assert promtool_says(told) == ""
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=15) == 0
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    (beat,) = heartbeats.latest(session)
    assert beat.service == "monitor"
    assert beat.details["faults"] == []


class _Flaky(Monitor):
    """A monitor whose database is away for two passes and takes too long over a third."""

    tried = 0

    def _pass(self) -> None:
        self.tried += 1
        if self.tried == 1:
            raise OperationalError("SELECT", {}, Exception("connection refused"))
        if self.tried == 2:
            raise PoolTimeoutError("no connection left")
        if self.tried == 3:
            raise OperationalError("SELECT", {}, _QueryCanceledError("statement timeout"))
        super()._pass()


class _QueryCanceledError(Exception):
    """What the driver raises when PostgreSQL ended a question."""

    pgcode = "57014"


def test_a_database_that_is_away_is_waited_for_and_used_when_it_is_back(world: World, session: Session) -> None:
    settings = Settings(platform=world.settings.platform, monitor=MonitorSettings(interval_s=0.02))
    stop = threading.Event()
    monitor = _Flaky(world.engine, settings, stop, ReportRunner(), MonitorMetrics())
    thread = threading.Thread(target=monitor.run)
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    thread.start()
    try:
        wait_for(lambda: monitor.tried >= 5)
    finally:
        stop.set()
        thread.join(timeout=20)
        logger.remove(sink)
    assert not thread.is_alive()
    assert len(session.scalars(select(Heartbeat)).all()) == 1
    assert [line.strip() for line in lines if "database" in line or "failed" in line] == [
        "monitor.database.away error=connection refused",
        "monitor.pass.failed error=statement timeout",
        "monitor.database.back",
    ]


def test_a_pass_without_a_database_says_so_at_once() -> None:
    engine = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none", connect_args={"connect_timeout": 1})
    with pytest.raises(OperationalError, match="refused"):
        run_checks.run_pass(engine, Settings(), datetime.now(UTC))
    engine.dispose()
