"""Whether people are called: once for a trouble, and again when it is graver for certain, reaches another column, or
the remedies are used up. Pure.

A message costs somebody's attention, so nobody is called for a note, for trouble they heard of a few windows ago, for a
severity that comes and goes, or for odd answers of a single window. People are told when the message
stands on the dashboard and in the outbox; one that did not get that far does not count. What a channel outside does not
take is a dead letter that people see, and no reason to call again: the next message would go the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.core import wording
from agent.core.choices import Choice, NoAction, PastAction
from agent.core.diagnosis_engine import Diagnosis
from agent.core.proposals import Case, newest_shown, propose
from agent.core.rules.data_fault import columns_at_fault
from agent.core.rules.loss import SEVERE
from agent.core.signals import Incident
from config.vocabulary import LATENCY
from database.enums import ActionStatus, ActionType, Cause, IssueType, Severity

# Trouble that comes back within so many windows is the same one, and people know of it.
SAME_TROUBLE = 6
_Message = tuple[PastAction, int]  # what was sent, and how many windows before
_REACHED_NOBODY = frozenset({ActionStatus.FAILED, ActionStatus.CANCELLED, ActionStatus.EXPIRED})


@dataclass(frozen=True)
class _Heard:
    """What people were told of this trouble, and why that is enough."""

    severity: Severity
    enough: str


def alert(case: Case, diagnosis: Diagnosis, escalation: str | None = None) -> Choice:
    """One message for a trouble, and another only when there is news of it. `escalation`: why a person has to look."""
    if diagnosis.severity is Severity.INFO:
        return NoAction("a note: nobody is called for it", ActionType.SEND_ALERT, diagnosis.cause)
    incident = next((i for i in case.signals.incidents if i.cause is diagnosis.cause), None)
    began = _began(case, diagnosis, incident)
    messages = list(_told_lately(case, began, diagnosis.cause))
    heard = _heard(diagnosis, incident, messages)
    columns = _untold_columns(case, diagnosis, began, messages) if heard is not None else ()
    if escalation is None and not columns and (held := _not_worth_a_call(case, diagnosis, incident, heard)) is not None:
        return NoAction(held, ActionType.SEND_ALERT, diagnosis.cause)
    window = diagnosis.windows[-1] if diagnosis.windows else 0
    about = incident.alert_id if incident else f"w{window}"
    news = "escalation" if escalation else ":".join((diagnosis.issue, diagnosis.severity, *columns))
    key = _key(case, case.key(ActionType.SEND_ALERT, diagnosis.cause, about, news))
    if case.proposed_before(key):
        return NoAction("this message was sent already", ActionType.SEND_ALERT, diagnosis.cause)
    question = f"Tell people: {wording.headline(diagnosis.cause, case.signals.serving)}"
    params = {"severity": diagnosis.severity, "escalation": escalation, "window_id": window}
    urgent = escalation is not None or heard is not None
    return propose(case, diagnosis, ActionType.SEND_ALERT, question, key, params, urgent=urgent)


def _key(case: Case, key: str) -> str:
    """A message that could not be sent is tried again as another one (the breaker keeps these apart)."""
    lost = {ActionStatus.FAILED, ActionStatus.EXPIRED}
    tries = sum(p.status in lost and p.dedupe_key.split("#")[0] == key for p in case.past(ActionType.SEND_ALERT))
    return f"{key}#{tries}" if tries else key


def _not_worth_a_call(case: Case, diagnosis: Diagnosis, incident: Incident | None, heard: _Heard | None) -> str | None:
    """Why people are not told of it again, or not yet."""
    newest = diagnosis.windows[-1] if diagnosis.windows else None
    if heard is not None:
        if _grade(diagnosis.severity) <= _grade(heard.severity):
            return heard.enough
        certain = diagnosis.harm is not None and diagnosis.harm.low >= SEVERE
        if not certain and newest is not None and incident is not None and incident.graded_window == newest:
            return "it became graver in this window; people are told when the next one is as grave"
        return None
    if diagnosis.issue is not IssueType.PREDICTION_ANOMALY or diagnosis.harm is not None:
        return None
    looked = (p for p in case.past(ActionType.COLLECT_DIAGNOSTICS) if p.cause is diagnosis.cause)
    first = incident is None or incident.opened_window in {None, newest}
    if first and all(p.why.get("windows") == list(diagnosis.windows) for p in looked):
        return "odd answers of one window: people are called when the next one is odd, too"
    losses = (since for told, since in _told_lately(case, newest_shown(case, diagnosis)) if _is_of_a_loss(told))
    if (since := next(losses, None)) is not None:
        return f"people were told of a loss {since} windows ago; odd answers come with it"
    return None


def _is_of_a_loss(told: PastAction) -> bool:
    """A version that is slow does not answer oddly."""
    harm = told.why.get("harm")
    return harm is not None and harm.get("metric") != LATENCY


def _heard(diagnosis: Diagnosis, incident: Incident | None, messages: Sequence[_Message]) -> _Heard | None:
    """What people know: of this incident, or of one like it that was told a few windows before this one began."""
    # One cause may be two troubles: odd answers and a loss nobody can explain are both "unknown".
    alike = [(told, since) for told, since in messages if told.why.get("issue", diagnosis.issue) == diagnosis.issue]
    if incident is not None and incident.notified is not None and messages[:1] == alike[:1]:
        return _Heard(incident.notified, "this incident was told already")
    if not alike:
        return None
    told, since = alike[0]
    severity = Severity(told.why.get("severity", Severity.CRITICAL))
    return _Heard(severity, f"it came back after {since} windows: people were told of it then")


def _untold_columns(
    case: Case, diagnosis: Diagnosis, began: int | None, messages: Sequence[_Message]
) -> tuple[str, ...]:
    """The columns at fault in the two newest windows that no message about this trouble has named. One that was at
    fault before the oldest window that is read was named longer ago than is remembered."""
    read, told = case.signals.windows, [one for one, _ in messages]
    if diagnosis.cause is not Cause.DATA_FAULT or any("columns" not in p.why for p in told):
        return ()
    named = {column for p in told for column in p.why["columns"]}
    named |= set(columns_at_fault(case.signals, read[0])) if read and began == read[0].seq else set()
    stays = {column for window in read[-2:-1] for column in columns_at_fault(case.signals, window)}
    return tuple(column for column in diagnosis.columns if column in stays and column not in named)


def _began(case: Case, diagnosis: Diagnosis, incident: Incident | None) -> int | None:
    """The number of the window its incident was opened in; of the oldest that is read, if it is older than that."""
    if incident is None or incident.opened_window is None or not case.signals.windows:
        return newest_shown(case, diagnosis)
    read = case.signals.windows
    return next((w.seq for w in read if w.id == incident.opened_window), read[0].seq)


def _told_lately(case: Case, seq: int | None, cause: Cause | None = None) -> Iterator[_Message]:
    """The messages that reached people about one cause or all, at most `SAME_TROUBLE` windows before the window of this
    number, and how many; newest first."""
    for past in case.past(ActionType.SEND_ALERT):
        told, reached = past.why.get("window_seq"), past.dry_run or past.status not in _REACHED_NOBODY
        if seq is None or told is None or not reached or cause not in {None, past.cause}:
            continue
        if (since := seq - int(told)) <= SAME_TROUBLE:
            yield past, since


def _grade(severity: Severity) -> int:
    return list(Severity).index(severity)
