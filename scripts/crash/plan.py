"""Which faults are tried: every pass of every point with every kind, then chains of several that a seed draws."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping

from config.fault_points import COMMIT, Kind
from scripts.crash.calls import KINDS
from scripts.crash.registry import REGISTRY
from scripts.crash.runner import Case

# A change survives this many deaths of its worker before it is given up, so a chain is no longer.
_LONGEST_CHAIN = 3
# How often a life is drawn for each time that a slow one is.
_OFTEN = 4
# Points where a fault that never goes away must end the work as failed. Elsewhere it would hold back what records the
# failure as well, and the work waits for the fault to be mended.
LASTING = ("exec.step_started", "exec.step_ran", "exec.gathered")


def every_fault(passes: Mapping[str, Counter[str]]) -> Iterator[Case]:
    """Each pass of each point that a life comes by, killed and raised; each commit also with its answer lost."""
    for life, counts in passes.items():
        for point, times in sorted(_points(counts).items()):
            for at in range(1, times + 1):
                for kind in _kinds(point):
                    yield Case(life, (f"{point}={kind}@{at}",))
        for point in LASTING:
            if point in counts:
                yield Case(life, (f"{point}=raise@*",), fails=True)


def every_call(passes: Mapping[str, Counter[str]]) -> Iterator[Case]:
    """Each call to the database that a life makes, and each with a file of an artifact, fails once."""
    for life, counts in passes.items():
        for kind in KINDS:
            for at in range(1, counts[kind] + 1):
                yield Case(life, (f"{kind}=fail@{at}",))


def some_calls(passes: Mapping[str, Counter[str]], kind: str, many: int) -> Iterator[Case]:
    """For every test run: `many` of the calls, evenly spread over each life."""
    for life, counts in passes.items():
        for at in sorted({1 + nth * (counts[kind] - 1) // max(many - 1, 1) for nth in range(many)}):
            yield Case(life, (f"{kind}=fail@{at}",))


def _points(counts: Counter[str]) -> Counter[str]:
    """What a life passes, without the calls it makes."""
    return Counter({point: times for point, times in counts.items() if point not in KINDS})


def first_faults(passes: Mapping[str, Counter[str]], lost: int) -> Iterator[Case]:
    """For every test run: the first pass of each point of a life's own, a slow one only killed there, and `lost`
    commits of each, evenly spread."""
    for case in every_fault(passes):
        point, _, does = case.faults[0].partition("=")
        at = does.rpartition("@")[2]
        about = REGISTRY[case.life]
        wanted = point.startswith(about.own) and not (about.slow and does.startswith(Kind.RAISE))
        if wanted and at in {"1", "*"} and not does.startswith(Kind.LOST_REPLY):
            yield case
    for life, counts in passes.items():
        for nth in range(lost if COMMIT in counts else 0):
            commit = 1 + nth * (counts[COMMIT] - 1) // max(lost - 1, 1)
            yield Case(life, (f"{COMMIT}={Kind.LOST_REPLY}@{commit}",))


def drawn(passes: Mapping[str, Counter[str]], count: int, seed: int) -> Iterator[Case]:
    """Chains: one worker after the other is killed, and the last fault may be another kind."""
    draw = random.Random(seed)  # noqa: S311  (to be drawn again by its seed, not to be secret)
    for _ in range(count):
        (life,) = draw.choices(sorted(passes), [1 if REGISTRY[one].slow else _OFTEN for one in sorted(passes)])
        points = sorted(_points(passes[life]).elements())
        deaths = [f"{draw.choice(points)}={Kind.KILL}@1" for _ in range(draw.randrange(_LONGEST_CHAIN))]
        point = draw.choice(points)
        at = draw.randint(1, passes[life][point])
        yield Case(life, (*deaths, f"{point}={draw.choice(_kinds(point))}@{at}"))


def _kinds(point: str) -> tuple[Kind, ...]:
    return (Kind.KILL, Kind.RAISE, Kind.LOST_REPLY) if point == COMMIT else (Kind.KILL, Kind.RAISE)
