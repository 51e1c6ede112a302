"""The words, shapes and colours of every status. A status is never told by colour alone.

The keys are the words the API uses; a test compares them with the closed sets of `database/enums.py`, which this room
may not import.
"""

from dataclasses import dataclass
from typing import Literal

from config import vocabulary as shared

Colour = Literal["green", "orange", "red", "blue", "gray", "yellow"]


@dataclass(frozen=True)
class Sign:
    """How a status is shown: a word, a shape and a colour, in that order of weight."""

    word: str
    shape: str
    colour: Colour


UNKNOWN = Sign("Unknown", "○", "gray")
STALE = Sign("Stale", "▲", "orange")

VERDICTS: dict[str, Sign] = {
    "ok": Sign("OK", "●", "green"),
    "warn": Sign("Warning", "▲", "orange"),
    "crit": Sign("Critical", "■", "red"),
    "inconclusive": Sign("Inconclusive", "○", "gray"),
    "better": Sign("Better", "▲", "green"),
    "worse": Sign("Worse", "▼", "red"),
}
CHECKS: dict[bool | None, Sign] = {
    True: Sign("Passed", "✓", "green"),
    False: Sign("Failed", "✕", "red"),
    None: Sign("Not known", "?", "gray"),
}
ACTION_STATUSES: dict[str, Sign] = {
    "proposed": Sign("Proposed", "◌", "gray"),
    "gathering_evidence": Sign("Gathering evidence", "◔", "blue"),
    "pending_approval": Sign("Waiting for a person", "◐", "blue"),
    "approved": Sign("Approved", "◕", "blue"),
    "executing": Sign("Executing", "◕", "blue"),
    "verifying": Sign("Being verified", "◕", "blue"),
    "succeeded": Sign("Succeeded", "●", "green"),
    "rejected": Sign("Rejected", "✕", "gray"),
    "expired": Sign("Expired", "○", "gray"),
    "cancelled": Sign("Cancelled", "○", "gray"),
    "stale": Sign("Out of date", "▲", "orange"),
    "failed": Sign("Failed", "✕", "red"),
    "reverted": Sign("Reverted", "↺", "orange"),
    "inconclusive": Sign("Inconclusive", "○", "gray"),
}
OPEN_ACTIONS = frozenset({"proposed", "gathering_evidence", "pending_approval", "stale"})
MOVING_ACTIONS = frozenset({"approved", "executing", "verifying"})
SEVERITIES: dict[str, Sign] = {
    "info": Sign("Info", "●", "blue"),
    "warning": Sign("Warning", "▲", "orange"),
    "critical": Sign("Critical", "■", "red"),
}
ALERT_STATUSES: dict[str, Sign] = {
    "active": Sign("Active", "▲", "orange"),
    "acknowledged": Sign("Acknowledged", "◐", "blue"),
    "resolved": Sign("Resolved", "●", "green"),
}
VERSION_STATUSES: dict[str, Sign] = {
    "production": Sign("Serving", "●", "green"),
    "staging": Sign("Candidate", "◐", "blue"),
    "training": Sign("Training", "◔", "blue"),
    "archived": Sign("Archived", "○", "gray"),
}
STANDINGS: dict[str, Sign] = {
    "serving": Sign("Serving", "●", "green"),
    "previous": Sign("Previous", "◑", "blue"),
    "candidate": Sign("Candidate", "◐", "blue"),
    "rejected": Sign("Rejected", "✕", "gray"),
    "lapsed": Sign("Lapsed", "◌", "gray"),
    "archived": Sign("Archived", "○", "gray"),
}
FILES: dict[str, Sign] = {
    "sound": Sign("Files sound", "✓", "green"),
    "damaged": Sign("Files damaged", "■", "red"),
    "missing": Sign("Files missing", "✕", "red"),
    "unchecked": Sign("Files not checked", "?", "gray"),
}
SLOT_STATUSES: dict[str, Sign] = {
    "claimed": Sign("Asked", "●", "blue"),
    "skipped": Sign("Skipped", "▲", "orange"),
    "superseded": Sign("Gave way", "○", "gray"),
}
AUTOMATION: dict[str, Sign] = {
    "running": Sign("Running", "●", "green"),
    "paused": Sign("Paused", "▲", "orange"),
    "stopped": Sign("Stopped", "■", "red"),
}
ENVIRONMENTS: dict[str, Sign] = {
    "development": Sign("Development", "◇", "blue"),
    "production": Sign("PRODUCTION", "■", "red"),
}
RISKS: dict[str, Sign] = {
    "low": Sign("Low risk", "○", "gray"),
    "medium": Sign("Medium risk", "◆", "yellow"),
    "high": Sign("High risk", "▲", "red"),
}
WINDOW_STATUSES: dict[str, Sign] = {
    "open": Sign("Collecting", "◌", "gray"),
    "closed": Sign("Waiting for labels", "◐", "blue"),
    "mature": Sign("Judged", "●", "green"),
}

ACTIONS: dict[str, str] = {key: shared.capital(word) for key, word in shared.ACTIONS.items()}
CAUSES: dict[str, str] = shared.CAUSES
ISSUES: dict[str, str] = {
    "data_drift": "Data drift",
    "performance_degradation": "Performance degradation",
    "prediction_anomaly": "Prediction anomaly",
    "low_confidence": "Low confidence",
    "data_quality": "Data quality",
}
REJECTIONS: dict[str, str] = {key: shared.capital(word) for key, word in shared.REJECTIONS.items()}
METRICS: dict[str, str] = {key: shared.capital(word) for key, word in shared.METRICS.items()}
ALGORITHMS: dict[str, str] = {key: shared.capital(word) for key, word in shared.ALGORITHMS.items()}

words = shared.words
