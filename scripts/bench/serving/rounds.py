"""Interleaved rounds: every server in turn, the others asleep, again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench.machine import Cores
from scripts.bench.serving.figures import OURS, Pace, Round
from scripts.bench.serving.load import WARM_S, Load, bundled
from scripts.bench.serving.server import Server
from scripts.bench.serving.targets import Target

_AS_GOOD_AS_EQUAL = 1e-3


@dataclass(frozen=True)
class Plan:
    """How long and how often."""

    rounds: int
    seconds: float
    connections: tuple[int, ...]


@dataclass
class Compared:
    """What the rounds gave; `missing`: why a server took no part."""

    rounds: list[Round] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    resident_mb: dict[str, float] = field(default_factory=dict)


def compare(
    targets: Sequence[Target],
    plan: Plan,
    load: Load,
    cores: Cores,
    logs: Path,
    expected: float,
    say: Callable[[str], None],
) -> Compared:
    """Start each once, then measure in rounds. `expected`: what the model says of the example, which a peer has to
    answer too; one that does not start or answers otherwise is missing, with the reason."""
    found = Compared(about={target.name: target.about for target in targets})
    servers: list[Server] = []
    try:
        for target in targets:
            say(f"starting {target.name}")
            try:
                servers.append(_started(target, cores, logs, expected))
            except RuntimeError as error:
                found.missing[target.name] = str(error)
                say(f"missing: {error}")
        for number in range(plan.rounds):
            one: dict[str, dict[int, Pace]] = {server.target.name: {} for server in servers}
            for connections in plan.connections:
                for server in servers:
                    with server.awake():
                        bundled(server.target, server.address, connections, WARM_S)
                        pace = load(server.target, server.address, connections, plan.seconds)
                    one[server.target.name][connections] = pace
                    say(
                        f"round {number + 1} of {plan.rounds}, {connections:>2} connections, "
                        f"{server.target.name:<15} {pace.requests_per_s:>9,.0f}/s  p99 {pace.p99_ms:8.1f} ms"
                        + (f"  {pace.failed} failed" if pace.failed else "")
                    )
            found.rounds.append(one)
        found.resident_mb = {server.target.name: round(server.resident_mb(), 1) for server in servers}
    finally:
        for server in servers:
            server.stop()
    return found


def _started(target: Target, cores: Cores, logs: Path, expected: float) -> Server:
    server = Server(target, cores, logs / f"{target.name}.log")
    said = server.probability()
    if target.name != OURS and said is not None and abs(said - expected) > _AS_GOOD_AS_EQUAL:
        server.stop()
        raise RuntimeError(f"{target.name} answers {said:.6f} where the model says {expected:.6f}: not the same model")
    server.sleep()
    return server
