"""What a backup says of itself: the file whose presence makes it one. Values in, values out."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from database.errors import IntegrityError

MANIFEST = "manifest.json"
MANIFEST_MAC = "manifest.mac"
DATABASE_DUMP = "database.dump"
MLFLOW_DUMP = "mlflow.dump"
NAME = re.compile(r"steward-\d{8}T\d{6}Z-[0-9a-f]{8}")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredFile(_Part):
    """A file as it lies in the backup (sealed, if the backup is)."""

    bytes: int = Field(ge=0)
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ServingVersion(_Part):
    """What served when the backup was made."""

    model: str
    version: int
    generation: int
    artifact: str


class Head(_Part):
    """Where the audit log ended; 0 and zeroes for an empty one."""

    seq: int
    hash: str


class Manifest(_Part):
    """All facts about a backup. `counts` and `audit` are of the dump's own snapshot."""

    format: Literal[1] = 1
    name: str
    installation: str | None = Field(description="the hash of the first event of the audit log")
    made_at: datetime = Field(description="of the snapshot, by the database's clock")
    steward_version: str
    schema_revision: str
    server_version: int = Field(description="PostgreSQL's, as 180004")
    client_version: int = Field(description="the major version of pg_dump")
    audit: Head
    counts: dict[str, int]
    serving: list[ServingVersion]
    holds_keys: bool
    sealed: Literal["aes-256-gcm-stream-1"] | None
    missing: list[str] = Field(description="artifacts the database names that were missing or damaged")
    notes: list[str]
    files: dict[str, StoredFile]

    def to_bytes(self) -> bytes:
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True).encode() + b"\n"

    @property
    def total_bytes(self) -> int:
        return sum(file.bytes for file in self.files.values())

    def below(self, folder: str) -> list[str]:
        """The files of one folder, in order."""
        return sorted(name for name in self.files if name.startswith(f"{folder}/"))


def parsed(body: bytes, where: str) -> Manifest:
    """Raises `IntegrityError` for anything that is no manifest of ours, or that names a path outside of the backup."""
    try:
        value: Any = json.loads(body)
        if isinstance(value, dict) and value.get("format", 1) != 1:
            raise IntegrityError(f"{where}: format {value['format']!r} is of a newer Steward than this one")
        found = Manifest.model_validate(value)
    except (ValidationError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{where}: is not the manifest of a backup") from error
    if not NAME.fullmatch(found.name) or DATABASE_DUMP not in found.files:
        raise IntegrityError(f"{where}: is not the manifest of a backup")
    for name in found.files:
        if not is_inside(name):
            raise IntegrityError(f"{where}: names the file {name[:80]!r}, which is not inside of the backup")
    return found


def is_inside(name: str) -> bool:
    """Whether a file's name leads nowhere but into the backup."""
    return "\0" not in name and "\\" not in name and all(part not in {"", ".", ".."} for part in name.split("/"))
