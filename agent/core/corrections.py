"""When corrected answers are worth a try. Pure.

A corrected answer is a measured error, and some errors are what every model makes: five among a hundred thousand right
ones show no harm. So nothing is concluded from them but that there may be a lesson. A challenger learns from them, and
its proof decides whether a person hears of it: on labelled rows that were not chosen for having been answered wrongly,
and on the corrected ones, which it answers without having learnt them (`training/challenger.py`).

What is a correction, and which count, is for `database/queries/corrections.py` to say.
"""

from collections.abc import Collection

from agent.core import wording
from agent.core.choices import Choice, NoAction
from agent.core.proposals import Case, held_back, proposal
from agent.core.signals import Corrections
from database.enums import CHANGING, ActionType, Cause

_KIND, _CAUSE = ActionType.RETRAIN_MODEL, Cause.CORRECTED_ANSWERS
# From this share on, one key is named as where they come from.
_MOST = 0.5


def corrected(case: Case, faults: Collection[Cause], refused: str | None) -> list[Choice]:
    """A retrain to gather proof for, or why there is none though enough answers were corrected; nothing below that.

    `faults`: causes under which nothing is learnt, as far as they are there. `refused`: a person said no lately.
    """
    found, rule = case.signals.corrections, case.policy.corrections
    if found is None or not rule.retrain_after or found.n < rule.retrain_after:
        return []
    key = case.key(_KIND, f"corrections:v{case.signals.version_id}", found.newest_at.isoformat())
    if case.proposed_before(key):
        return []
    why_not = _fault(faults) or _open(case) or refused or _paused(case) or held_back(case, _KIND, _CAUSE, urgent=False)
    if why_not is not None:
        return [NoAction(f"{_count(found)} wait: {why_not}", _KIND, _CAUSE)]
    version, judged = case.signals.version, case.signals.judged
    says = f"{_count(found)} since what v{version} learnt: {_kinds(found)}"
    why = {
        "cause": _CAUSE,
        "says": says,
        "window_seq": judged.seq if judged else None,
        "for": [{"says": fact} for fact in _facts(found, version)],
        "against": [{"says": "What was corrected was chosen for being wrong: alone it proves no loss."}],
    }
    question = f"Replace v{version} by a version that learned from corrected answers? {says}."
    params = {"only_if_better": True, "corrections": told(found)}
    return [proposal(case, _KIND, _CAUSE, question, key, why, params, (), alone=False)]


def told(found: Corrections) -> dict[str, object]:
    """As it is kept with a pass and with an action."""
    return {
        "n": found.n,
        "false_alarms": found.false_alarms,
        "missed": found.missed,
        "of_serving": found.of_serving,
        "by_key": [list(one) for one in found.by_key],
        "since": found.since.isoformat(),
        "newest_at": found.newest_at.isoformat(),
    }


def _count(found: Corrections) -> str:
    return "1 corrected answer" if found.n == 1 else f"{found.n} corrected answers"


def _kinds(found: Corrections) -> str:
    alarms = f"{found.false_alarms} false alarm{'' if found.false_alarms == 1 else 's'}"
    return f"{alarms}, {found.missed} missed"


def _facts(found: Corrections, version: int | None) -> list[str]:
    facts = [f"{found.of_serving} of the {found.n} were answered by v{version}, {found.n - found.of_serving} before it"]
    keys = "1 key" if len(found.by_key) == 1 else f"{len(found.by_key)} keys"
    first, most = found.by_key[0]
    if most > _MOST * found.n:
        facts.append(
            f"{most} of the {found.n} came by one key, {first}: whether to believe them is whether to believe it"
        )
    else:
        facts.append(f"They came by {keys}; the most by one, {first}: {most}")
    return facts


def _fault(faults: Collection[Cause]) -> str | None:
    first = next(iter(sorted(faults)), None)
    return None if first is None else f"nothing is learnt while there is this: {wording.cause(first)}"


def _open(case: Case) -> str | None:
    open_ones = (p for p in case.history if p.open and not p.dry_run and p.action_type in CHANGING)
    first = next(open_ones, None)
    return None if first is None else f"a change is open already: {wording.action(first.action_type)}"


def _paused(case: Case) -> str | None:
    pause = case.policy.corrections.pause
    last = next((p for p in case.past(_KIND) if p.cause is _CAUSE), None)
    if last is None or case.now - last.created_at >= pause:
        return None
    return f"the last try was at {last.created_at:%Y-%m-%d %H:%M} UTC; the next is {wording.span(pause)} later"
