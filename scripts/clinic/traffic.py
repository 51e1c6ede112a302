"""Six days of patients: answers and their truth, the windows cut from them, and what was measured in each."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from config.model_contract import ModelContract
from database.enums import LabelSource, MetricKind, Verdict, WindowStatus
from database.models import DataQualityResult, DriftReport, ModelVersion, MonitoringWindow, PerformanceMetric
from database.queries import labels, prediction_counts
from database.queries.labels import NewLabel
from database.queries.prediction_counts import Layouts

WINDOWS = 12
ROWS = 50
WIDTH = timedelta(hours=12)
# Of the newest window so few are labelled that it cannot be judged yet.
LABELLED_OF_NEWEST = 19
MOVED = ("cp", "thal", "ca")
INFLUENCE = {
    "cp": 0.22, "thal": 0.18, "ca": 0.17, "oldpeak": 0.11, "thalach": 0.08, "chol": 0.07, "exang": 0.05, "sex": 0.04,
    "slope": 0.03, "age": 0.02, "trestbps": 0.01, "restecg": 0.01, "fbs": 0.01,
}  # fmt: skip
METRICS = {"f1": 0.822, "accuracy": 0.833, "roc_auc": 0.899, "precision": 0.803, "recall": 0.842}
CHECKS = (
    ("suspect_rows", None, "rows hold a value outside what a sound source sends"),
    ("sentinel", "chol", "rows hold 0, 0.0 % in training"),
    ("expected", "chol", "rows fail: expected 60 to 700"),
    ("null_jump", "ca", "rows are missing, reference 1.3 % of 303"),
    ("duplicates", None, "rows repeat another"),
    ("constant", "fbs", "rows hold one value"),
)


@dataclass(frozen=True)
class Served:
    """Which version answered from when, under which generation."""

    since: datetime
    version: ModelVersion
    generation: int


def patient(dice: random.Random, later: float) -> dict[str, Any]:
    """One row; `later` from 0 to 1 moves the inputs as another clinic would."""
    return {
        "age": dice.randint(34, 76), "sex": int(dice.random() < 0.68), "cp": dice.choice((1, 2, 3, 4, 4, 4)) if
        dice.random() < 0.4 + later / 2 else dice.randint(1, 4), "trestbps": dice.randint(100, 180),
        "chol": 0 if dice.random() < later / 4 else dice.randint(150, 380), "fbs": int(dice.random() < 0.15),
        "restecg": dice.choice((0, 0, 1, 2)), "thalach": dice.randint(90, 190), "exang": int(dice.random() < 0.33),
        "oldpeak": round(dice.uniform(0, 4), 1), "slope": dice.randint(1, 3),
        "ca": None if dice.random() < later / 3 else dice.randint(0, 3), "thal": dice.choice((3, 3, 6, 7)),
    }  # fmt: skip


def scored(dice: random.Random, threshold: float, skill: float) -> tuple[int, float]:
    """The truth and a probability that agrees with it as often as `skill` says."""
    truth = int(dice.random() < 0.48)
    says = truth if dice.random() < skill else 1 - truth
    probability = dice.uniform(threshold, 0.98) if says else dice.uniform(0.02, threshold - 0.001)
    return truth, round(probability, 6)


def _id(at: datetime, dice: random.Random) -> UUID:
    """A UUIDv7 of that moment, as the API makes them: where a label's prediction lies is read from it."""
    ms = int(at.timestamp() * 1000)
    return UUID(int=(ms << 80) | (0x7 << 76) | (dice.getrandbits(12) << 64) | (0b10 << 62) | dice.getrandbits(62))


def answer(session: Session, begin: datetime, served: Sequence[Served], dice: random.Random) -> list[int]:
    """Store what was answered and the truth that came for it; the number of labels of each window."""
    rows: list[dict[str, Any]] = []
    told: list[NewLabel] = []
    labelled = []
    for at in range(WINDOWS * ROWS):
        window, moment = at // ROWS, begin + WIDTH * at / ROWS
        who = [one for one in served if one.since <= moment][-1]
        truth, probability = scored(dice, who.version.threshold, 0.84 if window < 7 else 0.72)
        known = window < WINDOWS - 1 or at % ROWS < LABELLED_OF_NEWEST
        labelled.append(known)
        rows.append(
            {
                "id": str(_id(moment, dice)), "features": patient(dice, max(0.0, (window - 5) / 6)),
                "prediction": int(probability >= who.version.threshold), "probability": probability,
                "model_id": who.version.id, "model_name": who.version.model_name, "generation": who.generation,
                "key_id": "clinic00", "request_id": f"request-{at}", "threshold": who.version.threshold,
                "latency_ms": round(dice.uniform(0.3, 2.2), 3), "created_at": moment.isoformat(),
            }
        )  # fmt: skip
        if known:
            told.append(NewLabel(UUID(rows[-1]["id"]), truth, moment + timedelta(hours=1)))
    prediction_counts.store(session, [json.dumps(rows)], rows, Layouts())
    labels.record(session, told, key_id="clinic00", source=LabelSource.LABEL, allowed_models=None)
    session.execute(text("UPDATE labels SET received_at = observed_at + interval '2 minutes'"))
    return [sum(labelled[ROWS * at : ROWS * (at + 1)]) for at in range(WINDOWS)]


def judge(
    session: Session, contract: ModelContract, begin: datetime, served: Sequence[Served], labelled: Sequence[int]
) -> list[MonitoringWindow]:
    """The windows, and what the monitor found in each of them."""
    windows = []
    for at in range(WINDOWS):
        begins, ends = begin + at * WIDTH, begin + (at + 1) * WIDTH
        who = [one for one in served if one.since <= begins][-1]
        newest = at == WINDOWS - 1
        suspect = max(0, 4 * (at - 7))
        window = MonitoringWindow(
            model_name=contract.name, model_id=who.version.id, seq=at + 1, from_at=begins, to_at=ends, n=ROWS,
            status=WindowStatus.CLOSED if newest else WindowStatus.MATURE, labelled_n=labelled[at], suspect_n=suspect,
            labels_as_of=ends, created_at=ends, judged_at=ends + timedelta(minutes=1),
        )  # fmt: skip
        session.add(window)
        session.flush()
        session.add_all(_figures(window, at, newest))
        session.add(_drift(contract, window, at))
        session.add_all(_checks(window, suspect, at))
        windows.append(window)
    session.flush()
    return windows


def _figures(window: MonitoringWindow, at: int, newest: bool) -> list[PerformanceMetric]:
    lost = 0.012 * max(0, at - 5)
    common = {"model_id": window.model_id, "window_id": window.id, "created_at": window.to_at, "labels_as_of":
              window.to_at}  # fmt: skip
    found = []
    for kind in (MetricKind.REALISED, MetricKind.REALISED_CLEAN, MetricKind.ESTIMATED):
        for name, reference in METRICS.items():
            value: float | None = reference - lost * (0.6 if kind is MetricKind.ESTIMATED else 1)
            if newest and kind is not MetricKind.ESTIMATED:
                value = None
            verdict = Verdict.INCONCLUSIVE if value is None else Verdict.CRIT if lost > 0.05 else Verdict.OK
            why = f"{-lost:+.3f} against the reference" if value else f"{LABELLED_OF_NEWEST} labels, 30 are needed"
            found.append(
                PerformanceMetric(
                    **common, kind=kind, metric_name=name, metric_value=value, n=window.labelled_n,
                    low=None if value is None else value - 0.08, high=None if value is None else value + 0.07,
                    reference=reference, verdict=verdict, metadata_={"why": why, "watched": name == "f1"},
                )
            )  # fmt: skip
    about = {"positive_share": 0.47 + lost, "mean_score": 0.46 + lost, "uncertain_share": 0.145, "score_psi": lost,
             "rows_per_hour": 4.2, "latency_p95_ms": 2.1}  # fmt: skip
    for name, value in about.items():
        found.append(
            PerformanceMetric(**common, kind=MetricKind.PREDICTION, metric_name=name, metric_value=value, n=window.n,
                              reference=None, verdict=Verdict.OK, metadata_={"why": "as usual"})
        )  # fmt: skip
    if at == WINDOWS - 2:
        found.append(
            PerformanceMetric(**common, kind=MetricKind.SEGMENT, metric_name="f1", metric_value=0.61, low=0.48,
                              high=0.72, n=41, reference=0.81, verdict=Verdict.CRIT,
                              metadata_={"segment": {"feature": "age", "low": 60.0}, "of": "Age: 60 or more",
                                         "share": 0.41, "loss_of_the_rest": 0.01, "looked_at": 14,
                                         "difference": -0.2, "why": "lost while the rest did not"})
        )  # fmt: skip
    return found


def _drift(contract: ModelContract, window: MonitoringWindow, at: int) -> DriftReport:
    moved = MOVED if at >= 8 else ()
    features = []
    for name, feature in contract.features.items():
        drifted = name in moved
        score = 0.44 if drifted else 0.05 + 0.01 * len(name)
        features.append(
            {
                "feature": name, "kind": feature.kind, "n": ROWS, "method": "psi", "score": score, "drifted": drifted,
                "p": 0.0004 if drifted else 0.41, "threshold": 0.31, "verdict": "crit" if drifted else "ok",
                "influence": INFLUENCE[name], "null_share": 0.0, "reference_null_share": 0.0, "season": "",
                "why": f"PSI {score:.3f} on {ROWS} rows; it counts from 0.310",
                "evidently": {"method": "K-S p_value", "score": 0.02 if drifted else 0.6, "drifted": drifted},
            }
        )  # fmt: skip
    return DriftReport(
        model_id=window.model_id, window_id=window.id, drift_detected=bool(moved), drifted_features=list(moved),
        drift_score=sum(INFLUENCE[name] for name in moved), features=features, created_at=window.to_at,
        verdict=Verdict.CRIT if moved else Verdict.OK,
    )  # fmt: skip


def _checks(window: MonitoringWindow, suspect: int, at: int) -> list[DataQualityResult]:
    found = []
    for name, column, says in CHECKS:
        failed = suspect if name in {"suspect_rows", "sentinel", "expected"} else 0
        unknown = name == "constant"
        verdict = Verdict.INCONCLUSIVE if unknown else Verdict.CRIT if failed > 8 else Verdict.WARN if failed else None
        found.append(
            DataQualityResult(
                model_id=window.model_id, window_id=window.id, check_name=name, column_name=column,
                success=not failed and not unknown, verdict=verdict or Verdict.OK, failed_rows=failed, n=ROWS,
                details={"why": f"{failed} of {ROWS} {says}", "window": at + 1}, created_at=window.to_at,
            )
        )  # fmt: skip
    return found
