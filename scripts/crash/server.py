"""A PostgreSQL of a run's own, which it may break."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from database import migrations
from database.embedded import EmbeddedPostgres

# Where only processes die, never the machine, nothing has to reach the disk.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def own_server(
    name: str, database: str, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[EmbeddedPostgres, Path]]:
    """A running server with one migrated database, and the directory it is in; both go with the block.

    Only what a run left there as `*.log` stays, since that tells what was before a violation.
    """
    # /tmp, whatever TMPDIR says: the path of a socket has to be short.
    directory = Path(tempfile.mkdtemp(prefix=f"steward-{name}-", dir="/tmp"))
    directory.chmod(0o755)
    server = EmbeddedPostgres(directory / "postgres", settings=settings)
    server.start()
    try:
        server.ensure_database(database)
        migrations.upgrade(server.url(database))
        yield server, directory
    finally:
        server.stop()
        logs = {*directory.glob("*.log")}
        for left in {*directory.iterdir()} - logs:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if not logs:
            directory.rmdir()
