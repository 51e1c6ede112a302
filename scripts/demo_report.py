"""What the demo prints as JSON: the hospitals, the decision, the figures with their bars."""

from typing import Any

from database.models import AgentAction, ModelVersion


def _figure(
    value: Any, *, low: Any = None, high: Any = None, n: Any = None, bar: str = "", ok: bool | None
) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": n, "bar": bar or None, "ok": ok, "why": ""}


def decision_part(action: AgentAction, versions: dict[int, ModelVersion]) -> dict[str, Any]:
    """The decision that was waiting, its evidence, and what became of it."""
    numbers = {key: version.version for key, version in versions.items()}
    return {
        "action_id": str(action.action_id),
        "question": action.question,
        "cause": action.cause,
        "status": action.status,
        "recommended": action.recommended,
        "from_version": numbers.get(action.from_version_id or 0),
        "to_version": numbers.get(action.to_version_id or 0),
        "evidence": action.evidence,
        "reviewed_by": action.reviewed_by,
        "outcome": action.outcome,
    }


def primary_difference(action: AgentAction) -> dict[str, Any]:
    """Before, after, difference, interval and n of the primary metric on the recent labelled rows."""
    metrics: list[dict[str, Any]] = (action.evidence or {}).get("metrics", [])
    return metrics[0] if metrics else {}


def figures(
    hospitals: list[dict[str, Any]], action: AgentAction, *, closed: bool, seconds: float
) -> dict[str, dict[str, Any]]:
    """Every figure with its interval and its bar."""
    found: dict[str, dict[str, Any]] = {}
    for hospital in hospitals:
        for metric, value in hospital["metrics"].items():
            found[f"{hospital['name']}_{metric}"] = _figure(
                value["value"], low=value["low"], high=value["high"], n=value["n"], ok=None
            )
    difference = primary_difference(action)
    low = difference.get("low")
    found["challenger_gain"] = _figure(
        difference.get("difference"),
        low=low,
        high=difference.get("high"),
        n=difference.get("n"),
        bar="the interval excludes zero",
        ok=low is not None and low > 0,
    )
    found["seconds_to_decision"] = _figure(round(seconds, 1), bar="at most 120", ok=seconds <= 120)
    found["loop_closed"] = _figure(closed, bar="approved, activated, and a verdict reached", ok=closed)
    return found
