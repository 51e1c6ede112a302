"""The part of the dashboard's small world that opens windows, and shows what came in and could not be used."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from api.schemas import feedback, intake, windows

Json = dict[str, Any]
LETTER = "0193c0de-0000-7000-8000-00000000dead"


def calibration(*, empty: bool, n: int = 400) -> Json:
    """Scores that promise too much at the upper end."""
    bins = [] if empty or not n else [
        {"low": at / 10, "high": (at + 1) / 10, "n": n // 4, "promised": at / 10 + 0.05, "came_true": true,
         "came_low": true - 0.08, "came_high": true + 0.08}
        for at, true in ((1, 0.14), (3, 0.37), (6, 0.61), (8, 0.7))
    ]  # fmt: skip
    return {
        "version": 1, "n": 0 if empty else n, "looked_at": 0 if empty else 538,
        "error": None if empty or not n else 0.051, "bins": bins,
    }  # fmt: skip


def detail(window: Json, points: list[Json], *, html: bool) -> Json:
    confusion = {"version": 1, "n": 100, "true_positive": 40, "false_positive": 18, "true_negative": 31,
                 "false_negative": 11}  # fmt: skip
    return {
        "window": window, "figures": points, "confusion": confusion if window["labelled_n"] else None,
        "calibration": calibration(empty=False, n=window["labelled_n"]), "html": html,
        "failed_checks": 1 if window["suspect_n"] else 0,
    }  # fmt: skip


def drift(window: Json, points: list[Json], scores: Json) -> Json:
    """The truth moved a little, the scores did, and what that did to quality is in `points`."""
    return {
        "window": window,
        "answers": [scores | {"metric": "score_psi", "value": 0.31, "low": None, "high": None, "reference": None,
                              "verdict": "warn", "metadata": {"threshold": 0.17}},
                    scores | {"metric": "positive_share", "value": 0.58, "low": 0.44, "high": 0.71, "reference": 0.46,
                              "verdict": "ok", "metadata": {}}],
        "labels": {"positives": 51, "n": 100, "share": 0.51, "low": 0.41, "high": 0.61, "reference": 0.46,
                   "reference_n": 303, "verdict": "ok", "why": "51 of 100"},
        "quality": points, "features": 10, "false_alarm_rate": 0.05,
    }  # fmt: skip


def feature(window: Json, name: str, label: str) -> Json:
    """A category that has lost one of its values and brought a new one; `chol` and `thalach` are numbers."""
    numeric = name in {"chol", "thalach", "oldpeak", "age"}
    names = (
        ("below 200", "200 to 260", "260 or more", "missing") if numeric else ("one", "two", "unknown value", "missing")
    )
    shares = zip(names, (0.4, 0.4, 0.2, 0.0), (0.1, 0.0, 0.6, 0.3), (10, 0, 60, 30), strict=True)
    return {
        "window": window, "feature": name, "label": label, "unit": "mg/dl" if name == "chol" else None,
        "kind": "numeric" if numeric else "category", "n": 100, "reference_n": 303,
        "bins": [{"name": a, "reference": b, "current": c, "rows": d} for a, b, c, d in shares],
        "quantiles": [{"share": 0.5, "reference": 240.0, "current": 310.5}] if numeric else [],
        "quantile_n": 70 if numeric else 0, "reference_quantile_n": 300 if numeric else 0,
        "unknown": [] if numeric else [{"value": "seven", "rows": 60}],
        "finding": {"feature": name, "why": "PSI 0.310 on 100 rows is beyond chance (p = 0.0002)"}, "masked": False,
    }  # fmt: skip


def records(window: Json, check: str, column: str | None, now: datetime) -> Json:
    return {
        "window": window, "check_name": check, "column_name": column, "columns": ["chol", "age", "cp"],
        "masked": ["sex"], "looked_through": 100, "every_row": check == "constant",
        "records": [
            {"prediction_id": f"0193c0de-0000-7000-8000-00000000000{at}", "created_at": now - timedelta(minutes=at),
             "features": {"chol": 0, "age": 54 + at, "cp": None}} for at in range(3)
        ],
    }  # fmt: skip


def refusals(now: datetime, *, empty: bool) -> Json:
    reasons = [
        ("/predict", 422, "invalid", "", "", 7),
        ("/predict", 422, "invalid", "age", "expected a number from 0 to 120", 5),
        ("/labels", 401, "unauthenticated", "", "", 2),
    ]  # fmt: skip
    names = ("route", "status", "code", "field", "says", "n")
    return {
        "model_name": "heart_disease", "from_at": now - timedelta(hours=24), "to_at": now,
        "requests": 0 if empty else 9,
        "reasons": [] if empty else [
            dict(zip(names, one, strict=True)) | {"last_at": now - timedelta(minutes=20)} for one in reasons
        ],
    }  # fmt: skip


def dead_letters(now: datetime, waiting: int) -> Json:
    letter = {
        "letter_id": 1, "prediction_id": LETTER, "model_name": "heart_disease", "reason": "CheckViolation 23514",
        "features": {"age": 54, "chol": 233.5}, "masked": ["sex"], "created_at": now - timedelta(hours=3),
    }  # fmt: skip
    return {"total": waiting, "letters": [letter] * waiting}


def corrections(now: datetime, *, empty: bool) -> Json:
    one: Json = {
        "model_name": "heart_disease", "title": "Heart disease", "serving_version": 2, "waiting": 3, "false_alarms": 2,
        "missed": 1, "of_serving": 3, "retrain_after": 5, "since": now - timedelta(days=2),
        "newest_at": now - timedelta(hours=1), "by_key": [{"key_id": "abc", "name": "ward 3", "n": 3}],
        "not_before": now + timedelta(hours=20),
        "last_try": {
            "action_id": "0a4e2b1c-6f5d-4c3b-9a87-1d2e3f405162", "status": "cancelled",
            "outcome": "a version taught anew is not surely better", "created_at": now - timedelta(hours=4),
        },
    }  # fmt: skip
    nothing: Json = {"waiting": 0, "false_alarms": 0, "missed": 0, "of_serving": 0, "newest_at": None, "by_key": []}
    return {"models": [one | nothing | {"not_before": None, "last_try": None} if empty else one]}


def answer(world: Any, path: str) -> tuple[type[BaseModel], Json] | None:
    """What this part of the world says at an address; None where it has nothing to say."""
    if path == "/performance/calibration":
        return windows.Calibration, calibration(empty=world.empty)
    if path == "/corrections":
        return feedback.CorrectionsList, corrections(world.now, empty=world.empty)
    if path == "/refusals":
        return intake.Refusals, refusals(world.now, empty=world.empty)
    if path == "/dead-letters":
        return intake.DeadLetterList, dead_letters(world.now, world.letters)
    _, room, *rest = path.split("/")
    number = next((int(part) for part in rest if part.isdigit()), None)
    if number is None or not 1 <= number <= 5 or world.empty:
        return None
    window = world.window(number)
    mine = [point for point in world.points() if point["seq"] == number]
    if room == "performance":
        return windows.WindowDetail, detail(window, mine, html=number == 5)
    if room == "drift" and len(rest) == 1:
        scores = world.point(number, "prediction", "score_psi", 0.3)
        return windows.WindowDrift, drift(window, [p for p in mine if p["metric"] == "f1"], scores)
    if room == "drift" and rest[1] == "features":
        return windows.FeatureDetail, feature(window, rest[2], world.label_of(rest[2]))
    if room == "data-quality":
        return windows.Records, records(window, "sentinel", "chol", world.now)
    return None


def replayed(world: Any) -> tuple[type[BaseModel], Json]:
    """All of them are stored at the first try."""
    stored, world.letters = world.letters, 0
    return intake.LettersReplayed, {"stored": stored, "known": 0, "refused": 0, "left": 0}
