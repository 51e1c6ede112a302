"""Whether what is approved may begin now: pure, asked in the transaction that claims it.

An action carries what the page said when it was asked. The page in force when it begins can only make that stricter:
more people, or a person where the agent was let alone. A page that became looser, and a shorter or longer time to
decide, count from the next question on.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.core.expiry import is_over
from config.agent_policy import AgentPolicy
from database.enums import CHANGING, ActionStatus
from database.models import AgentAction

TOO_LATE = "approved, but it could not be carried out in time"


@dataclass(frozen=True)
class Held:
    """What becomes of it instead, and why."""

    to: ActionStatus
    says: str


def held_back(action: AgentAction, policy: AgentPolicy, now: datetime) -> Held | None:
    """What keeps an approved action from being begun, or None."""
    rule = policy.rule(action.action_type)
    if not action.requires_approval:
        if rule.decides == "agent" and policy.autonomy_of(action.model_name) == "act":
            return None
        return Held(ActionStatus.CANCELLED, "the policy no longer lets the agent do this by itself")
    if is_over(action, now):
        return Held(ActionStatus.EXPIRED, TOO_LATE)
    if rule.approvers > action.approvers_needed:
        says = f"the policy now asks for {rule.approvers} people, and {action.approvers_needed} were asked for"
        return Held(asked_again(action.action_type), says)
    return None


def asked_again(action_type: str) -> ActionStatus:
    """Where an approval that no longer counts leads: only what changes what serves has proof that can be gathered
    again; the agent asks for anything else anew by itself while the cause of it lasts."""
    return ActionStatus.STALE if action_type in CHANGING else ActionStatus.CANCELLED
