"""What is wrong with the platform itself, as against its models: said on every page, the worst first. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.schemas.agent import ServiceOut
from api.schemas.monitoring import ReplicaOut
from api.schemas.overview import Notice

# A replica loads a version in seconds; one that has not followed after this needs somebody.
TO_FOLLOW = timedelta(seconds=60)
# One window a check trips over is an accident, this many in a row are a check that is blind.
ERRORS_IN_A_ROW = 4


@dataclass(frozen=True)
class Stumbles:
    """What a check tripped over, by window; `looked` are the windows it had to look at, newest first."""

    check: str
    looked: Sequence[int]
    why: Mapping[int, str]

    @property
    def in_a_row(self) -> int:
        """How many of the newest windows it could not look at, without a good one between."""
        return next((at for at, seq in enumerate(self.looked) if seq not in self.why), len(self.looked))


def notices(
    *,
    services: Sequence[ServiceOut],
    replicas: Sequence[ReplicaOut],
    serving_since: datetime | None,
    stumbles: Sequence[Stumbles],
    behind: Collection[str],
    nodding: Sequence[str] = (),
    altered: Sequence[str] = (),
    now: datetime,
) -> list[Notice]:
    """Everything there is to say. `behind`: what the database should know and does not; `nodding`: what looks as if
    people approved without looking; `altered`: what is wrong with the audit log."""
    found = [
        *(_offline(service, now) for service in services if service.late),
        *(Notice(severity="error", title="The database knows less than it did.", text=says) for says in behind),
        *(_not_as_written(says) for says in altered[:1]),
        *(_damaged(says) for service in services for says in _told(service, "damaged")),
        *(_not_loaded(replica) for replica in replicas if replica.error and not replica.late),
        *_disagreeing(replicas, serving_since, now),
        *(_blind(one) for one in stumbles if one.in_a_row >= ERRORS_IN_A_ROW),
        *(_behind(model, rows) for service in services for model, rows in _rows_behind(service)),
        *(_stuck(service, says) for service in services for says in _told(service, "lasting")),
        *_nodding(nodding),
    ]
    return sorted(found, key=lambda notice: notice.severity != "error")


def present(services: Sequence[ServiceOut]) -> list[ServiceOut]:
    """The processes there are or should be: one that a newer one replaced is not silent, it is gone."""
    newest = {service.service: service for service in sorted(services, key=lambda service: service.seen_at)}
    return [service for service in services if not service.late or service is newest[service.service]]


def _offline(service: ServiceOut, now: datetime) -> Notice:
    since = f"{service.seen_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    minutes = int((now - service.seen_at).total_seconds() // 60)
    text = f"No sign of life since {since}, {minutes} min ago. What you see may be older than it looks."
    return Notice(severity="error", title=f"The {service.service} is offline.", text=text)


def _not_loaded(replica: ReplicaOut) -> Notice:
    instead = f"Version {replica.version} (generation {replica.observed_generation}) answers in its place."
    text = f"Replica {replica.replica}: {replica.error}. "
    text += instead if replica.observed_generation else "Nothing answers."
    return Notice(severity="error", title="A version could not be loaded.", text=text)


def _disagreeing(replicas: Sequence[ReplicaOut], serving_since: datetime | None, now: datetime) -> list[Notice]:
    """Replicas that live, say nothing of a failure, and serve another generation than the one they should."""
    if serving_since is None or now - serving_since < TO_FOLLOW:
        return []
    minutes = int((now - serving_since).total_seconds() // 60)
    return [
        Notice(
            severity="error",
            title="Replicas disagree.",
            text=f"Replica {one.replica} serves generation {one.observed_generation}; generation "
            f"{one.desired_generation} should serve since {minutes} min.",
        )
        for one in replicas
        if not one.late and not one.error and one.observed_generation != one.desired_generation
    ]


def _blind(one: Stumbles) -> Notice:
    newest = one.why[one.looked[0]]
    text = f"It could not look at the newest {one.in_a_row} windows, so they say nothing about it. Last: {newest}"
    return Notice(severity="error", title=f"The check “{one.check}” is blind.", text=text)


def _damaged(says: str) -> Notice:
    text = f"{says}. What serves stays in memory until its process ends; a damaged version cannot be gone back to."
    return Notice(severity="error", title="A version's files are damaged or missing.", text=text)


def _stuck(service: ServiceOut, says: str) -> Notice:
    return Notice(severity="warning", title=f"The {service.service} cannot do all of its work.", text=says)


def _rows_behind(service: ServiceOut) -> list[tuple[str, int]]:
    """The models that have a backlog, by the word of a living monitor."""
    return [] if service.late else sorted(service.details.get("behind", {}).items())


def _behind(model: str, rows: int) -> Notice:
    text = f"So many predictions of {model} are in no window yet, the newest among them: alarms about them come late. "
    text += "Until the monitor has caught up, windows are wider than the contract says."
    return Notice(severity="warning", title=f"Monitoring is {rows:,} rows behind.", text=text)


def _told(service: ServiceOut, what: str) -> list[str]:
    """What a living process keeps saying in its sign of life."""
    said = service.details.get(what)
    if service.late or not said:
        return []
    return [str(one) for one in (said.values() if isinstance(said, dict) else said)]


def _nodding(signs: Sequence[str]) -> list[Notice]:
    if not signs:
        return []
    text = f"{signs[0][0].upper()}{signs[0][1:]}{f', and {len(signs) - 1} more signs' if len(signs) > 1 else ''}. "
    text += "Ask fewer questions, or ask more people; the figures stand under Settings & policy, Policy."
    return [Notice(severity="warning", title="Decisions may be nodded through.", text=text)]


def _not_as_written(says: str) -> Notice:
    text = f"{says[0].upper()}{says[1:]}. Somebody who may write the database did it; the page Audit has all of it."
    return Notice(severity="error", title="The audit log is not as it was written.", text=text)
