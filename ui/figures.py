"""A figure as a card shows it: never without the interval, the n, or why there is none."""

from dataclasses import dataclass

from ui import vocabulary


@dataclass(frozen=True)
class Figure:
    """One metric card. `history`: the same figure before, oldest first, for the small line."""

    key: str
    label: str
    value: str
    note: str
    sign: vocabulary.Sign | None = None
    history: tuple[float, ...] = ()
