"""What the agent concluded and did in these six days, what it asked, and what people answered."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from database.enums import ActionStatus, ActionType, Cause, Risk
from database.models import AgentAction, ModelVersion
from scripts.clinic.chronicle import Chronicle
from scripts.clinic.evidence import BETTER, UNSURE, diagnosis, of_retrain, of_rollback
from scripts.clinic.questions import Question, ask

_S = ActionStatus
HOURS = timedelta(hours=1)


def concluded(seq: int) -> list[dict[str, Any]]:
    return [diagnosis(Cause.CONCEPT_DRIFT, [seq]), diagnosis(Cause.DATA_FAULT, [seq]) | {"severity": "warning"}]


def chosen(seq: int) -> list[dict[str, Any]]:
    return [
        {"does": "validate_data", "action_type": "validate_data", "cause": "data_fault", "risk": "low",
         "requires_approval": False, "dry_run": False,
         "question": f"Set the suspect rows of window {seq} aside, so that nothing learns from them"},
        {"does": "nothing", "action_type": "send_alert", "cause": "data_fault",
         "why": "this incident was told already"},
    ]  # fmt: skip


def tell(
    chronicle: Chronicle,
    versions: dict[int, ModelVersion],
    users: dict[str, int],
    alerts: dict[str, int],
    now: datetime,
) -> dict[str, AgentAction]:
    """All actions, by the names that tests call them."""
    told = {**_waiting(versions, alerts, now), **_over(versions, users, now), **_automatic(alerts, now)}
    return {name: ask(chronicle, question) for name, question in told.items()}


def retrain(old: ModelVersion, new: ModelVersion, at: datetime, cause: Cause | None, **more: Any) -> Question:
    """Whether a challenger, that is better unless told otherwise, shall take the place of what serves."""
    asked = f"Replace v{old.version} by a version that learned from recent rows?"
    why = " F1 fell to 0.712 [0.641, 0.783] from 0.822 in training, measured on sound rows, n = 152."
    given: dict[str, Any] = {"evidence": of_retrain(old, new, at, BETTER), "status": _S.PENDING_APPROVAL} | more
    return Question(
        ActionType.RETRAIN_MODEL, given.pop("status"), asked + (why if cause else ""), at, cause, from_id=old.id,
        to_id=new.id, params={"evidence_seq": 11}, **given,
    )  # fmt: skip


def rollback(old: ModelVersion, new: ModelVersion, at: datetime, cause: Cause | None, **more: Any) -> Question:
    given: dict[str, Any] = {"status": _S.PENDING_APPROVAL} | more
    return Question(
        ActionType.ROLLBACK_MODEL, given.pop("status"), f"Roll back v{old.version} to v{new.version}?", at, cause,
        of_rollback(old, new, at), old.id, new.id, Risk.HIGH, 2, **given,
    )  # fmt: skip


def _waiting(v: dict[int, ModelVersion], alerts: dict[str, int], now: datetime) -> dict[str, Question]:
    """What people are asked now: a good change, a harmful one, an unsure one, a grave one, and one of their own."""
    at = now - 4 * HOURS
    soon = now + timedelta(hours=5, minutes=12)
    return {
        "good": retrain(v[2], v[4], at, Cause.CONCEPT_DRIFT, alert_id=alerts["loss"], expires=soon),
        "unsure": retrain(v[2], v[5], at, Cause.PRIOR_SHIFT, evidence=of_retrain(v[2], v[5], at, UNSURE)),
        "harmful": retrain(
            v[2], v[6], at, Cause.COVARIATE_SHIFT_HARMFUL,
            evidence=of_retrain(v[2], v[6], at, BETTER, harmful_slice=True),
        ),
        "grave": rollback(v[2], v[1], at, Cause.BAD_RELEASE, expires=now + timedelta(hours=20)),
        "own": rollback(v[2], v[3], at, None, by="person:bob"),
        "gathering": retrain(v[2], v[4], now - HOURS / 2, Cause.LOW_CONFIDENCE, status=_S.GATHERING_EVIDENCE,
                             evidence=None),
    }  # fmt: skip


def _over(v: dict[int, ModelVersion], users: dict[str, int], now: datetime) -> dict[str, Question]:
    """What is decided, and how it ended."""
    ada, bob = ((users[name], name) for name in ("ada", "bob"))
    day = timedelta(days=1)
    approved = replace(retrain(v[1], v[2], now - 4.2 * day, Cause.COVARIATE_SHIFT_HARMFUL), voters=(ada,))
    return {
        "succeeded": replace(
            approved, status=_S.SUCCEEDED, step=timedelta(hours=1),
            outcome="verified: F1 rose by 0.052 [0.011, 0.093] on 148 labelled rows",
        ),
        "reverted": replace(
            retrain(v[2], v[3], now - 2.7 * day, Cause.CONCEPT_DRIFT), voters=(bob,), status=_S.REVERTED,
            step=timedelta(hours=2), outcome="taken back: F1 fell by 0.081 [0.022, 0.140] on 120 rows",
        ),
        "inconclusive": replace(
            retrain(v[1], v[2], now - 5.5 * day, Cause.PRIOR_SHIFT), voters=(ada,), status=_S.INCONCLUSIVE,
            outcome="no verdict: 31 of 60 labelled rows came in time", step=timedelta(hours=1),
        ),
        "failed": replace(
            rollback(v[2], v[1], now - 2 * day, Cause.UNKNOWN), voters=(ada, bob), status=_S.FAILED,
            outcome="the version's files could not be loaded",
        ),
        "rejected": replace(
            retrain(v[2], v[5], now - 1.5 * day, Cause.PRIOR_SHIFT), voters=(bob,), status=_S.REJECTED,
            outcome="rejected by bob: The timing is wrong",
        ),
        "expired": replace(
            retrain(v[2], v[5], now - 5 * day, Cause.UNKNOWN), status=_S.EXPIRED, outcome="nobody decided in time",
        ),
        "cancelled": replace(
            retrain(v[2], v[5], now - 1.2 * day, Cause.UNKNOWN), status=_S.CANCELLED, evidence=None,
            outcome="what it was about is over",
        ),
        "outdated": replace(rollback(v[3], v[2], now - 2.4 * day, Cause.CONCEPT_DRIFT), status=_S.STALE),
    }  # fmt: skip


def _automatic(alerts: dict[str, int], now: datetime) -> dict[str, Question]:
    """What the agent did by itself."""
    low = Question(ActionType.VALIDATE_DATA, _S.SUCCEEDED, "", now - 10 * HOURS, Cause.DATA_FAULT, risk=Risk.LOW,
                   approvers=0, alert_id=alerts["fault"], step=timedelta(seconds=20))  # fmt: skip
    return {
        "set_aside": replace(
            low, question="Set the suspect rows of window 11 aside, so that nothing learns from them",
            outcome="12 of 50 rows of window 11 were set aside and are never learned from",
        ),
        "told": replace(
            low, kind=ActionType.SEND_ALERT, question="Tell people: A source sends faulty data (Heart disease v2)",
            outcome="people are told on the dashboard, and wherever messages go", at=now - 11 * HOURS,
        ),
        "looked": replace(
            low, kind=ActionType.COLLECT_DIAGNOSTICS, status=_S.FAILED, question="Collect diagnostics of window 10",
            outcome="the window's rows could not be read three times", at=now - 30 * HOURS,
        ),
        "queued": replace(
            low, kind=ActionType.GENERATE_REPORT, status=_S.APPROVED, question="Draw the drift report of window 11",
            at=now - timedelta(minutes=2),
        ),
    }  # fmt: skip
