"""How the processes of the platform are, as every page says it: signs of life, replicas, and what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.cards import replica_out, service_out
from api.habits import signs
from api.notices import Stumbles, notices, present
from api.runtime import Runtime
from api.schemas.agent import ServiceOut
from api.schemas.monitoring import ReplicaOut
from api.schemas.overview import Notice
from config.vocabulary import CLOSING
from database.audit_walk import standing
from database.connection import ReadSession
from database.enums import WindowStatus
from database.queries import actions, heartbeats, model_versions, windows

# A check is called blind by what it tripped over in so many of the newest windows.
RECENT_WINDOWS = 20


@dataclass(frozen=True)
class PlatformState:
    """The processes that are or should be there, and everything people should know about them."""

    services: list[ServiceOut]
    replicas: list[ReplicaOut]
    notices: list[Notice]


def platform_state(
    runtime: Runtime, session: ReadSession, model_name: str, serving_since: datetime | None, now: datetime
) -> PlatformState:
    """Read for one model. `serving_since`: when its present generation was activated."""
    services = present([service_out(beat, now) for beat in heartbeats.latest(session)])
    replicas = replicas_of(session, model_name)
    return PlatformState(
        services=services,
        replicas=replicas,
        notices=notices(
            services=services,
            replicas=replicas,
            serving_since=serving_since,
            stumbles=_stumbles(session, model_name),
            behind=runtime.watcher.behind,
            nodding=signs(session, runtime, model_name),
            altered=_altered(session),
            now=now,
        ),
    )


def replicas_of(session: ReadSession, name: str) -> list[ReplicaOut]:
    """What each API process says it serves, beside what it should."""
    rows = model_versions.replicas(session, name)
    known = model_versions.versions_by_id(session, [row.version_id for row in rows])
    desired = model_versions.current_generation(session, name)
    now = actions.database_now(session)
    return [replica_out(row, desired.generation if desired else 0, known, now) for row in rows]


def _altered(session: ReadSession) -> list[str]:
    """What the last walk over the audit log found wrong."""
    last = standing(session).last
    return list(last.details["faults"]) if last is not None else []


def _stumbles(session: ReadSession, model_name: str) -> Sequence[Stumbles]:
    """The checks that tripped over recent windows. What labels are needed for looks at judged windows only."""
    why: dict[tuple[str, str], dict[int, str]] = {}
    for seq, row in windows.could_not_look(session, model_name, RECENT_WINDOWS):
        if check := row.details.get("check"):
            why.setdefault((check, row.details["stage"]), {})[seq] = row.details["why"]
    if not why:
        return []
    recent = windows.recent(session, model_name, RECENT_WINDOWS)[::-1]
    closed = [window.seq for window in recent]
    judged = [window.seq for window in recent if window.status == WindowStatus.MATURE]
    return [
        Stumbles(check, closed if stage == CLOSING else judged, seqs) for (check, stage), seqs in sorted(why.items())
    ]
