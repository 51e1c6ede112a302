"""`steward bench monitoring`: what a window costs, however many rows it has, beside what others need for it.

All measured in one run on one machine: our scores from counts in PostgreSQL (reading them included), Evidently's PSI
preset, SciPy's tests, and a numpy scan that has the rows in memory already. Then whole passes of the monitor.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from config.settings import ROOT
from database.connection import make_engine, session_scope
from database.count_layout import Layout, Tally
from database.embedded import EmbeddedPostgres
from database.enums import DataSource
from database.queries import label_counts, model_versions, prediction_counts
from database.queries.audit import SYSTEM
from database.queries.prediction_counts import Slot
from monitoring.drift_detector import detect_counted
from scripts.bench import monitoring_passes, monitoring_verdicts
from scripts.bench.drift_data import DAYS, Window, contract_of, of_all, profile_of, save, table, tallies
from scripts.bench.machine import machine, versions
from scripts.crash.server import own_server

DATABASE = "steward_bench"
REFERENCE_ROWS = 10_000
COLUMNS = 50
TIMES = 10  # the larger window has so many times the rows
FASTER, MEMORY_MB, AGREE, PASS_S, IDLE_MS, FLAT = 100, 200, 0.98, 60.0, 5.0, 1.5
MORE, WEEK = f"steward, {TIMES} times the rows", "steward, seven times the minutes"
Say = Callable[[str], None]
Task = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rows: int
    rounds: int
    models: int
    model_rows: int
    compared: int  # windows of each size


FULL = Plan(rows=1_000_000, rounds=3, models=100, model_rows=10_000, compared=4)
QUICK = Plan(rows=50_000, rounds=1, models=4, model_rows=2_000, compared=1)


def bench_monitoring(plan: Plan, say: Say) -> dict[str, Any]:
    """Measure everything; a few minutes in full."""
    with own_server("bench", DATABASE) as (server, directory):
        engine = make_engine(server.url(DATABASE), application="steward-bench")  # as the monitor's own
        try:
            passes = monitoring_passes.measure(engine, plan.models, plan.model_rows, say)
            windows = _windows(engine, server, Path(directory), plan, say)
            say("comparing verdicts with Evidently's KS and chi²")
            verdicts = monitoring_verdicts.compare(REFERENCE_ROWS, COLUMNS, plan.compared, _run)
        finally:
            engine.dispose()
    return {
        "command": "bench monitoring",
        "machine": machine(),
        "versions": versions(("evidently", "scipy", "numpy", "pandas")),
        "plan": asdict(plan),
        "windows": windows,
        "verdicts": verdicts,
        "passes": passes,
        "figures": _figures(windows, verdicts, passes, plan),
    }


def _windows(engine: Engine, server: EmbeddedPostgres, directory: Path, plan: Plan, say: Say) -> dict[str, Any]:
    say(f"making a window of {plan.rows:,} rows and {COLUMNS} columns, and its counts")
    reference = table(REFERENCE_ROWS, COLUMNS, seed=1)
    window = table(plan.rows, COLUMNS, seed=2, moved=0.1)
    files = {"reference": directory / "reference.npz", "window": directory / "window.npz"}
    for name, made in (("reference", reference), ("window", window)):
        save(made, files[name])
    layout = Layout(profile_of(reference))
    counted = tallies(window, layout)
    larger = {at: _times(tally, TIMES) for at, tally in counted.items()}
    one, more, week = (_stored(engine, reference, layout, some) for some in (counted, larger, _a_week(counted)))
    shared: Task = {name: str(file) for name, file in files.items()} | {"columns": COLUMNS}
    url = server.url(DATABASE).render_as_string(hide_password=False)
    ours = {"who": "ours", "url": url, "days": 1}
    tasks: dict[str, Task] = {
        "steward": ours | {"version_id": one},
        MORE: ours | {"version_id": more},
        WEEK: ours | {"version_id": week, "days": DAYS},
        "numpy, a scan of rows in memory": {"who": "scan"},
        "scipy, KS and chi²": {"who": "scipy"},
        "evidently, PSI preset": {"who": "evidently", "tests": "psi"},
    }
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in tasks}
    for number in range(plan.rounds):
        for name, task in tasks.items():
            say(f"round {number + 1} of {plan.rounds}: {name}")
            runs[name].append(_run(shared | task))
    same = runs["steward"][0]["columns"] == runs["numpy, a scan of rows in memory"][0]["columns"]
    drift = detect_counted(contract_of(COLUMNS), profile_of(reference), layout, of_all(counted, layout))
    return {
        "rows": plan.rows,
        "columns": COLUMNS,
        "drifted": len(drift.drifted_features),
        "the same verdicts as a scan": same,
        "runs": {
            name: {
                "seconds": [round(run["seconds"], 5) for run in found],
                "median_s": statistics.median(run["seconds"] for run in found),
                "again_s": statistics.median(again)
                if (again := [one for run in found for one in run["again"]])
                else None,
                "peak_mb": max(run["peak_mb"] for run in found),
            }
            for name, found in runs.items()
        },
    }


def _a_week(counted: dict[datetime, Tally]) -> dict[datetime, Tally]:
    """The same day on every day of a week: what a window costs grows with its minutes."""
    return {at + timedelta(days=day): tally for day in range(DAYS) for at, tally in counted.items()}


def _times(tally: Tally, times: int) -> Tally:
    n, positives, uncertain, scores, squares = (figure * times for figure in tally.figures)
    return Tally(n, positives, uncertain, scores, squares, tally.bins * times)


def _stored(engine: Engine, reference: Window, layout: Layout, counted: dict[Any, Tally]) -> int:
    """A version whose window is counted; its rows need not be there."""
    contract = contract_of(COLUMNS)
    with session_scope(engine) as session:
        version = model_versions.register(
            session,
            SYSTEM,
            model_name=contract.name,
            **monitoring_passes.ENOUGH,
            feature_names=list(contract.feature_names),
            data_source=DataSource.SYNTHETIC,
            contract_digest=contract.digest,
            reference_profile=profile_of(reference),
        )
        label_counts.join(session)
        slots = {Slot(version.id, 1, at): tally for at, tally in counted.items()}
        prediction_counts.add(session, slots, lambda _: layout)
        version_id: int = version.id
    return version_id


def _run(task: Task) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "scripts.bench.monitoring_task"]
    done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{task['who']}: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _figures(windows: dict[str, Any], verdicts: dict[str, Any], passes: dict[str, Any], plan: Plan) -> dict[str, Any]:
    runs = windows["runs"]
    ours, larger, evidently = runs["steward"], runs[MORE], runs["evidently, PSI preset"]["median_s"]
    faster = evidently / ours["median_s"]
    again = evidently / ours["again_s"]
    flat = larger["median_s"] / ours["median_s"]
    far, little = verdicts["moved far"], verdicts["moved a little"]
    share = far["agree"] / far["columns"]
    said = [one["explained"] for one in (*far["differences"], *little["differences"])]
    memory = max(runs[name]["peak_mb"] for name in ("steward", MORE, WEEK))
    whole = passes["seconds"] if plan.models == FULL.models else None
    return {
        "times_faster_than_evidently_psi": _figure(faster, f"at least {FASTER}", faster >= FASTER),
        "times_faster_once_calibrated": _figure(again, f"at least {FASTER}", again >= FASTER),
        "same_verdicts_as_a_scan": _figure(1.0, "all", windows["the same verdicts as a scan"]),
        "time_for_ten_times_the_rows": _figure(flat, f"at most {FLAT} times", flat <= FLAT),
        "memory_mb": _figure(memory, f"at most {MEMORY_MB}", memory <= MEMORY_MB),
        "verdicts_as_ks_and_chi2": _figure(
            share, f"at least {AGREE:.0%}, or the rest explained", share >= AGREE or all(said)
        ),
        "pass_over_models_s": _figure(whole, f"at most {PASS_S:.0f}", None if whole is None else whole <= PASS_S),
        "idle_window_ms": _figure(
            passes["idle_window_ms"], f"at most {IDLE_MS:g}", passes["idle_window_ms"] <= IDLE_MS
        ),
    }


def _figure(value: float | None, bar: str, ok: bool | None) -> dict[str, Any]:
    return {"value": None if value is None else round(value, 3), "low": None, "high": None, "bar": bar, "ok": ok}
