"""The monitor signs how far the audit log reached. Not the agent: who acts must not vouch for itself."""

from datetime import datetime, timedelta

from loguru import logger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from config.settings import Settings
from database.checkpoint_file import add_checkpoint, place_of
from database.connection import first_line, is_away, read_scope
from database.errors import StewardError


class Vouching:
    """A checkpoint every `AUDIT_CHECKPOINT_INTERVAL_S` if the log has grown."""

    def __init__(self, settings: Settings) -> None:
        self._every = timedelta(seconds=settings.audit.checkpoint_interval_s)
        self._place = place_of(settings)
        self._next: datetime | None = None
        self._faults: tuple[str, ...] = ()

    def faults(self, engine: Engine, now: datetime) -> tuple[str, ...]:
        """Sign if it is time; what keeps the log from being signed, said until it is over.

        A full disk or an altered log never ends the monitor's own work; a database that is away does, as elsewhere.
        """
        if not self._every or (self._next is not None and now < self._next):
            return self._faults
        try:
            with read_scope(engine) as session:
                done = add_checkpoint(session, self._place, now)
        except (StewardError, OSError, DBAPIError) as error:
            if is_away(error):
                raise
            said = first_line(error)
            logger.error("monitor.audit.unsigned error={}", said)
            self._faults = (f"audit log: {said}",)
        else:
            self._faults = ()
            if done:
                logger.info("monitor.audit.signed event={}", done.seq)
        self._next = now + self._every
        return self._faults
