"""The monitor walks the whole audit log once a day, and when a person asked for it; it holds the signing key."""

import threading
import time
from datetime import datetime, timedelta

from loguru import logger
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from database.audit_walk import Standing, record, signed_at, standing, walk
from database.checkpoint_file import place_of
from database.connection import first_line, read_scope, session_scope
from database.errors import StewardError
from database.queries import audit
from database.queries.audit import SYSTEM

_ONE_AT_A_TIME = 7_238_106


class AuditWalks:
    """A walk in a thread of its own, so that windows are judged meanwhile; one at a time over all monitors."""

    def __init__(self, settings: Settings) -> None:
        self._every = timedelta(seconds=settings.audit.verify_interval_s)
        self._signs = settings.audit.checkpoint_interval_s > 0
        self._place = place_of(settings)
        self._walking: threading.Thread | None = None
        self._not_before: datetime | None = None

    def look_after(self, engine: Engine, now: datetime) -> None:
        """Begin a walk if one is due and none is under way."""
        if self._walking is not None and self._walking.is_alive():
            return
        with read_scope(engine) as session:
            found = standing(session)
            due = self._due(found, now) and audit.head(session) is not None
        if (
            not due
            or (found.asked is None and self._is_early())
            or (self._not_before is not None and now < self._not_before)
        ):
            return
        self._walking = threading.Thread(target=self._walk, args=(engine, now), name="audit-walk", daemon=True)
        self._walking.start()

    def wait(self, timeout_s: float) -> None:
        """Until the walk that is under way is over."""
        if self._walking is not None:
            self._walking.join(timeout_s)

    def _is_early(self) -> bool:
        """Whether nothing is signed yet that soon will be: a walk then would say that nobody vouches."""
        signed = signed_at(self._place)
        return self._signs and not signed.checkpoints and not signed.faults

    def _due(self, found: Standing, now: datetime) -> bool:
        if found.asked is not None:
            return True
        return bool(self._every) and (found.last is None or now - found.last.at >= self._every)

    def _walk(self, engine: Engine, now: datetime) -> None:
        began = time.monotonic()
        try:
            signed = signed_at(self._place)
            with read_scope(engine) as session:
                if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME}):
                    return  # another monitor is at it
                done = walk(session, signed)
            seconds = time.monotonic() - began
            with session_scope(engine) as session:
                record(session, SYSTEM, done, seconds)
        except (StewardError, OSError, SQLAlchemyError) as error:
            self._not_before = now + timedelta(minutes=5)
            logger.error("monitor.audit.not_walked error={}", first_line(error))
            return
        if done.faults:
            logger.error("monitor.audit.altered faults={} first={}", len(done.faults), done.faults[0])
        else:
            logger.info("monitor.audit.verified events={} seconds={:.1f}", done.report.events, seconds)
