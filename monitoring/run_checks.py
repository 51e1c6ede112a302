"""The monitor: `python -m monitoring.run_checks`, one pass over all models every `MONITOR_INTERVAL_S`.

A pass closes the windows that are due, judges those whose labels have come, and measures what the last change of the
serving version did. Each step is a transaction of its own under a lock per model: two monitors share the work, and one
that is killed leaves nothing half done. The process also signs how far the audit log reached, and looks after the days
predictions lie in. It ends on SIGTERM after the step it is in, and waits for a database that is away.
"""

import argparse
import gc
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loguru import logger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from config.liveness import SignsOfLife
from config.logging_config import configure_logging
from config.model_contract import ModelContract, load_contract
from config.process_metrics import PortTakenError, serve_metrics, tell_of_process
from config.settings import Settings
from config.yaml_source import ConfigError
from database.address import database_url
from database.artifact_keys import store_of
from database.artifact_store import ArtifactStore
from database.connection import first_line, is_away, make_engine, read_scope, session_scope
from database.queries import heartbeats, model_versions, windows
from database.queries.actions import database_now
from monitoring.audit_walks import AuditWalks
from monitoring.backlog import rows_behind
from monitoring.count_keeping import keep_counts
from monitoring.exporter.collector import DatabaseCollector, exporter_engine
from monitoring.exporter.parts import every_part
from monitoring.inspection import Inspection
from monitoring.judging import close_next_window, judge_performance
from monitoring.measuring import place_of
from monitoring.metrics import MonitorMetrics
from monitoring.probes import Probes
from monitoring.report_runner import ReportRunner
from monitoring.upkeep import Upkeep
from monitoring.verification import verify_change
from monitoring.vouching import Vouching
from monitoring.windows import due

SERVICE = heartbeats.MONITOR
# A fault met in this many passes in a row is not going away by itself.
LASTING = 4
# A backlog is worked off over several passes, so that the sign of life never waits for it.
MOST_CLOSED_PER_PASS = 50
LONGEST_CLOSING_S = 20.0
# Mature windows further back than this take no more labels into account.
LOOK_BACK_WINDOWS = 100
# A page nobody asked for is made only while the window is news, and not before this: until then the labels, their
# judgement and perhaps a challenger need the machine, and the agent may have drawn the page an incident asks for.
PAGE_NEWS = timedelta(days=1)
PAGE_CALM = timedelta(minutes=2)
LONGEST_WAIT_S = 60.0
# A pass that takes this long hangs: every question to the database has its own, shorter end.
HANGS_S = 900.0
# So many new objects make one look for cycles.
_COLLECTED_AFTER = 20_000

Stop = threading.Event


@dataclass(frozen=True)
class ModelPass:
    """What one pass did for one model. `faults`: what could not be looked at, and why; `behind`: rows of a backlog that
    are in no window yet."""

    model_name: str
    closed: int = 0
    judged: int = 0
    verified: bool = False
    faults: tuple[str, ...] = ()
    behind: int = 0


@dataclass(frozen=True)
class PassReport:
    """What one pass did."""

    models: tuple[ModelPass, ...] = field(default_factory=tuple)
    count_faults: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        return (*self.count_faults, *(fault for one in self.models for fault in one.faults))


def settle_collector() -> None:
    """For a process that is done importing: a pass makes objects by the ten thousand and hardly a cycle, and walking
    all that was imported again and again took a third of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER, 20, 50)


def run_pass(engine: Engine, settings: Settings, now: datetime, stop: Stop | None = None) -> PassReport:
    """Look once at every model that has a version.

    A model that cannot be looked at becomes a fault in the report and does not stop the others; only a database that
    is away ends the pass (`is_away` knows it).
    """
    stop = stop or Stop()
    store = store_of(settings)
    kept = keep_counts(engine, now, stop)
    with read_scope(engine) as session:
        names = model_versions.model_names(session)
    return PassReport(tuple(_look_at(engine, settings, store, name, now, stop) for name in names), kept)


def _look_at(
    engine: Engine, settings: Settings, store: ArtifactStore, name: str, now: datetime, stop: Stop
) -> ModelPass:
    try:
        contract = load_contract(name, settings.platform.contracts_dir)
    except ConfigError as error:
        logger.error("monitor.model.no_contract model={} error={}", name, error)
        return ModelPass(name, faults=(f"{name}: {error}",))
    faults: list[str] = []
    closed, judged, verified, behind = 0, 0, False, 0
    try:
        closed = _close_due(engine, contract, now, stop, faults)
        if closed:
            with read_scope(engine) as session:
                behind = rows_behind(session, contract, now)
        judged = _judge_due(engine, contract, now, stop, faults)
        verified = not stop.is_set() and _verify(engine, contract, store)
    except Exception as error:
        if is_away(error):
            raise
        logger.error("monitor.model.failed model={} error={}", name, place_of(error))
        faults.append(f"{name}: {place_of(error)}")
    return ModelPass(name, closed, judged, verified, tuple(faults), behind)


def _close_due(engine: Engine, contract: ModelContract, now: datetime, stop: Stop, faults: list[str]) -> int:
    until = time.monotonic() + LONGEST_CLOSING_S
    for closed in range(MOST_CLOSED_PER_PASS):
        if stop.is_set() or (closed and time.monotonic() > until):
            return closed
        with session_scope(engine) as session:
            done = close_next_window(session, contract, now) if windows.claim_model(session, contract.name) else None
            if done is None:
                return closed
            faults += done.faults
    return MOST_CLOSED_PER_PASS


def _judge_due(engine: Engine, contract: ModelContract, now: datetime, stop: Stop, faults: list[str]) -> int:
    judged = 0
    for window_id in _windows_due(engine, contract, now):
        if stop.is_set():
            break
        with session_scope(engine) as session:
            if not windows.claim_model(session, contract.name):
                break
            done = judge_performance(session, contract, windows.get(session, window_id), now)
            if done is not None:
                judged += 1
                faults += done.faults
    return judged


def _windows_due(engine: Engine, contract: ModelContract, now: datetime) -> list[int]:
    """Waiting windows and recent mature ones, oldest first, so that pooling finds its earlier windows judged."""
    with read_scope(engine) as session:
        waiting = {one.seq: one.id for one in windows.waiting(session, contract.name)}
        recent = {one.seq: one.id for one in windows.recent(session, contract.name, LOOK_BACK_WINDOWS)}
    ids = {**recent, **waiting}
    return [ids[seq] for seq in due(sorted(ids), now)]


def _verify(engine: Engine, contract: ModelContract, store: ArtifactStore) -> bool:
    with session_scope(engine) as session:
        return windows.claim_model(session, contract.name) and verify_change(session, store, contract)


@dataclass
class Monitor:
    """The process: passes, signs of life, pages, and patience with a database that is away."""

    engine: Engine
    settings: Settings
    stop: Stop
    reports: ReportRunner
    metrics: MonitorMetrics
    _away: bool = False
    _vouching: Vouching = field(init=False)
    _inspection: Inspection = field(init=False)
    _upkeep: Upkeep = field(init=False)
    _in_a_row: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._vouching, self._inspection = Vouching(self.settings), Inspection(self.settings)
        self._upkeep, self._walks = Upkeep(self.settings), AuditWalks(self.settings)

    def run(self) -> None:
        """Pass after pass until told to stop."""
        wait = self.settings.monitor.interval_s
        signs = SignsOfLife(self.settings.run_dir, SERVICE)
        signs.begin()
        try:
            while not self.stop.is_set():
                signs.turned("pass", wait + HANGS_S)
                wait = self._round(wait)
                self.stop.wait(wait)
        finally:
            self.reports.stop()

    def _round(self, wait: float) -> float:
        """One pass; returns how long to wait for the next: the interval, or longer and longer without a database."""
        interval = self.settings.monitor.interval_s
        try:
            self._pass()
        except SQLAlchemyError as error:
            self.metrics.failed()
            if is_away(error):
                return self._wait_for_database(error, wait)
            if not isinstance(error, DBAPIError):
                raise
            logger.error("monitor.pass.failed error={}", first_line(error))
        if self._away:
            logger.info("monitor.database.back")
        self._away = False
        return interval

    def _wait_for_database(self, error: SQLAlchemyError, wait: float) -> float:
        """Said once, then waited for longer and longer."""
        if self._away:
            return min(LONGEST_WAIT_S, wait * 1.5)
        logger.error("monitor.database.away error={}", first_line(error))
        self._away = True
        return self.settings.monitor.interval_s

    def _pass(self) -> None:
        began = time.monotonic()
        with read_scope(self.engine) as session:
            now = database_now(session)  # a machine whose clock is wrong must not cut windows early
        report = run_pass(self.engine, self.settings, now, self.stop)
        faults = [
            *self._vouching.faults(self.engine, now),
            *self._upkeep.faults(self.engine, now),
            *report.faults,
        ]
        self._in_a_row = {fault: self._in_a_row.get(fault, 0) + 1 for fault in faults}
        seconds = time.monotonic() - began
        details = {
            "seconds": round(seconds, 3),
            "closed": sum(one.closed for one in report.models),
            "judged": sum(one.judged for one in report.models),
            "behind": {one.model_name: one.behind for one in report.models if one.behind},
            "faults": faults[:10],
            "lasting": [fault for fault, passes in self._in_a_row.items() if passes >= LASTING][:10],
            "damaged": self._inspection.damaged(self.engine, now),
            "hashed": dict(self._inspection.looked),
        }
        with session_scope(self.engine) as session:
            self._beat(session, details)
            wanted = windows.without_page(session, now - PAGE_NEWS, now - PAGE_CALM, limit=20)
        self.metrics.passed(time.time(), seconds, len(faults))
        self.metrics.looked((one.model_name, one.closed, one.judged) for one in report.models)
        self._walks.look_after(self.engine, now)
        if not self.stop.is_set():
            self.reports.look_after(wanted)

    def _beat(self, session: Session, details: dict[str, object]) -> None:
        instance = f"{socket.gethostname()}:{os.getpid()}"
        heartbeats.beat(session, SERVICE, instance, self.settings.monitor.interval_s, details)


def _serve_metrics(settings: Settings, metrics: MonitorMetrics) -> None:
    """Tell Prometheus of this process, of the database and of what is probed. Raises `PortTakenError`."""
    registry = metrics.registry
    tell_of_process(registry, SERVICE, {"home": settings.platform.home})
    registry.register(DatabaseCollector(exporter_engine(settings), every_part(settings)))
    probes = Probes(settings.monitor.probes)
    registry.register(probes)
    serve_metrics(registry, SERVICE, settings.monitor.metrics_host, settings.monitor.metrics_port)
    probes.start()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.run_checks", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="one pass, then end; exit code 1 if anything could not look"
    )
    once = parser.parse_args().once
    settle_collector()
    settings = Settings()
    configure_logging(SERVICE, level=settings.platform.log_level, as_json=settings.platform.log_json)
    engine = make_engine(database_url(settings), settings.database, application="steward-monitor")
    if once:
        with read_scope(engine) as session:
            now = database_now(session)
        report = run_pass(engine, settings, now)
        for fault in report.faults:
            logger.error("monitor.fault {}", fault)
        return 1 if report.faults else 0
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    metrics = MonitorMetrics()
    if settings.monitor.metrics_port:
        try:
            _serve_metrics(settings, metrics)
        except PortTakenError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    logger.info("monitor.started interval_s={}", settings.monitor.interval_s)
    Monitor(engine, settings, stop, ReportRunner(), metrics).run()
    engine.dispose()
    logger.info("monitor.stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
