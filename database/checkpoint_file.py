"""The key and the file of the checkpoints: made once, appended to, and safe on the disk before anybody relies on it."""

import fcntl
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from config.settings import Settings
from database.checkpoints import (
    UNSEEN,
    Checkpoint,
    CheckpointsRead,
    SignedCheckpoint,
    contradictions,
    key_id,
    parsed,
    read_lines,
    sign,
)
from database.connection import ReadSession
from database.errors import IntegrityError, InvalidError, NotFoundError
from database.queries import audit
from database.queries.audit import BEGINNING, Mark


@dataclass(frozen=True)
class CheckpointPlace:
    """Where the private key and the checkpoints lie; the public key lies beside the private one."""

    key: Path
    file: Path

    @property
    def public_key(self) -> Path:
        return self.key.with_name(f"{self.key.name}.pub")


def place_of(settings: Settings) -> CheckpointPlace:
    """Where the settings say."""
    return CheckpointPlace(settings.audit_key_file, settings.audit_checkpoint_file)


def signing_key(place: CheckpointPlace) -> Ed25519PrivateKey:
    """The private key, made once with mode 0600; the public one is written beside it.

    Two processes that start together agree on one key.
    """
    if not place.key.exists():
        fresh = Ed25519PrivateKey.generate()
        _made_once(place.key, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    try:
        key = load_pem_private_key(place.key.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidError(f"{place.key} holds no private key in PEM form without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidError(f"{place.key} holds a key of another kind than Ed25519")
    if not place.public_key.exists():
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        _made_once(place.public_key, public, 0o644)
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """A public key from its file. Raises `NotFoundError` and `InvalidError`."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no public key at {path}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidError(f"{path} holds no public key in PEM form") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidError(f"{path} holds a key of another kind than Ed25519")
    return key


def _made_once(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole or not at all; one that is there already stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(whole, path)
    except FileExistsError:
        pass
    finally:
        whole.unlink()
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_checkpoints(file: Path, key: Path) -> CheckpointsRead:
    """All checkpoints of a file, checked against a public key. Raises `NotFoundError` and `InvalidError`."""
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"there are no checkpoints at {file}") from error
    return read_lines(content, file.name, public_key(key))


def checkpoints_missing(place: CheckpointPlace) -> CheckpointsRead:
    """No file at its place: never signed yet, or somebody took it away, for the key is made just before the file."""
    if place.key.exists() or place.public_key.exists():
        return CheckpointsRead(faults=(f"{place.file} is missing, though there is a key: it was removed or moved",))
    return CheckpointsRead(notes=(f"nothing was ever signed here: {UNSEEN}",))


def add_checkpoint(session: ReadSession, place: CheckpointPlace, now: datetime) -> Checkpoint | None:
    """Sign the chain as it stands, if it has grown since the last checkpoint; None if it has not.

    Only what continues the last checkpoint is signed: a chain that was altered since is `IntegrityError`, and stays
    unsigned until a person has looked.
    """
    key = signing_key(place)
    place.file.parent.mkdir(parents=True, exist_ok=True)
    with place.file.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        last = _last(file, place, key.public_key())
        since = Mark(last.seq, last.hash) if last else BEGINNING
        chain = audit.verify(session, signed=[since.seq], since=since)
        for fault in (*(contradictions([last], _whole(session, chain)) if last else ()), *chain.faults):
            raise IntegrityError(f"{fault}; nothing is signed until somebody has looked: `steward audit verify`")
        if not chain.events:
            return None
        checkpoint = Checkpoint(seq=chain.last, hash=chain.head, at=now, after=since.seq)
        _append(file, sign(checkpoint, key))
    _sync_directory(place.file.parent)
    return checkpoint


def _whole(session: ReadSession, chain: audit.ChainReport) -> audit.ChainReport:
    """The report of a walk that began late knows no end when nothing is left from there on."""
    newest = None if chain.last else audit.head(session)
    return audit.ChainReport(chain.events, chain.faults, chain.head, newest.seq if newest else chain.last, chain.hashes)


def _last(file: IO[bytes], place: CheckpointPlace, key: Ed25519PublicKey) -> SignedCheckpoint | None:
    """The newest line that no crash tore. Raises `IntegrityError` when this key did not sign it."""
    file.seek(0)
    whole = (found for line in reversed(file.read().split(b"\n")) if (found := parsed(line)))
    last = next(whole, None)
    if last and not last.is_by(key):
        raise IntegrityError(
            f"the last line of {place.file} is not signed with {place.key} (key {key_id(key)}): it was edited, or "
            "the key is a new one; `steward audit verify` says which; move the file away and a new one begins"
        )
    return last


def _append(file: IO[bytes], line: str) -> None:
    """One line in one write, on the disk when this returns. A torn line before it is closed first."""
    size = file.seek(0, os.SEEK_END)
    torn = False
    if size:
        file.seek(size - 1)
        torn = file.read(1) != b"\n"
    file.write((b"\n" if torn else b"") + line.encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
