"""From causes to proposals, or to nothing and why: pure, and bound by the policy page.

The policy decides what may run by itself; this file only ever asks for less. Whatever the diagnoses say, a change of
what serves needs a loss that was shown (`Diagnosis.harm`), or a challenger that surely does better, and waits for a
person.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from agent.core import wording
from agent.core.certainty import too_soon
from agent.core.choices import ActionProposal, Choice, NoAction, PastAction
from agent.core.diagnosis_engine import Diagnosis, fault_behind
from agent.core.incidents import told_by
from agent.core.pricing import price_of_inaction
from agent.core.renewal import Try, outgrown, overtaken, suspected, unfinished
from agent.core.signals import Harm, Signals
from config.agent_policy import ActionRule, AgentPolicy, Autonomy
from config.vocabulary import capital
from database.enums import CHANGING, ActionStatus, ActionType, Cause, IssueType, MetricKind, Risk, Severity

# What each cause asks for, in order. A cause that is not here asks for nothing.
REMEDIES: dict[Cause, tuple[ActionType, ...]] = {
    Cause.DATA_FAULT: (ActionType.SEND_ALERT, ActionType.VALIDATE_DATA, ActionType.COLLECT_DIAGNOSTICS),
    Cause.LABEL_FEED_FAULT: (ActionType.SEND_ALERT, ActionType.COLLECT_DIAGNOSTICS),
    Cause.COVARIATE_SHIFT_HARMLESS: (ActionType.GENERATE_REPORT,),
    Cause.COVARIATE_SHIFT_HARMFUL: (ActionType.SEND_ALERT, ActionType.GENERATE_REPORT, ActionType.RETRAIN_MODEL),
    Cause.PRIOR_SHIFT: (ActionType.SEND_ALERT, ActionType.ADJUST_THRESHOLD, ActionType.RETRAIN_MODEL),
    Cause.CONCEPT_DRIFT: (ActionType.SEND_ALERT, ActionType.GENERATE_REPORT, ActionType.RETRAIN_MODEL),
    Cause.BAD_RELEASE: (ActionType.SEND_ALERT, ActionType.ROLLBACK_MODEL),
    Cause.LOW_CONFIDENCE: (ActionType.COLLECT_DIAGNOSTICS,),
    Cause.UNKNOWN: (ActionType.SEND_ALERT, ActionType.COLLECT_DIAGNOSTICS),
}
CORRECTIVE = CHANGING
# After this many failures in a row an action type rests until a person has looked, or `stand_back` has passed.
BREAKER = 2
# Trouble that comes back within so many windows is the same one, and people know of it.
SAME_TROUBLE = 6
# While one of these is there, nothing is learnt unless a loss on sound rows asks for it.
FAULTS = frozenset({Cause.DATA_FAULT, Cause.LABEL_FEED_FAULT, Cause.BAD_RELEASE})
# A fix after which so many windows were judged before the next one was wanted has lasted.
LASTED_WINDOWS = 5
NEWER_EVIDENCE = "newer evidence"
CLOSED_BY_A_PERSON = "a person closed this; a newer window would open it again"
_DAY = timedelta(days=1)
_REACHED_NOBODY = frozenset({ActionStatus.FAILED, ActionStatus.CANCELLED, ActionStatus.EXPIRED})
_TRIED = frozenset({ActionStatus.SUCCEEDED, ActionStatus.REVERTED, ActionStatus.INCONCLUSIVE, ActionStatus.FAILED})


@dataclass(frozen=True)
class _Case:
    """What every question below needs."""

    signals: Signals
    policy: AgentPolicy
    history: tuple[PastAction, ...]
    now: datetime
    dry_run: bool

    @property
    def autonomy(self) -> Autonomy:
        return self.policy.autonomy_of(self.signals.model_name)

    @property
    def recorded_only(self) -> bool:
        return self.dry_run or self.autonomy == "observe"

    def past(self, action_type: ActionType) -> tuple[PastAction, ...]:
        """What really happened, newest first; a dry run only remembers dry runs."""
        return tuple(p for p in self.history if p.action_type is action_type and (self.recorded_only or not p.dry_run))


def decide(
    diagnoses: Iterable[Diagnosis],
    policy: AgentPolicy,
    history: tuple[PastAction, ...],
    now: datetime,
    *,
    signals: Signals,
    dry_run: bool = False,
    settled: Collection[Cause] = (),
) -> tuple[Choice, ...]:
    """What to do about each diagnosis, in the order of the diagnoses; never empty. A person has closed the `settled`
    causes, and no newer window shows them."""
    if signals.blind is not None:
        return (NoAction(f"nothing is concluded: {signals.blind}"),)
    case = _Case(signals, policy, tuple(sorted(history, key=lambda p: p.created_at, reverse=True)), now, dry_run)
    chosen: list[Choice] = []
    diagnoses = tuple(diagnoses)
    causes = {*(d.cause for d in diagnoses), *(i.cause for i in signals.incidents)}
    for diagnosis in diagnoses:
        if diagnosis.cause in settled:
            chosen.append(NoAction(CLOSED_BY_A_PERSON, cause=diagnosis.cause))
            continue
        if (graver := told_by(diagnosis.cause, causes)) is not None:
            chosen.append(
                NoAction(f"an incident about this is open already: {wording.cause(graver)}", cause=diagnosis.cause)
            )
            continue
        for action_type in REMEDIES.get(diagnosis.cause, ()):
            chosen.extend(_consider(case, diagnosis, action_type, chosen))
    if not _changes(chosen) and not case.recorded_only:  # who only records withdraws no question
        # Not about what is over: such a question waits for its person, or expires.
        chosen.extend(_asked_anew(case, one) for one in outgrown(case.history, signals) if one.cause in causes)
    if not _changes(chosen) and not case.recorded_only and not causes & FAULTS:
        chosen.extend(_tries(case))
    return tuple(chosen) or (NoAction("nothing is wrong as far as can be seen"),)


def _changes(chosen: Iterable[Choice]) -> bool:
    """Whether a change of what serves is among them."""
    return any(isinstance(choice, ActionProposal) and choice.action_type in CORRECTIVE for choice in chosen)


def _consider(case: _Case, diagnosis: Diagnosis, action_type: ActionType, chosen: list[Choice]) -> list[Choice]:
    if action_type in CORRECTIVE:
        if diagnosis.harm is not None and (worn_out := _worn_out(case, action_type)) is not None:
            return [NoAction(worn_out, action_type, diagnosis.cause), _alert(case, diagnosis, escalation=worn_out)]
        return [_corrective(case, diagnosis, action_type, chosen)]
    if action_type is ActionType.SEND_ALERT:
        return [_alert(case, diagnosis)]
    windows = diagnosis.windows if action_type is ActionType.VALIDATE_DATA else diagnosis.windows[-1:]
    return [_harmless(case, diagnosis, action_type, window) for window in windows]


# ------------------------------------------------------------------------------------------------- what holds it back


def _held_back(case: _Case, action_type: ActionType, cause: Cause, rule: ActionRule, *, urgent: bool) -> str | None:
    """Budget, cool-down and the breaker: the same for every action.

    The cool-down of what changes nothing holds for its cause alone: news of one trouble must not silence the next,
    and `urgent` news (the same trouble became graver) does not wait for it.
    """
    past = [p for p in case.past(action_type) if p.status is not ActionStatus.CANCELLED or p.dry_run]
    alike = [p for p in past if action_type in CORRECTIVE or p.cause is cause]
    if alike and not urgent and case.now - alike[0].created_at < rule.cooldown:
        return f"the last one was at {alike[0].created_at:%H:%M:%S} UTC; the cool-down is {wording.span(rule.cooldown)}"
    if sum(case.now - p.created_at < _DAY for p in past) >= rule.budget:
        return f"the budget of {rule.budget} a day is used up"
    ended = [p for p in past if not p.open]
    failures = [p for p in ended[:BREAKER] if p.status is ActionStatus.FAILED]
    if len(failures) == BREAKER and case.now - failures[0].ended_at < case.policy.stand_back:
        rest = wording.span(case.policy.stand_back)
        return f"the last {BREAKER} failed; it rests for {rest} or until a person asks for it"
    return None


def _proposed_before(case: _Case, key: str) -> bool:
    return any(p.dedupe_key == key for p in case.history)


def _key(case: _Case, *parts: object) -> str:
    mode = "dry" if case.recorded_only else "real"
    return ":".join(map(str, (mode, case.signals.model_name, *parts)))


def _propose(
    case: _Case,
    diagnosis: Diagnosis,
    action_type: ActionType,
    question: str,
    key: str,
    params: dict[str, Any],
    supersedes: tuple[UUID, ...] = (),
    *,
    urgent: bool = False,
) -> Choice:
    rule = case.policy.rule(action_type)
    if (held := _held_back(case, action_type, diagnosis.cause, rule, urgent=urgent)) is not None and not supersedes:
        return NoAction(held, action_type, diagnosis.cause)
    allowed = rule.decides == "agent" and rule.risk == "low" and case.autonomy != "suggest"
    alone = allowed and action_type not in CORRECTIVE
    why = diagnosis.to_json() | {
        "window_seq": _newest_shown(case, diagnosis),
        "inaction": price_of_inaction(case.signals, diagnosis.harm).to_json(),
    }
    return _proposal(case, action_type, diagnosis.cause, question, key, why, params, supersedes, alone=alone)


def _proposal(
    case: _Case,
    action_type: ActionType,
    cause: Cause,
    question: str,
    key: str,
    why: dict[str, Any],
    params: dict[str, Any],
    supersedes: tuple[UUID, ...],
    *,
    alone: bool,
) -> ActionProposal:
    """A proposal under the policy's rule for its type. `alone`: no person is asked."""
    rule = case.policy.rule(action_type)
    return ActionProposal(
        action_type,
        cause,
        Risk[rule.risk.upper()],
        requires_approval=not alone,
        approvers=0 if alone else rule.approvers,
        attempts=rule.attempts,
        dry_run=case.recorded_only,
        question=question,
        dedupe_key=key,
        why=why,
        params=params,
        supersedes=supersedes,
    )


# ------------------------------------------------------------ what changes nothing


def _harmless(case: _Case, diagnosis: Diagnosis, action_type: ActionType, window_id: int) -> Choice:
    key = _key(case, action_type, diagnosis.cause, window_id)
    if _proposed_before(case, key):
        return NoAction(f"done for window {case.signals.seq_of(window_id)} already", action_type, diagnosis.cause)
    question = _task(action_type, case.signals.seq_of(window_id))
    return _propose(case, diagnosis, action_type, question, key, {"window_id": window_id})


def _alert(case: _Case, diagnosis: Diagnosis, escalation: str | None = None) -> Choice:
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
    key = _key(case, ActionType.SEND_ALERT, diagnosis.cause, incident.alert_id if incident else f"w{window}", tag)
    if _proposed_before(case, key):
        return NoAction("this message was sent already", ActionType.SEND_ALERT, diagnosis.cause)
    question = f"Tell people: {wording.headline(diagnosis.cause, case.signals.serving)}"
    params = {"severity": diagnosis.severity, "escalation": escalation, "window_id": window}
    graver = escalation is not None or told is not None
    return _propose(case, diagnosis, ActionType.SEND_ALERT, question, key, params, urgent=graver)


def _newest_shown(case: _Case, diagnosis: Diagnosis) -> int | None:
    """The number of the newest window that shows it. Not of the newest judged one: faults of the data go on being seen
    where no label comes any more, and windows have to go on being counted."""
    judged = case.signals.judged
    seen = [w.seq for w in case.signals.windows if w.id in diagnosis.windows]
    return max(seen, default=judged.seq if judged else None)


def _not_worth_a_call(case: _Case, diagnosis: Diagnosis) -> str | None:
    """Why people are not told of it again, or not yet."""
    shown, issue = _newest_shown(case, diagnosis), diagnosis.issue
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


# ------------------------------------------------------------ what changes what serves


def _corrective(case: _Case, diagnosis: Diagnosis, action_type: ActionType, chosen: list[Choice]) -> Choice:
    def no(why: str) -> NoAction:
        return NoAction(why, action_type, diagnosis.cause)

    if diagnosis.harm is None:
        return no("no loss was shown, and a change of what serves needs one")
    if (doubt := _in_doubt(case.signals, diagnosis.cause, diagnosis.harm)) is not None:
        return no(doubt)
    if _changes(chosen):
        return no("another remedy was chosen first; this one waits for its result")
    if action_type is ActionType.ADJUST_THRESHOLD and _tried_lately(case, action_type):
        return no(f"the threshold was looked at in the last {wording.span(case.policy.escalation.within)} already")
    if (refused := _stands_back(case, action_type)) is not None:
        return no(refused)
    key = _key(case, action_type, diagnosis.cause, diagnosis.harm.window_id)
    if _proposed_before(case, key):
        return no(f"it was asked about window {diagnosis.harm.window_seq} already")
    supersedes: tuple[UUID, ...] = ()
    if open_ones := [p for p in case.history if p.open and not p.dry_run and p.action_type in CORRECTIVE]:
        # That the loss goes on is known here: without one in the newest judged window nothing corrective is considered.
        if case.recorded_only or not overtaken(open_ones, case.signals):
            first = open_ones[0]
            return no(f"a question is open already: {wording.action(first.action_type)} ({_words(first.status)})")
        supersedes = tuple(p.action_id for p in open_ones)
    question = _question(case, diagnosis, action_type)
    return _propose(case, diagnosis, action_type, question, key, {}, supersedes)


def _in_doubt(signals: Signals, cause: Cause, loss: Harm) -> str | None:
    """Why a loss is not asked about, or not yet."""
    if not loss.of_speed and (fault := fault_behind(signals, loss)) is not None:
        return f"the loss may come from a fault of the data whose rows cannot be told from sound ones: {fault}"
    if loss.against is not None and loss.figure.kind is MetricKind.ESTIMATED:
        return "only its own scores promise so little; it is asked about when labels show it"
    return too_soon(signals, cause, loss)


def _asked_anew(case: _Case, question: PastAction) -> Choice:
    """The same question, its proof gathered again on the rows that have come since."""
    seq = case.signals.judged.seq if case.signals.judged else 0
    key = _key(case, question.action_type, question.cause, "anew", seq)
    if _proposed_before(case, key):
        return NoAction(f"it was asked anew at window {seq} already", question.action_type, question.cause)
    cause, old = question.cause or Cause.UNKNOWN, (question.action_id,)
    return _proposal(case, question.action_type, cause, question.question, key, question.why, {}, old, alone=False)


def _tries(case: _Case) -> list[Choice]:
    """A retrain nobody is asked about unless its challenger is surely better: one at most, none beside a question."""
    if any(p.open and not p.dry_run and p.action_type in CORRECTIVE for p in case.history):
        return []
    signals, kind = case.signals, ActionType.RETRAIN_MODEL
    found = (one for one in (unfinished(case.history, signals), suspected(signals)) if one is not None)
    fresh = (one for one in found if not _proposed_before(case, _key(case, kind, one.key)))
    if (chosen := next(fresh, None)) is None:
        return []
    rule = case.policy.rule(kind)
    refused = _stands_back(case, kind) or _held_back(case, kind, chosen.cause, rule, urgent=False)
    return [NoAction(refused, kind, chosen.cause) if refused else _try(case, chosen)]


def _try(case: _Case, found: Try) -> ActionProposal:
    seq = case.signals.judged.seq if case.signals.judged else None
    why = {"cause": found.cause, "says": found.says, "window_seq": seq}
    question = f"Replace v{case.signals.version} by a version that learned from recent rows? {capital(found.says)}."
    params = {"quiet": True, "onset": found.onset.isoformat()}
    kind = ActionType.RETRAIN_MODEL
    return _proposal(case, kind, found.cause, question, _key(case, kind, found.key), why, params, (), alone=False)


def _tried_lately(case: _Case, action_type: ActionType) -> bool:
    return any(not p.open and case.now - p.created_at < case.policy.escalation.within for p in case.past(action_type))


def _stands_back(case: _Case, action_type: ActionType) -> str | None:
    """A person said no: the agent does not ask the same again for a while."""
    refused = [p for p in case.past(action_type) if p.status is ActionStatus.REJECTED]
    if refused and case.now - refused[0].ended_at < case.policy.stand_back:
        return f"a person rejected this at {refused[0].ended_at:%Y-%m-%d %H:%M} UTC; it stands back"
    return None


def _worn_out(case: _Case, action_type: ActionType) -> str | None:
    """The same fix was made too often without lasting: a person has to look instead of another try."""
    rule = case.policy.escalation
    tried = [p for p in case.past(action_type) if p.status in _TRIED and case.now - p.created_at < rule.within]
    tried = list(takewhile(lambda p: not _lasted(case, p, tried), tried))
    if len(tried) >= rule.repeats:
        often = f"{len(tried)} times in {wording.span(rule.within)}"
        return f"the same fix was made {often}; a person has to look at why it does not last"
    return None


def _lasted(case: _Case, fix: PastAction, tried: list[PastAction]) -> bool:
    """Whether it was right, and enough windows were judged before the next fix (or the one wanted now)."""
    if fix.status is not ActionStatus.SUCCEEDED or fix.evidence_seq is None:
        return False
    later = [p.evidence_seq for p in tried if p.created_at > fix.created_at and p.evidence_seq is not None]
    until = min(later) if later else case.signals.judged.seq if case.signals.judged else fix.evidence_seq
    return until - fix.evidence_seq >= LASTED_WINDOWS


def _question(case: _Case, diagnosis: Diagnosis, action_type: ActionType) -> str:
    """The question in a line, and one sentence of why."""
    version = f"v{case.signals.version}"
    ask = {
        ActionType.RETRAIN_MODEL: f"Replace {version} by a version that learned from recent rows?",
        ActionType.ROLLBACK_MODEL: f"Go back from {version} to an earlier version?",
        ActionType.ADJUST_THRESHOLD: f"Move the decision threshold of {version}?",
    }[action_type]
    return f"{ask} {wording.loss(diagnosis.harm)}." if diagnosis.harm else ask


def _task(action_type: ActionType, seq: int) -> str:
    """What changes nothing, as a task."""
    return {
        ActionType.VALIDATE_DATA: f"Set the suspect rows of window {seq} aside, so that nothing learns from them",
        ActionType.COLLECT_DIAGNOSTICS: f"Collect the facts about window {seq}",
        ActionType.GENERATE_REPORT: f"Draw the drift report of window {seq}",
    }.get(action_type, f"{capital(wording.action(action_type))}, window {seq}")


def _words(value: str) -> str:
    return str(value).replace("_", " ")
