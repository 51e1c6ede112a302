"""Running actions: claim under a lease, do, and record in the transaction that takes effect.

A worker that dies is taken over when its lease runs out. One that was only slow finds its epoch outdated and its late
writes refused. The kill switch is read inside the claim, and again inside the transaction that takes effect.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from loguru import logger
from sqlalchemy import Engine, func
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from agent.core.asking import ask
from agent.core.beginning import asked_again, held_back
from agent.core.evidence import still_approved
from agent.core.transitions import move
from agent.core.work import (
    Action,
    Claim,
    Effect,
    Gathered,
    InterruptedWorkError,
    Json,
    NotWorthAskingError,
    Outcome,
    PausedError,
    PermanentError,
    TemporaryError,
    Work,
)
from agent.metrics import AgentMetrics, Ending, Stage
from config.agent_policy import AgentPolicy
from config.fault_points import fault_point
from config.model_contract import ModelContract
from config.settings import Settings
from database.connection import first_line, is_away, read_scope, session_scope
from database.enums import ActionStatus, ActionType, Automation
from database.errors import ExpiredError, LeaseLostError, StaleError, StewardError
from database.models import AgentAction
from database.queries import actions, automation, evidence
from database.queries.audit import AGENT, append

GATHERING = frozenset({ActionStatus.GATHERING_EVIDENCE})
EXECUTING = frozenset({ActionStatus.APPROVED, ActionStatus.EXECUTING})
PAUSE = timedelta(seconds=5)
# The name under which the database's trigger refuses to execute what not enough people approved.
NEEDS_APPROVAL = "action_needs_approval"


class _Lease:
    """Keeps a claim alive from a thread of its own while the work runs, and knows when it was lost."""

    def __init__(self, engine: Engine, claim: Claim, length: timedelta) -> None:
        self._engine, self._claim, self._length = engine, claim, length
        self._done = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{claim.action_id}", daemon=True)

    @property
    def lost(self) -> bool:
        return self._lost.is_set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._done.wait(self._length.total_seconds() / 3):
            try:
                with session_scope(self._engine) as session:
                    actions.extend_lease(session, self._claim.action_id, self._claim.epoch, self._length)
            except LeaseLostError:
                self._lost.set()
                return
            except SQLAlchemyError as error:
                logger.warning(
                    "agent.lease.not_extended action_id={} error={}", self._claim.action_id, type(error).__name__
                )


class Executor:
    """One worker. Any number of them, in any number of processes, share the queue."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        contracts: Mapping[str, ModelContract],
        policy: AgentPolicy,
        handlers: Mapping[ActionType, Action],
        worker: str,
        stopping: Callable[[], bool] = lambda: False,
        metrics: AgentMetrics | None = None,
    ) -> None:
        self._metrics = metrics or AgentMetrics()
        self._engine = engine
        self._settings = settings
        self._contracts = contracts
        self._policy = policy
        self._handlers = handlers
        self._worker = worker
        self._stopping = stopping
        self._lease = timedelta(seconds=settings.agent.lease_s)

    def run_one(self, statuses: frozenset[ActionStatus]) -> bool:
        """Claim and run one action of these statuses. False when there was none to claim."""
        try:
            with session_scope(self._engine) as session:
                claimed = self._claim(session, statuses)
        except IntegrityError:
            # Two workers took two changes of one model in the same instant; the database let one of them through.
            return False
        if claimed is None:
            return False
        fault_point("exec.claimed")
        claim, gathering = claimed
        contract = self._contracts.get(claim.model_name)
        if contract is None:
            self._end(claim, gathering, f"there is no contract for model {claim.model_name}")
            return True
        with _Lease(self._engine, claim, self._lease) as lease:
            work = Work(self._engine, self._settings, contract, claim, lambda: lease.lost or self._stopping())
            with self._metrics.attempt(claim.action_type, Stage.EVIDENCE if gathering else Stage.EXECUTION) as told:
                told.append(self._run(work, gathering))
        return True

    def run_all(self, statuses: frozenset[ActionStatus]) -> int:
        """Run until nothing is left to claim or the process is stopping; how many were run."""
        count = 0
        while not self._stopping() and self.run_one(statuses):
            count += 1
        return count

    def _claim(self, session: Session, statuses: frozenset[ActionStatus]) -> tuple[Claim, bool] | None:
        switch = automation.held_state(session)
        if switch is Automation.STOPPED:
            return None
        allowed = statuses if switch is Automation.RUNNING else statuses & GATHERING
        action = actions.claim_next(session, self._worker, self._lease, allowed) if allowed else None
        if action is None:
            return None
        gathering = action.status == ActionStatus.GATHERING_EVIDENCE
        if action.status == ActionStatus.APPROVED and not self._begin(session, action):
            return None
        if action.crashes >= action.max_attempts + actions.CRASHES_FORGIVEN:
            says = f"given up: its worker died {action.crashes} times before it was done"
            move(session, AGENT, action, ActionStatus.FAILED, says=says)
            return None
        logger.info(
            "agent.action.claimed action_id={} type={} epoch={} attempt={}",
            action.action_id,
            action.action_type,
            action.lease_epoch,
            action.attempts,
        )
        return Claim.of(action), gathering

    def _begin(self, session: Session, action: AgentAction) -> bool:
        """Begin to execute. False when the policy in force or the clock holds it back, or the database's own gate finds
        that nobody who may approved what is on the action now: then it ends or is asked about again."""
        if (held := held_back(action, self._policy, actions.database_now(session))) is not None:
            logger.warning("agent.action.held_back action_id={} why={}", action.action_id, held.says)
            move(session, AGENT, action, held.to, says=held.says)
            return False
        try:
            with session.begin_nested():
                move(session, AGENT, action, ActionStatus.EXECUTING)
        except IntegrityError as error:
            if getattr(getattr(error.orig, "diag", None), "constraint_name", None) != NEEDS_APPROVAL:
                raise
            logger.error("agent.action.not_approved action_id={}", action.action_id)
            session.refresh(action)
            move(
                session,
                AGENT,
                action,
                asked_again(action.action_type),
                says="not what was approved, or by too few who may",
            )
            return False
        return True

    def _run(self, work: Work, gathering: bool) -> Ending:
        """Run one claim and settle whatever comes of it."""
        claim = work.claim
        try:
            self._attempt(work, gathering)
        except LeaseLostError:
            logger.warning("agent.action.lease_lost action_id={}", claim.action_id)
            return Ending.LEASE_LOST
        except (InterruptedWorkError, PausedError) as error:
            self._release(claim, PAUSE if isinstance(error, PausedError) else timedelta(0), spent=False)
            return Ending.GIVEN_BACK
        except (NotWorthAskingError, ExpiredError) as error:
            self._settle(claim, ActionStatus.CANCELLED, str(error))
            return Ending.CANCELLED
        except (PermanentError, StewardError) as error:
            if isinstance(error, StaleError) and not gathering:
                self._settle(claim, asked_again(claim.action_type), str(error))
                return Ending.ASKED_AGAIN
            return self._end(claim, gathering, str(error))
        except TemporaryError as error:
            return self._again(claim, gathering, str(error), error.delay)
        except Exception as error:  # noqa: BLE001  (one action's bug must not stop the queue: it is tried, then failed)
            if is_away(error):
                # Nothing can be recorded now: the lease runs out and the action is resumed.
                logger.exception("agent.action.database_away action_id={}", claim.action_id)
                return Ending.DATABASE_AWAY
            logger.exception("agent.action.crashed action_id={}", claim.action_id)
            return self._again(claim, gathering, f"{type(error).__name__}: {first_line(error)}", PAUSE)
        return Ending.DONE

    def _attempt(self, work: Work, gathering: bool) -> None:
        handler = self._handlers[work.claim.action_type]
        if gathering:
            with read_scope(self._engine) as session:  # before: what comes while it is gathered is news
                seen = evidence.newest_mature_seq(session, work.claim.model_name)
            gathered = handler.gather(work)
            fault_point("exec.gathered")
            self._ask(work, gathered, seen)
        else:
            prepared = handler.prepare(work)
            fault_point("exec.prepared")
            self._finish(work, handler, prepared)

    # ------------------------------------------------------------------------------------------------ how it ends

    def _ask(self, work: Work, gathered: Gathered, seen: int) -> None:
        with session_scope(self._engine) as session:
            action = actions.hold(session, work.claim.action_id, work.claim.epoch, ActionStatus.GATHERING_EVIDENCE)
            test = dict(action.success_test or {})
            ask(
                session,
                AGENT,
                action,
                gathered.evidence,
                self._policy,
                to_version_id=gathered.to_version_id,
                recommended=gathered.recommended,
                params=action.params | {"evidence_seq": seen},
                success_test=test | {"metric": test.get("metric") or work.contract.quality.metric},
            )

    def _finish(self, work: Work, handler: Action, prepared: Json) -> None:
        with session_scope(self._engine) as session:
            if automation.held_state(session) is not Automation.RUNNING:
                raise PausedError
            action = actions.hold(session, work.claim.action_id, work.claim.epoch, ActionStatus.EXECUTING)
            if action.requires_approval:
                still_approved(session, action)
            fault_point("exec.before_effect")
            outcome = handler.apply(session, Effect(action, prepared, work.contract))
            self._conclude(session, action, outcome)
            fault_point("exec.in_activation_before_commit")
        fault_point("exec.after_activation_commit")
        logger.info("agent.action.took_effect action_id={} type={}", work.claim.action_id, work.claim.action_type)

    def _conclude(self, session: Session, action: AgentAction, outcome: Outcome) -> None:
        to = ActionStatus.VERIFYING if outcome.watch else ActionStatus.SUCCEEDED
        move(
            session,
            AGENT,
            action,
            to,
            says=outcome.says,
            executed_at=func.clock_timestamp(),
            execution_result=outcome.result | {"says": outcome.says},
        )

    def _settle(self, claim: Claim, to: ActionStatus, says: str) -> None:
        """End (or send back) an action this worker still holds."""
        with session_scope(self._engine) as session:
            action = actions.locked(session, claim.action_id)
            if action.lease_epoch != claim.epoch or action.lease_owner is None:
                logger.warning("agent.action.lease_lost action_id={}", claim.action_id)
                return
            move(session, AGENT, action, to, says=says)

    def _end(self, claim: Claim, gathering: bool, says: str) -> Ending:
        what = "its evidence could not be gathered" if gathering else "it could not be carried out"
        logger.error("agent.action.failed action_id={} type={} why={}", claim.action_id, claim.action_type, says)
        self._settle(claim, ActionStatus.FAILED, f"{what}: {says}")
        return Ending.FAILED

    def _again(self, claim: Claim, gathering: bool, says: str, delay: timedelta) -> Ending:
        if claim.attempts >= claim.max_attempts:
            return self._end(claim, gathering, f"{says} (try {claim.attempts} of {claim.max_attempts})")
        wait = delay * 2 ** (claim.attempts - 1)
        logger.warning(
            "agent.action.retried action_id={} try={} in_s={} why={}",
            claim.action_id,
            claim.attempts,
            wait.total_seconds(),
            says,
        )
        self._release(claim, wait, spent=True, says=says)
        return Ending.AGAIN

    def _release(self, claim: Claim, run_after: timedelta, *, spent: bool, says: str = "") -> None:
        """Give it back to the queue. A try that failed is told in the audit log, where people who wait for it look."""
        with session_scope(self._engine) as session:
            action = actions.locked(session, claim.action_id)
            if action.lease_epoch == claim.epoch and action.lease_owner is not None:
                actions.release(session, action, run_after, spent=spent)
                if spent:
                    told = {"says": says, "try": claim.attempts, "of": claim.max_attempts}
                    again = {"again_in_s": run_after.total_seconds()}
                    append(session, AGENT, "action.attempt_failed", "action", claim.action_id, told | again)
