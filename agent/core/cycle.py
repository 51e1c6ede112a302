"""One pass: observe, diagnose, keep the incidents, decide, propose, and write down what was thought.

The agent looks at the whole current state each time, and first at each judged window that came since its last look: so
a missed pass costs nothing, and the same pass twice changes nothing. All of it is one transaction; the work that
follows is the executor's.
"""

import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from loguru import logger
from sqlalchemy.orm import Session

from agent.core import wording
from agent.core.asking import ask, success_test
from agent.core.choices import ActionProposal, Choice, NoAction
from agent.core.decision_engine import NEWER_EVIDENCE, decide
from agent.core.diagnosis_engine import Diagnosis, diagnose
from agent.core.incidents import QUIET_WINDOWS, TURNED_OUT, newer_without, settled_by_people, told_by
from agent.core.observation import (
    read_corrections,
    read_ended,
    read_history,
    read_incidents,
    read_missed,
    read_signals,
    summary,
)
from agent.core.signals import Signals
from agent.core.track_record import distrusted
from agent.core.transitions import move
from config.agent_policy import AgentPolicy
from config.fault_points import fault_point
from config.model_contract import ModelContract
from database.enums import CHANGING, ActionStatus, Cause
from database.models import AgentAction, Alert
from database.queries import actions, alerts, cycles
from database.queries.audit import AGENT, append


@dataclass(frozen=True)
class CycleReport:
    """What one pass came to."""

    model_name: str
    diagnoses: tuple[Diagnosis, ...]
    choices: tuple[Choice, ...]
    proposed: tuple[AgentAction, ...]
    seconds: float


def run_cycle(
    session: Session, *, contract: ModelContract, policy: AgentPolicy, agent: str, dry_run: bool, now: datetime
) -> CycleReport:
    """One pass over one model, in the caller's transaction."""
    began = time.perf_counter()
    # Every lock before the first audit event: whoever holds the chain must wait for nobody.
    cycles.lock(session, contract.name)
    actions.lock_proposals(session, contract.name)
    actions.lock_open(session, contract.name)
    alerts.lock_live(session, contract.name)
    signals = read_signals(session, contract, now)
    only_recorded = dry_run or policy.autonomy_of(contract.name) == "observe"
    waiting = read_corrections(session, signals, policy.corrections.within, recorded_only=only_recorded)
    signals = replace(signals, corrections=waiting)
    fault_point("agent.read_metrics")
    think = _Pass(session, policy, agent, dry_run, now, began)
    made: list[AgentAction] = []
    for missed in read_missed(session, signals, dry_run=dry_run):
        made += think.over(missed).proposed
    report = think.over(signals)
    return replace(report, proposed=(*made, *report.proposed), seconds=time.perf_counter() - began)


@dataclass(frozen=True)
class _Pass:
    """What looking at one state of a model needs beside that state."""

    session: Session
    policy: AgentPolicy
    agent: str
    dry_run: bool
    now: datetime
    began: float

    def over(self, signals: Signals) -> CycleReport:
        """Think about this state, and write down what was thought."""
        session, name = self.session, signals.model_name
        diagnoses = diagnose(signals)
        fault_point("agent.after_diagnosis")
        _close_quiet(session, signals, {d.cause for d in diagnoses})
        closed = alerts.closed_by_people(session, name, AGENT.name)
        settled = settled_by_people(((d.cause, d.windows) for d in diagnoses), closed)
        incidents = _keep_incidents(session, signals, tuple(d for d in diagnoses if d.cause not in settled))
        fault_point("agent.after_incident")
        signals = replace(signals, incidents=read_incidents(session, name))
        reach = max(self.policy.escalation.within, self.policy.corrections.pause)
        history = read_history(session, name, self.now, reach)
        choices = decide(
            diagnoses,
            self.policy,
            history,
            self.now,
            signals=signals,
            dry_run=self.dry_run,
            settled=settled,
            taken_back=distrusted(read_ended(session, name)) if self.policy.escalation.after_revert_approvers else (),
        )
        made = [
            put_forward(session, signals, self.policy, choice, incidents.get(choice.cause))
            for choice in choices
            if isinstance(choice, ActionProposal)
        ]
        fault_point("agent.after_proposal")
        seconds = time.perf_counter() - self.began
        _record(session, signals, self, diagnoses, choices, seconds)
        fault_point("agent.pass_recorded")
        return CycleReport(name, diagnoses, choices, tuple(a for a in made if a is not None), seconds)


# --------------------------------------------------------------------------------------------------------- incidents


def _keep_incidents(session: Session, signals: Signals, diagnoses: tuple[Diagnosis, ...]) -> dict[Cause, Alert]:
    """Open or bring up to date what people are to know, and end what a graver incident now says better."""
    live = {Cause(alert.cause): alert for alert in alerts.live(session, signals.model_name)}
    causes = {*live, *(d.cause for d in diagnoses)}
    for cause, alert in live.items():
        if told_by(cause, causes):
            alerts.resolve(session, AGENT, alert.id, TURNED_OUT)
    return {d.cause: _keep_incident(session, signals, d) for d in diagnoses if not told_by(d.cause, causes)}


def _keep_incident(session: Session, signals: Signals, diagnosis: Diagnosis) -> Alert:
    facts = alerts.IncidentFacts(
        issue=diagnosis.issue,
        severity=diagnosis.severity,
        title=wording.headline(diagnosis.cause, signals.serving),
        message=diagnosis.says,
        evidence=diagnosis.to_json() | {"version_id": signals.version_id},
        windows=diagnosis.windows,
    )
    return alerts.keep(session, AGENT, signals.model_name, diagnosis.cause, facts)


def _close_quiet(session: Session, signals: Signals, seen: set[Cause]) -> None:
    """Resolve what newer judged windows no longer show; blindness resolves nothing."""
    if signals.blind is not None:
        return
    for alert in alerts.live(session, signals.model_name):
        if Cause(alert.cause) in seen:
            continue
        last = alert.last_window_id or 0  # windows of a model are numbered in the order in which they close
        newer = newer_without(Cause(alert.cause), last, signals)
        if newer >= QUIET_WINDOWS:
            alerts.resolve(session, AGENT, alert.id, f"not seen in the last {newer} judged windows")


# --------------------------------------------------------------------------------------------------------- proposals


def put_forward(
    session: Session, signals: Signals, policy: AgentPolicy, proposal: ActionProposal, incident: Alert | None
) -> AgentAction | None:
    """Write a proposal down and set it going; None when it was made before, or a person was faster."""
    if actions.was_proposed(session, proposal.dedupe_key):
        return None
    if not all(_let_go(session, action_id) for action_id in proposal.supersedes):
        return None
    corrective = proposal.action_type in CHANGING
    action = actions.insert_once(
        session,
        action_id=uuid4(),
        model_name=signals.model_name,
        action_type=proposal.action_type,
        cause=proposal.cause,
        alert_id=incident.id if incident else None,
        risk_level=proposal.risk,
        requires_approval=proposal.requires_approval,
        approvers_needed=proposal.approvers,
        dry_run=proposal.dry_run,
        dedupe_key=proposal.dedupe_key,
        question=proposal.question,
        why=proposal.why,
        params=proposal.params,
        from_version_id=signals.version_id,
        success_test=success_test(policy, signals.primary) if corrective else None,
        proposed_by=str(AGENT),
        max_attempts=proposal.attempts,
    )
    if action is None:
        return None
    facts = {"model": action.model_name, "type": action.action_type, "cause": action.cause, "dry_run": action.dry_run}
    append(session, AGENT, "action.proposed", "action", action.action_id, facts)
    logger.info(
        "agent.action.proposed action_id={} type={} cause={}", action.action_id, action.action_type, action.cause
    )
    return _set_going(session, action, policy, corrective=corrective)


def _set_going(session: Session, action: AgentAction, policy: AgentPolicy, *, corrective: bool) -> AgentAction:
    if action.dry_run:
        return move(session, AGENT, action, ActionStatus.CANCELLED, says="dry run")
    if corrective:
        return move(session, AGENT, action, ActionStatus.GATHERING_EVIDENCE)
    if action.requires_approval:
        said = {"kind": action.action_type, "says": action.question, "why": action.why, "params": action.params}
        return ask(session, AGENT, action, said, policy)
    return move(session, AGENT, action, ActionStatus.APPROVED, says="low risk: the policy lets the agent decide")


def _let_go(session: Session, action_id: UUID) -> bool:
    """Withdraw a question for a newer one. False when a person was faster: then their decision stands."""
    action = actions.locked(session, action_id)
    if action.status != ActionStatus.PENDING_APPROVAL:
        return False
    move(session, AGENT, action, ActionStatus.CANCELLED, says=NEWER_EVIDENCE)
    return True


# ------------------------------------------------------------------------------------------------------------ record


def _record(
    session: Session,
    signals: Signals,
    look: _Pass,
    diagnoses: tuple[Diagnosis, ...],
    choices: tuple[Choice, ...],
    seconds: float,
) -> None:
    cycles.record(
        session,
        model_name=signals.model_name,
        agent=look.agent,
        window_id=signals.latest.id if signals.latest else None,
        observed=summary(signals) | {"policy": look.policy.digest},
        diagnoses=[diagnosis.to_json() for diagnosis in diagnoses],
        decisions=[choice_json(choice) for choice in choices],
        dry_run=look.dry_run,
        seconds=round(seconds, 4),
    )


def choice_json(choice: Choice) -> dict[str, Any]:
    """What a recorded pass keeps of it."""
    if isinstance(choice, NoAction):
        return {"does": "nothing"} | asdict(choice)
    return {
        "does": choice.action_type,
        "action_type": choice.action_type,
        "cause": choice.cause,
        "requires_approval": choice.requires_approval,
        "risk": choice.risk.name.lower(),
        "dry_run": choice.dry_run,
        "question": choice.question,
        "dedupe_key": choice.dedupe_key,
    }
