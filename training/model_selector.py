"""Which candidate wins, and the guard that lets none win. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from config.model_contract import Metric


@dataclass(frozen=True)
class Candidate:
    """What selection knows of a trained candidate."""

    algorithm: str
    value: float | None
    eligible: bool = True
    obstacle: str = ""


@dataclass(frozen=True)
class Rule:
    """`minimum`: below it nothing is registered. `tolerance`: how far below the champion a candidate may be."""

    metric: Metric
    minimum: float
    tolerance: float


@dataclass(frozen=True)
class Selection:
    """`winner` is None when the guard let none through; `why` says it in a sentence with numbers either way."""

    winner: str | None
    why: str


def select(candidates: Sequence[Candidate], champion: float | None, rule: Rule) -> Selection:
    """The eligible candidate with the highest value, if it passes the guard. The first listed wins a tie.

    `champion` is the champion's value of the same metric measured in the same way, None when there is none to guard.
    """
    able = [c for c in candidates if c.eligible and c.value is not None]
    left_out = "; ".join(f"{c.algorithm}: {c.obstacle or 'no figure'}" for c in candidates if c not in able)
    left_out = f" Left out: {left_out}." if left_out else ""
    if not able:
        return Selection(None, f"No candidate could be considered.{left_out}")
    best = max(able, key=lambda c: c.value or 0.0)
    value = best.value or 0.0
    if value < rule.minimum:
        return Selection(
            None,
            f"The best candidate, {best.algorithm}, reaches {rule.metric} {value:.3f}; "
            f"the minimum is {rule.minimum:.3f}, quality.minimum in its contract.{left_out}",
        )
    if champion is not None and value < champion - rule.tolerance:
        return Selection(
            None,
            f"The best candidate, {best.algorithm}, reaches {rule.metric} {value:.3f}; the champion has {champion:.3f} "
            f"and at most {rule.tolerance:.3f} below it is tolerated.{left_out}",
        )
    others = ", ".join(f"{c.algorithm} {c.value:.3f}" for c in able if c is not best)
    return Selection(
        best.algorithm, f"{best.algorithm} has the best {rule.metric} {value:.3f} ({others or 'alone'}).{left_out}"
    )
