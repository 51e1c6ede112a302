"""Whether people are called: once for an incident, and again when it becomes graver or the remedies are used up. Pure.

A message costs somebody's attention, so nobody is called for a note, for trouble they heard of a few windows ago, or
for odd answers of a single window. What was sent and reached nobody does not count as told.
"""

from agent.core import wording
from agent.core.choices import Choice, NoAction
from agent.core.diagnosis_engine import Diagnosis
from agent.core.proposals import Case, newest_shown, propose
from database.enums import ActionStatus, ActionType, IssueType, Severity

# Trouble that comes back within so many windows is the same one, and people know of it.
SAME_TROUBLE = 6
_REACHED_NOBODY = frozenset({ActionStatus.FAILED, ActionStatus.CANCELLED, ActionStatus.EXPIRED})


def alert(case: Case, diagnosis: Diagnosis, escalation: str | None = None) -> Choice:
    """One message for an incident, and another only when it becomes graver or the remedies are used up."""
    if diagnosis.severity is Severity.INFO:
        return NoAction("a note: nobody is called for it", ActionType.SEND_ALERT, diagnosis.cause)
    incident = next((i for i in case.signals.incidents if i.cause is diagnosis.cause), None)
    grades = list(Severity)
    told = incident.notified if incident else None
    if escalation is None and told is not None and grades.index(diagnosis.severity) <= grades.index(told):
        return NoAction("this incident was told already", ActionType.SEND_ALERT, diagnosis.cause)
    if escalation is None and (held := _not_worth_a_call(case, diagnosis)) is not None:
        return NoAction(held, ActionType.SEND_ALERT, diagnosis.cause)
    window = diagnosis.windows[-1] if diagnosis.windows else 0
    tag = "escalation" if escalation else diagnosis.severity
    key = case.key(ActionType.SEND_ALERT, diagnosis.cause, incident.alert_id if incident else f"w{window}", tag)
    if case.proposed_before(key):
        return NoAction("this message was sent already", ActionType.SEND_ALERT, diagnosis.cause)
    question = f"Tell people: {wording.headline(diagnosis.cause, case.signals.serving)}"
    params = {"severity": diagnosis.severity, "escalation": escalation, "window_id": window}
    graver = escalation is not None or told is not None
    return propose(case, diagnosis, ActionType.SEND_ALERT, question, key, params, urgent=graver)


def _not_worth_a_call(case: Case, diagnosis: Diagnosis) -> str | None:
    """Why people are not told of it again, or not yet."""
    shown, issue = newest_shown(case, diagnosis), diagnosis.issue
    sent = (p for p in case.past(ActionType.SEND_ALERT) if p.dry_run or p.status not in _REACHED_NOBODY)
    # One cause may be two troubles: odd answers and a loss nobody can explain are both "unknown".
    alike = (p for p in sent if p.cause is diagnosis.cause and p.why.get("issue", issue) == issue)
    told = next(alike, None)
    if told is not None and shown is not None and told.why.get("window_seq") is not None:
        since, grades = shown - int(told.why["window_seq"]), list(Severity)
        graver = grades.index(diagnosis.severity) > grades.index(Severity(told.why.get("severity", Severity.CRITICAL)))
        if since <= SAME_TROUBLE and not graver:
            return f"it came back after {since} windows: people were told of it then"
    odd = diagnosis.issue is IssueType.PREDICTION_ANOMALY and diagnosis.harm is None
    looked = (p for p in case.past(ActionType.COLLECT_DIAGNOSTICS) if p.cause is diagnosis.cause)
    if odd and all(p.why.get("windows") == list(diagnosis.windows) for p in looked):
        return "odd answers of one window: people are called when the next one is odd, too"
    return None
