"""What people corrected and what comes of it, in words. Pure."""

from datetime import datetime

from ui import vocabulary, wording
from ui.answers.corrections import CorrectionsList, CorrectionsOut


def of_model(found: CorrectionsList, model: str) -> CorrectionsOut | None:
    """Those of one model."""
    return next((one for one in found.models if one.model_name == model), None)


def headline(found: CorrectionsOut) -> str:
    """How many wait, of how many that lead to a try."""
    waiting = f"{wording.plural(found.waiting, 'corrected answer')} that v{found.serving_version} has not learnt from"
    if found.last_try is not None:
        waiting += ", and that no try was about"
    if found.serving_version is None:
        return "No version serves, so there is no answer to correct."
    if not found.retrain_after:
        return f"{waiting}; by the policy page they lead to no retrain."
    return f"{waiting}; a retrain is tried at {wording.count(found.retrain_after)}."


def facts(found: CorrectionsOut, now: datetime) -> list[str]:
    """What they are, where they come from, and when the next try may come."""
    said = []
    if found.waiting:
        alarms = wording.plural(found.false_alarms, "false alarm")
        said.append(
            f"{alarms}, {wording.count(found.missed)} missed; {wording.count(found.of_serving)} answered by "
            f"v{found.serving_version}, the newest corrected {wording.when(found.newest_at, now)}."
        )
        keys = ", ".join(f"{one.name} ({one.key_id}) {wording.count(one.n)}" for one in found.by_key[:3])
        more = f" and {len(found.by_key) - 3} more" if len(found.by_key) > 3 else ""
        said.append(f"By key: {keys}{more}.")
    if found.last_try is not None:
        status = vocabulary.ACTION_STATUSES[found.last_try.status].word.lower()
        ended = f": {found.last_try.outcome}" if found.last_try.outcome else ""
        said.append(wording.sentence(f"The last try, {wording.when(found.last_try.created_at, now)}, {status}{ended}"))
    if found.not_before is not None:
        said.append(f"The next try comes no sooner than {wording.when(found.not_before, now)}.")
    return said
