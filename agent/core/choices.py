"""What deciding takes in and gives back: what was done before, what is to be done or asked, and what is left alone."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from database.enums import OPEN_STATUSES, ActionStatus, ActionType, Cause, Risk


@dataclass(frozen=True)
class PastAction:
    """An action of this model as far as deciding needs it."""

    action_id: UUID
    action_type: ActionType
    cause: Cause | None
    status: ActionStatus
    created_at: datetime
    ended_at: datetime
    dry_run: bool = False
    evidence_seq: int | None = None
    dedupe_key: str = ""
    question: str = ""
    why: dict[str, Any] = field(default_factory=dict)
    recommended: bool | None = None
    evidence_rows: int = 0
    onset: datetime | None = None  # since when what it is about is there, and
    learnt_since: int = 0  # from how many rows since then a retrain learnt

    @property
    def open(self) -> bool:
        return self.status in OPEN_STATUSES


@dataclass(frozen=True)
class ActionProposal:
    """Something to be done or asked."""

    action_type: ActionType
    cause: Cause
    risk: Risk
    requires_approval: bool
    approvers: int
    attempts: int
    dry_run: bool
    question: str
    dedupe_key: str
    why: dict[str, Any]
    params: dict[str, Any] = field(default_factory=dict)
    supersedes: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class NoAction:
    """Nothing is done, and why."""

    why: str
    action_type: ActionType | None = None
    cause: Cause | None = None


Choice = ActionProposal | NoAction
