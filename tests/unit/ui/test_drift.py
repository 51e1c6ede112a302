"""The drift page shows what moved with a season, and says which."""

from datetime import UTC, datetime

from tests.dashboard.api import FakeApi
from ui import api_types
from ui.observe import drift

FULL = FakeApi(now=datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
LAST_DAYS = "the last days of the month"


def told(*seasonal: str, score: float = 0.0) -> tuple[api_types.Drift, api_types.DriftReportOut]:
    """The newest window, with these features in season."""
    found = api_types.Drift.model_validate(FULL.drift())
    newest = found.reports[-1]
    lines = [
        line | {"season": LAST_DAYS, "verdict": "ok"} if line["feature"] in seasonal else line
        for line in newest.features
    ]
    return found, newest.model_copy(update={"features": lines, "drift_score": score})


def test_a_wholly_seasonal_movement_is_shown_with_its_season() -> None:
    moved = api_types.Drift.model_validate(FULL.drift()).reports[-1].drifted_features
    found, report = told(*moved)
    assert drift.headline(report).endswith(f"features drifted in window 5, as in earlier windows of {LAST_DAYS}.")
    states = [row["state"] for row in drift.rows(found, report)][: len(moved)]
    assert all(f"Season: {LAST_DAYS}" in state for state in states)


def test_beside_a_season_the_headline_weighs_what_it_does_not_explain() -> None:
    moved = api_types.Drift.model_validate(FULL.drift()).reports[-1].drifted_features
    _, report = told(moved[0], score=0.3)
    assert f"1 of them as in earlier windows of {LAST_DAYS}; the others carry 30" in drift.headline(report)


def test_without_a_season_nothing_is_said_of_one() -> None:
    found, report = told(score=0.4)
    assert "carry 40" in drift.headline(report)
    assert not any("Season" in row["state"] for row in drift.rows(found, report))
