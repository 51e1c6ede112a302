"""What the agent is measured against, on the same stream and with the same learner: fixed rules, and hindsight.

A rule looks when a window closes; its new version learns from the newest labelled rows that can be trusted and serves
from the next window on, with nobody asked and nothing compared.
"""

from collections.abc import Callable

from monitoring.drift_detector import detect
from scripts.lab.ground import Ground
from scripts.lab.learner import Version
from scripts.lab.played import Change, Played

WEEK = 7
Rule = Callable[[Ground, int, Version], bool]


def never(_ground: Ground, _at: int, _serving: Version) -> bool:
    """The first version serves to the end."""
    return False


def every(windows: int) -> Rule:
    """After each `windows` windows."""

    def due(_ground: Ground, at: int, _serving: Version) -> bool:
        return (at + 1) % windows == 0

    return due


def any_drift(ground: Ground, at: int, serving: Version) -> bool:
    """Whenever a feature of the window has drifted from what the serving version learnt from."""
    scored = ground.answers(serving, at)
    rows = ground.rows_of(at, scored, serving.threshold)
    return bool(detect(ground.contract, serving.profile, rows.features, rows.probabilities).drifted_features)


def play(name: str, ground: Ground, rule: Rule, tell: Callable[[], None] = lambda: None) -> Played:
    """The life of the model under a fixed rule."""
    played, serving = Played(name), ground.first()
    for at in range(len(ground.windows.spans)):
        played.answers.append(ground.answers(serving, at))
        if at + 1 < len(ground.windows.spans) and rule(ground, at, serving):
            made = ground.retrained(at)
            played.trained += made is not None
            if made is not None and made is not serving:
                played.changes.append(Change(at, "retrain_model", serving, made))
                serving = made
        tell()
    return played


def hindsight(ground: Ground, cost_per_retrain: float, tell: Callable[[], None] = lambda: None) -> Played:
    """The cheapest schedule of retrains, found when everything is known (dynamic programming over windows and the
    versions that could have been trained at the end of each). `cost_per_retrain` is in errors."""
    last = len(ground.windows.spans) - 1
    best: dict[int, tuple[float, tuple[int, ...]]] = {-1: (0.0, ())}  # by the window that trained what serves
    versions: dict[int, Version] = {-1: ground.first()}
    for at in range(last + 1):
        best = {
            made: (cost + ground.errors(at, ground.answers(versions[made], at)), path)
            for made, (cost, path) in best.items()
        }
        if at < last and (version := ground.retrained(at)) is not None:
            cost, path = min(best.values())
            versions[at] = version
            best[at] = (cost + cost_per_retrain, (*path, at))
        tell()
    _, schedule = min(best.values())
    return play("hindsight", ground, lambda _ground, at, _serving: at in schedule)
