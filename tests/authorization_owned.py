"""The objects behind the rows of `tests/authorization.py` that say whose they are: one made anew for each cell.

A maker is given the caller and whose the object shall be, and answers with a whole request that does its work if it is
let in. A new row with `own` or `other` needs a line in `MAKERS`; a test says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from database.enums import Scope
from database.models import ModelVersion
from database.queries import people
from tests.authorization import PEOPLE
from tests.integration.agent.world import MODEL, behind_its_back, pending
from tests.integration.api.conftest import Api, Installation, wait_until
from tests.serving_factories import EXAMPLE, PERSON


@dataclass(frozen=True)
class Asked:
    """What fills the path, what is sent, and in whose name if not in the one of the caller as signed in."""

    path: Mapping[str, object]
    body: Any
    headers: Mapping[str, str] | None = None


@dataclass
class Ground:
    """The installation the cells are tried on."""

    api: Api
    installed: Installation
    candidate: ModelVersion = field(init=False)
    serving: int = field(init=False)

    def __post_init__(self) -> None:
        with Session(self.installed.engine) as session:
            self.serving = session.scalars(select(ModelVersion.id).where(ModelVersion.is_active)).one()
        self.candidate = self.installed.new_version(bias=1.0, serve=False)

    def usable(self, key: str) -> str:
        """A key that was just made, once the API knows it."""
        key_id = key.split("_")[2]
        wait_until(lambda: key_id in {one.key_id for one in self.api.runtime.keys.known()}, 5)
        return key


def person_of(caller: str) -> str:
    """The name of a caller who is a person; somebody without an account for all others."""
    return caller if caller in PEOPLE else "nobody"


def somebody_else(caller: str) -> str:
    """A person who is not the caller."""
    return next(name for name in PEOPLE if name != caller)


def _question(ground: Ground, caller: str, whose: str) -> Asked:
    """A question that waits, asked by the caller, by a program of the caller's, or by somebody else."""
    with behind_its_back(ground.installed.engine) as session:
        session.execute(text("UPDATE agent_actions SET status = 'cancelled'"))
    asks = somebody_else(caller) if whose == "other" else person_of(caller)
    by_program = {"proposed_by": "agent:a-key", "why": {"answers_for": f"person:{asks}"}}
    by = by_program if whose == "program" else {"proposed_by": f"person:{asks}"}
    question = pending(ground.installed.engine, ground.serving, ground.candidate, **by)
    body = {
        "decision": "approve", "evidence_digest": question.evidence_digest, "seen_version": 2,
        "idempotency_key": uuid4().hex,
    }  # fmt: skip
    return Asked({"action_id": question.action_id}, body)


def _answer(ground: Ground, caller: str, whose: str) -> Asked:
    """An answer of a model the key was made for, or of one it was not."""
    headers = None
    if caller in set(Scope):
        key = ground.installed.key_for([Scope(caller)], [MODEL if whose == "own" else "another"])
        headers = {"X-API-Key": ground.usable(key)}
    return Asked({"name": MODEL}, EXAMPLE, headers)


def _key(ground: Ground, caller: str, whose: str) -> Asked:
    """A key the caller answers for, or somebody else: answering for one gives no right to it."""
    owner = person_of(caller) if whose == "own" and caller in PEOPLE else somebody_else(caller)
    return Asked({"key_id": ground.installed.key_for([Scope.PROPOSE], owner=owner).split("_")[2]}, {})


def _session(ground: Ground, caller: str, whose: str) -> Asked:
    """A browser the caller is signed in with, or somebody else is."""
    name = caller if whose == "own" and caller in PEOPLE else somebody_else(caller)
    ground.api.sign_in(name)
    newest = ground.installed.rows("SELECT max(id) FROM login_sessions")
    return Asked({"session_id": newest[0][0]}, {})


def _person(ground: Ground, caller: str, whose: str) -> Asked:
    """The caller's own account, or one that was just made."""
    if whose == "own":
        return Asked({"person": person_of(caller)}, {})
    with Session(ground.installed.engine) as session, session.begin():
        made = people.create_user(session, PERSON, f"new-{uuid4().hex[:8]}", None, ["viewer"])
        return Asked({"person": made.name}, {})


Maker = Callable[[Ground, str, str], Asked]
MAKERS: dict[tuple[str, str], Maker] = {
    ("POST", "/actions/{action_id}/decision"): _question,
    ("POST", "/auth/sessions/{session_id}/end"): _session,
    ("POST", "/people/{person}/disable"): _person,
    ("POST", "/keys/{key_id}/rotate"): _key,
    ("POST", "/keys/{key_id}/revoke"): _key,
    ("POST", "/models/{name}/predict"): _answer,
}
