"""The embedded PostgreSQL and the rights of users: what root gives away, who may not enter where, and a full disk."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from database import embedded
from database.embedded import EmbeddedPostgres, EmbeddedPostgresError

CARELESS = {"fsync": "off"}
AS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not AS_ROOT, reason="only root runs the server as another user")
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel offers this on Linux only")


@only_root
def test_root_is_told_which_directory_the_servers_user_may_not_enter(home: Path) -> None:
    (home / "closed").mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match=rf"may not enter {home}/closed \(mode 0700\).*STEWARD_HOME"):
        EmbeddedPostgres(home / "closed" / "steward" / "postgres").start()
    assert (home / "closed").stat().st_mode & 0o777 == 0o700


@only_root
def test_programs_the_servers_user_cannot_reach_are_copied_beside_the_data(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = embedded.bin_dir()
    package = original.parents[1]
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    for part in (Path(package.name) / original.parent.name, Path(f"{package.name}.libs")):
        shutil.copytree(package.parent / part, closed / part)
    monkeypatch.setattr(embedded, "bin_dir", lambda: closed / original.relative_to(package.parent))
    (home / "data.programs-of-an-older-version").mkdir()
    for _ in range(2):
        server = EmbeddedPostgres(home / "data", settings=CARELESS)
        assert server.start() is True
        server.stop()
    assert len(list(home.glob("data.programs-*"))) == 1


@only_root
@only_linux
def test_root_runs_the_server_as_the_owner_of_the_data_who_must_not_be_root(home: Path) -> None:
    server = EmbeddedPostgres(home / "postgres", settings=CARELESS)
    server.start()
    server.stop()
    os.chown(server.data_dir, 0, 0)
    with pytest.raises(EmbeddedPostgresError, match=f"chown -R steward-pg: '{server.data_dir}'"):
        server.start()
    for path in (server.data_dir, *server.data_dir.rglob("*")):
        os.chown(path, 54321, 54321)
    groups = os.getgroups()
    os.setgroups([0, 4711])
    try:
        assert server.start() is True
    finally:
        os.setgroups(groups)
    status = Path(f"/proc/{server.running_pid()}/status").read_text()
    rights = dict(line.split(":", 1) for line in status.splitlines())
    assert {*rights["Uid"].split(), *rights["Gid"].split()} == {"54321"}
    assert rights["Groups"].split() == []
    server.ensure_database("steward")
    server.stop()


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_named(home: Path) -> None:
    (home / "closed").mkdir(mode=0o500)
    with pytest.raises(EmbeddedPostgresError, match=f"{home}/closed/steward: Permission denied.*STEWARD_HOME"):
        EmbeddedPostgres(home / "closed" / "steward" / "postgres").start()
    (home / "closed").chmod(0o700)


@contextmanager
def small_disk(at: Path) -> Iterator[Callable[[int], object]]:
    """A file system of 20 MB, and a function that changes its size in MB."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    at.mkdir()
    command = [mount or "", "-t", "tmpfs", "-o", "size=20m,mode=0755", "tmpfs", str(at)]
    if not mount or not umount or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("nobody may mount here")
    try:
        yield lambda size: subprocess.run([mount, "-o", f"remount,size={size}m", str(at)], check=True)
    finally:
        subprocess.run([umount, str(at)], check=True)


def fill_up(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


@only_root
@only_linux
def test_a_full_disk_is_named_and_nothing_half_made_stays(home: Path) -> None:
    disk = home / "disk"
    server = EmbeddedPostgres(disk / "postgres", settings=CARELESS)
    with small_disk(disk) as resize:
        with pytest.raises(EmbeddedPostgresError, match=rf"the disk that holds {disk} is full .*STEWARD_HOME"):
            server.start()
        assert [path.name for path in disk.iterdir()] == ["postgres.lock"]
        resize(100)
        assert server.start() is True
        server.stop()
        fill_up(disk / "filler")
        (server.data_dir / "server.log").unlink()
        with pytest.raises(EmbeddedPostgresError, match="is full"):
            server.start()
        (disk / "filler").unlink()
        assert server.start() is True
        server.stop()
