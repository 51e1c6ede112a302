"""The agent's policy: the page in force, and trying another one on what was recorded."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from agent.core.policy_replay import APPROXIMATE, Difference, Replayed
from agent.policy_trial import Remark, Trial, try_page
from api.cards import service_out
from api.dependencies import PersonMay
from api.errors import unavailable
from api.runtime import Runtime, runtime_of
from api.schemas.policy import (
    CorrectionsRule,
    EscalationOut,
    GoesBy,
    Otherwise,
    PolicyChecked,
    PolicyIn,
    PolicyOut,
    RemarkOut,
    ReplayOut,
    ReplayRow,
    RuleOut,
    Threshold,
    VerificationOut,
)
from api.strict_json import StrictRoute
from api.thresholds import thresholds_of
from config.agent_policy import AgentPolicy, parse_policy
from config.yaml_source import ConfigError, text_of
from database.connection import ReadSession
from database.models import Heartbeat
from database.permissions import Permission
from database.queries import heartbeats
from database.queries.actions import database_now
from database.queries.people import SignedIn

router = APIRouter(prefix="/policy", tags=["policy"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
Admin = Annotated[SignedIn, Depends(PersonMay(Permission.ADMINISTER))]
# Deciding a month again is work of a second or two: one at a time, so that nobody's predictions wait for it.
_trying = threading.Lock()


@router.get("", summary="What the agent may do, and who goes by it")
def in_force(request: Request, _: Reader) -> PolicyOut:
    runtime = runtime_of(request)
    policy = runtime.policy
    text, digest = _on_disk(runtime)
    with runtime.reading() as session:
        now = database_now(session)
        goes_by = [_goes_by(beat, policy, now) for beat in heartbeats.latest(session) if beat.service == "agent"]
    return PolicyOut(
        file=str(runtime.settings.platform.policy_file),
        text=text,
        digest=policy.digest,
        changed_on_disk=digest != policy.digest,
        goes_by=goes_by,
        rules=[_rule(policy, name) for name in policy.actions],
        autonomy=dict(policy.autonomy) or {"default": policy.autonomy_of("")},
        escalation=EscalationOut(
            repeats=policy.escalation.repeats,
            within_s=policy.escalation.within.total_seconds(),
            after_revert_approvers=policy.escalation.after_revert_approvers,
        ),
        corrections=CorrectionsRule(
            retrain_after=policy.corrections.retrain_after,
            within_s=policy.corrections.within.total_seconds(),
            pause_s=policy.corrections.pause.total_seconds(),
        ),
        verification=VerificationOut(
            min_rows=policy.verification.min_rows,
            max_rows=policy.verification.max_rows,
            margin=policy.verification.margin,
            deadline_s=policy.verification.deadline.total_seconds(),
        ),
        stand_back_s=policy.stand_back.total_seconds(),
        thresholds=[
            Threshold(model_name=contract.name, title=contract.title, **vars(one))
            for contract in runtime.contracts.values()
            for one in thresholds_of(contract)
        ],
    )


def _on_disk(runtime: Runtime) -> tuple[str, str | None]:
    """What the file says at this moment, and the digest of that; no digest while it is not a valid page."""
    try:
        text = text_of(runtime.settings.platform.policy_file)
    except ConfigError as error:
        return str(error), None
    try:
        return text, parse_policy(text, "page").digest
    except ConfigError:
        return text, None


def _goes_by(beat: Heartbeat, policy: AgentPolicy, now: datetime) -> GoesBy:
    digest, since = beat.details.get("policy"), beat.details.get("started_at")
    return GoesBy(
        service=beat.service,
        instance=beat.instance,
        digest=digest,
        since=datetime.fromisoformat(since) if since else None,
        late=service_out(beat, now).late,
        same=digest == policy.digest,
    )


def _rule(policy: AgentPolicy, name: str) -> RuleOut:
    rule = policy.rule(name)
    return RuleOut(
        action_type=name,
        risk=rule.risk,
        decides=rule.decides,
        approvers=rule.approvers,
        cooldown_s=rule.cooldown.total_seconds(),
        budget=rule.budget,
        attempts=rule.attempts,
        expires_s=rule.expires.total_seconds(),
    )


@router.post("/check", summary="Try a page on what was recorded; nothing is changed")
def check(request: Request, _: Admin, sent: PolicyIn) -> PolicyChecked:
    """Whether the page is valid, how it differs from the one in force, what a reviewer should look at twice, and what
    it would have done in the last `days`. One page is tried at a time; 503 while another one is."""
    runtime = runtime_of(request)
    with _alone(), runtime.reading() as session:
        return _checked(_tried(session, runtime, sent), sent.days)


@contextmanager
def _alone() -> Iterator[None]:
    if not _trying.acquire(blocking=False):
        raise unavailable("busy", "Another page is being tried at this moment; ask again in a few seconds.")
    try:
        yield
    finally:
        _trying.release()


def _tried(session: ReadSession, runtime: Runtime, sent: PolicyIn) -> Trial:
    return try_page(session, sent.text, _on_disk(runtime)[0], runtime.contracts, sent.days)


def _checked(trial: Trial, days: int) -> PolicyChecked:
    history = trial.history
    replayed = history.replayed if history else ()
    return PolicyChecked(
        valid=not trial.faults,
        faults=[_remark(one) for one in trial.faults],
        diff=trial.diff,
        concerns=[_remark(one) for one in trial.concerns],
        days=days,
        replay=[_replay(one) for one in replayed],
        left_out=list(history.left_out) if history else [],
        approximate=list(APPROXIMATE) if replayed else [],
    )


def _remark(one: Remark) -> RemarkOut:
    return RemarkOut(line=one.line, field=one.field, says=one.says)


def _replay(one: Replayed) -> ReplayOut:
    alike: defaultdict[tuple[str, str, str], list[Difference]] = defaultdict(list)
    for found in one.differences:
        alike[found.action_type, found.then, found.now].append(found)
    return ReplayOut(
        model_name=one.model_name,
        passes=len(one.looks),
        blind=one.blind,
        unreadable=one.unreadable,
        from_at=one.looks[0].at,
        to_at=one.looks[-1].at,
        then=len(one.then),
        otherwise=[
            Otherwise(action_type=kind, then=then, now=now, times=len(found), last_at=max(each.at for each in found))
            for (kind, then, now), found in sorted(alike.items(), key=lambda item: -len(item[1]))
        ],
        rows=[
            ReplayRow(
                action_type=row.action_type,
                then=row.then,
                now=row.now,
                alone=row.alone,
                waits=row.waits,
                held=row.held,
            )
            for row in one.rows()
        ],
    )
