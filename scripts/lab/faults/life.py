"""One scenario lived through: what the agent named, asked and said, beside what was true."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.agent_policy import AgentPolicy
from database.enums import CHANGING, ActionStatus, ActionType, Cause, IssueType, Severity
from scripts.lab.course import Course
from scripts.lab.faults.cast import Cast, learners
from scripts.lab.faults.detectors import alarms_over
from scripts.lab.faults.plot import Plot
from scripts.lab.faults.scenarios import SCENARIOS, Scenario
from scripts.lab.faults.world import World
from scripts.lab.ground import Ground
from scripts.lab.learner import Version
from training.evaluator import Scored
from training.feature_engineering import encoding_for

# Answers that are right this much less often than before the onset are harm.
HARM = 0.03
# Versions whose accuracy differs by no more are as good as each other.
AS_GOOD = 0.005
# Where labels are still out, they are awaited for longer than the life lasts.
LATER = timedelta(days=365)
REACHED_A_PERSON = frozenset({ActionStatus.PENDING_APPROVAL, ActionStatus.VERIFYING})


@dataclass(frozen=True)
class Proposal:
    """A change a person was asked for. For a rollback, `best` says whether no version that fits would have been better
    by more than luck can show, and `fits` whether its target can answer today's requests."""

    window: int
    action: ActionType
    recommended: bool
    best: bool | None = None
    fits: bool | None = None


@dataclass(frozen=True)
class Lived:
    """What came of one life. `alarms` and `harmed` go window by window; `named` is the cause the agent settled on after
    the onset, None when it saw nothing; `told` are the causes a message went out for."""

    scenario: str
    seed: int
    labelled: bool
    truth: Cause | None
    named: Cause | None
    proposals: tuple[Proposal, ...]
    told: tuple[str, ...]
    messages: int
    alarms: tuple[bool, ...]
    harmed: tuple[bool, ...]
    detected_after: int | None  # windows from the onset to the first alarm of the right cause
    accuracy: tuple[float, ...]
    timeline: tuple[dict[str, Any], ...]
    seconds: float
    detector_alarms: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)  # of lives without labels


def live(scenario: Scenario, world: World, cast: Cast, policy: AgentPolicy, *, labelled: bool = True) -> Lived:
    """Live one scenario in one world, to the end."""
    began = time.perf_counter()
    plot = Plot.quiet(world, SCENARIOS.index(scenario), windows=scenario.windows, onset=scenario.onset)
    scenario.spoil(plot)
    if not labelled:
        plot.labels_within = LATER
        plot.waits_h[plot.rows_in()] = np.inf
    ground = ground_of(plot, cast.serving)
    course = Course(ground, policy, earlier=(cast.stranger, cast.old))
    for at in range(len(ground.windows.spans)):
        if (release := plot.releases.get(at)) is not None:
            course.release(at, cast.by_kind[release.kind], slower=release.slower)
        course.step(at)
    return _told(scenario, plot, course, labelled, time.perf_counter() - began)


def ground_of(plot: Plot, serving: Version) -> Ground:
    """The laboratory's ground for a plot, with the version that serves when it begins."""
    stream, windows, feed = plot.stream()
    return Ground.of(plot.contract, stream, windows, learners(), feed=feed, first=serving)


def _told(scenario: Scenario, plot: Plot, course: Course, labelled: bool, seconds: float) -> Lived:
    played, onset = course.played, scenario.onset
    accuracy = [right_share(answers, plot.chances(at)) for at, answers in enumerate(played.answers)]
    usual = float(np.mean(accuracy[:onset]))
    alarms = tuple(_alarmed(line) for line in played.timeline)
    proposals = tuple(_proposals(played.timeline, plot, course))
    told = [line for line in _actions(played.timeline[onset:]) if line["action"] == ActionType.SEND_ALERT]
    changed = next((change.at for change in played.changes if change.at >= onset), len(alarms))
    return Lived(
        scenario=scenario.name,
        seed=plot.world.seed,
        labelled=labelled,
        truth=scenario.cause,
        named=_settled_on(played.timeline[onset : changed + 1]),
        proposals=proposals,
        told=tuple(sorted({str(line["cause"]) for line in told})),
        messages=len(told),
        alarms=alarms,
        harmed=tuple(usual - one > HARM for one in accuracy),
        detected_after=_detected(played.timeline, onset, scenario.cause),
        accuracy=tuple(round(one, 4) for one in accuracy),
        timeline=tuple(played.timeline),
        seconds=seconds,
        detector_alarms={} if labelled else alarms_over(course.ground, played),
    )


def right_share(answers: Scored, chances: NDArray[np.float64]) -> float:
    """The share of answers that are right, in expectation: the truth is known, so no luck is in it."""
    return float(np.where(answers.answers, chances, 1 - chances).mean())


def _alarmed(line: dict[str, Any]) -> bool:
    """People are warned that answers are worse: not of labels, not of speed, and of faulty data only where the answers
    moved with them, which is what makes that critical."""
    return any(_claims_harm(one) for one in line["diagnosis"])


def _claims_harm(one: dict[str, Any]) -> bool:
    if one["cause"] == Cause.DATA_FAULT:
        return bool(one["severity"] == Severity.CRITICAL)
    of_speed = one["cause"] == Cause.BAD_RELEASE and one["issue"] == IssueType.PREDICTION_ANOMALY
    return not (one["severity"] == Severity.INFO or one["cause"] == Cause.LABEL_FEED_FAULT or of_speed)


def _settled_on(lines: Iterable[dict[str, Any]]) -> Cause | None:
    """The cause that was gravest in most windows. What people are warned of goes before what is only noted, a cause
    before "unknown"; and a note has to be there twice, since one window in twenty drifts by luck."""
    first = [line["diagnosis"][0] for line in lines if line["diagnosis"]]
    warned = Counter(one["cause"] for one in first if one["severity"] != Severity.INFO)
    known = Counter({cause: times for cause, times in warned.items() if cause != Cause.UNKNOWN})
    noted = Counter({cause: times for cause, times in Counter(one["cause"] for one in first).items() if times > 1})
    for named in (known, warned, noted):
        if named:
            return Cause(named.most_common(1)[0][0])
    return None


def _detected(timeline: list[dict[str, Any]], onset: int, cause: Cause | None) -> int | None:
    return next(
        (
            at - onset
            for at, line in enumerate(timeline)
            if at >= onset and any(one["cause"] == cause for one in line["diagnosis"])
        ),
        None,
    )


def _actions(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [action for line in lines for action in line["actions"]]


def _proposals(timeline: list[dict[str, Any]], plot: Plot, course: Course) -> Iterable[Proposal]:
    for at, line in enumerate(timeline):
        for action in line["actions"]:
            kind, status = ActionType(action["action"]), ActionStatus(action["status"])
            if kind not in CHANGING or status not in REACHED_A_PERSON:
                continue
            recommended = status is ActionStatus.VERIFYING
            best, fits = None, None
            if recommended and kind is ActionType.ROLLBACK_MODEL:
                best, fits = _judged(at, plot, course)
            yield Proposal(at, kind, recommended, best, fits)


def _judged(at: int, plot: Plot, course: Course) -> tuple[bool, bool]:
    """Whether the version that was gone back to answers the rest of the life as well as any that could have been, and
    whether it could be at all."""
    target = next(change.after for change in course.played.changes if change.at == at)
    later, encoding = range(at, len(course.ground.windows.spans)), encoding_for(course.ground.contract)
    able = [one for one in course.known if one.given.encoding == encoding]

    def right(version: Version) -> float:
        return float(np.mean([right_share(course.ground.answers(version, w), plot.chances(w)) for w in later]))

    if target not in able:
        return False, False
    return right(target) >= max(right(one) for one in able) - AS_GOOD, True
