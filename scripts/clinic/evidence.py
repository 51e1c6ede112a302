"""What people are shown: evidence and diagnoses as training and the agent write them."""

from datetime import datetime, timedelta
from typing import Any

from database.models import ModelVersion

Json = dict[str, Any]
# Before, and difference with its interval, for the metrics of a challenger that is surely better.
BETTER = {
    "f1": (0.742, 0.061, 0.021, 0.102),
    "roc_auc": (0.801, 0.047, 0.018, 0.076),
    "accuracy": (0.753, 0.052, 0.016, 0.089),
    "precision": (0.731, 0.044, -0.012, 0.101),
    "recall": (0.754, 0.039, -0.017, 0.095),
}
UNSURE = {name: (before, 0.006, -0.031, 0.043) for name, (before, *_) in BETTER.items()}
N = 313


def comparison(name: str, figures: tuple[float, ...], n: int = N, **more: Any) -> Json:
    """One line, before and after, with the verdict that its interval gives."""
    before, difference, low, high = figures
    verdict = "better" if low > 0 else "worse" if high < 0 else "inconclusive"
    return {
        "metric": name, "before": before, "after": before + difference, "difference": difference, "low": low,
        "high": high, "n": n, "p": 0.008, "verdict": verdict,
    } | more  # fmt: skip


def part_of(version: ModelVersion) -> Json:
    return {
        "version_id": version.id, "version": version.version, "algorithm": version.algorithm,
        "artifact_digest": version.artifact_digest,
    }  # fmt: skip


def says(metrics: list[Json]) -> str:
    first = metrics[0]
    return (
        f"{first['verdict'].capitalize()}: f1 {first['before']:.3f} to {first['after']:.3f}, difference "
        f"{first['difference']:+.3f} [{first['low']:+.3f}, {first['high']:+.3f}], on {first['n']} rows."
    )


def of_retrain(
    champion: ModelVersion,
    challenger: ModelVersion,
    at: datetime,
    figures: dict[str, tuple[float, float, float, float]],
    *,
    harmful_slice: bool = False,
) -> Json:
    """Challenger against champion on the same labelled rows."""
    metrics = [comparison(name, given) for name, given in figures.items()]
    old = (0.79, -0.116, -0.198, -0.035) if harmful_slice else (0.73, 0.07, 0.01, 0.13)
    segments = [
        comparison("f1", (0.68, 0.05, -0.04, 0.14), 65, segment="Sex: female"),
        comparison("f1", (0.76, 0.06, 0.012, 0.11), 248, segment="Sex: male"),
        comparison("f1", old, 74, segment="Age: 60 and above"),
    ]
    sure = metrics[0]["verdict"] == "better"
    return {
        "kind": "retrain",
        "champion": part_of(champion),
        "challenger": part_of(challenger),
        "holdout": {"n": N, "from": (at - timedelta(days=2)).isoformat(), "to": at.isoformat(), "positives": 156,
                    "method": "cross_fitted"},
        "training": {"rows": 616, "original_rows": 303, "traffic_rows": 313, "quarantined_rows": 37,
                     "suspect_rows_left_out": 37},
        "metrics": metrics,
        "segments": segments,
        "rests_on": "all",
        "answers_changed": {"n": N, "changed": 31, "share": 31 / N},
        "latency_ms": {"before": 0.42, "after": 0.71},
        "checks": [
            {"name": "serving_file", "ok": True, "says": "answers like the trained model on 616 rows"},
            {"name": "calibration", "ok": True, "says": "a probability is off by 0.049 on average, by 0.068 before"},
            {"name": "latency", "ok": True, "says": "one answer takes 0.71 ms, 0.42 ms before; 2.0 ms is allowed"},
            {"name": "no_step_back", "ok": True, "says": "f1 is not lower by more than 0.030"},
            {"name": "training_rows", "ok": True, "says": "learnt from 616 rows that keep the contract"},
        ],
        "inaction": {"per_day": 4.2, "low": 1.9, "high": 6.8, "currency": "wrong answers",
                     "says": "about 4.2 wrong answers a day [1.9, 6.8]: 96 decisions a day"},
        "recommendation": "approve" if sure and not harmful_slice else "reject",
        "says": says(metrics),
        "asked_at": at.isoformat(),
    }  # fmt: skip


def of_rollback(champion: ModelVersion, target: ModelVersion, at: datetime) -> Json:
    """The version before against the one that serves, on the rows both were answered by."""
    metrics = [comparison(name, given, 121) for name, given in BETTER.items()]
    return {
        "kind": "rollback",
        "champion": part_of(champion),
        "target": part_of(target),
        "holdout": {"n": 121, "from": (at - timedelta(days=2)).isoformat(), "to": at.isoformat(), "positives": 60},
        "metrics": metrics,
        "segments": [comparison("f1", (0.68, 0.05, -0.04, 0.14), 41, segment="Sex: female")],
        "rests_on": "all",
        "answers_changed": {"n": 121, "changed": 18, "share": 18 / 121},
        "checks": [{"name": "artifact_verified", "ok": True, "says": "the files of the version are whole and signed"}],
        "inaction": {"per_day": 4.2, "low": 1.9, "high": 6.8, "currency": "wrong answers", "says": ""},
        "recommendation": "approve",
        "says": says(metrics),
        "asked_at": at.isoformat(),
    }  # fmt: skip


def diagnosis(cause: str, windows: list[int]) -> Json:
    """Why: facts for and against, and what else it could have been."""
    return {
        "cause": cause,
        "issue": "performance_degradation",
        "severity": "critical",
        "support": 0.86,
        "says": "F1 fell to 0.712 [0.641, 0.783] from 0.822 in training, measured on sound rows, n = 152",
        "for": [
            {"says": "inputs that carry 71 % of what the model listens to moved", "value": 0.71, "n": 100},
            {"says": "F1 on sound rows is 0.110 below its reference [0.041, 0.178]", "value": 0.11, "n": 152},
        ],
        "against": [{"says": "the share of positives moved as well", "value": 0.2, "n": 198}],
        "rejected": [
            {"cause": "data_fault", "issue": "data_quality", "support": 0.4, "why": "the loss stays on sound rows"},
            {"cause": "seasonal", "issue": "data_drift", "support": 0.0, "why": "no earlier rhythm explains it"},
        ],
        "columns": [],
        "windows": windows,
        "harm": {"kind": "realised_clean", "metric": "f1", "value": 0.712, "reference": 0.822, "loss": 0.11,
                 "low": 0.041, "high": 0.178, "n": 152, "window_id": windows[-1],
                 "says": "F1 fell to 0.712 [0.641, 0.783] from 0.822 in training"},
        "inaction": {"per_day": 4.2, "low": 1.9, "high": 6.8, "currency": "wrong answers",
                     "says": "about 4.2 wrong answers a day [1.9, 6.8]: 96 decisions a day"},
    }  # fmt: skip
