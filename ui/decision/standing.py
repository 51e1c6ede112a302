"""Whether the person who looks may decide on what the page shows. Pure: the present moment is an argument."""

from dataclasses import dataclass
from datetime import datetime

from ui import vocabulary, wording
from ui.api_types import ActionDetail
from ui.decision.course import course


def asks_for_typed_version(action: ActionDetail) -> bool:
    """The highest risk is confirmed by typing the version, so that no reflex can do it."""
    return action.risk == "high"


@dataclass(frozen=True)
class Standing:
    """Whether the person may decide on what the page shows, and the sentence when not."""

    open: bool
    says: str = ""


def standing(seen: ActionDetail, newest: ActionDetail, now: datetime) -> Standing:
    """The page shows `seen`; `newest` is what the API says now. A decision counts only on what was shown."""
    if newest.status == "stale":
        return Standing(False, "What this rested on has changed. The evidence is being gathered again.")
    if newest.status not in {"pending_approval", *vocabulary.OPEN_ACTIONS}:
        return Standing(False, f"This is no longer open: {course(newest)}.")
    if newest.status in {"proposed", "gathering_evidence"}:
        return Standing(False, "The evidence is still being gathered. There is nothing to decide yet.")
    if newest.expires_at is not None and newest.expires_at <= now:
        return Standing(False, f"This expired {wording.when(newest.expires_at, now)}. Nothing was changed.")
    if newest.evidence_digest != seen.evidence_digest or newest.version != seen.version:
        return Standing(False, "There is newer evidence than this page shows. Read it before you decide.")
    if not newest.may_decide.allowed:
        return Standing(False, wording.sentence(newest.may_decide.why_not or "You may not decide this."))
    return Standing(True)
