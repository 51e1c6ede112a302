"""Whether a backup can be restored is only known when it was: into a server of its own, thrown away afterwards."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from config.settings import Settings
from database.artifact_keys import store_of
from database.audit_walk import walk
from database.checkpoint_file import place_of, read_checkpoints
from database.checkpoints import CheckpointsRead
from database.connection import make_engine, read_scope
from database.embedded import EmbeddedPostgres
from database.errors import StewardError
from database.queries.audit import Actor
from database.running import running_database
from scripts.backup.place import Backup
from scripts.backup.restoring import restore
from training import serving_artifact


@dataclass(frozen=True)
class Answered:
    """One prediction of a version that the backup says served, from the files that came out of it."""

    model: str
    version: int
    probability: float


@dataclass(frozen=True)
class Proof:
    """What restoring a backup showed. No `faults`: it can be relied on."""

    rows: int
    events: int
    answered: tuple[Answered, ...]
    faults: tuple[str, ...]


def prove(backup: Backup, settings: Settings, actor: Actor, say: Callable[[str], None]) -> Proof:
    """Restore into a throw-away server, walk the audit log, load what served and let it answer.

    Raises what `restore` raises: then the backup cannot be restored at all.
    """
    with _elsewhere(settings) as there, running_database(there, migrates=False) as database:
        restore(backup, there, actor, replace=False, say=say)
        engine = make_engine(database.url, there.database, application="steward-verify")
        try:
            events, faults = _walked(engine, there, backup)
        finally:
            engine.dispose()
        answered = []
        for serving in backup.manifest.serving:
            try:
                answered.append(_answered(there, serving.model, serving.version, serving.artifact))
            except StewardError as error:
                faults.append(f"{serving.model}, version {serving.version}: {error}")
        faults += [f"artifact {digest[:12]} was missing when the backup was made" for digest in backup.manifest.missing]
        return Proof(sum(backup.manifest.counts.values()), events, tuple(answered), tuple(faults))


@contextmanager
def _elsewhere(settings: Settings) -> Iterator[Settings]:
    """The same settings for an installation that is nowhere else, and gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="steward-verify-"))
    home.chmod(0o755)  # as root the server runs as another user, who must pass
    groups = {
        "platform": {"home": home},
        "database": {"url": None},
        "audit": {"key_file": None, "checkpoint_file": None},
        "artifact": {"key_file": None, "trusted_dir": None},
        "agent": {"database_url": None},
    }
    copies = {name: getattr(settings, name).model_copy(update=changed) for name, changed in groups.items()}
    there = settings.model_copy(update=copies)
    try:
        yield there
    finally:
        EmbeddedPostgres(there.postgres_dir).stop()
        shutil.rmtree(home, ignore_errors=True)


def _walked(engine: Engine, there: Settings, backup: Backup) -> tuple[int, list[str]]:
    with read_scope(engine) as session:
        done = walk(session, _checkpoints(there, backup))
    return done.report.events, list(done.faults)


def _checkpoints(there: Settings, backup: Backup) -> CheckpointsRead:
    """Those of the backup, wherever they were put."""
    place, aside = place_of(there), there.platform.home / "restored" / backup.manifest.name
    for file, key in ((place.file, place.public_key), (aside / place.file.name, aside / "audit.key.pub")):
        if file.exists() and key.exists():
            return read_checkpoints(file, key)
    return CheckpointsRead(notes=("the backup holds no checkpoints",))


def _answered(there: Settings, model: str, version: int, digest: str) -> Answered:
    """Loading already held all golden rows against what they were; one more is asked as a client would."""
    store = store_of(there)
    loaded = serving_artifact.load(store, digest)
    golden = json.loads(store.read(digest, serving_artifact.KIND).files["golden.json"])
    return Answered(model, version, float(loaded.predict(golden["rows"][:1])[0]))
