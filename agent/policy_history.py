"""What the agent recorded, read so that another policy can decide it again: rows in, a `Record` out, nothing changed.

Used by `steward policy check` and by the API's policy page, so that both try a page on the same history.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from agent.core.policy_replay import Replayed, replay
from agent.core.reading import WINDOWS_READ, past_of, promised
from agent.core.recorded import Deed, Look, Record
from agent.core.signals import Window
from agent.core.stored_windows import whole
from config.agent_policy import AgentPolicy
from config.model_contract import ModelContract
from database.connection import ReadSession
from database.enums import ActionStatus, ActorKind, Role, Severity
from database.models import AgentAction, AgentCycle, AuditEvent
from database.queries import actions, audit, cycles, people

_AGENT = f"{ActorKind.AGENT}:"


@dataclass(frozen=True)
class History:
    """What the recorded passes came to under a policy. `left_out`: what could not be tried, and why. `approvers`: how
    many people may approve now."""

    replayed: tuple[Replayed, ...]
    left_out: tuple[str, ...]
    approvers: int


def decided_again(
    session: ReadSession, policy: AgentPolicy, contracts: Mapping[str, ModelContract], days: int
) -> History:
    """The passes of the last `days` over every model, decided by `policy`."""
    approvers = sum(u.disabled_at is None and Role.APPROVER in u.roles for u in people.list_users(session))
    left_out: list[str] = []
    replayed = tuple(_replayed(session, policy, contracts, days, left_out))
    return History(replayed, tuple(left_out), approvers)


def _replayed(
    session: ReadSession, policy: AgentPolicy, contracts: Mapping[str, ModelContract], days: int, left_out: list[str]
) -> Iterator[Replayed]:
    now = actions.database_now(session)
    passes = sorted(cycles.since(session, now - timedelta(days=days)), key=lambda c: c.model_name)
    if not passes:
        left_out.append(f"no pass of the agent was recorded in the last {days} days")
    for model, recorded in groupby(passes, key=lambda c: c.model_name):
        contract = contracts.get(model)
        if contract is None:
            left_out.append(f"{model} is left out: it has no contract")
            continue
        yield replay(_record(session, contract, policy, list(recorded)), policy)


def _record(session: ReadSession, contract: ModelContract, policy: AgentPolicy, recorded: list[AgentCycle]) -> Record:
    looks = tuple(Look(c.created_at, c.observed, tuple(c.diagnoses), tuple(c.decisions), c.dry_run) for c in recorded)
    begin = looks[0].at - policy.escalation.within
    done = actions.since(session, contract.name, begin)
    moves: defaultdict[str, list[tuple[datetime, ActionStatus]]] = defaultdict(list)
    for event in audit.about(session, "action", [a.action_id for a in done]):
        status = event.verb.removeprefix("action.")
        if status in set(ActionStatus):  # the votes of people are events, too
            moves[event.object_id].append((event.at, ActionStatus(status)))
    alerts = {one["alert_id"] for look in looks for one in look.observed.get("incidents", ())}
    return Record(
        promised=promised(contract, looks[-1].at),
        looks=looks,
        windows=_windows(session, contract, looks),
        windows_read=WINDOWS_READ,
        deeds=tuple(_deed(action, moves[str(action.action_id)]) for action in reversed(done)),
        told=tuple(_told(audit.about(session, "alert", alerts))),
    )


def _windows(session: ReadSession, contract: ModelContract, looks: tuple[Look, ...]) -> tuple[Window, ...]:
    """Those of the passes and the ones just before, as they stand today."""
    oldest = min((look.observed["latest"]["seq"] for look in looks if look.observed.get("latest")), default=None)
    if oldest is None:
        return ()
    return whole(session, contract, cycles.windows_from(session, contract.name, oldest - WINDOWS_READ))


def _deed(action: AgentAction, moves: list[tuple[datetime, ActionStatus]]) -> Deed:
    return Deed(past_of(action), action.proposed_by.startswith(_AGENT), action.approvers_needed, tuple(moves))


def _told(events: list[AuditEvent]) -> Iterator[tuple[datetime, int, Severity]]:
    """When people knew of an incident, and at which severity: a message was sent, or somebody acknowledged it, who knew
    what a graver message had said before."""
    grade: dict[str, Severity] = {}
    known: dict[str, Severity] = {}
    for event in events:
        alert = event.object_id
        if event.verb in {"alert.opened", "alert.severity"}:
            grade[alert] = Severity(event.details.get("to") or event.details["severity"])
        elif event.verb == "alert.sent":
            known[alert] = Severity(event.details["severity"])
            yield event.at, int(alert), known[alert]
        elif event.verb == "alert.acknowledged" and alert in grade:
            known[alert] = max(known.get(alert, Severity.INFO), grade[alert], key=list(Severity).index)
            yield event.at, int(alert), known[alert]
