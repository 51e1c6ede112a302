"""After a change: read what came in, hold it to its test, and take it back once if it is shown to be worse."""

from datetime import datetime

from loguru import logger
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from agent.core.transitions import move
from agent.core.verifier import Figure, State, SuccessTest, Verdict, verify
from config.fault_points import fault_point
from database.connection import first_line
from database.enums import ActionStatus, AlertStatus, Automation
from database.errors import ConflictError
from database.models import AgentAction
from database.queries import actions, alerts, automation, model_versions, windows
from database.queries.audit import AGENT


def watch_changes(session: Session, now: datetime, at_most: int | None = None) -> list[AgentAction]:
    """Settle every change whose test has an answer; those without one are left as they are.

    One that cannot be judged is said in the log at every look, and holds up no other.
    """
    settled: list[AgentAction] = []
    for action_id in [action.action_id for action in actions.in_status(session, ActionStatus.VERIFYING)]:
        if len(settled) == at_most:
            break
        try:
            with session.begin_nested():
                held = actions.locked(session, action_id)
                alerts.lock_live(session, held.model_name)
                if held.status == ActionStatus.VERIFYING and _settle(session, held, now):
                    settled.append(held)
        except (SQLAlchemyError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  (whatever is wrong with one, the others have to be watched)
            logger.opt(exception=error).error("agent.change.not_judged action_id={}", action_id)
    return settled


def _settle(session: Session, action: AgentAction, now: datetime) -> bool:
    fault_point("exec.verifying")
    generation = int((action.execution_result or {}).get("generation", 0))
    current = model_versions.current_generation(session, action.model_name)
    if current is None or current.generation != generation:
        says = "another version was put in place before this one could prove itself"
        _end(session, action, ActionStatus.INCONCLUSIVE, says)
        return True
    verdict = _verdict(session, action, generation, now)
    if verdict.state is State.KEEP_WATCHING:
        return False
    if verdict.state is State.REVERTED:
        return _revert(session, action, verdict)
    _end(session, action, ActionStatus(verdict.state), verdict.says)
    if verdict.state is State.SUCCEEDED:
        _resolve(session, action, verdict.says)
    return True


def _verdict(session: Session, action: AgentAction, generation: int, now: datetime) -> Verdict:
    test = SuccessTest.from_json(action.success_test or {})
    version_id = action.to_version_id or 0
    figures = tuple(
        Figure(row.metric_value, row.low, row.high, row.n)
        for row in windows.verifications_since(session, version_id, generation)
        if row.metric_name == test.metric
        and row.metric_value is not None
        and row.low is not None
        and row.high is not None
    )
    return verify(figures, test, action.executed_at or now, now)


def _revert(session: Session, action: AgentAction, verdict: Verdict) -> bool:
    """Put the version before back, in the transaction that ends the action, so that it happens once."""
    if automation.held_state(session) is not Automation.RUNNING:
        return False
    if action.from_version_id is None:
        _end(session, action, ActionStatus.INCONCLUSIVE, f"{verdict.says}; there is no version to go back to")
        return True
    before = model_versions.get(session, action.from_version_id)
    try:
        with session.begin_nested():
            model_versions.activate(
                session,
                AGENT,
                before,
                expected_active_id=action.to_version_id,
                reason=f"reverted: {verdict.says}",
                action_id=action.action_id,
            )
    except (ConflictError, IntegrityError) as error:  # or the database's own guards refuse it, and go on refusing
        why = first_line(error) if isinstance(error, IntegrityError) else str(error)
        _end(session, action, ActionStatus.INCONCLUSIVE, f"{verdict.says}; not reverted: {why}")
        return True
    _end(session, action, ActionStatus.REVERTED, f"{verdict.says}; v{before.version} serves again")
    return True


def _end(session: Session, action: AgentAction, to: ActionStatus, says: str) -> None:
    fault_point("exec.before_done")
    move(session, AGENT, action, to, says=says, verified_at=actions.database_now(session))
    logger.info("agent.change.settled action_id={} as={} why={}", action.action_id, to, says)


def _resolve(session: Session, action: AgentAction, says: str) -> None:
    if action.alert_id is None:
        return
    alert = alerts.get(session, action.alert_id)
    if alert.status != AlertStatus.RESOLVED:
        alerts.resolve(session, AGENT, alert.id, f"settled by the change that was approved: {says}")
