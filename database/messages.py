"""Which events the world outside is told of, and in which words. Pure.

A message leaves the house, so it says what happened to which model and no more: no link, nobody's features, no free
text of people or of errors. What it rests on stands on the dashboard.
"""

from dataclasses import dataclass, field
from typing import Any

from config.vocabulary import ACTIONS, CAUSES, LATENCY, METRICS, capital, words
from database.enums import ActionStatus, ActorKind, Topic
from database.models import AgentAction, Alert, Deployment, Json

_S = ActionStatus
# What people care about of an action's life, and its end of the sentence "Retrain heart_disease: …".
_MOVES: dict[ActionStatus, tuple[Topic, str]] = {
    _S.PENDING_APPROVAL: (Topic.ACTION_ASKED, "a decision waits for you"),
    _S.APPROVED: (Topic.ACTION_APPROVED, "approved"),
    _S.REJECTED: (Topic.ACTION_REJECTED, "rejected"),
    _S.EXPIRED: (Topic.ACTION_EXPIRED, "it ran out of time"),
    _S.FAILED: (Topic.ACTION_FAILED, "it could not be done"),
    _S.SUCCEEDED: (Topic.ACTION_SUCCEEDED, "it proved itself"),
    _S.REVERTED: (Topic.ACTION_REVERTED, "it turned out worse and was taken back"),
    _S.INCONCLUSIVE: (Topic.ACTION_INCONCLUSIVE, "nobody can tell yet whether it helped"),
}


@dataclass(frozen=True)
class Message:
    """What is said, and the event it is said of: that has one message, however often somebody tries to write it."""

    about: str
    topic: Topic
    model_name: str
    title: str
    text: str
    facts: Json = field(default_factory=dict)

    @property
    def payload(self) -> Json:
        return {"title": self.title, "text": self.text, "facts": self.facts}


def of_activation(deployment: Deployment, version: int, before: int | None) -> Message:
    """Another version serves."""
    name, generation = deployment.model_name, deployment.generation
    instead = f" instead of v{before}" if before is not None else ""
    facts = {
        "generation": generation,
        "version": version,
        "previous_version": before,
        "action_id": str(deployment.action_id) if deployment.action_id else None,
        "actor": deployment.actor,
    }
    title, text = f"{name}: v{version} serves now", f"Version {version} of {name} serves now{instead}."
    return Message(f"activation:{name}:{generation}", Topic.VERSION_ACTIVATED, name, title, text, facts)


def of_move(action: AgentAction) -> Message | None:
    """The message about where an action stands now, or None where nobody outside needs to know.

    Of what the agent does by itself people are told only when it fails for good.
    """
    status = ActionStatus(action.status)
    if action.dry_run or status not in _MOVES or not (action.requires_approval or status is _S.FAILED):
        return None
    topic, how = _MOVES[status]
    what = f"{capital(words(ACTIONS, action.action_type))} ({action.model_name})"
    facts = {
        "action_id": str(action.action_id),
        "action_type": action.action_type,
        "status": status,
        "cause": action.cause,
        "proposed_by": action.proposed_by,
        "reviewed_by": action.reviewed_by,
        "recommended": action.recommended,
        "expires_at": action.expires_at.isoformat() if action.expires_at else None,
    }
    text = f"{_asked(action)} {_how(action, status)}".strip()
    about = f"action:{action.action_id}:{action.version}"
    return Message(about, topic, action.model_name, f"{what}: {how}", text, facts)


def _asked(action: AgentAction) -> str:
    kind, _, name = action.proposed_by.partition(":")
    if kind == ActorKind.PERSON:
        who = name
    else:
        who = "The calendar" if "schedule" in action.why else "The agent" if kind == ActorKind.AGENT else "A program"
    why = f", because of this: {words(CAUSES, action.cause)}" if action.cause else ""
    return f"{who} asked for it{why}."


def _how(action: AgentAction, status: ActionStatus) -> str:
    match status:
        case _S.PENDING_APPROVAL:
            needed = "one approver" if action.approvers_needed == 1 else f"{action.approvers_needed} approvers"
            until = f" until {action.expires_at:%Y-%m-%d %H:%M} UTC" if action.expires_at else ""
            against = " The evidence speaks against it." if action.recommended is False else ""
            return f"It needs {needed}{until}.{against} The evidence is on the dashboard."
        case _S.APPROVED | _S.REJECTED:
            return f"{capital(status)} by {action.reviewed_by}." if action.reviewed_by else ""
        case _S.FAILED | _S.REVERTED | _S.INCONCLUSIVE | _S.EXPIRED:
            return "Why stands on the dashboard."
        case _:
            return ""


def of_incident(alert: Alert, action: AgentAction) -> Message:
    """People are told of an incident, or once more because there is news of it."""
    severity = str(action.params.get("severity", alert.severity))
    parts = [f"Severity: {severity}.", _loss(alert.evidence.get("harm")), _columns(alert.evidence.get("columns"))]
    if escalation := action.params.get("escalation"):
        parts.append(f"{capital(str(escalation))}.")
    text = " ".join(part for part in (*parts, "The incident is on the dashboard.") if part)
    facts = {
        "alert_id": alert.id,
        "cause": alert.cause,
        "severity": severity,
        "escalation": escalation,
        "action_id": str(action.action_id),
    }
    about = f"incident:{alert.id}:{action.action_id}"
    return Message(about, Topic.INCIDENT_TOLD, alert.model_name, alert.title, text, facts)


def _loss(harm: Any) -> str:
    if not isinstance(harm, dict) or harm.get("value") is None or harm.get("reference") is None:
        return ""
    metric, digits = str(harm.get("metric")), 0 if harm.get("metric") == LATENCY else 3
    moved = "rose" if metric == LATENCY else "fell"
    value, before = float(harm["value"]), float(harm["reference"])
    return f"{capital(words(METRICS, metric))} {moved} to {value:.{digits}f} from {before:.{digits}f}."


def _columns(found: Any) -> str:
    return f"Columns at fault: {', '.join(map(str, found))}." if isinstance(found, list) and found else ""
