"""Ed25519 keys in files: made once, whole or not at all, and the private one readable by its owner alone."""

import hashlib
import os
import secrets
from pathlib import Path

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

from database.errors import InvalidError, NotFoundError


def key_id(key: Ed25519PublicKey) -> str:
    """A short name of a key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def private_key(path: Path) -> Ed25519PrivateKey:
    """The private key of a file, made once with mode 0600: two processes that start together agree on one.

    Raises `InvalidError` for a file that holds something else.
    """
    if not path.exists():
        fresh = Ed25519PrivateKey.generate()
        made_once(path, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidError(f"{path} holds no private key in PEM form without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidError(f"{path} holds a key of another kind than Ed25519")
    return key


def publish(key: Ed25519PrivateKey, path: Path) -> None:
    """Write the public half to a file that everybody may read, unless one is there."""
    if not path.exists():
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        made_once(path, public, 0o644)


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


def made_once(path: Path, content: bytes, mode: int) -> None:
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
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make what was renamed or linked in a directory last."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
