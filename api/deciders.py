"""Whose turn it is with an action: who decided on it, who else may, and until when the reader put it off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agent.core.asking import ANSWERABLE
from database.connection import ReadSession
from database.enums import NOT_ASKED_NOW, ActionStatus, Decision
from database.models import AgentAction
from database.queries import action_cards, discussion, people


@dataclass(frozen=True)
class Deciders:
    """`decided_by`: everybody who ever voted, in order. `approved_by`: whose approval counts now. `waits_for`: who may
    decide still, by name; nobody unless it waits for a decision."""

    decided_by: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    snoozed_until: datetime | None = None


def deciders(session: ReadSession, found: Sequence[AgentAction], user_id: int) -> Mapping[UUID, Deciders]:
    """For each of these actions, as this person sees it."""
    ids = [action.action_id for action in found]
    votes, off = action_cards.votes(session, ids), discussion.snoozed(session, user_id, ids)
    approvers = people.approvers(session) if any(_waits(action) for action in found) else []
    return {
        action.action_id: _of(action, votes.get(action.action_id, []), approvers, off.get(action.action_id))
        for action in found
    }


def _waits(action: AgentAction) -> bool:
    return action.status == ActionStatus.PENDING_APPROVAL


def _of(
    action: AgentAction, votes: Sequence[action_cards.Vote], approvers: Sequence[str], off: datetime | None
) -> Deciders:
    counting = {vote.user for vote in votes if vote.evidence_digest == action.evidence_digest}
    barred = {action.proposed_by, str(action.why.get(ANSWERABLE, ""))}
    may = [name for name in approvers if f"person:{name}" not in barred and name not in counting]
    counts = set() if action.status in NOT_ASKED_NOW else counting
    if _waits(action):
        counts = counts & set(approvers)
    approved = [vote.user for vote in votes if vote.decision == Decision.APPROVE and vote.user in counts]
    return Deciders(
        decided_by=tuple(dict.fromkeys(vote.user for vote in votes)),
        approved_by=tuple(dict.fromkeys(approved)),
        waits_for=tuple(may) if _waits(action) else (),
        snoozed_until=off,
    )
