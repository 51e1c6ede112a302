"""Reads the database for a scrape, part by part: one that cannot be read takes no other with it.

A scrape never holds up the monitor (it has a connection of its own) and never waits long: the server is given up after
`PATIENCE_S`. Scrapes that come close together share one answer, and parts that cost more keep theirs for a minute. With
the database away the answer holds `steward_database_up 0` and none of what nobody knows.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from loguru import logger
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from config.settings import DatabaseSettings, Settings
from database.address import database_url
from database.connection import ReadSession, first_line, is_away, make_engine, read_scope
from monitoring.exporter.families import gauge, one

PATIENCE_S = 2
# Scrapes closer together than this get the same answer.
SHARED_S = 1.0
SLOW_S = 60.0


@dataclass(frozen=True)
class Part:
    """One subject. `keep_s`: how long what was read may be told again."""

    name: str
    read: Callable[[ReadSession], Iterable[Metric]]
    keep_s: float = SHARED_S


@dataclass
class _Told:
    families: list[Metric] = field(default_factory=list)
    at: float = float("-inf")
    seconds: float = 0.0
    ok: bool = False


def exporter_engine(settings: Settings) -> Engine:
    """A connection for scrapes alone, with little patience."""
    impatient = DatabaseSettings(
        url=settings.database.url, pool_size=1, connect_timeout_s=PATIENCE_S, statement_timeout_s=PATIENCE_S
    )
    return make_engine(database_url(settings), impatient, application="steward-exporter")


class DatabaseCollector(Collector):
    """Safe from any thread; scrapes wait for each other."""

    def __init__(self, engine: Engine, parts: Sequence[Part]) -> None:
        self._engine, self._parts = engine, parts
        self._told = {part.name: _Told() for part in parts}
        self._up, self._scraping = False, threading.Lock()

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterable[Metric]:
        with self._scraping:
            self._refresh(time.monotonic())
            told = dict(self._told) if self._up else {}
            yield one("steward_database_up", "1 while the database answers this process", int(self._up))
        yield gauge(
            "steward_exporter_part_ok",
            "1 while this part of the database could be read",
            ("part",),
            (((name,), int(part.ok)) for name, part in told.items()),
        )
        yield gauge(
            "steward_exporter_part_seconds",
            "time it took to read this part, when it was read last",
            ("part",),
            (((name,), part.seconds) for name, part in told.items()),
        )
        for part in told.values():
            yield from part.families

    def _refresh(self, now: float) -> None:
        due = [part for part in self._parts if now - self._told[part.name].at >= part.keep_s]
        if not due and self._up:
            return
        try:
            with read_scope(self._engine) as session:
                session.connection()
                for part in due:
                    self._told[part.name] = _read(session, part, now)
            self._up = True
        except SQLAlchemyError as error:
            if self._up:
                logger.warning("monitor.exporter.away error={}", first_line(error))
            self._up = False
            self._told = {part.name: _Told() for part in self._parts}


def _read(session: ReadSession, part: Part, now: float) -> _Told:
    """One part in a savepoint of its own. Raises what says that the database is away."""
    began = time.perf_counter()
    try:
        with session.begin_nested():
            families = list(part.read(session))
    except Exception as error:
        if is_away(error):
            raise
        logger.error("monitor.exporter.failed part={} error={}", part.name, first_line(error))
        return _Told(at=now, seconds=time.perf_counter() - began)
    return _Told(families, now, time.perf_counter() - began, ok=True)
