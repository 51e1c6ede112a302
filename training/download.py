"""One file from the network: complete, verified, or not there at all."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
from loguru import logger

from database.errors import InvalidError, UnavailableError

ATTEMPTS = 3
TIMEOUT_S = 10.0
MAX_BYTES = 64 * 1024 * 1024


def fetch(
    url: str,
    path: Path,
    sha256: str,
    *,
    attempts: int = ATTEMPTS,
    timeout_s: float = TIMEOUT_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """`path`, holding what `sha256` names: as it is if it does already, else downloaded.

    The file appears under its name only when it is whole and verified. Raises `UnavailableError` after the last
    attempt, naming the reason and what to set instead, and `InvalidError` when what the server handed out last was
    another file.
    """
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
        return path
    failure: InvalidError | UnavailableError = UnavailableError(f"{url}: nothing tried")
    for attempt in range(attempts):
        if attempt:
            sleep(0.5 * 2**attempt)
        try:
            data = _get(url, timeout_s)
        except (httpx.HTTPError, OSError) as error:
            failure = _unavailable(url, attempts, f"{type(error).__name__}: {error}")
            logger.info("download.failed url={} attempt={} reason={}", url, attempt + 1, type(error).__name__)
            continue
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            failure = InvalidError(
                f"{url}: handed out another file: {len(data)} bytes with sha256 {found[:16]}…, expected {sha256[:16]}…"
            )
            logger.info("download.foreign url={} attempt={} bytes={}", url, attempt + 1, len(data))
            continue
        _publish(path, data)
        logger.info("download.done url={} bytes={}", url, len(data))
        return path
    raise failure


def _unavailable(url: str, attempts: int, reason: str) -> UnavailableError:
    return UnavailableError(
        f"{url}: could not be downloaded in {attempts} attempts ({reason}); "
        "set STEWARD_DATA_DIR to a directory that holds the file"
    )


def _get(url: str, timeout_s: float) -> bytes:
    with httpx.Client(timeout=timeout_s, follow_redirects=True) as client, client.stream("GET", url) as answer:
        answer.raise_for_status()
        data = bytearray()
        for part in answer.iter_bytes():
            data += part
            if len(data) > MAX_BYTES:
                raise InvalidError(f"{url}: is larger than {MAX_BYTES} bytes")
        return bytes(data)


def _publish(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
