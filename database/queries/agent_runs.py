"""The agent's passes as people read them: those that found or did something, with the quiet ones between counted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Text, and_, cast, exists, func, not_, or_, select, text

from database.connection import ReadSession
from database.enums import ActionStatus
from database.models import AgentAction, AgentCycle, Alert, AuditEvent

# What took a wrong end: it could not be done, or it was taken back.
FAILED = frozenset({ActionStatus.FAILED, ActionStatus.REVERTED})
# How far back the log of what the agent does now looks, in events of the audit log.
_LOG_EVENTS = 2000


class Show(StrEnum):
    """Which passes are wanted."""

    ALL = "all"
    AUTOMATIC = "automatic"
    ASKED = "asked"
    LEFT_ALONE = "left_alone"
    FAILED = "failed"


@dataclass(frozen=True)
class Quiet:
    """Recorded passes in which nothing was found and nothing done."""

    passes: int
    from_at: datetime
    to_at: datetime


@dataclass(frozen=True)
class Runs:
    """A page of passes, newest first. `quiet` by the id of the pass that came after them; 0: after the newest of all.
    `more`: older ones follow."""

    cycles: list[AgentCycle]
    quiet: dict[int, Quiet]
    more: bool


def runs(session: ReadSession, model_name: str, since: datetime, *, show: Show, before: int | None, limit: int) -> Runs:
    """The passes after `since` (older than the pass `before`) in which something was found or done."""
    of_model = (AgentCycle.model_name == model_name, AgentCycle.created_at >= since)
    older = [] if before is None else [AgentCycle.id < before]
    found = list(
        session.scalars(
            select(AgentCycle)
            .where(*of_model, *older, _loud(), _shown(show))
            .order_by(AgentCycle.created_at.desc(), AgentCycle.id.desc())
            .limit(limit + 1)
        )
    )
    lowest = found[limit].id if len(found) > limit else 0
    page = found[:limit]
    quiet = {} if show is not Show.ALL else _quiet(session, of_model, [one.id for one in page], lowest, before)
    return Runs(page, quiet, bool(lowest))


def _loud() -> ColumnElement[bool]:
    did = func.jsonb_path_exists(AgentCycle.decisions, '$[*] ? (@.does != "nothing")')
    return or_(func.jsonb_array_length(AgentCycle.diagnoses) > 0, did)


def _shown(show: Show) -> ColumnElement[bool]:
    decisions = AgentCycle.decisions
    if show is Show.AUTOMATIC:
        return decisions.contains([{"requires_approval": False}])
    if show is Show.ASKED:
        return decisions.contains([{"requires_approval": True}])
    if show is Show.LEFT_ALONE:
        return decisions.contains([{"does": "nothing"}])
    if show is Show.FAILED:
        made = func.jsonb_path_query_array(decisions, "$[*].dedupe_key")
        return exists().where(
            AgentAction.model_name == AgentCycle.model_name,
            AgentAction.status.in_(sorted(FAILED)),
            made.op("?")(AgentAction.dedupe_key),
        )
    return AgentCycle.id > 0


def _quiet(
    session: ReadSession, of_model: Sequence[ColumnElement[bool]], ids: Collection[int], lowest: int, before: int | None
) -> dict[int, Quiet]:
    """The quiet passes between those of a page, by the id of the next that is not quiet."""
    shown = select(func.unnest(cast(sorted(ids), ARRAY(BigInteger))).label("id")).subquery()
    above = select(func.min(shown.c.id)).where(shown.c.id > AgentCycle.id).scalar_subquery().label("above")
    query = (
        select(above, func.count(), func.min(AgentCycle.created_at), func.max(AgentCycle.created_at))
        .where(*of_model, AgentCycle.id > lowest, not_(_loud()))
        .group_by(text("above"))
    )
    if before is not None:
        query = query.where(AgentCycle.id < before)
    return {row[0] or 0: Quiet(row[1], row[2], row[3]) for row in session.execute(query)}


def made_in(session: ReadSession, model_name: str, dedupe_keys: Collection[str]) -> dict[str, AgentAction]:
    """The actions that passes put forward, by the key under which a pass remembers them."""
    query = select(AgentAction).where(AgentAction.model_name == model_name, AgentAction.dedupe_key.in_(dedupe_keys))
    return {action.dedupe_key: action for action in session.scalars(query)}


def log(session: ReadSession, model_name: str, limit: int) -> list[AuditEvent]:
    """What the agent, and the training it starts, last did to this model, newest first; looks at the newest events."""
    newest = select(func.max(AuditEvent.seq)).scalar_subquery()
    model = AuditEvent.details["model"].astext
    told_of = select(Alert.id).where(Alert.model_name == model_name, cast(Alert.id, Text) == AuditEvent.object_id)
    about = or_(
        model == model_name,
        and_(model.is_(None), AuditEvent.object_type == "alert", exists(told_of.correlate(AuditEvent))),
    )
    return list(
        session.scalars(
            select(AuditEvent)
            .where(AuditEvent.seq > newest - _LOG_EVENTS, AuditEvent.actor_kind == "agent", about)
            .order_by(AuditEvent.seq.desc())
            .limit(limit)
        )
    )


def moving(session: ReadSession, model_name: str, statuses: Collection[str]) -> list[AgentAction]:
    """What is being done at this moment, the newest move first."""
    query = select(AgentAction).where(AgentAction.model_name == model_name, AgentAction.status.in_(sorted(statuses)))
    return list(session.scalars(query.order_by(AgentAction.updated_at.desc()).limit(20)))
