"""`steward retrain`: ask for a retrain from a shell, a job or a pipeline, exactly as `POST /retrain` asks.

On a machine of the installation it asks the database; with `--api` it asks a running API by a key, which is all that a
job elsewhere needs. Nothing is trained by this command and nothing serves because of it: the agent gathers the proof,
and people decide.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol
from uuid import UUID, uuid4

import httpx
import typer
from pydantic import SecretStr
from rich.markup import escape
from sqlalchemy import Engine

from agent.core.asking import Asking, became, request_change
from config.agent_policy import load_policy
from config.model_contract import load_contract
from config.settings import Settings
from database.connection import is_away, make_engine, read_scope, session_scope
from database.enums import ActionStatus, ActionType
from database.errors import ConflictError
from database.queries import actions
from database.running import running_database
from scripts.admin import me
from scripts.plain_speech import said_plainly
from scripts.secret import secret
from scripts.speech import CommandFailedError, JsonFlag, say

KEY_VARIABLE = "STEWARD_API_KEY"
_TRIES, _PAUSE_S, _LOOK_S = 5, 2.0, 1.0
Json = dict[str, Any]


class OpenAlreadyError(Exception):
    """A change of this model is open, so nothing was asked for; the message names it."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for. `once` makes a repetition of the same request the same action."""

    model: str
    reason: str
    only_if_better: bool
    once: str


class Way(Protocol):
    """How a retrain is asked for, and what became of it is found out."""

    def ask(self, wanted: Wanted, /) -> UUID:
        """The action. Raises `OpenAlreadyError`."""

    def look(self, action_id: UUID, /) -> Json | None:
        """What became of it so far; None while nobody can be asked."""


class ByDatabase:
    """On a machine of the installation."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings

    def ask(self, wanted: Wanted) -> UUID:
        platform = self._settings.platform
        load_contract(wanted.model, platform.contracts_dir)
        params = {"only_if_better": True} if wanted.only_if_better else {}
        kind, policy = ActionType.RETRAIN_MODEL, load_policy(platform.policy_file)
        try:
            with session_scope(self._engine) as session:
                action = request_change(
                    session, Asking.shell(me()), wanted.model, kind, wanted.reason, params, policy, once=wanted.once
                )
                return action.action_id
        except ConflictError as error:
            raise OpenAlreadyError(str(error)) from error

    def look(self, action_id: UUID) -> Json | None:
        try:
            with read_scope(self._engine) as session:
                return became(session, actions.get(session, action_id)).to_json()
        except Exception as error:
            if is_away(error):
                return None
            raise


class ByApi:
    """From anywhere, by a key with the scope `actions:propose`."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(self, wanted: Wanted) -> UUID:
        body = {"model": wanted.model, "reason": wanted.reason, "only_if_better": wanted.only_if_better}
        headers = {"Idempotency-Key": wanted.once}
        answer = self._patiently(lambda: self._client.post("/retrain", json=body, headers=headers))
        if answer.status_code == 409:
            raise OpenAlreadyError(_detail(answer))
        if answer.status_code != 202:
            raise CommandFailedError(f"{self._client.base_url} refused ({answer.status_code}): {_detail(answer)}")
        return UUID(answer.json()["action_id"])

    def look(self, action_id: UUID) -> Json | None:
        try:
            answer = self._client.get(f"/proposals/{action_id}")
        except httpx.TransportError:
            return None
        if answer.status_code in (429, 502, 503, 504):
            return None
        if answer.status_code != 200:
            raise CommandFailedError(f"{self._client.base_url} refused ({answer.status_code}): {_detail(answer)}")
        found: Json = answer.json()
        return found

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Again while the API is being started or its database is away: asked twice is asked once."""
        for left in reversed(range(_TRIES)):
            try:
                answer = send()
            except httpx.TransportError as error:
                if not left:
                    raise CommandFailedError(f"{self._client.base_url} does not answer: {error}") from error
            else:
                if not left or answer.status_code not in (502, 503, 504):
                    return answer
            time.sleep(_PAUSE_S)
        raise AssertionError("the last try answers or raises")


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase


def api_key(file: Path | None) -> SecretStr:
    """Raises `CommandFailedError` when it is given nowhere."""
    key = secret(KEY_VARIABLE, file)
    if key is None:
        raise CommandFailedError(f"a key with the scope actions:propose is needed: --key-file FILE, or {KEY_VARIABLE}")
    return key


@contextmanager
def _way(settings: Settings, api: str | None, key_file: Path | None) -> Iterator[Way]:
    if api is not None:
        headers = {"X-API-Key": api_key(key_file).get_secret_value()}
        with httpx.Client(base_url=api, headers=headers, timeout=30.0) as client:
            yield ByApi(client)
        return
    with running_database(settings) as database:
        engine = make_engine(database.url, settings.database, application="steward-admin")
        try:
            yield ByDatabase(engine, settings)
        finally:
            engine.dispose()


def waited(way: Way, action_id: UUID, timeout_s: float, sleep: Callable[[float], None] = time.sleep) -> Json:
    """What became of it as soon as its proof is there or it ended. Raises `CommandFailedError` after `timeout_s`."""
    until = time.monotonic() + timeout_s
    while True:
        found = way.look(action_id)
        if found is not None and not found["gathering"]:
            return found
        if time.monotonic() > until:
            seen = f"is {found['status'].replace('_', ' ')}" if found else "could not be looked at"
            raise CommandFailedError(f"action {action_id} {seen} after {timeout_s:.0f} s; does the agent run?")
        sleep(_LOOK_S)


def retrain(
    model: Annotated[str, typer.Argument(help="the model's name")],
    reason: Annotated[str, typer.Option(help="why; people read it where they decide")],
    wait: Annotated[bool, typer.Option("--wait", help="until the proof is there, or it ended")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="wait at most so many seconds")] = 3600.0,
    only_if_better: Annotated[
        bool, typer.Option("--only-if-better", help="ask nobody unless the new version is better by the proof")
    ] = False,
    if_free: Annotated[
        bool, typer.Option("--if-free", help="exit 0, asking for nothing, while a change of the model is open")
    ] = False,
    once: Annotated[str | None, typer.Option(help="a word of your own: the same again is the same action")] = None,
    api: Annotated[str | None, typer.Option(help="ask this API instead of the database: http://host:port")] = None,
    key_file: Annotated[
        Path | None, typer.Option(help=f"holds the API key for --api; default: {KEY_VARIABLE} of the environment")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask for a retrain, as POST /retrain does: proof is gathered, and people decide.

    Exit 1: it was refused, failed, or the wait was over. With --wait, a new version that is not better is no failure.
    """
    with said_plainly() as settings, _way(settings, api, key_file) as way:
        wanted = Wanted(model, reason, only_if_better, once or uuid4().hex)
        try:
            action_id = way.ask(wanted)
        except OpenAlreadyError as error:
            if not if_free:
                raise CommandFailedError(str(error)) from error
            _tell({"asked": False, "says": str(error)}, as_json)
            return
        found = waited(way, action_id, timeout) if wait else (way.look(action_id) or {"action_id": str(action_id)})
        _tell({"asked": True} | found, as_json)
        if wait and found["status"] == ActionStatus.FAILED:
            raise typer.Exit(1)


def _tell(found: Json, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    if not found["asked"]:
        say(escape(f"not asked for: {found['says']}"))
        return
    status = str(found.get("status", "asked for")).replace("_", " ")
    said = f": {found['outcome']}" if found.get("outcome") else ""
    say(escape(f"action {found['action_id']} is {status}{said}"))
