"""Every life a trial can interrupt, by its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.settings import Settings
from scripts.crash import beginnings, lives, serving, watching


@dataclass(frozen=True)
class Life:
    """How a life begins, and what must be true at its end.

    `points`: with what the fault points begin that it comes by equally often each time. `own`: with what those begin
    that are tried in this life where each point is tried in one. `slow`: a trial takes seconds, so there are fewer.
    """

    prepare: Callable[[Engine, Settings], None]
    deviations: Callable[[Session, Settings], list[str]]
    points: tuple[str, ...] = ("",)
    own: tuple[str, ...] = ("",)
    slow: bool = False


def _of_the_agent(name: str, own: tuple[str, ...] = ("",)) -> Life:
    return Life(partial(lives.prepare, life=name), lambda session, _: lives.deviations(session, name), own=own)


REGISTRY: Mapping[str, Life] = {
    "threshold": _of_the_agent("threshold"),
    "whole": _of_the_agent("whole", ("agent.",)),
    "calendar": _of_the_agent("calendar", ("schedule.",)),
    "monitor": Life(beginnings.monitor, watching.deviations, own=("monitor.",), slow=True),
    # Its threads make transactions at their own pace, and each process of it takes a second to start.
    "api": Life(beginnings.api, serving.deviations, points=("api.",), own=("api.",), slow=True),
}
