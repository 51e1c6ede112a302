"""Encrypting the files of a backup as they are written, so that their plain bytes are never on the backup's disk.

AES-256-GCM over pieces of 1 MiB, each file under a key of its own (HKDF of the backup's key and the file's salt). The
nonce of a piece is its number and whether it is the last one (the STREAM construction of Hoang, Reyhanitabar, Rogaway
and Vizár, 2015), so pieces that were exchanged, repeated or cut off do not open. The manifest stays readable, with a
MAC beside it.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from database.errors import IntegrityError, InvalidError, NotFoundError
from database.signing_keys import made_once

SCHEME = "aes-256-gcm-stream-1"
_MAGIC = b"steward sealed 1"
_SALT_BYTES = 16
_PIECE = 1024 * 1024
_TAG_BYTES = 16
_KEY_BYTES = 32


def make_key(path: Path) -> None:
    """A new key in a file of mode 0600. Raises `InvalidError` rather than replace one: what it sealed needs it."""
    if path.exists():
        raise InvalidError(f"{path} is there already; what was sealed with it can only be opened with it")
    made_once(path, base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n", 0o600)


def read_key(path: Path) -> bytes:
    """Raises `NotFoundError`, and `InvalidError` for a file that holds something else."""
    try:
        key = base64.urlsafe_b64decode(path.read_bytes().strip())
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no backup key at {path}: `steward backup key {path}` makes one") from error
    except ValueError as error:
        raise InvalidError(f"{path} holds no backup key") from error
    if len(key) != _KEY_BYTES:
        raise InvalidError(f"{path} holds no backup key: 32 bytes in base64 were expected")
    return key


def mac(key: bytes, manifest: bytes) -> str:
    """What shows that a manifest was written by somebody who has the key."""
    return hmac.new(_derived(key, b"manifest"), manifest, hashlib.sha256).hexdigest()


def _derived(key: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt, b"steward backup " + _MAGIC).derive(key)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class Sealed:
    """A file opened for writing: what is written to it reaches `file` encrypted. `close` writes the last piece."""

    def __init__(self, file: IO[bytes], key: bytes) -> None:
        salt = os.urandom(_SALT_BYTES)
        self._file, self._cipher = file, AESGCM(_derived(key, salt))
        self._kept, self._number = bytearray(), 0
        file.write(_MAGIC + salt)

    def write(self, data: bytes) -> None:
        self._kept += data
        while len(self._kept) > _PIECE:  # never the last byte: which piece is the last must be known when it is sealed
            self._put(bytes(self._kept[:_PIECE]), last=False)
            del self._kept[:_PIECE]

    def close(self) -> None:
        self._put(bytes(self._kept), last=True)
        self._kept.clear()

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), piece, _MAGIC))
        self._number += 1


def opened(file: IO[bytes], key: bytes, name: str) -> Iterator[bytes]:
    """The plain bytes of a sealed file, piece by piece. Raises `IntegrityError` before a byte that was altered."""
    head = file.read(len(_MAGIC) + _SALT_BYTES)
    if not head.startswith(_MAGIC) or len(head) < len(_MAGIC) + _SALT_BYTES:
        raise IntegrityError(f"{name}: is not a sealed file")
    cipher = AESGCM(_derived(key, head[len(_MAGIC) :]))
    piece, number = file.read(_PIECE + _TAG_BYTES), 0
    while True:
        following = file.read(_PIECE + _TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, not following), piece, _MAGIC)
        except InvalidTag as error:
            raise IntegrityError(
                f"{name}: does not open: it was altered or cut off, or sealed with another key"
            ) from error
        if not following:
            return
        piece, number = following, number + 1
