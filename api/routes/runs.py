"""The agent's passes with what came of them, its budgets and rests, and what it does now."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from agent.core.reading import past_of
from agent.core.standing import DAY, Standing, standing
from api.cards import automation_out, service_out
from api.dependencies import PersonMay
from api.notices import present
from api.routes.monitoring import OfModel, contract_of
from api.runtime import runtime_of
from api.schemas.runs import (
    AgentNow,
    AgentStanding,
    Doing,
    KindStanding,
    LogLine,
    MadeAction,
    QuietPasses,
    RestOut,
    RunList,
    RunOut,
)
from api.strict_json import StrictRoute
from database.connection import ReadSession
from database.enums import OPEN_STATUSES, ActionStatus
from database.models import AgentAction, AgentCycle, AuditEvent
from database.permissions import Permission
from database.queries import actions, agent_runs, automation, cycles, heartbeats
from database.queries.agent_runs import Quiet, Show
from database.queries.people import SignedIn

router = APIRouter(prefix="/agent", tags=["agent"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
_WORKED_ON = frozenset(
    {ActionStatus.GATHERING_EVIDENCE, ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.VERIFYING}
)


@router.get("/runs", summary="What the agent found and did, pass by pass, newest first")
def runs(
    request: Request,
    _: Reader,
    name: OfModel = None,
    show: Show = Show.ALL,
    days: Annotated[int, Query(ge=1, le=400)] = 30,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> RunList:
    """`before`: passes older than this one. Quiet passes are counted, not listed."""
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        since = actions.database_now(session) - timedelta(days=days)
        found = agent_runs.runs(session, contract.name, since, show=show, before=before, limit=limit)
        keys = {key for cycle in found.cycles for key in _keys(cycle)}
        made = agent_runs.made_in(session, contract.name, keys)
        return RunList(
            model_name=contract.name,
            days=days,
            runs=[_run(cycle, made, found.quiet) for cycle in found.cycles],
            quiet_since=_quiet(found.quiet.get(0)) if before is None else None,
            before=found.cycles[-1].id if found.more else None,
        )


def _keys(cycle: AgentCycle) -> list[str]:
    """Under which keys a pass put actions forward; its JSON is read forgivingly, older releases wrote it."""
    found = (one.get("dedupe_key") for one in cycle.decisions if isinstance(one, Mapping))
    return [key for key in found if isinstance(key, str)]


def _run(cycle: AgentCycle, made: Mapping[str, AgentAction], quiet: Mapping[int, Quiet]) -> RunOut:
    """An action belongs to the pass that made it: one that a later pass names again was made before."""
    mine = (made[key] for key in _keys(cycle) if key in made)
    policy = cycle.observed.get("policy")
    return RunOut(
        cycle_id=cycle.id,
        model_name=cycle.model_name,
        agent=cycle.agent,
        window_id=cycle.window_id,
        observed=cycle.observed,
        diagnoses=cycle.diagnoses,
        decisions=cycle.decisions,
        dry_run=cycle.dry_run,
        seconds=cycle.seconds,
        created_at=cycle.created_at,
        policy=policy if isinstance(policy, str) else None,
        made=[_made(action) for action in mine],
        quiet_before=_quiet(quiet.get(cycle.id)),
    )


def _made(action: AgentAction) -> MadeAction:
    return MadeAction(
        action_id=str(action.action_id),
        dedupe_key=action.dedupe_key,
        action_type=action.action_type,
        status=action.status,
        requires_approval=action.requires_approval,
        proposed_at=action.created_at,
        executed_at=action.executed_at,
        ended_at=None if action.status in OPEN_STATUSES else action.updated_at,
        outcome=action.outcome,
    )


def _quiet(found: Quiet | None) -> QuietPasses | None:
    return None if found is None else QuietPasses.model_validate(found)


@router.get("/standing", summary="Budgets used, what rests and until when, who is alive")
def agent_standing(request: Request, _: Reader, name: OfModel = None) -> AgentStanding:
    runtime = runtime_of(request)
    contract, policy = contract_of(runtime, name), runtime.policy
    with runtime.reading() as session:
        now = actions.database_now(session)
        longest = max([DAY, policy.stand_back, *(rule.cooldown for rule in policy.actions.values())])
        history = [past_of(action) for action in actions.since(session, contract.name, now - longest)]
        newest = cycles.last(session, contract.name)
        return AgentStanding(
            model_name=contract.name,
            policy=policy.digest,
            autonomy=policy.autonomy_of(contract.name),
            dry_run=newest.dry_run if newest else False,
            automation=automation_out(automation.switch(session)),
            services=present([service_out(beat, now) for beat in heartbeats.latest(session)]),
            kinds=[_kind(one) for one in standing(policy, contract.name, history, now)],
        )


def _kind(one: Standing) -> KindStanding:
    return KindStanding(
        action_type=one.action_type,
        alone=one.alone,
        risk=one.risk,
        approvers=one.approvers,
        budget=one.budget,
        used=one.used,
        frees_at=one.frees_at,
        rests=[RestOut.model_validate(rest) for rest in one.rests],
    )


@router.get("/now", summary="What the agent does at this moment")
def agent_now(
    request: Request, _: Reader, name: OfModel = None, limit: Annotated[int, Query(ge=1, le=100)] = 12
) -> AgentNow:
    runtime = runtime_of(request)
    contract = contract_of(runtime, name)
    with runtime.reading() as session:
        events = agent_runs.log(session, contract.name, limit)
        return AgentNow(
            generated_at=actions.database_now(session),
            doing=[_doing(session, one) for one in agent_runs.moving(session, contract.name, _WORKED_ON)],
            log=[_line(event) for event in events],
        )


def _doing(session: ReadSession, action: AgentAction) -> Doing:
    steps = actions.steps(session, action.action_id)
    begun: datetime = steps[-1].started_at if steps else action.updated_at
    return Doing(
        action_id=str(action.action_id),
        action_type=action.action_type,
        question=action.question,
        status=action.status,
        step=steps[-1].step if steps else None,
        since=begun,
    )


def _line(event: AuditEvent) -> LogLine:
    said = event.details.get("says") or event.details.get("notes")
    kind = event.details.get("type")
    return LogLine(
        seq=event.seq,
        at=event.at,
        actor=event.actor,
        verb=event.verb,
        action_type=kind if isinstance(kind, str) else None,
        object_type=event.object_type,
        object_id=event.object_id,
        says=said if isinstance(said, str) else None,
    )
