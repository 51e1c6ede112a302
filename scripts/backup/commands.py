"""`steward backup`, `steward backup verify` and `steward restore`."""

import json
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from config.settings import Settings
from database.connection import make_engine, session_scope
from database.errors import ConflictError, InvalidError
from database.queries.audit import BACKUP_MADE, append
from database.running import running_database
from scripts.admin import me
from scripts.backup.making import Made, clear_unfinished, make
from scripts.backup.place import Backup, newest, open_backup, rotate
from scripts.backup.placing import Restored
from scripts.backup.proving import prove
from scripts.backup.restoring import restore
from scripts.backup.sealing import make_key, read_key
from scripts.plain_speech import said_plainly
from scripts.speech import JsonFlag, say
from scripts.supervisor import running_stacks

backup = typer.Typer(help="Back up all that is state, while it runs; check a backup.", invoke_without_command=True)
KeyFile = Annotated[
    Path | None, typer.Option(help="the key that seals backups; default: BACKUP_KEY_FILE, else they are not sealed")
]
From = Annotated[Path, typer.Argument(metavar="FROM", help="a backup, or a directory of backups: then its newest")]


def _say(line: str) -> None:
    say(escape(line))


def _key(settings: Settings, given: Path | None) -> bytes | None:
    path = given or settings.backup.key_file
    return read_key(path) if path else None


@backup.callback()
def make_backup(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option(help="directory of backups; default: BACKUP_DIR")] = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="remove all but the newest so many of this installation; else BACKUP_KEEP"),
    ] = None,
    key_file: KeyFile = None,
    with_keys: Annotated[
        bool | None, typer.Option(help="secret.key and the private signing keys; default: only in a sealed backup")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Back up the database, MLflow's, artifacts, the spool, keys, checkpoints, contracts and the policy page.

    The platform goes on meanwhile. The backup is a directory with a manifest; it is there as a whole or not at all.
    """
    if context.invoked_subcommand is not None:
        return
    with said_plainly() as settings, running_database(settings, migrates=False) as database:
        key, directory = _key(settings, key_file), (to or settings.backup_dir).expanduser().resolve()
        clear_unfinished(directory)
        holds_keys = key is not None if with_keys is None else with_keys
        done = make(settings, directory, key=key, with_keys=holds_keys, say=_quiet if as_json else _say)
        left = keep if keep is not None else settings.backup.keep
        gone = rotate(directory, left, done.manifest) if left else []
        engine = make_engine(database.url, settings.database, application="steward-backup")
        try:
            with session_scope(engine) as session:
                append(session, me(), BACKUP_MADE, "backup", done.manifest.name, _event(done, gone))
        finally:
            engine.dispose()
        if as_json:
            print(json.dumps({"path": str(done.path), **_event(done, gone)}))
        else:
            _tell(done, gone)


def _event(done: Made, gone: list[Path]) -> dict[str, Any]:
    manifest = done.manifest
    return {
        "name": manifest.name,
        "made_at": manifest.made_at.isoformat(),
        "manifest": done.digest,
        "bytes": manifest.total_bytes,
        "seconds": round(done.seconds, 3),
        "rows": sum(manifest.counts.values()),
        "files": len(manifest.files),
        "audit_seq": manifest.audit.seq,
        "schema_revision": manifest.schema_revision,
        "sealed": manifest.sealed is not None,
        "holds_keys": manifest.holds_keys,
        "missing_artifacts": manifest.missing,
        "removed": [path.name for path in gone],
    }


def _tell(done: Made, gone: list[Path]) -> None:
    manifest = done.manifest
    sealed = "sealed" if manifest.sealed else "not encrypted (BACKUP_KEY_FILE)"
    keys = "with its private keys" if manifest.holds_keys else "without private keys and secret.key"
    _say(f"{done.path}: {manifest.total_bytes / 1e6:,.1f} MB in {done.seconds:.1f} s, {sealed}, {keys}")
    if manifest.holds_keys and not manifest.sealed:
        say("[yellow]note[/] whoever reads it can sign versions and checkpoints: keep it as you keep the keys")
    for digest in manifest.missing:
        say(f"[yellow]note[/] artifact {digest[:12]}, which a version names, is missing or damaged, and not part of it")
    if gone:
        _say(f"removed {len(gone)} older: {', '.join(path.name for path in gone)}")


@backup.command("key")
def make_backup_key(file: Annotated[Path, typer.Argument(help="file to write")]) -> None:
    """Make the key that seals backups. Keep a copy elsewhere: without it they cannot be opened by anybody."""
    with said_plainly():
        make_key(file.expanduser().resolve())
        _say(f"{file}: keep a copy away from this machine; a sealed backup without its key is lost")


def _opened(settings: Settings, place: Path, key_file: Path | None) -> Backup:
    directory = place.expanduser().resolve()
    return open_backup(newest(directory) or directory, _key(settings, key_file))


@backup.command("verify")
def verify_backup(
    place: From,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="restore it into a throw-away server, walk the audit log, answer a row"),
    ] = False,
    key_file: KeyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Hold every file of a backup against its manifest; exit 1 if one differs."""
    with said_plainly() as settings:
        found = _opened(settings, place, key_file)
        faults = [fault for _, fault in found.faults() if fault]
        facts: dict[str, Any] = {"name": found.manifest.name, "made_at": found.manifest.made_at.isoformat()}
        facts |= {"files": len(found.manifest.files), "bytes": found.manifest.total_bytes}
        if deep and not faults:
            proof = prove(found, settings, me(), _quiet if as_json else _say)
            faults = list(proof.faults)
            facts |= {"rows": proof.rows, "events": proof.events, "answered": [asdict(one) for one in proof.answered]}
        facts |= {"ok": not faults, "faults": faults, "deep": deep}
        if as_json:
            print(json.dumps(facts))
        else:
            _tell_verified(facts)
        if faults:
            raise typer.Exit(1)


def _quiet(_: str) -> None:
    """For programs: the result alone."""


def _tell_verified(facts: dict[str, Any]) -> None:
    for fault in facts["faults"]:
        say(f"[bold red]fault[/] {escape(fault)}")
    what = f"{facts['name']} of {facts['made_at'][:16]}: {facts['files']} files, {facts['bytes'] / 1e6:,.1f} MB"
    _say(f"{what}, {'DAMAGED' if facts['faults'] else 'as they were written'}")
    if "rows" in facts:
        answered = ", ".join(f"{one['model']} version {one['version']}" for one in facts["answered"]) or "none serves"
        _say(f"restored: {facts['rows']:,} rows, {facts['events']:,} audit events walked; answered: {answered}")


def restore_backup(
    place: From,
    replace: Annotated[
        bool, typer.Option("--replace", help="although there is something: it is kept under another name")
    ] = False,
    key_file: KeyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a backup in place of the database and files that STEWARD_HOME and DATABASE_URL name.

    Nothing that had been approved happens by itself afterwards: it is asked again, automation is paused, and everybody
    signs in anew.
    """
    with said_plainly() as settings:
        if running_stacks(settings):
            raise ConflictError("the platform runs on this STEWARD_HOME: `steward down` first")
        if settings.agent.database_url and not settings.database.url:
            raise InvalidError("DATABASE_URL is not set: the agent's login may not restore")
        found = _opened(settings, place, key_file)
        with running_database(settings, migrates=False):
            done = restore(found, settings, me(), replace=replace, say=_quiet if as_json else _say)
        if as_json:
            print(json.dumps({**asdict(done), "made_at": done.made_at.isoformat()}))
        else:
            _tell_restored(done)


def _tell_restored(done: Restored) -> None:
    settled = done.settled
    _say(f"{done.backup} is in place, as of {done.made_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    _say(
        f"asked again: {len(settled.asked_again)} actions; called off: {len(settled.called_off)}; "
        f"signed out: {settled.sessions_ended}; messages held back: {settled.messages_held_back}"
    )
    _say("automation is paused; `steward resume --reason …` when you have looked")
    _say("revoke again what was revoked since then: keys, people, roles, and repeat erasures")
    if done.replaced_database:
        _say(f"what was there is kept as the database {done.replaced_database}")
    for path in done.put_aside:
        _say(f"differs from what is here, put aside: {path}")
    for note in done.notes:
        say(f"[yellow]note[/] {escape(note)}")
