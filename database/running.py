"""A migrated database for the length of a block: what every command starts with.

Apart from `address.py`, so that a process that only connects loads no migrations.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL

from config.settings import Settings
from database.address import DATABASE, MLFLOW_DATABASE, database_url, embedded
from database.migrations import upgrade


@contextmanager
def running_database(settings: Settings) -> Iterator[URL]:
    """A migrated database for the length of the block.

    The embedded server is started if it does not run, and stopped again only if this block started it. A server
    given by DATABASE_URL is only migrated.
    """
    server = embedded(settings)
    started = server.start() if server else False
    try:
        if server:
            server.ensure_database(DATABASE)
            server.ensure_database(MLFLOW_DATABASE)
        url = database_url(settings)
        upgrade(url)
        yield url
    finally:
        if server and started:
            server.stop()
