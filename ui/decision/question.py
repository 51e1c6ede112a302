"""What is asked, as a sentence, and between which versions. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ui import vocabulary, wording
from ui.api_types import ActionCard, ActionDetail, VersionRef
from ui.decision.fields import obj


def name_of(version: VersionRef | None, beside: Mapping[str, Any] | None = None) -> str:
    """`v12`; from the evidence where the action itself does not name a version yet."""
    if version is not None:
        return f"v{version.version}"
    number = (beside or {}).get("version")
    return f"v{number}" if number is not None else "the new version"


person = wording.actor


def people(names: list[str]) -> str:
    """`ada`, `ada and grace`, `ada, grace and linus`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


@dataclass(frozen=True)
class Versions:
    """The two versions a decision is between."""

    old: str
    new: str

    @property
    def known(self) -> bool:
        """Whether the new one has a number already."""
        return self.new.removeprefix("v").isdigit()


def versions_of(action: ActionDetail) -> Versions:
    evidence = obj(action.evidence)
    return Versions(
        old=name_of(action.from_version, obj(evidence.get("champion"))),
        new=name_of(action.to_version, obj(evidence.get("challenger")) or obj(evidence.get("target"))),
    )


def in_two(question: str) -> tuple[str, str]:
    """The question itself, and the sentence of why behind it."""
    asked, mark, why = question.partition("? ")
    return (asked + "?", why) if mark else (question, "")


def headline(action: ActionDetail) -> str:
    """The question in one line, naming both versions as soon as there are two, the model and where it serves."""
    pair = versions_of(action)
    if not pair.known:
        return in_two(action.question)[0]
    where = f"for {action.model_title} ({action.environment})"
    return {
        "retrain_model": f"Replace {pair.old} by {pair.new} {where}?",
        "rollback_model": f"Go back from {pair.old} to {pair.new} {where}?",
        "adjust_threshold": f"Move the decision threshold, {pair.old} to {pair.new}, {where}?",
    }.get(action.action_type, action.question)


def quorum(action: ActionCard) -> str:
    """How many people it takes and who they are: `1 of 2 approved (ada); grace can decide`."""
    if not action.approvers_needed:
        return "Nobody is asked: it changes nothing that serves"
    approved = f"{action.approvals_given} of {action.approvers_needed} approved"
    if action.approved_by:
        approved += f" ({people(action.approved_by)})"
    if action.status != "pending_approval":
        return approved
    if not action.waits_for:
        return f"{approved}; nobody else can decide it now: an administrator can name another approver"
    shown = action.waits_for[:4]
    more = len(action.waits_for) - len(shown)
    names = f"{', '.join(shown)} and {wording.count(more)} more" if more else people(shown)
    return f"{approved}; {names} can decide"


def asked(action: ActionCard, now: datetime) -> str:
    """Who asked, and when."""
    return f"{person(action.proposed_by)}, {wording.when(action.created_at, now)}"


def deadline(action: ActionCard, now: datetime) -> tuple[str, str]:
    """Until when it can be decided, absolute and relative; once it is, until when it could have been."""
    if action.status not in vocabulary.OPEN_ACTIONS:
        return "Could be decided until", wording.moment(action.expires_at)
    return "Expires", wording.when(action.expires_at, now) if action.expires_at else "not before it is asked"


def asleep(action: ActionCard, now: datetime) -> str:
    """What is said of a question that the person put off; empty for one they did not."""
    until = action.snoozed_until
    if until is None or until <= now:
        return ""
    return f"You put this off until {wording.when(until, now)}. It stays open, and its time to decide runs on."
