"""The whole bench in order: `steward bench serving`."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench.machine import Cores, machine, pinned, share_out, usable_cores, versions
from scripts.bench.serving import figures, kept, load, ours, peers, report, targets
from scripts.bench.serving.installation import OTHER, PARAMS, ROWS, Installation, installation
from scripts.bench.serving.rounds import Compared, Plan, compare
from training.model_factory import Params

_VERSIONS = ("fastapi", "httptools", "onnxruntime", "orjson", "starlette", "uvicorn", "uvloop", "xgboost")
FULL = Plan(rounds=3, seconds=3.0, connections=(1, 16, 64))
QUICK = Plan(rounds=1, seconds=1.0, connections=(16,))
_PROFILE_S = 5
Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What a run is to measure."""

    quick: bool = False
    with_peers: bool = True
    client: str | None = None
    plan: Plan | None = None
    profile: Path | None = None
    params: Params = field(default_factory=lambda: PARAMS)

    @property
    def comparing(self) -> Plan:
        return self.plan or (QUICK if self.quick else FULL)


def run(asked: Asked, say: Say) -> report.Report:
    """Measure everything. Call it from the main thread. Raises ValueError for a client that is not here."""
    began = time.monotonic()
    found = machine()
    cores = share_out(usable_cores())
    with pinned(cores.others):
        say("PostgreSQL, and a model to serve")
        with installation(asked.params) as installed:
            name, client = load.chosen(installed.directory, asked.client)
            # First: it wants the database to itself.
            stored = [] if asked.plan else kept.swaps(installed, 5_000 if asked.quick else 60_000, say)
            compared, said = _compared(installed, asked, client, cores, say)
            alone = [] if asked.plan else _alone(installed, asked, cores, say)
            if asked.profile is not None:
                say(f"recording where the time goes into {asked.profile}")
                ours.profile(targets.ours(installed), cores, installed.logs, asked.profile, _PROFILE_S)
    setup = {
        "model": {
            "algorithm": "xgboost",
            "params": asked.params,
            "features": 13,
            "trained_on": ROWS,
            "swapped_with": OTHER,
        },
        "workers": 1,
        "load": name,
        "load_for_batches": load.BUNDLED,
        "cores": cores.to_json(),
        "seconds_each": asked.comparing.seconds,
        "rounds": asked.comparing.rounds,
        "versions": versions(_VERSIONS),
        "peers": said,
    }
    measured = [*figures.of_rounds(compared.rounds, compared.missing), *stored, *alone]
    return report.Report(
        machine=found,
        setup=setup,
        about=compared.about,
        missing=compared.missing,
        resident_mb=compared.resident_mb,
        rounds=compared.rounds,
        figures=report.in_order(measured),
        seconds=time.monotonic() - began,
    )


def _compared(
    installed: Installation, asked: Asked, client: load.Load, cores: Cores, say: Say
) -> tuple[Compared, dict[str, str]]:
    """The servers against one another, and the peers' versions."""
    asking = [targets.ours(installed), targets.echo(installed)]
    why: str | None = "left out, as asked"
    said: dict[str, str] = {}
    if asked.with_peers:
        say("the peers' models")
        prepared = peers.prepare(installed)
        why, said = prepared.missing, prepared.versions
        asking += [] if why else targets.of_peers(installed, prepared)
    compared = compare(asking, asked.comparing, client, cores, installed.logs, installed.raw_probability(), say)
    if why:
        compared.missing |= dict.fromkeys(figures.PEERS, why)
    return compared, said


def _alone(installed: Installation, asked: Asked, cores: Cores, say: Say) -> list[figures.Figure]:
    """What concerns our server only."""
    target = targets.ours(installed)
    times = 1 if asked.quick else 3
    rows = ours.batches(installed, target, cores, installed.logs, times, 1.0 if asked.quick else 4.0, say)
    begun = ours.beginnings(target, cores, installed.logs, times, say)
    return [rows, begun.start, begun.memory, kept.rollback(installed, times + 2, say)]
