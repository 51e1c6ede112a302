"""The evidence for a change, gathered in memory by the rules of `training.challenger`, `training.rollback_evidence` and
`agent.actions.adjust_threshold`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from agent.actions.adjust_threshold import better_threshold
from agent.core.work import NotWorthAskingError
from config.model_contract import ModelContract
from config.vocabulary import METRICS, words
from database.enums import ActionType
from database.models import ModelVersion
from database.queries.training_rows import LabelledRow
from scripts.lab.ground import Ground
from scripts.lab.learner import Version
from training.evaluator import Scored
from training.evidence_command import harmed_in, part_lost_in
from training.lessons import NOT_BETTER, chosen, offered, worth_asking
from training.recent import (
    Method,
    divide,
    features_of,
    labels_of,
    taught_among,
    too_few,
    too_little,
    trusted,
    unknown_to,
)
from training.replay import compare_versions, recommendation
from training.rollback_evidence import (
    MOST_VERSIONS,
    Earlier,
    best_of,
    recommendation_for_speed,
    slowness_in,
)
from training.serving_artifact import misfit


@dataclass(frozen=True)
class Asked:
    """What evidence is wanted for. `sound(since)` yields the labelled rows of the windows from `since` on that teach,
    newest first; `number` is the champion's; `earlier` are the versions that served before, by number; `since` is
    the first window since the last activation."""

    ground: Ground
    action_type: ActionType
    champion: Version
    number: int
    earlier: Mapping[int, Version]
    sound: Callable[[int], Iterator[LabelledRow]]
    since: int
    onset: datetime | None
    why: dict[str, Any]
    quiet: bool = False

    @property
    def contract(self) -> ModelContract:
        return self.ground.contract


@dataclass(frozen=True)
class Evidence:
    """What would serve, on how many rows it was compared, and what that says."""

    target: Version
    recommended: bool
    says: str
    rows: int
    learnt_since: int = 0


def evidence_for(asked: Asked) -> Evidence:
    """Raises `NotWorthAskingError` or `NotLearntError` when there is nothing to ask about."""
    gather = {
        ActionType.RETRAIN_MODEL: _retrain,
        ActionType.ROLLBACK_MODEL: _rollback,
        ActionType.ADJUST_THRESHOLD: _threshold,
    }
    return gather[asked.action_type](asked)


def _refuse(why: str | None) -> None:
    if why is not None:
        raise NotWorthAskingError(why)


def _retrain(asked: Asked) -> Evidence:
    recent = trusted(asked.contract, asked.sound(0), asked.ground.usual).rows
    known_until = asked.champion.learnt_until
    parts = divide(asked.contract, recent, asked.onset)
    _refuse(too_little(asked.contract, parts, known_until))
    lesson = chosen(
        asked.contract,
        offered(asked.contract, parts.learn, asked.onset),
        asked.onset,
        lambda one: asked.ground.taught(one.rows, alone=one.alone).unseen,
    )
    challenger = asked.ground.taught(lesson.rows, alone=lesson.alone)
    judges, unseen = _judges(challenger, parts.method, unknown_to(recent, known_until))
    _refuse(too_few(asked.contract, judges))
    found = _compared(asked, challenger, judges, unseen)
    return replace(found, learnt_since=len(lesson.since(asked.onset)) if asked.onset else 0)


def _judges(
    challenger: Version, method: Method, rows: tuple[LabelledRow, ...]
) -> tuple[tuple[LabelledRow, ...], tuple[Scored, ...] | None]:
    """Of rows the champion never saw: those that taught, by their cross-fitted answers, or those that came later."""
    if method is Method.LATER_ROWS:
        return unknown_to(rows, challenger.learnt_until), None
    taught, places = taught_among(rows, (UUID(int=place) for place in challenger.taught_by))
    return taught, challenger.unseen.take(places)


def _rollback(asked: Asked) -> Evidence:
    slow = slowness_in(asked.why)
    newest = sorted(asked.earlier if slow is None else asked.earlier.keys() & {slow.than}, reverse=True)[:MOST_VERSIONS]
    given = {number: asked.earlier[number].given for number in newest}
    misfits = {number: misfit(asked.contract, one.encoding, one.contract) for number, one in given.items()}
    fitting = [number for number in newest if misfits[number] is None]
    able = [Earlier(ModelVersion(id=number, version=number), asked.earlier[number]) for number in fitting]
    if not able:
        refused = "; ".join(f"version {number}: {why}" for number, why in misfits.items())
        raise NotWorthAskingError(f"no earlier version can be gone back to ({refused or 'there is none'})")
    known = (asked.champion.learnt_until, *(asked.earlier[number].learnt_until for number in fitting))
    recent = trusted(asked.contract, asked.sound(asked.since if slow is None else 0), asked.ground.usual).rows
    judging = unknown_to(recent, max((until for until in known if until), default=None))
    _refuse(too_few(asked.contract, judging))
    target, rows, _ = best_of(asked.contract, able, judging)
    return _compared(asked, asked.earlier[target.version.version], tuple(rows), None)


def _compared(
    asked: Asked, target: Version, rows: tuple[LabelledRow, ...], unseen: tuple[Scored, ...] | None
) -> Evidence:
    contract, onset = asked.contract, asked.onset
    since = None
    if onset is not None and asked.action_type is ActionType.RETRAIN_MODEL:
        since = np.array([row.created_at >= onset for row in rows])
    compared = compare_versions(
        features_of(contract, rows),
        labels_of(rows),
        asked.champion,
        target,
        contract,
        unseen=unseen,
        since_onset=since,
        lost=part_lost_in(asked.why, contract),
        seed=contract.training.seed,
        timed=False,
    )
    if (slow := slowness_in(asked.why)) is not None:
        advice = recommendation_for_speed(compared, contract, slow)
    else:
        advice = recommendation(compared, contract, harmed_in(asked.why))
    rows_compared = int(compared["metrics"][0]["n"])
    if asked.quiet and not worth_asking(compared, contract, advice):
        raise NotWorthAskingError(f"{NOT_BETTER}: {advice.says}")
    return Evidence(target, advice.approve, advice.says, rows_compared)


def _threshold(asked: Asked) -> Evidence:
    own = (row for row in asked.sound(0) if row.model_id == asked.number)
    known = trusted(asked.contract, own, asked.ground.usual).rows
    moved = better_threshold(asked.contract, known, asked.champion.threshold)
    first = moved.found[0]
    says = (
        f"the threshold moved from {asked.champion.threshold:.3f} to {moved.threshold:.3f}: "
        f"{words(METRICS, first.metric)} {first.difference:+.3f} [{first.low:+.3f}, {first.high:+.3f}] "
        f"on {first.n} rows"
    )
    return Evidence(replace(asked.champion, threshold=moved.threshold), True, says, first.n)
