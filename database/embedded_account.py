"""Whom the embedded PostgreSQL runs as, and whether that user can reach what it needs.

PostgreSQL refuses to run as root. Started by root it therefore runs as a system user of its own, who owns the data
and nothing else, and who must be able to pass through every directory above the data and above the programs.
Directories that are not ours are never opened up for it.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from database.errors import UnavailableError

SYSTEM_USER = "steward-pg"


class EmbeddedPostgresError(UnavailableError):
    """The embedded PostgreSQL cannot be had; the message says what stands in the way and what to do."""

    code = "embedded_postgres"


@dataclass(frozen=True)
class Account:
    """The user the server runs as. `switch`: we are root and have to become that user first."""

    uid: int
    gid: int
    switch: bool

    @property
    def name(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"user {self.uid}"

    def give(self, path: Path) -> None:
        """Hand a file or directory that we have just made to this user."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def is_cluster(data_dir: Path) -> bool:
    """Whether a server can start here. One that ever ran counts, however damaged: it may hold data."""
    if (data_dir / "postmaster.opts").exists():
        return True
    return all((data_dir / name).exists() for name in ("PG_VERSION", "global/pg_control", "base/5/PG_VERSION"))


def server_account(data_dir: Path) -> Account:
    """The user for this data directory: ourselves, or as root its owner, or as root the system user (made if missing).

    Raises when the data belong to somebody we cannot become: PostgreSQL would only say "wrong ownership".
    """
    owner = data_dir.stat() if data_dir.is_dir() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise EmbeddedPostgresError(
                f"{data_dir} belongs to {Account(owner.st_uid, owner.st_gid, False).name}: start as that user, "
                "or set STEWARD_HOME to a directory of your own"
            )
        return Account(os.geteuid(), os.getegid(), switch=False)
    made = owner if is_cluster(data_dir) else None
    if made and made.st_uid != 0:
        return Account(made.st_uid, made.st_gid, switch=True)
    entry = _system_user()
    if made:
        raise EmbeddedPostgresError(
            f"{data_dir} belongs to root, and PostgreSQL refuses to run as root: "
            f"`chown -R {SYSTEM_USER}: '{data_dir}'` gives it to the user it runs as"
        )
    return Account(entry.pw_uid, entry.pw_gid, switch=True)


def _system_user() -> pwd.struct_passwd:
    """Our system user, created when missing. Several processes may try at once; one of them succeeds."""
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    complaint = "the program useradd is not on this machine"
    for attempt in range(5):
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            pass
        if useradd is None:
            break
        time.sleep(0.2 * attempt)
        command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        made = subprocess.run(
            [*command, "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True, text=True, check=False
        )
        complaint = made.stderr.strip()
        if made.returncode == 0:
            logger.info("postgres.user.created name={}", SYSTEM_USER)
    raise EmbeddedPostgresError(
        f"PostgreSQL refuses to run as root, and the system user {SYSTEM_USER} could not be created ({complaint}): "
        "create it, or start as an ordinary user, or set DATABASE_URL to a server of your own"
    )


def make_parents(directory: Path) -> None:
    """Make a directory and what is missing above it. As root they can be entered by the system user, whatever umask."""
    if directory.is_dir():
        return
    make_parents(directory.parent)
    directory.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        directory.chmod(0o755)


def blocked_directory(path: Path, account: Account) -> Path | None:
    """The topmost directory on the way to `path` (itself included) that this user may not enter; None if it may."""
    if not account.switch or _may_enter(path, account):
        return None
    return next((step for step in (*reversed(path.parents), path) if not _may_enter(step, account)), path)


def _may_enter(directory: Path, account: Account) -> bool:
    """Tried for real as that user, because access lists and mount options decide too."""
    try:
        tried = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)],
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL refuses to run as root, and this root may not become {account.name} (a container without "
            "CAP_SETUID?): start as an ordinary user, or set DATABASE_URL to a server of your own"
        ) from error
    return tried.returncode == 0


def require_passage(data_dir: Path, account: Account) -> None:
    """Raise, naming the directory that blocks, unless the server's user can get to the data directory."""
    blocked = blocked_directory(data_dir.parent, account)
    if blocked is not None:
        mode = stat.S_IMODE(blocked.stat().st_mode)
        raise EmbeddedPostgresError(
            f"started by root, PostgreSQL runs as {account.name}, who may not enter {blocked} (mode {mode:04o}), "
            f"so the data directory {data_dir} cannot be there: set STEWARD_HOME to a directory that everyone may pass "
            "through, such as /var/lib/steward"
        )


def reachable_programs(bin_dir: Path, data_dir: Path, account: Account) -> Path:
    """`bin_dir`, or a copy of what a server needs from it beside the data when its user cannot get to the original.

    That is so when root works from an environment below `/root`. The copy is named after the very binary it was made
    from, so that another version never meets an old copy; older ones are removed.
    """
    if blocked_directory(bin_dir, account) is None:
        return bin_dir
    binary = (bin_dir / "postgres").stat()
    mark = hashlib.sha256(f"{bin_dir}|{binary.st_size}|{binary.st_mtime_ns}".encode()).hexdigest()[:12]
    prefix = f"{data_dir.name}.programs-"
    copy = data_dir.with_name(prefix + mark)
    package = bin_dir.parents[1]
    if not copy.exists():
        for old in data_dir.parent.iterdir():
            if old.name.startswith(prefix):
                shutil.rmtree(old)
        unfinished = data_dir.with_name(f"{prefix}unfinished")
        skipped = shutil.ignore_patterns("include", "pkgconfig", "*.a", "*.pyc")
        shutil.copytree(bin_dir.parent, unfinished / package.name / bin_dir.parent.name, ignore=skipped)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))
        unfinished.rename(copy)
        logger.info("postgres.programs.copied from={} to={}", bin_dir, copy)
    return copy / package.name / bin_dir.parent.name / bin_dir.name
