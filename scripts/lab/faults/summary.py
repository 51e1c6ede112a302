"""What a report tells of the lives: each scenario in short, what was named, and the peers of the alarms. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from database.enums import ActionType, Cause
from scripts.lab.faults import detectors
from scripts.lab.faults.life import Lived
from scripts.lab.faults.scenarios import SCENARIOS, Scenario
from scripts.lab.faults.score import NOTHING, agreement, confusion, figures, interval
from scripts.lab.faults.suite import Results

_ORDER = (NOTHING, *map(str, Cause))
AGENT = "agent"


def word(cause: Cause | None) -> str:
    """The cause's name among figures."""
    return NOTHING if cause is None else str(cause)


@dataclass(frozen=True)
class Matrix:
    """How often each cause was named (columns), by what was true (rows). Both have the labels in the same order; of the
    rows only those of some life are there."""

    labels: tuple[str, ...]
    truths: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, lives: Sequence[Lived]) -> "Matrix":
        found = confusion(lives)
        named = {name for row in found.values() for name in row}
        labels = tuple(name for name in _ORDER if name in found or name in named)
        truths = tuple(name for name in labels if name in found)
        return cls(labels, truths, tuple(tuple(found[truth][name] for name in labels) for truth in truths))

    def to_json(self) -> dict[str, Any]:
        return {"named": list(self.labels), "true": list(self.truths), "counts": [list(row) for row in self.counts]}


@dataclass(frozen=True)
class Told:
    """What became of one scenario in all worlds, with labels or without. Window by window: `accuracy`, the mean over
    the worlds; `warned`, the share of worlds in which people would be warned; `changed`, in how many another version
    took over after it, by what was done."""

    scenario: Scenario
    lives: tuple[Lived, ...]
    named: Counter[str]
    accuracy: tuple[float, ...]
    warned: tuple[float, ...]
    changed: dict[tuple[int, ActionType], int]

    @classmethod
    def of(cls, scenario: Scenario, lives: Sequence[Lived]) -> "Told":
        changes = Counter((one.window, one.action) for life in lives for one in life.proposals if one.recommended)
        return cls(
            scenario,
            tuple(lives),
            Counter(word(one.named) for one in lives),
            tuple(_mean(column) for column in zip(*(one.accuracy for one in lives), strict=True)),
            tuple(_mean(column) for column in zip(*(one.alarms for one in lives), strict=True)),
            dict(sorted(changes.items())),
        )

    @property
    def right(self) -> int:
        """The worlds in which what was true was named."""
        return self.named[word(self.scenario.cause)]

    @property
    def detected_after(self) -> float | None:
        """Windows from the onset until the right cause was seen: the median of the worlds in which it was."""
        waits = [one.detected_after for one in self.lives if one.detected_after is not None]
        return float(median(waits)) if waits else None

    @property
    def proposals(self) -> int:
        return sum(len(one.proposals) for one in self.lives)

    @property
    def messages(self) -> int:
        return sum(one.messages for one in self.lives)

    def to_json(self) -> dict[str, Any]:
        return {
            "lives": len(self.lives),
            "right": self.right,
            "named": dict(sorted(self.named.items())),
            "median_windows_to_detection": self.detected_after,
            "proposals": self.proposals,
            "messages": self.messages,
        }


@dataclass(frozen=True)
class Peer:
    """How well somebody's alarms agree with harm where no label comes, with an interval over scenarios. `heard`: the
    share of harmed windows with an alarm; `cried`: the share of the others."""

    name: str
    title: str
    mcc: float | None
    low: float | None
    high: float | None
    heard: float | None
    cried: float | None

    @classmethod
    def of(cls, name: str, title: str, lives: Sequence[Lived]) -> "Peer":
        pairs = [pair for one in lives for pair in zip(one.alarms, one.harmed, strict=True)]
        heard = [alarm for alarm, harmed in pairs if harmed]
        cried = [alarm for alarm, harmed in pairs if not harmed]
        low, high = interval(lives, agreement)
        heard_share = _mean(heard) if heard else None
        cried_share = _mean(cried) if cried else None
        return cls(name, title, agreement(lives), low, high, heard_share, cried_share)

    def to_json(self) -> dict[str, Any]:
        return {
            "mcc": self.mcc,
            "low": self.low,
            "high": self.high,
            "alarms_when_harmed": self.heard,
            "alarms_otherwise": self.cried,
        }


@dataclass(frozen=True)
class Summary:
    """All of it, made once for whoever shows it."""

    seeds: tuple[int, ...]
    figures: dict[str, dict[str, Any]]
    labelled: Matrix
    blind: Matrix
    scenarios: tuple[tuple[Told, Told | None], ...]  # with labels, and without where that was lived
    peers: tuple[Peer, ...]  # the agent first
    lives: int
    windows: int
    seconds: float

    @classmethod
    def of(cls, found: Results) -> "Summary":
        labelled = [one for one in found.lives if one.labelled]
        blind = [one for one in found.lives if not one.labelled]
        return cls(
            found.seeds,
            figures(found),
            Matrix.of(labelled),
            Matrix.of(blind),
            tuple(
                (Told.of(one, with_labels), Told.of(one, without) if (without := _of(one, blind)) else None)
                for one in SCENARIOS
                if (with_labels := _of(one, labelled))
            ),
            _peers(blind),
            len(found.lives),
            sum(len(one.alarms) for one in found.lives),
            found.seconds,
        )

    def to_json(self) -> dict[str, Any]:
        """The same for the same seeds, but for the seconds."""
        return {
            "seeds": list(self.seeds),
            "figures": self.figures,
            "confusion": self.labelled.to_json(),
            "confusion_without_labels": self.blind.to_json(),
            "scenarios": {
                told.scenario.name: {
                    "title": told.scenario.title,
                    "truth": word(told.scenario.cause),
                    "harmful": told.scenario.harmful,
                    **told.to_json(),
                    "without_labels": None if blind is None else blind.to_json(),
                }
                for told, blind in self.scenarios
            },
            "detectors": {one.name: one.to_json() for one in self.peers},
            "seconds": round(self.seconds, 1),
        }


def _peers(blind: Sequence[Lived]) -> tuple[Peer, ...]:
    """The agent and the six on the same windows: those of the lives in which all were asked."""
    asked = [one for one in blind if one.detector_alarms]
    others = [
        Peer.of(name, title, [replace(one, alarms=one.detector_alarms[name]) for one in asked])
        for name, title in detectors.TITLES.items()
        if asked
    ]
    return (Peer.of(AGENT, "the agent", asked or blind), *others)


def _of(scenario: Scenario, lives: Sequence[Lived]) -> list[Lived]:
    return [one for one in lives if one.scenario == scenario.name]


def _mean(values: Sequence[float]) -> float:
    return float(sum(values) / len(values))
