"""`steward erase`: what is stored about one subject goes, and a receipt says what was found."""

import getpass
import json
import sys
from typing import Annotated

import typer

from config.model_contract import load_contract
from config.settings import Settings
from database.connection import make_engine, read_scope
from database.erasure import Erased, Holdings, erase, holdings
from database.errors import InvalidError
from database.running import running_database
from database.subjects import subject_digest
from scripts.admin import me
from scripts.plain_speech import said_plainly
from scripts.speech import JsonFlag, say


def erase_subject(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    subject: Annotated[
        str | None, typer.Option(help="whom, as clients send it; without it, it is read from standard input")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what is there")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Erase the features of every prediction about one subject, also of those still in a spool.

    Ids, answers, labels and counts stay. The subject itself is written nowhere: the log holds its keyed hash.
    """
    with said_plainly() as settings, running_database(settings) as database:
        digest = _digest(settings, model, subject)
        found: Erased | Holdings
        engine = make_engine(database.url, settings.database, application="steward-admin")
        try:
            if dry_run:
                with read_scope(engine) as session:
                    found = holdings(session, model, digest)
            else:
                found = erase(engine, me(), model, digest)
        finally:
            engine.dispose()
        if as_json:
            facts = found.to_json() if isinstance(found, Erased) else {**vars(found), "dry_run": True}
            print(json.dumps({"model": model, "subject": digest, **facts}))
        else:
            _tell(found)


def _digest(settings: Settings, model: str, given: str | None) -> str:
    contract = load_contract(model, settings.platform.contracts_dir)
    if contract.subject_field is None:
        raise InvalidError(f"the contract of {model} names no subject: no field under `along` has `store: hash`")
    subject = given if given is not None else _asked()
    if not subject:
        raise InvalidError("--subject: say whom")
    return subject_digest(settings.platform.hash_key, model, subject)


def _asked() -> str:
    return getpass.getpass("subject: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _tell(found: Erased | Holdings) -> None:
    verb = "erased" if isinstance(found, Erased) else "would be erased"
    say(f"{verb}: the features of {found.predictions:,} predictions and {found.dead_letters:,} dead letters")
    if found.comments:
        say(f"kept: {found.comments:,} labels of these predictions have a comment in a person's own words")
    if found.learned_from:
        numbers = ", ".join(map(str, found.learned_from))
        say(f"kept: the training data of version {numbers}, which may hold rows of this subject, without any name")
    if isinstance(found, Erased):
        say("rows that still wait in a spool are stored without features; older backups still hold them")
