"""The embedded PostgreSQL's directory: made whole or not at all, and what to tell a person when the disk says no."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger

from database.embedded_account import Account, EmbeddedPostgresError, is_cluster

_LAUNCHER = Path(__file__).with_name("embedded_launcher.py")
# What an interrupted initdb leaves: nothing else may be taken for its remains.
_INITDB_NAMES = frozenset({"PG_VERSION", "base", "global", "postgresql.conf", "postgresql.auto.conf", "postmaster.pid"})
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
TAIL_LINES = 12


def launch_command(account: Account, program: list[str], *, starter: int, death_signal: signal.Signals) -> list[str]:
    """The command that runs a server program as this user. `starter` 0: it does not die with anybody."""
    become = [str(account.uid), str(account.gid)] if account.switch else ["-1", "-1"]
    # Isolated and without site-packages: nothing of the environment runs, perhaps as root, before PostgreSQL does.
    return [sys.executable, "-I", "-S", str(_LAUNCHER), *become, str(starter), str(int(death_signal)), *program]


def launch_environment() -> dict[str, str]:
    """The little a server program needs. Our own environment holds passwords and keys that are none of its business."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def make_cluster(data_dir: Path, programs: Path, account: Account, deadline: float) -> None:
    """Create the cluster unless there is one: beside its place, then moved there, so that it is whole or absent.

    The caller holds the lock. What killed attempts left behind is cleared away first.
    """
    if is_cluster(data_dir):
        return
    if data_dir.is_mount():
        raise EmbeddedPostgresError(
            f"{data_dir} is a mount point, and the data directory is moved into place as a whole: "
            "set STEWARD_HOME to the mount point itself, so that the data lie one level below"
        )
    _set_aside_remains(data_dir)
    prefix = f"{data_dir.name}.initdb-"
    for abandoned in data_dir.parent.iterdir():
        if abandoned.name.startswith(prefix):
            _remove(abandoned)
    fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=data_dir.parent))
    try:
        account.give(fresh)
        _initdb(fresh, programs, account, deadline)
        fresh.replace(data_dir)
        _sync_directory(data_dir.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    logger.info("postgres.cluster.created data={}", data_dir)


def _initdb(directory: Path, programs: Path, account: Account, deadline: float) -> None:
    """Run initdb. Its order of characters is PostgreSQL's own, so no upgrade of the system can spoil an index."""
    program = [str(programs / "initdb"), "-D", str(directory), "-U", "postgres", "--encoding=UTF8"]
    program += ["--auth-local=trust", "--auth-host=reject"]
    program += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        done = subprocess.run(
            launch_command(account, program, starter=os.getpid(), death_signal=signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env=launch_environment(),
            start_new_session=True,
            timeout=max(deadline - time.monotonic(), 1),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(f"initdb did not finish in {directory} in the time allowed") from error
    if done.returncode != 0:
        said = tail(done.stderr)
        raise EmbeddedPostgresError(
            f"initdb failed in {directory} (exit {done.returncode}){advice(said, directory.parent)}; it said:\n{said}"
        )


def _set_aside_remains(data_dir: Path) -> None:
    """Move a half-made cluster out of the way. It never ran, but it may be a backup somebody was just restoring."""
    if not data_dir.is_dir():
        return
    names = os.listdir(data_dir)  # noqa: PTH208 - names are all we want
    foreign = sorted(name for name in names if name not in _INITDB_NAMES and not name.startswith("pg_"))
    if foreign:
        raise EmbeddedPostgresError(
            f"{data_dir} is no PostgreSQL data directory, and it is not empty (it holds {foreign[0]}): "
            "empty it, or set STEWARD_HOME to another directory"
        )
    if names:
        aside = data_dir.with_name(f"{data_dir.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        data_dir.rename(aside)
        logger.warning("postgres.cluster.incomplete moved={} to={}", data_dir, aside)


def _remove(directory: Path) -> None:
    """Remove a tree although a child of a killed initdb may write in it for another moment."""
    for _ in range(100):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.02)
    logger.warning("postgres.cluster.abandoned directory={}", directory)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tail(text: str) -> str:
    """The last lines of what a program said."""
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:]) or "(nothing)"


def advice(said: str, path: Path) -> str:
    """What to do about the system error a program reported; empty when we have nothing better to say than it has.

    On a full disk the log itself often stays empty, so the disk is looked at too.
    """
    if os.strerror(errno.ENOSPC) in said or os.strerror(errno.EDQUOT) in said or _free_mb(path) == 0:
        return f": {_make_room(path)}"
    if os.strerror(errno.EACCES) in said or os.strerror(errno.EROFS) in said:
        return f": it may not write below {path}; change its owner, or set STEWARD_HOME to a directory you may write"
    return ""


def _free_mb(path: Path) -> int:
    existing = next(step for step in (path, *path.parents) if step.exists())
    return shutil.disk_usage(existing).free // 2**20


def _make_room(path: Path) -> str:
    free = _free_mb(path)
    return f"the disk that holds {path} is full ({free} MB free); make room, or set STEWARD_HOME to another disk"


@contextmanager
def explained(data_dir: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a sentence that names the path and says what to do."""
    try:
        yield
    except OSError as error:
        path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else data_dir
        if error.errno in _DISK_FULL:
            raise EmbeddedPostgresError(f"{path}: {_make_room(path)}") from error
        if error.errno in _DENIED:
            myself = Account(os.geteuid(), os.getegid(), switch=False)
            raise EmbeddedPostgresError(
                f"{path}: {error.strerror}: {myself.name} may not do this there; "
                "change its owner or mode, or set STEWARD_HOME to a directory you may write"
            ) from error
        raise EmbeddedPostgresError(f"{path}: {error.strerror or error}; the data directory is {data_dir}") from error
