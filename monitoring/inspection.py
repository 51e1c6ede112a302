"""The monitor re-reads the files of the versions that matter: of what serves, and of what one would go back to.

A damaged file is otherwise found at the worst moment, when a process starts or a rollback is wanted at once.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from loguru import logger
from sqlalchemy import Engine

from config.settings import Settings
from database.artifact_keys import store_of
from database.connection import read_scope
from database.errors import StewardError
from database.queries import model_versions
from training.serving_artifact import KIND

# What serves, and as many versions before it.
LOOK_BACK = 3


class Inspection:
    """Every byte is hashed again each `MONITOR_ARTIFACT_CHECK_INTERVAL_S`; a damaged version at every look, until it
    is whole."""

    def __init__(self, settings: Settings) -> None:
        self._every = timedelta(seconds=settings.monitor.artifact_check_interval_s)
        self._store = store_of(settings)
        self._next: datetime | None = None
        self._damaged: dict[str, str] = {}
        self._looked: dict[str, str] = {}

    @property
    def looked(self) -> Mapping[str, str]:
        """When the files of each artifact were hashed last (ISO 8601), by digest."""
        return self._looked

    def damaged(self, engine: Engine, now: datetime) -> Mapping[str, str]:
        """The sentence about each damaged or missing artifact, by digest."""
        if not self._every:
            return {}
        due = self._next is None or now >= self._next
        if not due and not self._damaged:
            return self._damaged
        with read_scope(engine) as session:
            wanted = {
                version.artifact_digest: f"{name} version {version.version}"
                for name in model_versions.model_names(session)
                for version in model_versions.served_last(session, name, LOOK_BACK + 1)
            }
        if due:
            self._next = now + self._every
        else:
            wanted = {digest: title for digest, title in wanted.items() if digest in self._damaged}
        looked = {digest: now.isoformat(timespec="seconds") for digest in wanted}
        self._looked = looked if due else self._looked | looked
        found = {digest: f"{title}: {why}" for digest, title in wanted.items() if (why := self._wrong_with(digest))}
        for digest in found.keys() - self._damaged.keys():
            logger.error("monitor.artifact.damaged {}", found[digest])
        self._damaged = found
        return found

    def _wrong_with(self, digest: str) -> str | None:
        try:
            self._store.read(digest, KIND)
        except (StewardError, OSError) as error:
            return str(error)
        return None
