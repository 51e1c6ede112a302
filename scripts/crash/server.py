"""A PostgreSQL of a run's own, which it may break."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from database import migrations
from database.embedded import EmbeddedPostgres

# Where only processes die, never the machine, nothing has to reach the disk.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# Enough for the databases and the log of one server; a container often has only 64 MB there.
_ROOM_IN_MEMORY = 2 * 1024**3
# Whatever TMPDIR says: the path of a socket has to be short.
DISK = "/tmp"  # noqa: S108


def quick_place() -> str:
    """A directory in memory if this machine offers one with room: there a database is made many times as fast."""
    memory = "/dev/shm"  # noqa: S108  (directories there are made by mkdtemp)
    if not os.access(memory, os.W_OK):
        return DISK
    found = os.statvfs(memory)
    # The server's programs may have to be copied beside its data, and run from there.
    usable = found.f_bavail * found.f_frsize > _ROOM_IN_MEMORY and not found.f_flag & os.ST_NOEXEC
    return memory if usable else DISK


@contextmanager
def own_server(
    name: str, database: str, settings: Mapping[str, str] | None = None, *, place: str = DISK
) -> Iterator[tuple[EmbeddedPostgres, Path]]:
    """A running server with one migrated database, and the directory it is in; both go with the block.

    Only what a run left there as `*.log` stays, since that tells what was before a violation.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"steward-{name}-", dir=place))
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
