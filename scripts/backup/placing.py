"""The files of a backup in their places. What is there and differs is never overwritten: what the backup has instead is
put aside under `STEWARD_HOME/restored`, and named."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from config.settings import Settings
from database.errors import IntegrityError
from scripts.backup.making import artifact_files, private_files
from scripts.backup.place import Backup
from scripts.backup.settling import Settled


@dataclass
class Restored:
    """What was put in place."""

    backup: str
    made_at: datetime
    migrated_from: str | None
    settled: Settled
    replaced_database: str | None
    put_aside: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def place_files(backup: Backup, settings: Settings, done: Restored) -> None:
    """Keys, contracts, MLflow's files: what harms nothing before the database is exchanged. What is there and differs
    stays where it is; what the backup has instead goes to `STEWARD_HOME/restored/NAME`, and is named."""
    private, aside = private_files(settings), _beside(backup, settings)
    for name in backup.manifest.below("mlflow-artifacts"):
        _put(backup, name, settings.platform.home / name)
    belongs = {name: path for name, path in private.items() if name in backup.manifest.files}
    for name in backup.manifest.below("keys/artifact-keys"):
        belongs[name] = settings.artifact_trusted_dir / Path(name).name
    for name, path in belongs.items():
        if not _put(backup, name, path, mode=0o600 if name in private else 0o644):
            done.put_aside.append(str(_aside(backup, name, aside)))
    pages = {name: settings.platform.contracts_dir / Path(name).name for name in backup.manifest.below("contracts")}
    for name, path in {"policy.yml": settings.platform.policy_file, **pages}.items():
        if name in backup.manifest.files and not _same(backup, name, path):
            done.put_aside.append(str(_aside(backup, name, aside)))
    if not backup.manifest.holds_keys and settings.platform.secret_key is None:
        done.notes.append(
            "the backup holds no keys: unless secret.key is put back into STEWARD_HOME, or STEWARD_SECRET_KEY is what "
            "it was, every API key has to be made anew"
        )


def place_state(backup: Backup, settings: Settings, done: Restored) -> None:
    """What goes with the restored database and no other: answers on their way, checkpoints, what is remembered."""
    aside = _beside(backup, settings)
    there = [int(path.name[6:]) for path in settings.spool_dir.glob("spool-*") if path.name[6:].isdigit()]
    for name in backup.manifest.below("spool"):
        _, spool, file = name.split("/")
        number = int(spool.removeprefix("spool-")) + 1 + max(there, default=-1)
        _put(backup, name, settings.spool_dir / f"spool-{number}" / file)
    _place_checkpoints(backup, settings, done, aside)
    if (known := settings.run_dir / "api-last-known.json").exists():  # of a time the database knows nothing of
        aside.mkdir(parents=True, exist_ok=True, mode=0o700)
        known.replace(aside / known.name)


def _beside(backup: Backup, settings: Settings) -> Path:
    return settings.platform.home / "restored" / backup.manifest.name


def place_artifacts(backup: Backup, settings: Settings, say: Callable[[str], None]) -> None:
    """Artifacts that are missing here, or damaged; a damaged one is moved out of the way."""
    objects = settings.artifacts_dir / "sha256"
    digests = sorted({name.split("/")[1] for name in backup.manifest.below("artifacts")})
    placed = 0
    for digest in digests:
        if _is_sound(objects / digest):
            continue
        draft = settings.artifacts_dir / "tmp" / f"restored-{token_hex(8)}"
        for name in backup.manifest.below(f"artifacts/{digest}"):
            _put(backup, name, draft / Path(name).name)
        objects.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (objects / digest).exists():
            (objects / digest).rename(draft.with_name(f"damaged-{token_hex(8)}"))
        draft.rename(objects / digest)
        placed += 1
    say(f"artifacts: {placed} put in place, {len(digests) - placed} were there")


def _is_sound(home: Path) -> bool:
    try:
        return all(sum(map(len, pieces)) >= 0 for _, pieces in artifact_files(home))
    except (OSError, IntegrityError, ValueError, KeyError):
        return False


def _place_checkpoints(backup: Backup, settings: Settings, done: Restored, aside: Path) -> None:
    """The checkpoints that fit the restored log. Ones that reach further are put aside: they speak of another one."""
    name, file = "audit-checkpoints.jsonl", settings.audit_checkpoint_file
    public = settings.audit_key_file.with_name(f"{settings.audit_key_file.name}.pub")
    if "keys/audit.key.pub" in backup.manifest.files and not public.exists() and settings.audit_key_file.exists():
        _put(backup, "keys/audit.key.pub", public, mode=0o644)
    if file.exists() and not _same(backup, name, file):
        kept = file.with_name(f"{file.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        file.rename(kept)
        done.put_aside.append(str(kept))
        done.notes.append(
            f"the checkpoints that were here are kept as {kept.name}; `steward audit verify --checkpoints` with them "
            "says what the restored log lacks"
        )
    if name not in backup.manifest.files or file.exists():
        return
    signed_here = settings.audit_key_file.exists() and _same(backup, "keys/audit.key.pub", public)
    if signed_here:
        _put(backup, name, file)
        return
    for one in (name, "keys/audit.key.pub"):
        done.put_aside.append(str(_aside(backup, one, aside)))
    done.notes.append("the key that signed the checkpoints is not here, so new ones begin; the old ones are put aside")


def _aside(backup: Backup, name: str, aside: Path) -> Path:
    path = aside / name.removeprefix("keys/")
    _put(backup, name, path, mode=0o600)
    return path


def _put(backup: Backup, name: str, path: Path, mode: int = 0o600) -> bool:
    """Write a file unless one is there; whether what lies there now is what the backup holds."""
    if path.exists():
        return _same(backup, name, path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        for piece in backup.plain(name):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return True


def _same(backup: Backup, name: str, path: Path) -> bool:
    """Whether a file holds what the backup has under this name. Only small files are compared."""
    if name not in backup.manifest.files or not path.is_file():
        return False
    return path.read_bytes() == b"".join(backup.plain(name))
