"""Our verdict on a column beside Evidently's KS and chi² (p below 0.05), on windows with a fifth of the columns moved.

The tables are made up, so for every column on which the two differ it is known who was right, and that is said.
"""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from database.count_layout import Layout
from monitoring.drift_detector import EFFECT_FLOOR, FeatureDrift, cut_of, detect_counted
from scripts.bench.drift_data import contract_of, names_of, of_all, profile_of, save, table, tallies

ROWS = (500, 1_000, 5_000)
MOVED = 0.2
LEVEL = 0.05
# How far the moved numbers moved, in standard deviations: beyond doubt, and too little to count.
FAR, LITTLE = 1.0, 0.25
Run = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Difference:
    """A column on which one of the two alone says that it moved."""

    rows: int
    column: str
    moved: bool
    ours: bool
    score: float
    our_p: float
    their_p: float
    explained: str | None


def compare(reference_rows: int, columns: int, windows: int, run: Run) -> dict[str, Any]:
    """`windows` of each size whose columns moved far, and as many where they moved a little. `run` asks Evidently."""
    reference = table(reference_rows, columns, seed=3)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "reference.npz"
        save(reference, file)
        task = {"reference": str(file), "columns": columns, "who": "evidently", "tests": "classic"}
        layout, profile, contract = Layout(profile_of(reference)), profile_of(reference), contract_of(columns)

        def of(by: float, seed: int) -> dict[str, Any]:
            judged = []
            for at, rows in enumerate(ROWS * windows):
                window = table(rows, columns, seed=seed + at, moved=MOVED, by=by)
                save(window, Path(directory) / "window.npz")
                theirs = run(task | {"window": str(Path(directory) / "window.npz")})["columns"]
                ours = detect_counted(contract, profile, layout, of_all(tallies(window, layout), layout))
                judged.append((rows, ours.features, theirs))
            return summary(judged, names_of(columns)[: int(MOVED * columns)])

        return {"moved far": of(FAR, 100), "moved a little": of(LITTLE, 200)}


def summary(judged: list[tuple[int, tuple[FeatureDrift, ...], dict[str, float]]], moved: list[str]) -> dict[str, Any]:
    """How often both say the same, each difference with its reason, and how often each of the two was wrong."""
    differences = []
    wrong = {"false alarms of KS and chi²": 0, "our false alarms": 0, "missed by KS and chi²": 0, "missed by us": 0}
    agree_at_one_rate = columns = 0
    for rows, features, ps in judged:
        cut = cut_of(list(ps.values()), LEVEL)
        for one in features:
            said, theirs, has_moved = bool(one.drifted), ps[one.feature] < LEVEL, one.feature in moved
            columns += 1
            agree_at_one_rate += said == (ps[one.feature] <= cut)
            wrong["false alarms of KS and chi²"] += theirs and not has_moved
            wrong["our false alarms"] += said and not has_moved
            wrong["missed by KS and chi²"] += has_moved and not theirs
            wrong["missed by us"] += has_moved and not said
            if said != theirs:
                differences.append(_difference(rows, one, ps[one.feature], has_moved))
    return {
        "columns": columns,
        "columns that moved": len(moved) * len(judged),
        "agree": columns - len(differences),
        "agree when their p-values keep one rate over all columns": agree_at_one_rate,
        **wrong,
        "differences": [asdict(one) for one in differences],
    }


def _difference(rows: int, one: FeatureDrift, their_p: float, moved: bool) -> Difference:
    said, score, p = bool(one.drifted), one.score or 0.0, 1.0 if one.p is None else one.p
    return Difference(rows, one.feature, moved, said, score, p, their_p, _why(said, moved, score))


def _why(said: bool, moved: bool, score: float) -> str | None:
    """None where it was us who were wrong."""
    if not moved:
        return None if said else f"nothing moved: KS and chi² give such an alarm in {LEVEL:.0%} of the columns"
    if said:
        return "it moved: KS or chi² missed it"
    return f"it moved by less than counts (PSI below {EFFECT_FLOOR})" if score < EFFECT_FLOOR else None
