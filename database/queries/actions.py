"""Agent actions: the proposals, the work queue they are, and the ledger of their steps.

Only the database's clock counts here, so that two machines never disagree about who holds what.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, any_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from database import crud
from database.connection import ReadSession
from database.enums import CHANGING, OPEN_STATUSES, ActionStatus, ActionType, Decision, Role, StepStatus
from database.errors import LeaseLostError
from database.models import ActionStep, AgentAction, Approval, User

# A worker that dies spends no try of the action's own; one that kills its worker every time is given up after these.
CRASHES_FORGIVEN = 3


def database_now(session: Session | ReadSession) -> datetime:
    """The time, as the database tells it at this moment (not at the start of the transaction)."""
    return crud.clock(session)


def _by_id(action_id: UUID) -> Select[AgentAction]:
    return select(AgentAction).where(AgentAction.action_id == action_id)


def get(session: Session | ReadSession, action_id: UUID) -> AgentAction:
    """One action. Raises `NotFoundError`."""
    return crud.one(session, _by_id(action_id), f"there is no action {action_id}")


def locked(session: Session, action_id: UUID) -> AgentAction:
    """One action as it is now, held against every rival until the transaction ends. Raises `NotFoundError`."""
    return crud.one(session, crud.locked(_by_id(action_id)), f"there is no action {action_id}")


def lock_proposals(session: Session, model_name: str) -> None:
    """Wait for everybody else who is proposing something about this model."""
    crud.wait_for(session, f"propose:{model_name}")


def lock_open(session: Session, model_name: str) -> None:
    """Hold every open action of the model, in the order of their ids, until the transaction ends."""
    query = select(AgentAction.id).where(AgentAction.model_name == model_name, AgentAction.status.in_(OPEN_STATUSES))
    session.execute(query.order_by(AgentAction.id).with_for_update())


def was_proposed(session: Session | ReadSession, dedupe_key: str) -> bool:
    """Whether a proposal of this key was ever made."""
    return bool(session.scalar(select(exists().where(AgentAction.dedupe_key == dedupe_key))))


def by_key(session: Session | ReadSession, dedupe_key: str) -> AgentAction | None:
    """The proposal of this key, if one was ever made."""
    return session.scalars(select(AgentAction).where(AgentAction.dedupe_key == dedupe_key)).one_or_none()


def insert_once(session: Session, **columns: Any) -> AgentAction | None:
    """Store a proposal, or nothing (and None) when one of the same `dedupe_key` was ever made."""
    made = session.execute(
        insert(AgentAction)
        .values(status=ActionStatus.PROPOSED, **columns)
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
        .returning(AgentAction.action_id)
    ).scalar_one_or_none()
    return get(session, made) if made else None


def open_of(
    session: Session | ReadSession, model_name: str, types: Collection[ActionType] | None = None
) -> list[AgentAction]:
    """The model's actions that have not ended, oldest first."""
    query = select(AgentAction).where(AgentAction.model_name == model_name, AgentAction.status.in_(OPEN_STATUSES))
    if types is not None:
        query = query.where(AgentAction.action_type.in_(types))
    return list(session.scalars(query.order_by(AgentAction.id)))


def since(session: Session | ReadSession, model_name: str, moment: datetime) -> list[AgentAction]:
    """Every action of the model made after `moment` or still open, newest first."""
    return list(
        session.scalars(
            select(AgentAction)
            .where(
                AgentAction.model_name == model_name,
                or_(AgentAction.created_at >= moment, AgentAction.status.in_(OPEN_STATUSES)),
            )
            .order_by(AgentAction.id.desc())
        )
    )


def in_status(session: Session | ReadSession, status: ActionStatus) -> list[AgentAction]:
    """Every action that stands there, oldest first."""
    return list(session.scalars(select(AgentAction).where(AgentAction.status == status).order_by(AgentAction.id)))


def overdue(session: Session | ReadSession) -> list[AgentAction]:
    """Waiting for a person, or approved and not begun, past the time they were valid for."""
    return list(
        session.scalars(
            select(AgentAction)
            .where(
                AgentAction.status.in_((ActionStatus.PENDING_APPROVAL, ActionStatus.APPROVED)),
                AgentAction.requires_approval,
                AgentAction.expires_at <= func.clock_timestamp(),
            )
            .order_by(AgentAction.id)
        )
    )


# ------------------------------------------------------------------------------------------------------- the queue


def _ready() -> ColumnElement[bool]:
    other = aliased(AgentAction)
    in_flight = exists().where(
        other.model_name == AgentAction.model_name,
        other.id != AgentAction.id,
        other.action_type.in_(CHANGING),
        other.status.in_((ActionStatus.EXECUTING, ActionStatus.VERIFYING)),
    )
    return and_(
        AgentAction.run_after <= func.clock_timestamp(),
        or_(AgentAction.lease_until.is_(None), AgentAction.lease_until < func.clock_timestamp()),
        ~AgentAction.dry_run,
        or_(AgentAction.status != ActionStatus.APPROVED, AgentAction.action_type.not_in(CHANGING), ~in_flight),
    )


def claim_next(
    session: Session, worker: str, lease: timedelta, statuses: Collection[ActionStatus]
) -> AgentAction | None:
    """Take the next piece of work under a lease with a new fencing epoch; the harmless ones first.

    Rows another worker is taking at this moment are skipped, not waited for. An action whose lease ran out is taken
    over. None when there is nothing to do.
    """
    action = session.scalars(
        select(AgentAction)
        .where(AgentAction.status.in_(statuses), _ready())
        .order_by(AgentAction.risk_level, AgentAction.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if action is None:
        return None
    crashed = action.lease_owner is not None
    session.execute(
        update(AgentAction)
        .where(AgentAction.id == action.id)
        .values(
            lease_owner=worker,
            lease_epoch=AgentAction.lease_epoch + 1,
            lease_until=func.clock_timestamp() + lease,
            attempts=AgentAction.attempts + (0 if crashed else 1),
            crashes=AgentAction.crashes + (1 if crashed else 0),
        )
    )
    session.refresh(action)
    return action


def extend_lease(session: Session, action_id: UUID, epoch: int, lease: timedelta) -> None:
    """Stay the holder for another `lease`. Raises `LeaseLostError` when somebody else took the action over."""
    held = session.execute(
        update(AgentAction)
        .where(AgentAction.action_id == action_id, AgentAction.lease_epoch == epoch)
        .where(AgentAction.lease_owner.is_not(None))
        .values(lease_until=func.clock_timestamp() + lease)
        .returning(AgentAction.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if held is None:
        raise LeaseLostError(f"action {action_id}: another worker took it over")


def hold(session: Session, action_id: UUID, epoch: int, status: ActionStatus) -> AgentAction:
    """The action, locked, if this epoch still holds it in `status`. Raises `LeaseLostError` otherwise."""
    action = locked(session, action_id)
    if action.lease_epoch != epoch or action.status != status:
        raise LeaseLostError(f"action {action_id}: another worker took it over, or it was called off")
    return action


def release(session: Session, action: AgentAction, run_after: timedelta, *, spent: bool) -> None:
    """Give the action back to be tried again later; `spent` says whether this counts as one of its tries."""
    session.execute(
        update(AgentAction)
        .where(AgentAction.id == action.id)
        .values(
            lease_owner=None,
            lease_until=None,
            run_after=func.clock_timestamp() + run_after,
            attempts=AgentAction.attempts - (0 if spent else 1),
        )
    )
    session.refresh(action)


# ------------------------------------------------------------------------------------------------ steps and people


def finished_step(session: Session | ReadSession, action_id: UUID, step: str) -> dict[str, Any] | None:
    """What a step that is done gave, or None when it is not done."""
    row = session.scalars(
        select(ActionStep).where(
            ActionStep.action_id == action_id, ActionStep.step == step, ActionStep.status == StepStatus.DONE
        )
    ).one_or_none()
    return row.result if row else None


def start_step(session: Session, action_id: UUID, step: str, epoch: int) -> None:
    """Note that a step begins (again, after a takeover)."""
    values = {"status": StepStatus.STARTED, "lease_epoch": epoch}
    session.execute(
        insert(ActionStep)
        .values(action_id=action_id, step=step, result={}, **values)
        .on_conflict_do_update(
            index_elements=["action_id", "step"], set_={**values, "started_at": func.clock_timestamp()}
        )
    )


def finish_step(session: Session, action_id: UUID, step: str, epoch: int, result: dict[str, Any]) -> None:
    """Record what a step gave. Raises `LeaseLostError` when a newer epoch has begun it."""
    done = session.execute(
        update(ActionStep)
        .where(ActionStep.action_id == action_id, ActionStep.step == step, ActionStep.lease_epoch == epoch)
        .values(status=StepStatus.DONE, result=result, finished_at=func.clock_timestamp())
        .returning(ActionStep.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if done is None:
        raise LeaseLostError(f"action {action_id}: step {step} was begun by another worker")


def forget_steps(session: Session, action_id: UUID) -> None:
    """What was done for evidence that no longer counts is done again."""
    session.execute(
        update(ActionStep).where(ActionStep.action_id == action_id).values(status=StepStatus.STARTED, finished_at=None)
    )


def steps(session: Session | ReadSession, action_id: UUID) -> list[ActionStep]:
    """The ledger of an action, in order."""
    return list(session.scalars(select(ActionStep).where(ActionStep.action_id == action_id).order_by(ActionStep.id)))


def approvals(session: Session | ReadSession, action_id: UUID) -> list[tuple[Approval, str]]:
    """Every decision on an action with the person's name, in order."""
    rows = session.execute(
        select(Approval, User.name)
        .join(User, User.id == Approval.user_id)
        .where(Approval.action_id == action_id)
        .order_by(Approval.id)
    )
    return [(row[0], row[1]) for row in rows]


def approving_people(session: Session, action: AgentAction) -> int:
    """How many different people approved exactly the evidence that is on the action and may still approve."""
    count: int = session.execute(
        select(func.count(func.distinct(Approval.user_id)))
        .join(User, User.id == Approval.user_id)
        .where(
            Approval.action_id == action.action_id,
            Approval.decision == Decision.APPROVE,
            Approval.evidence_digest == action.evidence_digest,
            User.disabled_at.is_(None),
            any_(User.roles) == Role.APPROVER,
        )
    ).scalar_one()
    return count


def lock_decision(session: Session, user_id: int, idempotency_key: str) -> None:
    """Wait for everybody else who sends a decision of this person under this key, on whichever action."""
    crud.wait_for(session, f"decide:{user_id}:{idempotency_key}")


def approval_by_key(session: Session, user_id: int, idempotency_key: str) -> Approval | None:
    """The decision this person sent under this key before, if any."""
    return session.scalars(
        select(Approval).where(Approval.user_id == user_id, Approval.idempotency_key == idempotency_key)
    ).one_or_none()
