"""The key and the file of the checkpoints: made once, appended to, and safe on the disk before anybody relies on it."""

import fcntl
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.settings import Settings
from database.checkpoints import (
    UNSEEN,
    Checkpoint,
    CheckpointsRead,
    SignedCheckpoint,
    contradictions,
    parsed,
    read_lines,
    sign,
)
from database.connection import ReadSession
from database.errors import IntegrityError, NotFoundError
from database.queries import audit
from database.queries.audit import BEGINNING, Mark
from database.signing_keys import key_id, private_key, public_key, publish, sync_directory

# A line has some 350 bytes; so far back the newest one that no crash tore is found.
_LAST_LINES_BYTES = 4096


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
    """The private key, made once; the public one is written beside it."""
    key = private_key(place.key)
    publish(key, place.public_key)
    return key


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


def newest_checkpoint(place: CheckpointPlace) -> Checkpoint | None:
    """What the last whole line says, unchecked: to show how far it reaches, not to believe it."""
    try:
        with place.file.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_LINES_BYTES))
            lines = file.read().split(b"\n")
    except OSError:
        return None
    return next((found for line in reversed(lines) if (found := parsed(line))), None)


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
    sync_directory(place.file.parent)
    return checkpoint


def _whole(session: ReadSession, chain: audit.ChainReport) -> audit.ChainReport:
    """The report of a walk that began late knows no end when nothing is left from there on."""
    newest = None if chain.last else audit.head(session)
    return replace(chain, last=newest.seq if newest else chain.last)


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
