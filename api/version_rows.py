"""What the version list says of each version, worked out of rows. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from api.schemas.common import DeploymentOut
from api.schemas.lineage import Figure, VersionRow
from api.schemas.models import VersionCard
from database.enums import ActionStatus, Decision, VersionStatus
from database.models import AgentAction
from database.queries.lineage import Vote

_REFUSED = frozenset({ActionStatus.REJECTED})
_LAPSED = frozenset({ActionStatus.EXPIRED, ActionStatus.CANCELLED, ActionStatus.FAILED})


@dataclass(frozen=True)
class Files:
    """What the monitor knows of artifacts, by digest: what is wrong, and when it looked."""

    stored: Collection[str]
    damaged: Mapping[str, str]
    hashed: Mapping[str, str]

    def state(self, digest: str) -> str:
        if digest not in self.stored:
            return "missing"
        if digest in self.damaged:
            return "damaged"
        return "sound" if digest in self.hashed else "unchecked"

    def checked_at(self, digest: str) -> datetime | None:
        said = self.hashed.get(digest)
        return datetime.fromisoformat(said) if said else None


def figure_of(metrics: Mapping[str, Any], name: str) -> Figure | None:
    """A cross-validated metric of a version; None where none was stored."""
    found = (metrics.get("cv") or {}).get(name)
    if not isinstance(found, Mapping) or not isinstance(found.get("value"), int | float):
        return None
    return Figure(metric=name, value=found["value"], low=found.get("low"), high=found.get("high"), n=found.get("n"))


def standing_of(card: VersionCard, previous: int | None, action: AgentAction | None) -> str:
    """What became of a version. `previous` is the number of the one that served before the one that serves."""
    if card.is_active:
        return "serving"
    if card.served_from is not None:
        return "previous" if card.version == previous else "archived"
    if card.status == VersionStatus.ARCHIVED:
        return "archived"
    if action is None:
        return "candidate"
    if action.status in _REFUSED:
        return "rejected"
    return "lapsed" if action.status in _LAPSED else "candidate"


def why_not_restorable(card: VersionCard, files: str, damage: str | None) -> str | None:
    """Why one cannot go back to it; None when one can. One goes back to what is known: to what served before."""
    if card.is_active:
        return "It serves now."
    if card.served_from is None:
        return "It never served: one goes back only to what is known in production."
    if files == "missing":
        return "Its files are not in the store any more."
    if files == "damaged":
        return f"Its files are damaged: {damage or 'they do not match their digest'}."
    return None


def approvers(action_ids: Collection[str | None], votes: Sequence[Vote]) -> list[str]:
    """Who approved any of these actions, each once, in the order of their first approval."""
    wanted = {UUID(one) for one in action_ids if one}
    names = (v.person for v in votes if v.action_id in wanted and v.decision == Decision.APPROVE)
    return list(dict.fromkeys(names))


def version_row(
    card: VersionCard,
    metrics: Mapping[str, Any],
    *,
    primary: str,
    digest: str,
    files: Files,
    deployments: Sequence[DeploymentOut],
    votes: Sequence[Vote],
    action: AgentAction | None,
) -> VersionRow:
    """`deployments` are the model's, newest first; `action` made the version."""
    state = files.state(digest)
    mine = [one for one in deployments if one.version_id == card.version_id]
    previous = deployments[0].previous_version if deployments else None
    return VersionRow(
        **card.model_dump(),
        standing=standing_of(card, previous, action),
        primary=figure_of(metrics, primary),
        approved_by=approvers([one.action_id for one in mine], votes),
        files=state,
        files_checked_at=files.checked_at(digest),
        why_not_restorable=why_not_restorable(card, state, files.damaged.get(digest)),
    )
