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
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.fault_points import fault_point
from database.artifact_signature import SIGNED_KINDS, Trust, signature_line
from database.errors import IntegrityError, InvalidError, NotFoundError
from database.signing_keys import sync_directory

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
MANIFEST = "manifest.json"
SIGNATURES = "manifest.sig"
# All files of an artifact are held in memory at once.
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_BYTES = 1024 * 1024 * 1024
MAX_FILES = 64
_MAX_MANIFEST_BYTES = 1024 * 1024
_MAX_SIGNATURES_BYTES = 16 * 1024
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


def _contents(body: bytes, digest: str, kind: str) -> tuple[dict[str, Any], dict[str, tuple[int, str]]]:
    """What a manifest says of its maker's facts and of each file (size, digest). Raises `IntegrityError`."""
    try:
        manifest = json.loads(body)
        found, meta = manifest["kind"], dict(manifest["meta"])
        listed = {str(name): (int(facts["size"]), str(facts["sha256"])) for name, facts in manifest["files"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise IntegrityError(f"artifact {digest[:12]}: its manifest cannot be read") from error
    if found != kind:
        raise IntegrityError(f"artifact {digest[:12]}: is a {found}, expected a {kind}")
    if not all(_FILE_NAME.fullmatch(name) and name not in (MANIFEST, SIGNATURES) for name in listed):
        raise IntegrityError(f"artifact {digest[:12]}: a file name leaves its directory")
    sizes = [size for size, _ in listed.values()]
    if len(sizes) > MAX_FILES or sum(sizes) > MAX_BYTES or not all(0 <= size <= MAX_FILE_BYTES for size in sizes):
        raise IntegrityError(f"artifact {digest[:12]}: more or larger files than anybody stores")
    return meta, listed


class ArtifactStore:
    """A directory of artifacts. Several processes may write and read at once.

    `trust`: whose signatures count; None asks for none. `signer`: the key that signs what is put; None signs nothing.
    """

    def __init__(
        self,
        root: Path,
        *,
        trust: Callable[[], Trust] | None = None,
        signer: Callable[[], Ed25519PrivateKey] | None = None,
    ) -> None:
        self._objects = root / "sha256"
        self._tmp = root / "tmp"
        self._trust, self._signer = trust, signer

    def put(self, kind: str, files: Mapping[str, bytes], meta: dict[str, Any]) -> str:
        """Store `files` and return their digest. The same content stored twice is one artifact.

        Raises `InvalidError` for a file name that could leave the directory, and OSError when the disk is full; then
        nothing is visible and the temporary directory is gone.
        """
        for name in files:
            if not _FILE_NAME.fullmatch(name) or name in (MANIFEST, SIGNATURES):
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
        signature = signature_line(digest, self._signer()) if self._signer and kind in SIGNED_KINDS else None
        if home.is_dir():
            sync_directory(self._objects)  # whoever renamed it may have died before this
            self._add_signature(home, digest, signature)
            return digest
        self._objects.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._tmp / uuid4().hex
        draft.mkdir(parents=True, mode=0o700)
        try:
            for name, data in files.items():
                _write_synced(draft / name, data)
                fault_point("artifact.file_written")
            if signature is not None:
                _write_synced(draft / SIGNATURES, signature)
            fault_point("artifact.before_manifest")
            _write_synced(draft / MANIFEST, body)
            sync_directory(draft)
            fault_point("artifact.after_manifest")
            self._publish(draft, home)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        self._add_signature(home, digest, signature)
        return digest

    def sign(self, digest: str, kind: str) -> None:
        """Add this store's signature to an artifact that is there. Raises as `read` does when it is not to be believed
        as it stands."""
        self.read(digest, kind)
        if self._signer:
            self._add_signature(self._objects / digest, digest, signature_line(digest, self._signer()))

    def _add_signature(self, home: Path, digest: str, signature: bytes | None) -> None:
        """Put a line among the others, in one rename; one that stands there already stays alone."""
        if signature is None:
            return
        others = self._signatures(home, digest) or b""
        if signature in others:
            return
        self._tmp.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._tmp / f"{uuid4().hex}.sig"
        try:
            _write_synced(draft, others + signature)
            draft.rename(home / SIGNATURES)
        finally:
            draft.unlink(missing_ok=True)
        sync_directory(home)

    def _publish(self, draft: Path, home: Path) -> None:
        try:
            draft.rename(home)
        except OSError:
            if not home.is_dir():  # a rival that stored the same content is fine
                raise
        fault_point("artifact.after_rename")
        sync_directory(self._objects)

    def read(self, digest: str, kind: str) -> Artifact:
        """Every file of the artifact, verified.

        Raises `NotFoundError` if there is none, `IntegrityError` if a byte differs from what the digest names, if a
        file is missing, foreign, linked or larger than its manifest says, or if it is of another kind; OSError when the
        machine is short of memory or open files, so that nothing is known about it.
        """
        home, body = self._manifest(digest)
        if (
            self._trust
            and kind in SIGNED_KINDS
            and (fault := self._trust().fault(digest, self._signatures(home, digest)))
        ):
            raise IntegrityError(f"artifact {digest[:12]}: {fault}")
        meta, listed = _contents(body, digest, kind)
        files: dict[str, bytes] = {}
        for name, (size, sha256) in listed.items():
            data = self._read_file(home, name, digest, size)
            if len(data) != size:
                raise IntegrityError(f"artifact {digest[:12]}: {name} has {len(data)} bytes, expected {size}")
            if _sha256(data) != sha256:
                raise IntegrityError(f"artifact {digest[:12]}: {name} is not what its manifest says")
            files[name] = data
        return Artifact(digest, kind, meta, files)

    def meta(self, digest: str, kind: str) -> dict[str, Any]:
        """What the maker of an artifact wrote about it, which its digest vouches for. Its files are not read, however
        large they are. Raises as `read` does."""
        _, body = self._manifest(digest)
        return _contents(body, digest, kind)[0]

    def _manifest(self, digest: str) -> tuple[Path, bytes]:
        """Where an artifact lies, and the manifest that its name stands for."""
        if not _DIGEST.fullmatch(digest):
            raise InvalidError("an artifact's name is 64 hexadecimal digits")
        home = self._objects / digest
        if not home.is_dir() or home.is_symlink():
            raise NotFoundError(f"artifact {digest[:12]} is not in the store")
        body = self._read_file(home, MANIFEST, digest, _MAX_MANIFEST_BYTES)
        if _sha256(body) != digest:
            raise IntegrityError(f"artifact {digest[:12]}: its manifest is not the one its name stands for")
        return home, body

    def _signatures(self, home: Path, digest: str) -> bytes | None:
        if not (home / SIGNATURES).is_symlink() and not (home / SIGNATURES).exists():
            return None
        return self._read_file(home, SIGNATURES, digest, _MAX_SIGNATURES_BYTES)

    def signers(self, digest: str) -> tuple[str, ...]:
        """Short names of the trusted keys that vouch for an artifact. Raises as `read` does for unreadable files."""
        if self._trust is None or not self.has(digest):
            return ()
        return self._trust().signers(digest, self._signatures(self._objects / digest, digest))

    def has(self, digest: str) -> bool:
        """Whether an artifact of that name is there (not whether it is sound: `read` says that)."""
        return bool(_DIGEST.fullmatch(digest)) and (self._objects / digest / MANIFEST).is_file()

    @staticmethod
    def _read_file(home: Path, name: str, digest: str, size: int) -> bytes:
        """At most `size` bytes of a plain file, through one descriptor: what was measured is what is read."""
        try:
            # A pipe in the place of a file would be waited for without O_NONBLOCK.
            descriptor = os.open(home / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in _SHORT:
                raise
            raise IntegrityError(f"artifact {digest[:12]}: {name} cannot be read ({error.strerror})") from error
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise IntegrityError(f"artifact {digest[:12]}: {name} cannot be read (it is no plain file)")
            data = file.read(size + 1) if facts.st_size <= size else b""
            if facts.st_size > size or len(data) > size:
                raise IntegrityError(
                    f"artifact {digest[:12]}: {name} has {max(facts.st_size, len(data))} bytes, at most {size} expected"
                )
            return data

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
                    draft.unlink() if draft.is_file() else shutil.rmtree(draft)
                    removed += 1
            except OSError:  # published, swept by another process, or not ours: the next start looks again
                continue
        return removed
