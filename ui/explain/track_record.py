"""How often the agent was right, as the pages say it. Pure."""

from ui import vocabulary, wording
from ui.api_types import ActionDetail, AgentRecord, TrackRecordOut

LATELY_DAYS = 180
MEANS = (
    "Right is a change that proved itself on the rows that came after it; one that did not was taken back, and one "
    "that could not be told is undecided and counts on neither side."
)
_ASKED = "asked for by a person or the calendar"


def _reason(found: TrackRecordOut) -> str:
    return vocabulary.words(vocabulary.CAUSES, found.cause) if found.cause else _ASKED


def _sentences(found: TrackRecordOut) -> str:
    return f"{wording.sentence(found.words)} {found.caution or ''}".strip()


def told(action: ActionDetail) -> list[tuple[str, str]]:
    """The record of this kind of action for this reason; and for all reasons where that says more."""
    rule, kind = action.record.rule, action.record.kind
    name = vocabulary.words(vocabulary.ACTIONS, rule.action_type)
    lines = [(f"Record of “{name}”, {_reason(rule)}:", _sentences(rule))]
    if kind.words != rule.words:
        lines.append((f"Record of “{name}”, for any reason:", _sentences(kind)))
    if more := action.why.get("more_people"):
        lines.append(("More people are asked than usually:", wording.sentence(str(more))))
    return lines


def rows(found: AgentRecord) -> list[dict[str, str]]:
    """What changes what serves, by reason; what changes nothing, by kind."""
    shown = [one for one in found.rules if one.changes] + [one for one in found.kinds if not one.changes]
    return [
        {
            "action": wording.plain(vocabulary.words(vocabulary.ACTIONS, one.action_type)),
            "reason": wording.plain(wording.sentence(_reason(one)).removesuffix(".") if one.changes else "Any"),
            "record": wording.plain(wording.sentence(one.words)),
            "note": wording.plain(one.caution or wording.NOTHING),
        }
        for one in shown
    ]
