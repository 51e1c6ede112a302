"""Which change of what serves people are asked for: one at a time, and only for a loss that was shown
(`Diagnosis.harm`), or for a challenger that surely does better. Pure.

Of a loss, the cause's remedy is asked about once it is certain and no fault of the data may be behind it. A question
that is open already is asked anew when newer evidence overtakes or outgrows it. A person who said no is not asked the
same again for a while, and a fix that does not last is not tried again and again.
"""

from collections.abc import Iterable
from itertools import takewhile
from uuid import UUID

from agent.core import wording
from agent.core.certainty import too_soon
from agent.core.choices import ActionProposal, Choice, NoAction, PastAction
from agent.core.diagnosis_engine import Diagnosis, fault_behind
from agent.core.harm import Harm
from agent.core.proposals import Case, held_back, proposal, propose
from agent.core.renewal import Try, overtaken, suspected, unfinished
from agent.core.signals import Signals
from config.vocabulary import capital
from database.enums import CHANGING, ActionStatus, ActionType, Cause, MetricKind

# A fix after which so many windows were judged before the next one was wanted has lasted.
LASTED_WINDOWS = 5
_TRIED = frozenset({ActionStatus.SUCCEEDED, ActionStatus.REVERTED, ActionStatus.INCONCLUSIVE, ActionStatus.FAILED})


def has_change(chosen: Iterable[Choice]) -> bool:
    """Whether a change of what serves is among them."""
    return any(isinstance(choice, ActionProposal) and choice.action_type in CHANGING for choice in chosen)


def corrective(case: Case, diagnosis: Diagnosis, action_type: ActionType, chosen: list[Choice]) -> Choice:
    """The remedy of a loss as a question, or why people are not asked."""

    def no(why: str) -> NoAction:
        return NoAction(why, action_type, diagnosis.cause)

    if diagnosis.harm is None:
        return no("no loss was shown, and a change of what serves needs one")
    if (doubt := _in_doubt(case.signals, diagnosis.cause, diagnosis.harm)) is not None:
        return no(doubt)
    if has_change(chosen):
        return no("another remedy was chosen first; this one waits for its result")
    if action_type is ActionType.ADJUST_THRESHOLD and _tried_lately(case, action_type):
        return no(f"the threshold was looked at in the last {wording.span(case.policy.escalation.within)} already")
    if (refused := stands_back(case, action_type)) is not None:
        return no(refused)
    key = case.key(action_type, diagnosis.cause, diagnosis.harm.window_id)
    if case.proposed_before(key):
        return no(f"it was asked about window {diagnosis.harm.window_seq} already")
    supersedes: tuple[UUID, ...] = ()
    if open_ones := [p for p in case.history if p.open and not p.dry_run and p.action_type in CHANGING]:
        # That the loss goes on is known here: without one in the newest judged window nothing corrective is considered.
        if case.recorded_only or not overtaken(open_ones, case.signals):
            first = open_ones[0]
            return no(f"a question is open already: {wording.action(first.action_type)} ({_words(first.status)})")
        supersedes = tuple(p.action_id for p in open_ones)
    question = _question(case, diagnosis, action_type)
    return propose(case, diagnosis, action_type, question, key, {}, supersedes)


def _in_doubt(signals: Signals, cause: Cause, loss: Harm) -> str | None:
    """Why a loss is not asked about, or not yet."""
    if not loss.of_speed and (fault := fault_behind(signals, loss)) is not None:
        return f"the loss may come from a fault of the data whose rows cannot be told from sound ones: {fault}"
    if loss.against is not None and loss.figure.kind is MetricKind.ESTIMATED:
        return "only its own scores promise so little; it is asked about when labels show it"
    return too_soon(signals, cause, loss)


def asked_anew(case: Case, question: PastAction) -> Choice:
    """The same question, its proof gathered again on the rows that have come since."""
    seq = case.signals.judged.seq if case.signals.judged else 0
    key = case.key(question.action_type, question.cause, "anew", seq)
    if case.proposed_before(key):
        return NoAction(f"it was asked anew at window {seq} already", question.action_type, question.cause)
    cause, old = question.cause or Cause.UNKNOWN, (question.action_id,)
    return proposal(case, question.action_type, cause, question.question, key, question.why, {}, old, alone=False)


def tries(case: Case) -> list[Choice]:
    """A retrain nobody is asked about unless its challenger is surely better: one at most, none beside a question."""
    if any(p.open and not p.dry_run and p.action_type in CHANGING for p in case.history):
        return []
    signals, kind = case.signals, ActionType.RETRAIN_MODEL
    found = (one for one in (unfinished(case.history, signals), suspected(signals)) if one is not None)
    fresh = (one for one in found if not case.proposed_before(case.key(kind, one.key)))
    if (chosen := next(fresh, None)) is None:
        return []
    refused = stands_back(case, kind) or held_back(case, kind, chosen.cause, urgent=False)
    return [NoAction(refused, kind, chosen.cause) if refused else _try(case, chosen)]


def _try(case: Case, found: Try) -> ActionProposal:
    seq = case.signals.judged.seq if case.signals.judged else None
    why = {"cause": found.cause, "says": found.says, "window_seq": seq}
    question = f"Replace v{case.signals.version} by a version that learned from recent rows? {capital(found.says)}."
    params = {"quiet": True, "onset": found.onset.isoformat()}
    kind = ActionType.RETRAIN_MODEL
    return proposal(case, kind, found.cause, question, case.key(kind, found.key), why, params, (), alone=False)


def _tried_lately(case: Case, action_type: ActionType) -> bool:
    return any(not p.open and case.now - p.created_at < case.policy.escalation.within for p in case.past(action_type))


def stands_back(case: Case, action_type: ActionType) -> str | None:
    """A person said no: the agent does not ask the same again for a while."""
    refused = [p for p in case.past(action_type) if p.status is ActionStatus.REJECTED]
    if refused and case.now - refused[0].ended_at < case.policy.stand_back:
        return f"a person rejected this at {refused[0].ended_at:%Y-%m-%d %H:%M} UTC; it stands back"
    return None


def worn_out(case: Case, action_type: ActionType) -> str | None:
    """The same fix was made too often without lasting: a person has to look instead of another try."""
    rule = case.policy.escalation
    tried = [p for p in case.past(action_type) if p.status in _TRIED and case.now - p.created_at < rule.within]
    tried = list(takewhile(lambda p: not _lasted(case, p, tried), tried))
    if len(tried) >= rule.repeats:
        often = f"{len(tried)} times in {wording.span(rule.within)}"
        return f"the same fix was made {often}; a person has to look at why it does not last"
    return None


def _lasted(case: Case, fix: PastAction, tried: list[PastAction]) -> bool:
    """Whether it was right, and enough windows were judged before the next fix (or the one wanted now)."""
    if fix.status is not ActionStatus.SUCCEEDED or fix.evidence_seq is None:
        return False
    later = [p.evidence_seq for p in tried if p.created_at > fix.created_at and p.evidence_seq is not None]
    until = min(later) if later else case.signals.judged.seq if case.signals.judged else fix.evidence_seq
    return until - fix.evidence_seq >= LASTED_WINDOWS


def _question(case: Case, diagnosis: Diagnosis, action_type: ActionType) -> str:
    """The question in a line, and one sentence of why."""
    version = f"v{case.signals.version}"
    ask = {
        ActionType.RETRAIN_MODEL: f"Replace {version} by a version that learned from recent rows?",
        ActionType.ROLLBACK_MODEL: f"Go back from {version} to an earlier version?",
        ActionType.ADJUST_THRESHOLD: f"Move the decision threshold of {version}?",
    }[action_type]
    return f"{ask} {wording.loss(diagnosis.harm)}." if diagnosis.harm else ask


def _words(value: str) -> str:
    return str(value).replace("_", " ")
