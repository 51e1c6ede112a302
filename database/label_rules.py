"""What a label may say, whichever way it arrives: 0, 1 or a contract's word for them, and a time that can be."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from config.model_contract import ModelContract

# A clock that runs ahead is normal; a label from next year would outrank every later correction.
_AHEAD = timedelta(minutes=5)
NO_ZONE = "expected a time with its zone, such as 2026-01-31T14:03:00Z"


def words_of(contracts: Iterable[ModelContract]) -> dict[str, int]:
    """The words for 1 and 0 of these models; one that means both is no word at all."""
    words: dict[str, int] = {}
    unclear: set[str] = set()
    for contract in contracts:
        for word, value in ((contract.target.positive, 1), (contract.target.negative, 0)):
            if words.setdefault(word, value) != value:
                unclear.add(word)
    return {word: value for word, value in words.items() if word not in unclear}


def value_of(actual: int | str, words: dict[str, int]) -> int | None:
    """0 or 1; None for what is neither."""
    if isinstance(actual, str):
        return words.get(actual)
    return actual if actual in (0, 1) else None


def expected(words: dict[str, int]) -> str:
    return ", ".join(["expected 0 or 1", *(f'"{word}"' for word in words)])


def time_fault(observed_at: datetime, now: datetime) -> str | None:
    """What is wrong with the time of an observation."""
    if observed_at.tzinfo is None:
        return NO_ZONE
    return "lies in the future" if observed_at > now + _AHEAD else None
