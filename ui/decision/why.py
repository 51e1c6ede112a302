"""Why now: the diagnosis behind a question, and the explanations that were rejected. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from ui import vocabulary, wording
from ui.api_types import ActionDetail
from ui.decision.fields import obj, whole


@dataclass(frozen=True)
class Why:
    """Why now: the sentence, the facts on both sides, and the explanations that were considered and rejected."""

    says: str
    cause: str
    facts_for: list[str]
    facts_against: list[str]
    rejected: list[str]


def _said(fact: object) -> str:
    if isinstance(fact, dict):
        words = str(fact.get("says") or fact.get("why") or fact.get("reason") or "").strip()
        n = whole(fact.get("n"))
        told = f"n = {n}" in words or f"of {n} " in words
        return wording.sentence(
            f"{words.removesuffix('.')} (n = {wording.count(n)})" if words and n and not told else words
        )
    return wording.sentence(str(fact))


def _all_said(facts: object) -> list[str]:
    return [words for fact in (facts if isinstance(facts, list) else []) if (words := _said(fact))]


def _explanation(item: object) -> str:
    if not isinstance(item, dict):
        return wording.sentence(str(item))
    cause = vocabulary.words(vocabulary.CAUSES, str(item.get("cause") or item.get("name") or ""))
    reasons: Iterable[str] = [_said(item), str(item.get("could_not_look") or "")]
    reason = next((wording.sentence(words) for words in reasons if words), "Not supported by the numbers.")
    return f"{wording.sentence(cause).removesuffix('.')}: {reason}"


def why(action: ActionDetail) -> Why:
    """Read from the diagnosis stored with the action, wherever its parts stand in it."""
    stored = action.why
    diagnosis = obj(stored.get("diagnosis")) or stored
    rejected = diagnosis.get("rejected") or stored.get("rejected") or stored.get("alternatives") or []
    return Why(
        says=wording.sentence(str(stored.get("says") or diagnosis.get("says") or "")),
        cause=vocabulary.words(vocabulary.CAUSES, action.cause) if action.cause else "",
        facts_for=_all_said(diagnosis.get("for") or stored.get("facts")),
        facts_against=_all_said(diagnosis.get("against")),
        rejected=[_explanation(item) for item in (rejected if isinstance(rejected, list) else [])],
    )
