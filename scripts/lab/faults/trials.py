"""What the suite looks at beside the scenarios: changes held to their test, and a month in which nothing happens."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from config.agent_policy import AgentPolicy
from config.model_contract import Feature, Labels, ModelContract, Monitoring, Quality, Target, Training
from database.enums import ActionStatus, ActionType, Severity
from scripts.lab.course import Course
from scripts.lab.faults.cast import Cast, learners
from scripts.lab.faults.life import ground_of
from scripts.lab.faults.plot import BEGIN, DAY, Plot, chance
from scripts.lab.faults.world import WINDOW_ROWS, World
from scripts.lab.ground import Ground
from scripts.lab.learner import Version, learn
from scripts.lab.stream import Span, Stream, Windows

# Each world tries so many good and so many bad versions, each in another run of days.
TRIALS = 4
TRIAL_WINDOWS, ADOPTED_AT = 9, 3
MONTH, MONTH_FEATURES, MONTH_RELEVANT = 30, 30, 8


@dataclass(frozen=True)
class Trial:
    """A version somebody approved, and what its test made of it. `windows`: how many it took; `status` is what the
    action ended as, `verifying` if it did not."""

    seed: int
    good: bool
    status: ActionStatus
    windows: int


def trials(world: World, cast: Cast, policy: AgentPolicy, times: int = TRIALS) -> tuple[Trial, ...]:
    """Good versions that replace a worse one, and bad ones that replace a good one."""
    found = []
    for at in range(times):
        for good in (True, False):
            plot = Plot.quiet(world, 1000 + 2 * at + good, windows=TRIAL_WINDOWS, onset=TRIAL_WINDOWS)
            serving, target = (cast.old, cast.serving) if good else (cast.serving, cast.bad)
            found.append(_tried(world.seed, good, Course(ground_of(plot, serving), policy), target))
    return tuple(found)


def _tried(seed: int, good: bool, course: Course, target: Version) -> Trial:
    for at in range(len(course.ground.windows.spans)):
        if at == ADOPTED_AT:
            course.adopt(at, target)
        course.step(at)
        for action in course.played.timeline[-1]["actions"]:
            ended = action["status"] in {ActionStatus.SUCCEEDED, ActionStatus.REVERTED, ActionStatus.INCONCLUSIVE}
            if action["action"] == ActionType.RETRAIN_MODEL and at >= ADOPTED_AT and ended:
                return Trial(seed, good, ActionStatus(action["status"]), at - ADOPTED_AT + 1)
    return Trial(seed, good, ActionStatus.VERIFYING, len(course.ground.windows.spans) - ADOPTED_AT)


@dataclass(frozen=True)
class QuietMonth:
    """Thirty days of thirty features in which nothing happens: the causes of the incidents that people would see, each
    as often as it was opened; `notes` are those that warn nobody."""

    seed: int
    incidents: tuple[str, ...]
    notes: tuple[str, ...]


def quiet_month(seed: int, policy: AgentPolicy) -> QuietMonth:
    """Live it, a window a day."""
    rng = np.random.default_rng([seed, 5])
    train, sizes = 3000, rng.poisson(WINDOW_ROWS, MONTH)
    n = train + int(sizes.sum())
    numbers = rng.normal(0, 1, (n, MONTH_FEATURES)) @ _mixing(rng)
    weights = np.append(rng.choice([-1, 1], MONTH_RELEVANT) * rng.uniform(0.5, 1.2, MONTH_RELEVANT), np.zeros(22))
    labels = (rng.random(n) < chance(numbers @ weights - 0.7)).astype(np.int64)
    promised = _month_contract()
    rows = tuple(dict(zip(promised.feature_names, line, strict=True)) for line in numbers.round(3).tolist())
    first = learn(promised, rows[:train], labels[:train], learners())
    starts = np.concatenate([[0], np.cumsum(sizes)])
    spans = tuple(
        Span(int(starts[at]), int(starts[at + 1]), BEGIN + at * DAY, BEGIN + (at + 1) * DAY) for at in range(MONTH)
    )
    stream = Stream(rows[train:], labels[train:])
    ground = Ground.of(promised, stream, Windows(0, spans, 1), learners(), first=first)
    course = Course(ground, policy)
    for at in range(MONTH):
        course.step(at)
    opened = _opened(course)
    return QuietMonth(
        seed,
        tuple(cause for cause, severity in opened if severity != Severity.INFO),
        tuple(cause for cause, severity in opened if severity == Severity.INFO),
    )


def _opened(course: Course) -> list[tuple[str, str]]:
    """Each cause that was seen on a day and not on the day before."""
    found, before = [], set[str]()
    for line in course.played.timeline:
        now = {one["cause"]: one["severity"] for one in line["diagnosis"]}
        found += [(cause, severity) for cause, severity in now.items() if cause not in before]
        before = set(now)
    return found


def _mixing(rng: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Features hang together a little, as they do."""
    return np.eye(MONTH_FEATURES) + rng.normal(0, 0.08, (MONTH_FEATURES, MONTH_FEATURES))


def _month_contract() -> ModelContract:
    wide = (-20.0, 20.0)
    return ModelContract(
        name="month",
        title="A quiet month",
        description="Thirty measurements, of which eight matter.",
        features={
            f"x{at + 1:02}": Feature(kind="numeric", label=f"x{at + 1:02}", range=wide, expected=wide)
            for at in range(MONTH_FEATURES)
        },
        target=Target(column="y", positive="yes", negative="no"),
        quality=Quality(metric="accuracy", minimum=0.55, watched=("accuracy", "f1", "roc_auc")),
        labels=Labels(delay=timedelta(days=3)),
        monitoring=Monitoring(window_rows=100_000, window_max_age=timedelta(days=1)),
        training=Training(cv_folds=3, cv_repeats=1, recent_rows=8 * WINDOW_ROWS, keep_original=False),
    )
