"""What the demo tells of a hospital: each cause once, the gravest first, and never a harmful change as harmless."""

from typing import Any

from database.enums import Cause, IssueType, Severity
from scripts.demo_watch import gravest


def _diagnosis(cause: Cause, severity: Severity, says: str = "") -> dict[str, Any]:
    return {"cause": cause, "issue": IssueType.DATA_DRIFT, "severity": severity, "says": says, "windows": [1]}


def _told(*diagnoses: dict[str, Any]) -> list[tuple[str, str]]:
    return [(found["cause"], found["says"]) for found in gravest(diagnoses)]


def test_a_change_that_turned_out_to_do_harm_is_not_called_harmless_beside_it() -> None:
    harmless = _diagnosis(Cause.COVARIATE_SHIFT_HARMLESS, Severity.INFO, "holds")
    harmful = _diagnosis(Cause.COVARIATE_SHIFT_HARMFUL, Severity.WARNING, "fell")
    assert _told(harmless) == [("covariate_shift_harmless", "holds")]
    assert _told(harmless, harmful) == _told(harmful, harmless) == [("covariate_shift_harmful", "fell")]


def test_of_one_cause_the_gravest_is_told_and_of_equals_the_last() -> None:
    first, second = (_diagnosis(Cause.DATA_FAULT, Severity.CRITICAL, says) for says in ("13 rows", "50 rows"))
    later = _diagnosis(Cause.DATA_FAULT, Severity.WARNING, "2 rows")
    assert _told(first, second, later) == [("data_fault", "50 rows")]


def test_the_gravest_cause_comes_first() -> None:
    info = _diagnosis(Cause.SEASONAL, Severity.INFO)
    warning = _diagnosis(Cause.LOW_CONFIDENCE, Severity.WARNING)
    critical = _diagnosis(Cause.DATA_FAULT, Severity.CRITICAL)
    assert [cause for cause, _ in _told(info, warning, critical)] == ["data_fault", "low_confidence", "seasonal"]
