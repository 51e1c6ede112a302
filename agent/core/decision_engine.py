"""From causes to proposals, or to nothing and why: pure, and bound by the policy page.

The policy decides what may run by itself (`proposals`); deciding only ever asks for less. Each cause has its remedies:
whether people are called stands in `calls`, whether they are asked for a change of what serves in `changes`, and what
changes nothing is done here, once for a window.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from agent.core import wording
from agent.core.calls import alert
from agent.core.changes import asked_anew, corrective, has_change, stands_back, tries, worn_out
from agent.core.choices import Choice, NoAction, PastAction
from agent.core.corrections import corrected
from agent.core.diagnosis_engine import Diagnosis
from agent.core.incidents import told_by
from agent.core.proposals import Case, propose
from agent.core.renewal import outgrown
from agent.core.signals import Signals
from agent.core.track_record import Rule
from config.agent_policy import AgentPolicy
from config.vocabulary import capital
from database.enums import CHANGING, ActionType, Cause

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
# While one of these is there, nothing is learnt unless a loss on sound rows asks for it.
FAULTS = frozenset({Cause.DATA_FAULT, Cause.LABEL_FEED_FAULT, Cause.BAD_RELEASE})
NEWER_EVIDENCE = "newer evidence"
CLOSED_BY_A_PERSON = "a person closed this; a newer window would open it again"


def decide(
    diagnoses: Iterable[Diagnosis],
    policy: AgentPolicy,
    history: tuple[PastAction, ...],
    now: datetime,
    *,
    signals: Signals,
    dry_run: bool = False,
    settled: Collection[Cause] = (),
    taken_back: Collection[Rule] = (),
) -> tuple[Choice, ...]:
    """What to do about each diagnosis, in the order of the diagnoses; never empty. A person has closed the `settled`
    causes, and no newer window shows them; of the `taken_back` the newest change that was judged did harm."""
    if signals.blind is not None:
        return (NoAction(f"nothing is concluded: {signals.blind}"),)
    newest_first = tuple(sorted(history, key=lambda p: p.created_at, reverse=True))
    case = Case(signals, policy, newest_first, now, dry_run, taken_back)
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
    if not has_change(chosen) and not case.recorded_only:  # who only records withdraws no question
        # Not about what is over: such a question waits for its person, or expires.
        chosen.extend(asked_anew(case, one) for one in outgrown(case.history, signals) if one.cause in causes)
    if not has_change(chosen):
        chosen.extend(corrected(case, causes & FAULTS, stands_back(case, ActionType.RETRAIN_MODEL)))
    if not has_change(chosen) and not case.recorded_only and not causes & FAULTS:
        chosen.extend(tries(case))
    return tuple(chosen) or (NoAction("nothing is wrong as far as can be seen"),)


def _consider(case: Case, diagnosis: Diagnosis, action_type: ActionType, chosen: list[Choice]) -> list[Choice]:
    if action_type in CHANGING:
        if diagnosis.harm is not None and (worn := worn_out(case, action_type)) is not None:
            return [NoAction(worn, action_type, diagnosis.cause), alert(case, diagnosis, escalation=worn)]
        return [corrective(case, diagnosis, action_type, chosen)]
    if action_type is ActionType.SEND_ALERT:
        return [alert(case, diagnosis)]
    windows = diagnosis.windows if action_type is ActionType.VALIDATE_DATA else diagnosis.windows[-1:]
    return [_harmless(case, diagnosis, action_type, window) for window in windows]


def _harmless(case: Case, diagnosis: Diagnosis, action_type: ActionType, window_id: int) -> Choice:
    key = case.key(action_type, diagnosis.cause, window_id)
    if case.proposed_before(key):
        return NoAction(f"done for window {case.signals.seq_of(window_id)} already", action_type, diagnosis.cause)
    question = _task(action_type, case.signals.seq_of(window_id))
    return propose(case, diagnosis, action_type, question, key, {"window_id": window_id})


def _task(action_type: ActionType, seq: int) -> str:
    """What changes nothing, as a task."""
    return {
        ActionType.VALIDATE_DATA: f"Set the suspect rows of window {seq} aside, so that nothing learns from them",
        ActionType.COLLECT_DIAGNOSTICS: f"Collect the facts about window {seq}",
        ActionType.GENERATE_REPORT: f"Draw the drift report of window {seq}",
    }.get(action_type, f"{capital(wording.action(action_type))}, window {seq}")
