"""`python -m scripts.bench.labels`: how many labels a second are taken in, counts at flush included.

Over HTTP into the API as `steward up` starts it, one client that waits for each answer, and by `steward labels import`.
The predictions lie spread over thirty days and the labels come in no order, so nearly every one has a minute of its own
in the counts: the worst a feed can do. Afterwards the counts are held against the rows.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import psutil
from sqlalchemy import Engine, text

from config.settings import ROOT
from database.connection import session_scope
from database.queries import label_counts
from scripts.bench.machine import Cores, machine, peak_mb, versions
from scripts.bench.many_predictions import Made, fill
from scripts.bench.serving.installation import Installation, installation
from scripts.bench.serving.server import Server
from scripts.bench.serving.targets import ours
from scripts.chaos.api_process import environment_of
from scripts.crash.world import MODEL
from training.model_factory import Params

LABELS_PER_S, MOST_WAIT_MS = 20_000, 1000
JSON_AT_ONCE = 8_000  # with the time of each, as many as a body has room for
# Only labels are measured: the model is a small one.
PARAMS: Params = {"n_estimators": 10}
_OBSERVED = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How many labels come each way in a round, and how many the imported file has."""

    labels: int = 40_000
    rounds: int = 3
    imported: int = 400_000
    days: int = 30

    @property
    def predictions(self) -> int:
        return 2 * self.rounds * self.labels + self.imported


FULL, QUICK = Plan(), Plan(labels=8_000, rounds=1, imported=8_000)


@dataclass
class Measured:
    """One way in: labels a second in each round, microseconds of processor a label, and the longest wait it caused."""

    paces: list[float] = field(default_factory=list)
    processor_us: list[float] = field(default_factory=list)
    longest_wait_ms: float = 0.0


def bench_labels(plan: Plan, say: Say) -> dict[str, Any]:
    """Measure every way in; in each round, and for the file that is imported, the labels are of other predictions."""
    found: defaultdict[str, Measured] = defaultdict(Measured)
    with installation(PARAMS) as installed:
        say(f"making {plan.predictions:,} predictions of {plan.days} days")
        # A few more: a day gets a whole number of them.
        made = Made.before_today(plan.predictions + plan.days, plan.days)
        fill(installed.engine, installed.versions[0], MODEL, made, labelled=0.0)
        ids = _ids(installed.engine)
        server = Server(ours(installed), Cores(frozenset(), frozenset()), installed.logs / "labels.log")
        try:
            with httpx.Client(base_url=f"http://{server.address[0]}:{server.port}", timeout=300) as client:
                client.headers["X-API-Key"] = installed.key
                for number in range(plan.rounds):
                    begin = 2 * number * plan.labels
                    for name, way in _ways(client, ids[begin : begin + 2 * plan.labels]).items():
                        _measure(installed.engine, name, way, plan.labels, found[name], say)
            memory = peak_mb(server.pid)
        finally:
            server.stop()
        file = _csv(ids[plan.predictions - plan.imported : plan.predictions])
        _measure(installed.engine, "import", lambda: _import(installed, file), plan.imported, found["import"], say)
        wrong = _wrong_counts(installed.engine)
    return {
        "command": "bench labels",
        "machine": machine(),
        "versions": versions(("fastapi", "orjson", "psycopg2-binary", "pydantic", "sqlalchemy")),
        "plan": asdict(plan),
        "measured": {name: asdict(one) for name, one in found.items()},
        "figures": _figures(found, memory, wrong),
    }


def _ids(engine: Engine) -> list[str]:
    """Of all that was made, in no order; the same in every run that makes as many."""
    with engine.connect() as connection:
        found = [str(one) for one in connection.scalars(text("SELECT id FROM predictions ORDER BY created_at, id"))]
    random.Random(1).shuffle(found)  # noqa: S311
    return found


def _ways(client: httpx.Client, ids: Sequence[str]) -> dict[str, Callable[[], None]]:
    """Deliveries of half of these labels each, made beforehand."""
    half = len(ids) // 2
    bodies = [_json(ids[at : min(at + JSON_AT_ONCE, half)]) for at in range(0, half, JSON_AT_ONCE)]
    file = _csv(ids[half:])
    return {
        "json": lambda: _post(client, "application/json", bodies),
        "csv": lambda: _post(client, "text/csv", [file]),
        "csv_again": lambda: _post(client, "text/csv", [file]),
    }


def _measure(engine: Engine, name: str, way: Callable[[], None], labels: int, into: Measured, say: Say) -> None:
    with _longest_wait(engine) as waits:
        before, began = _processor_seconds(), time.perf_counter()
        way()
        into.paces.append(round(labels / (time.perf_counter() - began)))
        into.processor_us.append(round((_processor_seconds() - before) / labels * 1e6, 1))
    into.longest_wait_ms = max(into.longest_wait_ms, round(max(waits), 1))
    say(f"{name}: {into.paces[-1]:,} labels/s; {into.processor_us[-1]} µs of processor a label")


def _processor_seconds() -> float:
    """Of the API, PostgreSQL and every other process of this run, those that have ended among them."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    times = [one.cpu_times() for one in psutil.Process().children(recursive=True)]
    alive = sum(one.user + one.system + one.children_user + one.children_system for one in times)
    return alive + ended.ru_utime + ended.ru_stime


def _json(ids: Sequence[str]) -> bytes:
    labels = [{"prediction_id": one, "actual": at % 2, "observed_at": _OBSERVED} for at, one in enumerate(ids)]
    return json.dumps({"labels": labels}, separators=(",", ":")).encode()


def _csv(ids: Sequence[str]) -> bytes:
    lines = (f"{one},{at % 2},{_OBSERVED}\n" for at, one in enumerate(ids))
    return ("prediction_id,actual,observed_at\n" + "".join(lines)).encode()


def _post(client: httpx.Client, media_type: str, bodies: Sequence[bytes]) -> None:
    for body in bodies:
        answer = client.post("/labels", content=body, headers={"Content-Type": media_type})
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code} {answer.text[:300]}")


def _import(installed: Installation, body: bytes) -> None:
    """The whole command, its start included."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(body)
        file.flush()
        command = [sys.executable, "-m", "scripts.cli", "labels", "import", file.name, "--json"]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment_of(installed.settings))


@contextmanager
def _longest_wait(engine: Engine) -> Iterator[list[float]]:
    """How long, in milliseconds, whoever stores predictions would have waited for a delivery; asked all the time."""
    waits, ended = [0.0], threading.Event()

    def ask() -> None:
        while not ended.wait(0.01):
            with session_scope(engine) as session:
                began = time.perf_counter()
                label_counts.join(session)
                waits.append((time.perf_counter() - began) * 1000)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield waits
    finally:
        ended.set()
        asking.join()


_TRUE = """
    SELECT model_id, generation, date_trunc('minute', created_at, 'UTC') AS starts_at,
           count(*) FILTER (WHERE prediction = 1 AND actual = 1), count(*) FILTER (WHERE prediction = 1 AND actual = 0),
           count(*) FILTER (WHERE prediction = 0 AND actual = 0), count(*) FILTER (WHERE prediction = 0 AND actual = 1)
    FROM prediction_outcomes WHERE actual IS NOT NULL GROUP BY 1, 2, 3
"""
_COUNTED = """
    SELECT model_id, generation, starts_at, true_positive, false_positive, true_negative, false_negative
    FROM label_counts
"""


def _wrong_counts(engine: Engine) -> int:
    """Rows of the counts that the predictions and labels themselves do not say, and the other way round."""
    apart = f"SELECT count(*) FROM (({_TRUE} EXCEPT {_COUNTED}) UNION ALL ({_COUNTED} EXCEPT {_TRUE})) AS apart"  # noqa: S608
    with engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        return int(connection.scalar(text(apart)) or 0)


def _figures(found: Mapping[str, Measured], memory: float, wrong: int) -> dict[str, Any]:
    paces = {
        f"{name}_labels_per_s": _figure(
            statistics.median(one.paces), f"at least {LABELS_PER_S}", statistics.median(one.paces) >= LABELS_PER_S
        )
        | {"low": min(one.paces), "high": max(one.paces)}
        for name, one in found.items()
    }
    # A file is stored whole or not at all, so what it holds up grows with it; a delivery of JSON is short.
    wait = found["json"].longest_wait_ms
    return paces | {
        "predictions_waited_ms": _figure(wait, f"at most {MOST_WAIT_MS}", wait <= MOST_WAIT_MS),
        "counts_that_differ": _figure(wrong, "none", wrong == 0),
        "api_peak_mb": _figure(round(memory), "none", None),
    }


def _figure(value: float, bar: str, ok: bool | None) -> dict[str, Any]:
    return {"value": value, "low": None, "high": None, "bar": bar, "ok": ok}


def main() -> int:
    """The command; exit 1 when a figure misses its bar."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.labels", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some thousand labels, once")
    report = bench_labels(
        QUICK if parser.parse_args().quick else FULL, lambda line: print(line, file=sys.stderr, flush=True)
    )
    print(json.dumps(report, indent=1))
    return int(any(one["ok"] is False for one in report["figures"].values()))


if __name__ == "__main__":
    sys.exit(main())
