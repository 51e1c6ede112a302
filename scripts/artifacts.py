"""Who vouches for the files of the versions: looking, signing what nobody signed yet, and changing the key."""

import json
from dataclasses import replace
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy.orm import Session

from config.settings import Settings
from database.artifact_keys import artifact_signer, retire_signer, store_of, trust_of
from database.artifact_store import ArtifactStore
from database.connection import ReadSession
from database.errors import StewardError
from database.queries import model_versions
from database.signing_keys import key_id
from scripts.admin import administering, err, narrow_table, out
from scripts.plain_speech import JsonFlag
from training.serving_artifact import KIND

artifacts = typer.Typer(help="The signed files of the versions.", no_args_is_help=True)


@artifacts.command("verify")
def verify(as_json: JsonFlag = False) -> None:
    """Hash and check the files of every version as whoever serves would; exit 1 if one would be refused."""
    with administering() as (session, settings):
        rows = [
            {"model": name, "version": number, "digest": digest, "fault": _fault(store_of(settings), digest)}
            for name, number, digest in _versions(session)
        ]
    if as_json:
        print(json.dumps(rows))
    else:
        table = narrow_table("model", "version", "files")
        for row in rows:
            table.add_row(str(row["model"]), str(row["version"]), escape(str(row["fault"] or "whole and vouched for")))
        out.print(table)
    if any(row["fault"] for row in rows):
        raise typer.Exit(1)


@artifacts.command("sign")
def sign(
    unsigned: Annotated[bool, typer.Option("--unsigned", help="also those nobody signed: you vouch for them")] = False,
) -> None:
    """Sign every version that is vouched for by a trusted key with the key of this machine as well."""
    with administering() as (session, settings):
        _sign_all(session, settings, unsigned=unsigned)


@artifacts.command("rotate")
def rotate() -> None:
    """Put the key aside, make a new one, and sign with it what the trusted keys vouch for."""
    with administering() as (session, settings):
        aside = retire_signer(settings)
        if aside is None:
            err.print("there was no key before")
        else:
            err.print(f"the old key lies at {escape(str(aside))}; remove it when nothing needs it any more")
        _sign_all(session, settings, unsigned=False)
    err.print("the old key is trusted until its .pub is taken out of ARTIFACT_TRUSTED_DIR")


def _versions(session: Session) -> list[tuple[str, int, str]]:
    reading = ReadSession(session)
    return [
        (name, version.version, version.artifact_digest)
        for name in model_versions.model_names(reading)
        for version in model_versions.all_of(reading, name)
    ]


def _fault(store: ArtifactStore, digest: str) -> str | None:
    try:
        store.read(digest, KIND)
    except (StewardError, OSError) as error:
        return str(error)
    return None


def _sign_all(session: Session, settings: Settings, *, unsigned: bool) -> None:
    """Sign what is believed; name what is not and leave it as it is. Exit code 1 if anything was left."""
    trust = replace(trust_of(settings), unsigned=unsigned)
    store = ArtifactStore(settings.artifacts_dir, trust=lambda: trust, signer=lambda: artifact_signer(settings))
    left = 0
    for name, number, digest in _versions(session):
        try:
            store.sign(digest, KIND)
        except (StewardError, OSError) as error:
            left += 1
            err.print(f"{name} version {number} is left as it is: {escape(str(error))}", soft_wrap=True)
    err.print(f"signed with the key {key_id(artifact_signer(settings).public_key())}")
    if left:
        raise typer.Exit(1)
