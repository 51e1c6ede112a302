"""Putting a backup in place: in a database beside the one that is there, exchanged for it by a rename when settled.

Killed anywhere before the rename, what was there is there. A database that is replaced is not dropped but renamed, and
no file that differs is overwritten: both are the person's to remove when nothing was lost.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from config.settings import ROOT, Settings
from database.address import database_url, embedded, mlflow_url
from database.agent_role import make_agent_login
from database.connection import first_line, make_engine, read_scope, session_scope, sqlstate
from database.erasure import carry_out, empty_letters, written_down
from database.errors import ConflictError, IntegrityError, InvalidError, UnavailableError
from database.migrations import head_revision, upgrade
from database.models import SubjectErasure
from database.queries.audit import Actor
from scripts.backup.making import counts
from scripts.backup.manifest import DATABASE_DUMP, MLFLOW_DUMP
from scripts.backup.place import Backup
from scripts.backup.placing import Restored, place_artifacts, place_files, place_state
from scripts.backup.postgres_programs import program, restored
from scripts.backup.settling import settle

Say = Callable[[str], None]
_RESTORE = ("--exit-on-error", "--no-owner", "--no-acl")
_LOCK = 7_238_110
_NOT_ALLOWED = "42501"


def require_known_schema(revision: str) -> None:
    """Raises `ConflictError` for a backup of a newer release: its tables mean what this code does not know."""
    try:
        ScriptDirectory(str(ROOT / "alembic")).get_revision(revision)
    except CommandError as error:
        raise ConflictError(
            f"the backup was made by a newer Steward: this one does not know the schema {revision}, only those up to "
            f"{head_revision()}. Install that release first"
        ) from error


def restore(backup: Backup, settings: Settings, actor: Actor, *, replace: bool, say: Say) -> Restored:
    """Put a backup in place of what the settings name. The server must run, and nothing else of this installation.

    Raises `IntegrityError` for a damaged backup, `ConflictError` when there is something and `replace` is false, when
    somebody is connected, or when the backup is of a newer release; then nothing has changed.
    """
    checked(backup)
    require_known_schema(backup.manifest.schema_revision)
    url, mlflow = database_url(settings), mlflow_url(settings)
    wanted = [(DATABASE_DUMP, url)] + ([(MLFLOW_DUMP, mlflow)] if MLFLOW_DUMP in backup.manifest.files else [])
    with _alone(url) as connection:
        path = _program(connection, backup)
        held = {target for _, target in wanted if _holds_something(connection, target)}
        if held and not replace:
            names = " and ".join(sorted(str(target.database) for target in held))
            raise ConflictError(
                f"there is something in {names}: `--replace` puts the backup in its place and keeps what is there "
                "under another name"
            )
        with _new_databases(connection, [target for _, target in wanted]) as works:
            for name, target in wanted:
                say(f"{target.database}: restoring {backup.manifest.files[name].bytes / 1e6:.1f} MB")
                restored(path, works[target], [*_RESTORE, *_owned_as(connection, target)], backup.plain(name))
            _compare_counts(works[url], backup)
            done = _settled(works[url], backup, actor, say)
            if url in held:
                _erase_again(url, works[url], say)
            place_artifacts(backup, settings, say)
            place_files(backup, settings, done)
            asides = _exchange(connection, works)
            for target, aside in asides.items():
                if target in held or _holds_something(connection, aside):  # somebody came while it was restored
                    done.replaced_database = str(aside.database) if target == url else done.replaced_database
                else:
                    connection.execute(text(f'DROP DATABASE "{aside.database}"'))
        place_state(backup, settings, done)
    if embedded(settings) is not None:
        make_agent_login(url)
    return done


def checked(backup: Backup) -> None:
    """Raises `IntegrityError` naming what is damaged."""
    faults = [fault for _, fault in backup.faults() if fault]
    if faults:
        raise IntegrityError(f"the backup {backup.manifest.name} is damaged: {'; '.join(faults[:5])}")


@contextmanager
def _alone(url: URL) -> Iterator[Connection]:
    """A connection beside the databases in question, which no other restore has now."""
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        with engine.connect() as connection:
            if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
                raise ConflictError("another restore is under way on this server")
            yield connection
    finally:
        engine.dispose()


def _program(connection: Connection, backup: Backup) -> Path:
    server, made_on = int(connection.scalar(text("SHOW server_version_num"))), backup.manifest.server_version
    if server // 10_000 < made_on // 10_000:
        raise InvalidError(
            f"the backup was made on PostgreSQL {made_on // 10_000}, and this server is {server // 10_000}: restore "
            "into that version or a newer one"
        )
    path, _ = program("pg_restore", at_least=backup.manifest.client_version, because="this backup")
    return path


def _holds_something(connection: Connection, url: URL) -> bool:
    """Whether a database is there and was ever used; one that was only migrated was not."""
    if not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": url.database}):
        return False
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as inside:
            if inside.scalar(text("SELECT to_regclass('public.audit_log')")) is None:
                tables = "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
                return bool(inside.scalar(text(tables)))
            used = "SELECT EXISTS (SELECT 1 FROM audit_log) OR EXISTS (SELECT 1 FROM predictions)"
            return bool(inside.scalar(text(used)))
    finally:
        engine.dispose()


@contextmanager
def _new_databases(connection: Connection, targets: list[URL]) -> Iterator[dict[URL, URL]]:
    """An empty database beside each target to restore into. What is not exchanged goes, and so does what killed
    restores left, for we are alone."""
    works = {target: target.set(database=f"{target.database}_restoring_{token_hex(4)}") for target in targets}
    for target in targets:
        left = "SELECT datname FROM pg_database WHERE datname LIKE :like"
        for old in connection.scalars(text(left), {"like": f"{target.database}\\_restoring\\_%"}).all():
            connection.execute(text(f'DROP DATABASE IF EXISTS "{old}"'))
    try:
        for work in works.values():
            connection.execute(text(f'CREATE DATABASE "{work.database}" TEMPLATE template0'))
        for target, work in works.items():
            _let_in_as_before(connection, str(target.database), str(work.database))
        yield works
    except DBAPIError as error:
        if sqlstate(error) != _NOT_ALLOWED:
            raise
        raise UnavailableError(
            f"no database can be made to restore into ({first_line(error)}): the user of DATABASE_URL needs CREATEDB"
        ) from error
    finally:
        for work in works.values():
            connection.execute(text(f'DROP DATABASE IF EXISTS "{work.database}" WITH (FORCE)'))


def _owned_as(connection: Connection, target: URL) -> list[str]:
    """pg_restore's option for tables that belong to another login than ours: MLflow's server may have its own."""
    owner = connection.scalar(
        text("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = :name"), {"name": target.database}
    )
    return [] if owner in {None, connection.scalar(text("SELECT current_user"))} else [f"--role={owner}"]


def _let_in_as_before(connection: Connection, name: str, work: str) -> None:
    """Whose the database is and who may enter it are no part of a dump: as for the one whose place it takes."""
    facts = connection.execute(
        text(
            "SELECT pg_get_userbyid(datdba) AS owner, datacl IS NOT NULL AS told FROM pg_database WHERE datname = :name"
        ),
        {"name": name},
    ).one_or_none()
    if facts is None:
        return
    rights = connection.execute(
        text(
            "SELECT coalesce(quote_ident(r.rolname), 'PUBLIC'), string_agg(a.privilege_type, ', ') FROM pg_database d,"
            " aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = :name GROUP BY 1"
        ),
        {"name": name},
    ).all()
    if facts.owner != connection.scalar(text("SELECT current_user")):
        connection.execute(text(f'ALTER DATABASE "{work}" OWNER TO "{facts.owner}"'))
    if facts.told:
        connection.execute(text(f'REVOKE ALL ON DATABASE "{work}" FROM PUBLIC'))
        for who, what in rights:
            connection.execute(text(f'GRANT {what} ON DATABASE "{work}" TO {who}'))


def _exchange(connection: Connection, works: dict[URL, URL]) -> dict[URL, URL]:
    """Put what was restored in place, all of it or nothing; where what was there before is kept."""
    now, asides = datetime.now(UTC), {}
    known = text("SELECT 1 FROM pg_database WHERE datname = :name")
    try:
        connection.execute(text("BEGIN"))
        for target, work in works.items():
            if connection.scalar(known, {"name": target.database}):
                asides[target] = target.set(database=f"{target.database}_before_{now:%Y%m%dt%H%M%S}")
                connection.execute(text(f'ALTER DATABASE "{target.database}" RENAME TO "{asides[target].database}"'))
            connection.execute(text(f'ALTER DATABASE "{work.database}" RENAME TO "{target.database}"'))
        connection.execute(text("COMMIT"))
    except DBAPIError as error:
        connection.execute(text("ROLLBACK"))
        names = " and ".join(str(target.database) for target in works)
        raise ConflictError(
            f"what was restored cannot take its place ({first_line(error)}): end every process that uses {names}, and "
            "try again; nothing has changed"
        ) from error
    return asides


def _compare_counts(url: URL, backup: Backup) -> None:
    engine = make_engine(url, application="steward-restore")
    try:
        with engine.connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            found = counts(connection)
    finally:
        engine.dispose()
    said = backup.manifest.counts
    wrong = [
        f"{name}: {found.get(name)} rows, {said.get(name)} expected"
        for name in sorted({*found, *said})
        if found.get(name) != said.get(name)
    ]
    if wrong:
        raise IntegrityError(f"what was restored is not what was backed up: {'; '.join(wrong[:5])}")


def _settled(url: URL, backup: Backup, actor: Actor, say: Say) -> Restored:
    manifest = backup.manifest
    older = manifest.schema_revision if manifest.schema_revision != head_revision() else None
    if older:
        say(f"migrating from {older} to {head_revision()}")
    upgrade(url)
    engine = make_engine(url, application="steward-restore")
    try:
        with session_scope(engine) as session:
            done = settle(session, actor, manifest, backup.digest)
    finally:
        engine.dispose()
    return Restored(manifest.name, manifest.made_at, older, done, None, notes=list(manifest.notes))


def _erase_again(replaced: URL, work: URL, say: Say) -> None:
    """What was erased since the backup is erased in it, too: the database that is replaced knows of it."""
    old, new = make_engine(replaced, application="steward-restore"), make_engine(work, application="steward-restore")
    try:
        with old.connect() as connection:
            if connection.scalar(text("SELECT to_regclass('public.subject_erasures')")) is None:
                return
        with read_scope(old) as session:
            wishes = [(one.model_name, one.subject, one.until) for one in written_down(session)]
        with session_scope(new) as session:
            for model, subject, until in wishes:
                tombstone = insert(SubjectErasure).values(model_name=model, subject=subject, until=until)
                session.execute(
                    tombstone.on_conflict_do_update(index_elements=["model_name", "subject"], set_={"until": until})
                )
        rows = sum(carry_out(new, *wish) for wish in wishes)
        with session_scope(new) as session:  # none of them is younger than the wish: the backup is older
            rows += sum(empty_letters(session, subject) for _, subject, _ in wishes)
        say(f"erased again: {rows:,} rows of {len(wishes):,} subjects")
    finally:
        old.dispose()
        new.dispose()
