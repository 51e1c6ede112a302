"""Content-addressed files: what a digest names can never change, and what was changed is never used.

An artifact is a directory `sha256/<digest>/` with its files and a `manifest.json` that lists their sizes and digests;
the artifact's digest is that of its manifest. It is written under `tmp/`, synced, the manifest last, and renamed, so a
half-written one is never visible. Reading verifies the very bytes that are handed out (no path is handed on, so nothing
can be swapped between the check and the use).
"""

import errno
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from config.fault_points import fault_point
from database.errors import IntegrityError, InvalidError, NotFoundError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
MANIFEST = "manifest.json"
MAX_FILE_BYTES = 512 * 1024 * 1024
# What a machine that is short of something answers: it says nothing about the file.
_SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC})


@dataclass(frozen=True)
class Artifact:
    """Verified content: the bytes of each file, and what its maker wrote about it."""

    digest: str
    kind: str
    meta: dict[str, Any]
    files: Mapping[str, bytes]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ArtifactStore:
    """A directory of artifacts. Several processes may write and read at once."""

    def __init__(self, root: Path) -> None:
        self._objects = root / "sha256"
        self._tmp = root / "tmp"

    def put(self, kind: str, files: Mapping[str, bytes], meta: dict[str, Any]) -> str:
        """Store `files` and return their digest. The same content stored twice is one artifact.

        Raises `InvalidError` for a file name that could leave the directory, and OSError when the disk is full; then
        nothing is visible and the temporary directory is gone.
        """
        for name in files:
            if not _FILE_NAME.fullmatch(name) or name == MANIFEST:
                raise InvalidError(f"artifact file name {name!r}: letters, digits, dot, dash and underscore only")
        manifest = {
            "format": 1,
            "kind": kind,
            "meta": meta,
            "files": {name: {"size": len(data), "sha256": _sha256(data)} for name, data in sorted(files.items())},
        }
        body = json.dumps(manifest, sort_keys=True, indent=1, allow_nan=False).encode()
        digest = _sha256(body)
        home = self._objects / digest
        if home.is_dir():
            _sync_directory(self._objects)  # whoever renamed it may have died before this
            return digest
        self._objects.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._tmp / uuid4().hex
        draft.mkdir(parents=True, mode=0o700)
        try:
            for name, data in files.items():
                _write_synced(draft / name, data)
                fault_point("artifact.file_written")
            fault_point("artifact.before_manifest")
            _write_synced(draft / MANIFEST, body)
            _sync_directory(draft)
            fault_point("artifact.after_manifest")
            self._publish(draft, home)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return digest

    def _publish(self, draft: Path, home: Path) -> None:
        try:
            draft.rename(home)
        except OSError:
            if not home.is_dir():  # a rival that stored the same content is fine
                raise
        fault_point("artifact.after_rename")
        _sync_directory(self._objects)

    def read(self, digest: str, kind: str) -> Artifact:
        """Every file of the artifact, verified.

        Raises `NotFoundError` if there is none, `IntegrityError` if a byte differs from what the digest names, if a
        file is missing, foreign, linked or larger than its manifest says, or if it is of another kind; OSError when the
        machine is short of memory or open files, so that nothing is known about it.
        """
        if not _DIGEST.fullmatch(digest):
            raise InvalidError("an artifact's name is 64 hexadecimal digits")
        home = self._objects / digest
        if not home.is_dir() or home.is_symlink():
            raise NotFoundError(f"artifact {digest[:12]} is not in the store")
        body = self._read_file(home, MANIFEST, digest, MAX_FILE_BYTES)
        if _sha256(body) != digest:
            raise IntegrityError(f"artifact {digest[:12]}: its manifest is not the one its name stands for")
        manifest = json.loads(body)
        if manifest["kind"] != kind:
            raise IntegrityError(f"artifact {digest[:12]}: is a {manifest['kind']}, expected a {kind}")
        files: dict[str, bytes] = {}
        for name, facts in manifest["files"].items():
            if not _FILE_NAME.fullmatch(name):
                raise IntegrityError(f"artifact {digest[:12]}: a file name leaves its directory")
            data = self._read_file(home, name, digest, facts["size"])
            if _sha256(data) != facts["sha256"]:
                raise IntegrityError(f"artifact {digest[:12]}: {name} is not what its manifest says")
            files[name] = data
        return Artifact(digest, manifest["kind"], manifest["meta"], files)

    def has(self, digest: str) -> bool:
        """Whether an artifact of that name is there (not whether it is sound: `read` says that)."""
        return bool(_DIGEST.fullmatch(digest)) and (self._objects / digest / MANIFEST).is_file()

    @staticmethod
    def _read_file(home: Path, name: str, digest: str, size: int) -> bytes:
        try:
            descriptor = os.open(home / name, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno in _SHORT:
                raise
            raise IntegrityError(f"artifact {digest[:12]}: {name} cannot be read ({error.strerror})") from error
        with os.fdopen(descriptor, "rb") as file:
            actual = os.fstat(file.fileno()).st_size
            if actual > min(size, MAX_FILE_BYTES) or (name != MANIFEST and actual != size):
                raise IntegrityError(f"artifact {digest[:12]}: {name} has {actual} bytes, expected {size}")
            return file.read()

    def sweep(self, older_than_s: float = 86_400.0) -> int:
        """Remove what dead writers left under `tmp/` longer than this ago; returns how many. What is younger may be in
        the hands of a live one."""
        try:
            drafts = list(self._tmp.iterdir())
        except OSError:  # nothing was ever written, or it is not ours to clean
            return 0
        removed = 0
        for draft in drafts:
            try:
                if time.time() - draft.lstat().st_mtime > older_than_s:
                    shutil.rmtree(draft)
                    removed += 1
            except OSError:  # published, swept by another process, or not ours: the next start looks again
                continue
        return removed
