"""Files of a backup: written and synced under a hidden name, and found again by what their manifest says."""

import hashlib
import hmac
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from database.errors import IntegrityError, NotFoundError
from scripts.backup.manifest import MANIFEST, MANIFEST_MAC, NAME, Manifest, StoredFile, parsed
from scripts.backup.sealing import Sealed, mac, opened

_PIECE = 1024 * 1024


@dataclass
class Draft:
    """A backup that is being written: a hidden directory until it is whole. `key` seals every file; None seals none."""

    directory: Path
    key: bytes | None
    files: dict[str, StoredFile] = field(default_factory=dict)

    def add(self, name: str, pieces: Iterable[bytes]) -> StoredFile:
        """Write one file. What lands in the manifest is counted over the very bytes that lie on the disk."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            counted = _Counted(file.write)
            if self.key is None:
                for piece in pieces:
                    counted.write(piece)
            else:
                sealed = Sealed(counted, self.key)  # type: ignore[arg-type]
                for piece in pieces:
                    sealed.write(piece)
                sealed.close()
            file.flush()
            os.fsync(file.fileno())
        self.files[name] = StoredFile(bytes=counted.bytes, sha256=counted.digest.hexdigest())
        return self.files[name]

    def publish(self, manifest: Manifest, to: Path) -> str:
        """The manifest last, then the name: only now is it a backup. The digest of the manifest."""
        body = manifest.to_bytes()
        _write(self.directory / MANIFEST, body)
        if self.key is not None:
            _write(self.directory / MANIFEST_MAC, mac(self.key, body).encode())
        for directory in (*(path for path in self.directory.rglob("*") if path.is_dir()), self.directory):
            _sync(directory)
        self.directory.rename(to)
        _sync(to.parent)
        return hashlib.sha256(body).hexdigest()


class _Counted:
    def __init__(self, write: object) -> None:
        self._write, self.bytes, self.digest = write, 0, hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._write(data)  # type: ignore[operator]
        self.bytes += len(data)
        self.digest.update(data)


def _write(path: Path, body: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def pieces_of(path: Path) -> Iterator[bytes]:
    """A plain file, never through a link, a piece at a time."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise IntegrityError(f"{path}: is no plain file")
        while piece := file.read(_PIECE):
            yield piece


@dataclass(frozen=True)
class Backup:
    """A backup that is there. `key`: what opens it; None for one that is not sealed."""

    directory: Path
    manifest: Manifest
    digest: str
    key: bytes | None

    def plain(self, name: str) -> Iterator[bytes]:
        """The bytes of one of its files as they were. Raises `IntegrityError` when they do not open."""
        if self.key is None:
            yield from pieces_of(self.directory / name)
            return
        with (self.directory / name).open("rb") as file:
            yield from opened(file, self.key, name)

    def faults(self) -> Iterator[tuple[str, str | None]]:
        """Every file with what is wrong with it, or None; what the manifest does not name is not looked at."""
        for name, stored in sorted(self.manifest.files.items()):
            yield name, self._fault(name, stored)

    def _fault(self, name: str, stored: StoredFile) -> str | None:
        digest, count = hashlib.sha256(), 0
        try:
            for piece in pieces_of(self.directory / name):
                digest.update(piece)
                count += len(piece)
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
        if count != stored.bytes:
            return f"{name} has {count:,} bytes, and the manifest says {stored.bytes:,}"
        return None if digest.hexdigest() == stored.sha256 else f"{name} is not what the manifest says"


def open_backup(directory: Path, key: bytes | None) -> Backup:
    """Raises `NotFoundError` for what is no backup, `IntegrityError` for a manifest that is altered, for a sealed one
    whose key is missing or another, and for one that is not sealed where a key is given: who put it there is unknown.
    """
    try:
        body = (directory / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{directory} is no backup: it has no {MANIFEST}") from error
    manifest = parsed(body, str(directory / MANIFEST))
    if manifest.sealed is None:
        if key is not None:
            raise IntegrityError(
                f"{directory} is not sealed, so nobody vouches for it: without a key (BACKUP_KEY_FILE= for this one "
                "command) it is taken as it is"
            )
        return Backup(directory, manifest, hashlib.sha256(body).hexdigest(), None)
    if key is None:
        raise IntegrityError(f"{directory} is sealed: --key-file, or BACKUP_KEY_FILE, says what opens it")
    try:
        said = (directory / MANIFEST_MAC).read_text()
    except FileNotFoundError as error:
        raise IntegrityError(f"{directory}: {MANIFEST_MAC} is missing, so nobody vouches for the manifest") from error
    if not hmac.compare_digest(said, mac(key, body)):
        raise IntegrityError(f"{directory}: the manifest was altered, or the backup was sealed with another key")
    return Backup(directory, manifest, hashlib.sha256(body).hexdigest(), key)


def newest(directory: Path) -> Path | None:
    """The newest whole backup of a directory of backups."""
    return next((path for _, path in reversed(_backups(directory))), None)


def _backups(directory: Path) -> list[tuple[Manifest, Path]]:
    """What bears the name of a backup and has a manifest of that name, oldest first."""
    found = []
    for path in directory.iterdir() if directory.is_dir() else []:
        if not NAME.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
            continue
        try:
            manifest = parsed((path / MANIFEST).read_bytes(), path.name)
        except (OSError, IntegrityError):
            continue
        if manifest.name == path.name:
            found.append((manifest, path))
    return sorted(found, key=lambda one: (one[0].made_at, one[1]))


def rotate(directory: Path, keep: int, new: Manifest) -> list[Path]:
    """Remove all but the newest `keep` backups of the installation that made `new`, which stays whatever the clock
    said; what else lies there stays, too. One without an event in its log cannot be told from another."""
    if new.installation is None:
        return []
    own = [(one.name == new.name, path) for one, path in _backups(directory) if one.installation == new.installation]
    gone = [path for _, path in sorted(own, key=lambda one: one[0])][:-keep]
    for path in gone:
        hidden = unfinished(directory, path.name)
        path.rename(hidden)  # killed from here on, it is no backup any more, and the next one clears it away
        shutil.rmtree(hidden)
    return gone


def unfinished(directory: Path, name: str) -> Path:
    """Where a backup is while it is not whole."""
    return directory / f".{name}.unfinished"
