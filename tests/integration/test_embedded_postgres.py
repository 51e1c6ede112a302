"""The embedded PostgreSQL against what really happens to it: rivals, kills, leftovers, odd paths, full disks."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg2
import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import IntegrityError

from database.embedded import EmbeddedPostgres, EmbeddedPostgresError

ROOT = Path(__file__).resolve().parents[2]
# A killed process loses nothing by this, only a killed machine would.
CARELESS = {"fsync": "off"}
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel offers this on Linux only")

# A process of its own that starts the server, says so, and then lives until its standard input ends.
STARTER = """
import sys
from pathlib import Path
from database.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"})
started = server.start(detached="detached" in sys.argv)
print(started, server.running_pid(), flush=True)
sys.stdin.read()
if started and "detached" not in sys.argv:
    server.stop()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A data directory that many tests use one after the other: making one is most of the time a test takes."""
    directory = Path(tempfile.mkdtemp(prefix="steward-tests-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory / "postgres"
    EmbeddedPostgres(directory / "postgres").stop()
    shutil.rmtree(directory)


@pytest.fixture
def server(cluster: Path) -> Iterator[EmbeddedPostgres]:
    """A running server that nobody else uses meanwhile. Whoever damages its directory mends it again."""
    server = EmbeddedPostgres(cluster, settings=CARELESS)
    assert server.start()
    yield server
    server.stop()


def run_sql(server: EmbeddedPostgres, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
    engine = create_engine(server.url(database), poolclass=NullPool)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []


def starter(data: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(data), *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> tuple[bool, int]:
    """Whether this starter started the server, and the server's pid. Waits until it has an answer."""
    assert process.stdout is not None
    started, pid = process.stdout.readline().split()
    return started == "True", int(pid)


def finish(process: subprocess.Popen[str]) -> None:
    with process:
        pass


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def flocked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_the_first_start_creates_the_second_attaches_and_data_outlive_both(home: Path) -> None:
    data = home / "deep" / "below" / "postgres"
    owner, guest = EmbeddedPostgres(data), EmbeddedPostgres(data)
    assert owner.running_pid() is None
    assert owner.start() is True
    assert guest.start() is False
    assert guest.running_pid() == owner.running_pid()
    run_sql(guest, "CREATE TABLE kept (n int)")
    run_sql(guest, "INSERT INTO kept VALUES (42)")
    owner.stop()
    owner.stop()
    assert guest.running_pid() is None
    assert guest.start() is True
    assert run_sql(owner, "SELECT n FROM kept") == [(42,)]
    guest.stop()


@pytest.mark.parametrize(
    "name", ["with  spaces 50% $(id) Größe-数据", "comma, 'quote\" back\\slash" + "x" * 120], ids=ascii
)
def test_any_directory_name_will_do(home: Path, name: str) -> None:
    server = EmbeddedPostgres(home / name / "pg", settings=CARELESS)
    assert server.start()
    server.ensure_database("stew ard")
    assert run_sql(server, "SELECT current_database()", "stew ard") == [("stew ard",)]
    assert EmbeddedPostgres(home / name / "pg").start() is False
    server.stop()
    if server.socket_dir != server.data_dir:
        assert list(server.socket_dir.iterdir()) == []
        server.socket_dir.rmdir()


def test_it_listens_to_its_own_user_only_and_in_utc(server: EmbeddedPostgres) -> None:
    assert run_sql(server, "SHOW listen_addresses") == [("",)]
    assert run_sql(server, "SHOW timezone") == [("UTC",)]
    assert run_sql(server, "SHOW shared_buffers") == [("128MB",)]
    assert server.data_dir.stat().st_mode & 0o077 == 0
    assert (server.socket_dir / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
    pid = server.running_pid()
    assert pid is not None
    assert psutil.Process(pid).net_connections("inet") == []


def test_of_four_processes_at_once_on_a_new_directory_one_starts_and_three_attach(home: Path) -> None:
    rivals = [starter(home / "postgres") for _ in range(4)]
    answers = [said(rival) for rival in rivals]
    assert sorted(started for started, _ in answers) == [False, False, False, True]
    assert len({pid for _, pid in answers}) == 1
    for rival in rivals:
        finish(rival)
    assert is_gone(answers[0][1])
    assert sorted(path.name for path in home.iterdir()) == ["postgres", "postgres.lock"]


def test_a_database_many_ask_for_at_once_is_created_once(server: EmbeddedPostgres) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(server.ensure_database, ["steward"] * 8))
    server.ensure_database("steward")
    assert run_sql(server, "SELECT count(*) FROM pg_database WHERE datname = 'steward'") == [(1,)]


def test_a_database_of_a_server_that_does_not_run_is_a_clear_error(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=f"'steward' could not be created on the server of {home}"):
        EmbeddedPostgres(home / "postgres").ensure_database("steward")


def test_a_stale_pid_file_does_not_stop_a_start(server: EmbeddedPostgres, postgres: EmbeddedPostgres) -> None:
    server.stop()
    elsewhere = postgres.running_pid()
    pid_file = server.data_dir / "postmaster.pid"
    for first_line in (str(os.getpid()), str(elsewhere), "-4711", "99999999", "rubbish", ""):
        pid_file.write_text(f"{first_line}\n{server.data_dir}\n0\n5432\n{server.data_dir}\n\n0\nready\n")
        (server.data_dir / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
        assert server.running_pid() is None, first_line
        assert server.start() is True, first_line
        server.stop()
    assert postgres.running_pid() == elsewhere


def test_a_killed_server_that_nobody_reaped_is_started_again_with_its_data(server: EmbeddedPostgres) -> None:
    run_sql(server, "CREATE TABLE survived AS SELECT 1 AS n")
    pid = server.running_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: is_gone(pid))
    assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    successor = EmbeddedPostgres(server.data_dir, settings=CARELESS)
    assert successor.running_pid() is None
    assert successor.start() is True
    assert run_sql(successor, "SELECT n FROM survived") == [(1,)]
    successor.stop()


def test_a_start_waits_for_what_a_killed_server_is_still_busy_with(server: EmbeddedPostgres) -> None:
    pid = server.running_pid()
    assert pid is not None
    connection = psycopg2.connect(host=str(server.socket_dir), user="postgres", dbname="postgres")
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(connection.cursor().execute, "SELECT count(*) FROM generate_series(1, 6000000)")
        wait_for(lambda: run_sql(server, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'") == [(2,)])
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: is_gone(pid))
        assert server.start() is True
        assert isinstance(busy.exception(), psycopg2.OperationalError | None)
    connection.close()


@only_linux
def test_killing_the_starter_stops_the_server_in_order_and_keeps_the_data(home: Path) -> None:
    parent = starter(home / "postgres")
    _, pid = said(parent)
    server = EmbeddedPostgres(home / "postgres")
    run_sql(server, "CREATE TABLE kept AS SELECT 1 AS n")
    parent.kill()
    wait_for(lambda: is_gone(pid))
    finish(parent)
    assert "database system is shut down" in (server.data_dir / "server.log").read_text()
    assert server.start() is True
    assert run_sql(server, "SELECT n FROM kept") == [(1,)]
    server.stop()


@only_linux
def test_a_server_whose_starter_was_killed_is_not_attached_to_however_ready_it_looks(cluster: Path) -> None:
    parent = starter(cluster)
    _, dying = said(parent)
    os.kill(dying, signal.SIGSTOP)  # so that it cannot handle yet what the kernel tells it
    parent.kill()
    finish(parent)
    wake = threading.Timer(0.5, os.kill, (dying, signal.SIGCONT))
    wake.start()
    server = EmbeddedPostgres(cluster, settings=CARELESS)
    assert server.start() is True
    assert server.running_pid() != dying
    server.stop()
    wake.join()


def test_a_detached_server_outlives_its_starter_and_anyone_may_stop_it(home: Path) -> None:
    parent = starter(home / "postgres", "detached")
    started, pid = said(parent)
    finish(parent)
    assert started
    time.sleep(0.1)
    server = EmbeddedPostgres(home / "postgres")
    assert server.running_pid() == pid
    assert server.start() is False
    server.stop()
    assert is_gone(pid)


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.25])
def test_a_start_killed_during_initdb_is_repaired_by_the_next(home: Path, after_s: float) -> None:
    data = home / "postgres"
    parent = starter(data)
    wait_for(lambda: any(".initdb-" in path.name for path in home.iterdir()))
    time.sleep(after_s)
    parent.kill()
    finish(parent)
    server = EmbeddedPostgres(data, settings=CARELESS)
    assert server.start() is True
    assert run_sql(server, "SELECT 1") == [(1,)]
    server.stop()
    assert sorted(path.name for path in home.iterdir()) == ["postgres", "postgres.lock"]


@pytest.mark.parametrize("names", [[], ["PG_VERSION", "global", "base/1", "pg_wal", "postgresql.conf"]])
def test_a_half_made_cluster_is_set_aside_and_made_anew(home: Path, names: list[str]) -> None:
    data = home / "postgres"
    data.mkdir()
    for name in names:
        (data / name).mkdir(parents=True)
    server = EmbeddedPostgres(data, settings=CARELESS)
    assert server.start() is True
    server.stop()
    aside = list(home.glob("postgres.broken-*"))
    assert len(aside) == bool(names)
    for name in names:
        assert (aside[0] / name).is_dir()


def test_a_directory_with_somebodys_files_is_refused_and_left_alone(home: Path) -> None:
    data = home / "postgres"
    data.mkdir()
    (data / "thesis.docx").write_text("years of work")
    with pytest.raises(EmbeddedPostgresError, match=r"not empty \(it holds thesis.docx\).*STEWARD_HOME"):
        EmbeddedPostgres(data).start()
    assert (data / "thesis.docx").read_text() == "years of work"


def test_a_damaged_cluster_that_once_ran_is_never_replaced(server: EmbeddedPostgres, home: Path) -> None:
    server.stop()
    control = server.data_dir / "global" / "pg_control"
    control.rename(home / "pg_control")
    with pytest.raises(EmbeddedPostgresError, match=r"server.log(?s:.*)pg_control"):
        server.start()
    (home / "pg_control").rename(control)
    assert server.start() is True


@pytest.mark.parametrize("detached", [False, True])
def test_a_failed_start_shows_the_end_of_the_log_and_leaves_no_process(
    server: EmbeddedPostgres, detached: bool
) -> None:
    server.stop()
    wrong = EmbeddedPostgres(server.data_dir, settings={"shared_buffers": "lots"})
    with pytest.raises(EmbeddedPostgresError, match=r'server\.log:\n.*invalid value for parameter "shared_buffers"'):
        wrong.start(detached=detached)
    assert server.running_pid() is None
    assert server.start() is True


def test_a_server_that_is_not_ready_in_time_is_stopped_again(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    monkeypatch.setattr(server, "_pid_and_status", lambda: (0, "starting"))
    with pytest.raises(EmbeddedPostgresError, match="not ready"):
        server.start(timeout_s=0.5)
    monkeypatch.undo()
    assert server.running_pid() is None


def test_whoever_waits_too_long_for_a_rival_learns_where(home: Path) -> None:
    with (
        flocked(home / "postgres.lock"),
        pytest.raises(EmbeddedPostgresError, match=r"another process is busy .*postgres\.lock"),
    ):
        EmbeddedPostgres(home / "postgres").start(timeout_s=0.1)


def test_a_server_whose_pid_cannot_be_seen_from_here_still_keeps_others_out(server: EmbeddedPostgres) -> None:
    server.stop()
    with flocked(server.data_dir / "server.lock"), pytest.raises(EmbeddedPostgresError, match="another PostgreSQL"):
        server.start(timeout_s=0.2)
    assert server.start() is True


def test_stopping_disconnects_clients_and_stopping_nothing_does_nothing(server: EmbeddedPostgres, home: Path) -> None:
    connection = psycopg2.connect(host=str(server.socket_dir), user="postgres", dbname="postgres")
    connection.cursor().execute("CREATE TABLE never_committed (n int)")
    server.stop(timeout_s=5)
    connection.close()
    assert server.running_pid() is None
    EmbeddedPostgres(home / "nowhere" / "postgres").stop()
    assert not (home / "nowhere").exists()


def test_the_log_holds_no_values_and_is_cut_while_the_server_runs(server: EmbeddedPostgres) -> None:
    run_sql(server, "CREATE TABLE patients (name text PRIMARY KEY)")
    run_sql(server, "INSERT INTO patients VALUES ('Jane Roe')")
    with pytest.raises(IntegrityError, match="Jane Roe"):
        run_sql(server, "INSERT INTO patients VALUES ('Jane Roe')")
    log = server.data_dir / "server.log"
    assert "duplicate key" in log.read_text()
    assert "Jane" not in log.read_text()
    server.trim_log()
    assert "duplicate key" in log.read_text()
    server.trim_log(max_bytes=100)
    assert "duplicate key" in (server.data_dir / "server.log.1").read_text()
    assert log.read_text() == ""
    server.stop()
    assert log.read_text().endswith("database system is shut down\n")
    assert "\0" not in log.read_text()


@only_linux
def test_the_server_never_sees_our_secrets(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    server.stop()
    monkeypatch.setenv("STEWARD_SECRET_KEY", "a-very-secret-value")
    server.start()
    assert "a-very-secret-value" not in Path(f"/proc/{server.running_pid()}/environ").read_text()


def test_a_socket_directory_prepared_by_somebody_else_is_refused(home: Path) -> None:
    server = EmbeddedPostgres(home / ("x" * 120), settings=CARELESS)
    (home / "trap").mkdir(mode=0o700)
    server.socket_dir.symlink_to(home / "trap")
    try:
        with pytest.raises(EmbeddedPostgresError, match=f"{server.socket_dir} .* not a private directory"):
            server.start()
    finally:
        server.socket_dir.unlink()
    server.socket_dir.mkdir()
    server.socket_dir.chmod(0o777)
    try:
        with pytest.raises(EmbeddedPostgresError, match="not a private directory"):
            server.start()
    finally:
        server.socket_dir.rmdir()
