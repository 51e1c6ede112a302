"""What a replica last knew, on disk: so that one that restarts while the database is away can serve at once.

The file names versions and holds key digests, never keys; it is replaced as a whole and readable by its owner only.
What it names is loaded from the artifact store by digest, so it can be out of date but not wrong.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from loguru import logger

from api.keys import KnownKey
from api.serving import Desired

FILE_NAME = "api-last-known.json"


def save(path: Path, deployments: Sequence[Desired], keys: Sequence[KnownKey]) -> None:
    """Replace the file. A disk that is full costs a warning, not an answer."""
    body = orjson.dumps(
        {
            "deployments": [_as_json(desired) for desired in deployments],
            # Beside them: the release before this one reads no deployment that says more than it knows of.
            "before": [[_as_json(one) for one in desired.before] for desired in deployments],
            "keys": [
                {
                    "key_id": key.key_id,
                    "secret_digest": key.secret_digest,
                    "scopes": sorted(key.scopes),
                    "models": sorted(key.models) if key.models is not None else None,
                    "expires_at": key.expires_at.isoformat(),
                    "rows_per_day": key.rows_per_day,
                }
                for key in keys
            ],
        }
    )
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        logger.warning("serving.last_known.not_saved error={}", error)


def read(path: Path) -> tuple[list[Desired], list[KnownKey]]:
    """What was saved; nothing when there is no such file or it is damaged."""
    try:
        value = orjson.loads(path.read_bytes())
        # Files of earlier releases do not say what may answer in a version's place.
        before = value.get("before") or [()] * len(value["deployments"])
        deployments = [_desired(*one) for one in zip(value["deployments"], before, strict=True)]
        keys = [
            KnownKey(
                item["key_id"],
                item["secret_digest"],
                frozenset(item["scopes"]),
                frozenset(item["models"]) if item["models"] is not None else None,
                datetime.fromisoformat(item["expires_at"]),
                item.get("rows_per_day"),
            )
            for item in value["keys"]
        ]
    except FileNotFoundError:
        return [], []
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("serving.last_known.unreadable error={}", error)
        return [], []
    return deployments, keys


def _as_json(desired: Desired) -> dict[str, Any]:
    return {name: value for name, value in asdict(desired).items() if name != "before"}


def _desired(item: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> Desired:
    return Desired(**item, before=tuple(Desired(**one) for one in before))
