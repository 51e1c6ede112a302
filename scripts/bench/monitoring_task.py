"""One measurement of the monitoring bench, in a process of its own so that its memory is its own: a JSON task on
stdin, seconds and megabytes on stdout. A window's rows come as a file of arrays, ours as counts in PostgreSQL."""

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.count_layout import Layout
from database.queries import count_reads
from monitoring.drift_detector import detect_counted
from scripts.bench.drift_data import BEGIN, contract_of, load, profile_of
from scripts.bench.machine import peak_mb

Task = dict[str, Any]
_AGAIN = 3


def ours(task: Task) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Read a window's counts and judge every column and the scores."""
    engine = create_engine(task["url"], poolclass=NullPool)
    contract, profile = contract_of(task["columns"]), profile_of(load(task["reference"]))

    def judge() -> Any:
        with Session(engine) as session:
            found = count_reads.inside(
                ReadSession(session), task["version_id"], Layout(profile), BEGIN, BEGIN + timedelta(days=task["days"])
            )
        assert found is not None  # noqa: S101
        return detect_counted(contract, profile, Layout(profile), found.tally)

    return judge, lambda found: {one.feature: one.drifted for one in found.features}


def scan(task: Task) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Count every value with numpy, and judge by the same scores: the best a scan can do with the rows in memory."""
    contract, profile = contract_of(task["columns"]), profile_of(load(task["reference"]))
    window, layout = load(task["window"]), Layout(profile)

    def judge() -> Any:
        bins = layout.empty().bins
        for name, feature in layout.features.items():
            values = window.columns[name]
            if values.dtype.kind == "f":
                layout.of_feature(name, bins)[:] = feature.count(values)  # type: ignore[index, arg-type]
            else:
                kinds, counts = np.unique(values, return_counts=True)
                for place, count in zip(feature.places(kinds.tolist()), counts, strict=True):
                    layout.of_feature(name, bins)[place] += count  # type: ignore[index]
        tally = layout.empty()
        return detect_counted(contract, profile, layout, type(tally)(len(window.scores), 0, 0, 0, 0, bins))

    return judge, lambda found: {one.feature: one.drifted for one in found.features}


def evidently(task: Task) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Evidently's DataDriftPreset: its PSI, or its own KS and chi²."""
    # Only its own process pays for it.
    import pandas as pd  # noqa: PLC0415
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    tests = {"psi": {"method": "psi"}, "classic": {"num_method": "ks", "cat_method": "chisquare"}}[task["tests"]]
    parts = [load(task[name]).columns for name in ("window", "reference")]
    names = list(parts[0])
    numeric = [name for name in names if parts[0][name].dtype.kind == "f"]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in names if name not in numeric]
    )
    frames = [pd.DataFrame(part) for part in parts]

    def judge() -> Any:
        current, reference = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
        return Report([DataDriftPreset(columns=names, **tests)]).run(current, reference)

    def told(report: Any) -> dict[str, Any]:
        metrics = json.loads(report.json())["metrics"]
        shown = [one for one in metrics if "ValueDrift" in one["metric_name"]]
        return {one["config"]["column"]: float(one["value"]) for one in shown}

    return judge, told


def scipy(task: Task) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Kolmogorov–Smirnov and chi² alone, as SciPy has them."""
    from scipy.stats import chi2_contingency, ks_2samp  # noqa: PLC0415

    window, reference = load(task["window"]).columns, load(task["reference"]).columns

    def judge() -> dict[str, float]:
        found = {}
        for name, values in window.items():
            if values.dtype.kind == "f":
                found[name] = float(ks_2samp(values, reference[name], method="asymp").pvalue)
            else:
                kinds = np.unique(np.concatenate([values, reference[name]]))
                rows = [[int((side == one).sum()) for one in kinds] for side in (values, reference[name])]
                found[name] = float(chi2_contingency(rows).pvalue)
        return found

    return judge, dict


TASKS = {"ours": ours, "scan": scan, "evidently": evidently, "scipy": scipy}


def _again_s(judge: Callable[[], Any]) -> float:
    """A later window of the same process: the draws that calibrate the scores at this size are there."""
    began = time.perf_counter()
    judge()
    return time.perf_counter() - began


def main() -> int:
    task: Task = json.load(sys.stdin)
    judge, told = TASKS[task["who"]](task)
    began = time.perf_counter()
    found = judge()
    seconds = time.perf_counter() - began
    again = [_again_s(judge) for _ in range(_AGAIN)] if task["who"] == "ours" else []
    print(json.dumps({"seconds": seconds, "again": again, "peak_mb": round(peak_mb(), 1), "columns": told(found)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
