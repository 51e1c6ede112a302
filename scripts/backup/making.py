"""Writing a backup while everything runs.

The order is what makes it whole. First the spool, then one snapshot of the database, then the artifacts. An answer that
was given before the backup began is in the spool's copy or was stored before the snapshot; a version that the snapshot
knows has had its files for as long, and files never change. The counts of the manifest are of the snapshot itself.
"""

import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Connection, text

from config.release import release
from config.settings import Settings
from database.address import database_url, mlflow_url
from database.connection import first_line, make_engine
from database.errors import IntegrityError, InvalidError
from database.queries.audit import GENESIS
from scripts.backup.manifest import DATABASE_DUMP, MLFLOW_DUMP, Head, Manifest, ServingVersion, is_inside
from scripts.backup.place import Draft, pieces_of, unfinished
from scripts.backup.postgres_programs import dumped, program
from scripts.backup.sealing import SCHEME

Say = Callable[[str], None]
_DUMP = ("--format=custom", "--compress=6", "--no-owner", "--no-acl", "--lock-wait-timeout=10s")
_MANIFEST_OF_ARTIFACT = "manifest.json"
_SIGNATURES = "manifest.sig"
# Rows of a table are counted whole, so the snapshot may last; the server's own limits would end it in the middle.
_PATIENCE = ("SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0")


@dataclass(frozen=True)
class Made:
    """A backup that was made."""

    path: Path
    manifest: Manifest
    digest: str
    seconds: float


@dataclass(frozen=True)
class _Facts:
    revision: str
    made_at: datetime
    installation: str | None
    head: Head
    counts: dict[str, int]
    serving: list[ServingVersion]
    artifacts: list[str]


def make(settings: Settings, to: Path, *, key: bytes | None, with_keys: bool, say: Say) -> Made:
    """Write a backup into a new directory below `to`. The database must run; nothing of it is changed.

    Raises `InvalidError` when pg_dump is too old or the database is none of ours, `UnavailableError` when it fails,
    OSError when the disk is full. Whatever happens, a directory bears a backup's name only if it is a whole one, and
    what was written of one that failed is gone: a disk that is full is not filled by the next try.
    """
    began = time.monotonic()
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"steward-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    draft = Draft(unfinished(to, name), key)
    draft.directory.mkdir(mode=0o700)
    try:
        manifest = _written(draft, settings, name, with_keys=with_keys, say=say)
        digest = draft.publish(manifest, to / name)
    except BaseException:
        shutil.rmtree(draft.directory, ignore_errors=True)
        raise
    return Made(to / name, manifest, digest, time.monotonic() - began)


def _written(draft: Draft, settings: Settings, name: str, *, with_keys: bool, say: Say) -> Manifest:
    """All files of a backup, in the order that makes it whole."""
    say(f"spool: {_copy_spool(draft, settings.spool_dir)} files of answers on their way")
    notes: list[str] = []
    facts, server_version, client_version = _dump(draft, settings, notes, say)
    missing = _copy_artifacts(draft, settings.artifacts_dir, facts.artifacts, say)
    _copy_plain(draft, settings, with_keys=with_keys)
    return Manifest(
        name=name,
        installation=facts.installation,
        made_at=facts.made_at,
        steward_version=release(),
        schema_revision=facts.revision,
        server_version=server_version,
        client_version=client_version,
        audit=facts.head,
        counts=facts.counts,
        serving=facts.serving,
        holds_keys=with_keys,
        sealed=SCHEME if draft.key is not None else None,
        missing=missing,
        notes=notes,
        files=draft.files,
    )


def _dump(draft: Draft, settings: Settings, notes: list[str], say: Say) -> tuple[_Facts, int, int]:
    url = database_url(settings)
    engine = make_engine(url, settings.database, application="steward-backup")
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
            for setting in _PATIENCE:
                connection.execute(text(setting))
            server = int(connection.scalar(text("SHOW server_version_num")) or 0)
            path, client = program("pg_dump", at_least=server // 10_000, because="this server")
            snapshot = str(connection.scalar(text("SELECT pg_export_snapshot()")))
            facts = _facts(connection)
            options = (*_DUMP, f"--snapshot={snapshot}")
            stored = draft.add(DATABASE_DUMP, dumped(path, url, options))
            rows = sum(facts.counts.values())
            say(f"database: {rows:,} rows of {len(facts.counts)} tables, {stored.bytes / 1e6:.1f} MB")
    finally:
        engine.dispose()
    _dump_mlflow(draft, mlflow_url(settings), path, notes, say)
    return facts, server, client


def _dump_mlflow(draft: Draft, url: URL, path: Path, notes: list[str], say: Say) -> None:
    engine = make_engine(url, application="steward-backup")
    try:
        with engine.connect() as connection:
            known = connection.scalar(text("SELECT to_regclass('public.experiments')"))
    except Exception as error:  # noqa: BLE001 – it may be on another server, or not be there: the rest is worth having
        notes.append(f"MLflow's database is not part of it: {first_line(error)}")
        say(notes[-1])
        return
    finally:
        engine.dispose()
    if known is None:
        notes.append("MLflow's database is empty, and not part of it")
        return
    stored = draft.add(MLFLOW_DUMP, dumped(path, url, _DUMP))
    say(f"MLflow's database: {stored.bytes / 1e6:.1f} MB")


def _facts(connection: Connection) -> _Facts:
    """What the snapshot holds. Read without the models, so that a database of an older release can be backed up."""
    revision = None
    if connection.scalar(text("SELECT to_regclass('public.alembic_version')")) is not None:
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is None:
        raise InvalidError("the database holds nothing of Steward: there is nothing to back up")
    first = connection.scalar(text("SELECT hash FROM audit_log WHERE seq = 1"))
    head = connection.execute(text("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1")).one_or_none()
    serving = connection.execute(
        text(
            "SELECT DISTINCT ON (d.model_name) d.model_name, v.version, d.generation, v.artifact_digest"
            " FROM deployments d JOIN model_versions v ON v.id = d.version_id"
            " ORDER BY d.model_name, d.generation DESC"
        )
    )
    return _Facts(
        revision=str(revision),
        made_at=connection.scalar(text("SELECT clock_timestamp()")) or datetime.now(UTC),
        installation=first,
        head=Head(seq=head.seq, hash=head.hash) if head else Head(seq=0, hash=GENESIS),
        counts=counts(connection),
        serving=[ServingVersion(model=row[0], version=row[1], generation=row[2], artifact=row[3]) for row in serving],
        artifacts=list(connection.scalars(text("SELECT DISTINCT artifact_digest FROM model_versions ORDER BY 1"))),
    )


def counts(connection: Connection) -> dict[str, int]:
    """The rows of every table; a partitioned one counts those of its parts."""
    names = connection.scalars(
        text(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"
        )
    ).all()
    return {name: int(connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0) for name in names}  # noqa: S608


def _copy_spool(draft: Draft, spool: Path) -> int:
    """The files of every process's spool. The note of what was shipped first: one that is old sends rows twice, which
    stores them once; a segment that goes meanwhile was stored."""
    copied = 0
    for directory in sorted(path for path in spool.glob("spool-*") if path.is_dir()):
        for path in (directory / "cursor", *sorted(directory.glob("*.log"))):
            try:
                content = list(pieces_of(path))
            except FileNotFoundError:
                continue
            draft.add(f"spool/{directory.name}/{path.name}", content)
            copied += path.suffix == ".log"
    return copied


def _copy_artifacts(draft: Draft, root: Path, named: list[str], say: Say) -> list[str]:
    """Every artifact of the store that is sound, and which of the named ones are not."""
    objects = root / "sha256"
    found = {path.name for path in objects.iterdir() if path.is_dir()} if objects.is_dir() else set()
    missing = sorted(set(named) - found)
    for digest in sorted(found):
        try:
            _copy_artifact(draft, objects / digest)
        except (IntegrityError, FileNotFoundError) as error:
            say(f"artifact {digest[:12]} is left out: {error}")
            for name in [name for name in draft.files if name.startswith(f"artifacts/{digest}/")]:
                (draft.directory / name).unlink()
                del draft.files[name]
            missing += [digest] if digest in named else []
    say(f"artifacts: {len(found)} looked at, {len(named)} named by versions, {len(missing)} of those missing")
    return sorted(missing)


def _copy_artifact(draft: Draft, home: Path) -> None:
    for name, pieces in artifact_files(home):
        draft.add(f"artifacts/{home.name}/{name}", pieces)


def artifact_files(home: Path) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The files of one artifact, of whatever kind, with their bytes. Reading on raises `IntegrityError` where they are
    not what the artifact's name stands for, and FileNotFoundError where one is missing."""
    body = b"".join(pieces_of(home / _MANIFEST_OF_ARTIFACT))
    if hashlib.sha256(body).hexdigest() != home.name:
        raise IntegrityError("its manifest is not the one its name stands for")
    try:
        named = {name: str(facts["sha256"]) for name, facts in json.loads(body)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError("its manifest names no files") from error
    if any(not is_inside(name) or name in {_MANIFEST_OF_ARTIFACT, _SIGNATURES} for name in named):
        raise IntegrityError("its manifest names what is no file of an artifact")
    yield _MANIFEST_OF_ARTIFACT, [body]
    if (home / _SIGNATURES).exists():
        yield _SIGNATURES, pieces_of(home / _SIGNATURES)
    for name, sha256 in named.items():
        yield name, _verified(home / name, sha256)


def _verified(path: Path, sha256: str) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for piece in pieces_of(path):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != sha256:
        raise IntegrityError(f"{path.name} is not what its manifest says")


def _copy_plain(draft: Draft, settings: Settings, *, with_keys: bool) -> None:
    """Keys, checkpoints, contracts and the policy page. The private halves only where the backup may hold them."""
    public = settings.audit_key_file.with_name(f"{settings.audit_key_file.name}.pub")
    plain = {
        "audit-checkpoints.jsonl": settings.audit_checkpoint_file,
        "keys/audit.key.pub": public,
        "policy.yml": settings.platform.policy_file,
        **{f"keys/artifact-keys/{path.name}": path for path in sorted(settings.artifact_trusted_dir.glob("*.pub"))},
        **{f"contracts/{path.name}": path for path in sorted(settings.platform.contracts_dir.glob("*.yml"))},
        **{name: path for name, path in private_files(settings).items() if with_keys},
    }
    for name, path in plain.items():
        if path.is_file():
            draft.add(name, pieces_of(path))
    artifacts = settings.platform.home / "mlflow-artifacts"
    for path in sorted(artifacts.rglob("*")) if artifacts.is_dir() else []:
        if path.is_file() and not path.is_symlink():
            draft.add(f"mlflow-artifacts/{path.relative_to(artifacts)}", pieces_of(path))


def private_files(settings: Settings) -> dict[str, Path]:
    """The secrets that lie in files: where they stand in a backup that holds them, and where they belong."""
    return {
        "keys/secret.key": settings.platform.home / "secret.key",
        "keys/audit.key": settings.audit_key_file,
        "keys/artifact.key": settings.artifact_key_file,
    }


def clear_unfinished(to: Path, older_than_s: float = 86_400.0) -> int:
    """Remove what dead backups left below `to`, a day later; how many."""
    old = [path for path in to.glob(".steward-*.unfinished") if time.time() - path.stat().st_mtime > older_than_s]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)
