"""What a rhythm explains is noted: nothing is proposed and nobody gets a message. What it does not explain is judged
as if there were no rhythm."""

from typing import Any

import pytest

from agent.core.choices import ActionProposal
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import Diagnosis, diagnose
from agent.core.rules import seasonal
from agent.core.signals import FeatureDrift, Figure, Signals, Window
from database.enums import Cause, MetricKind, Severity, Verdict
from tests.unit.agent.signal_factory import NOW, POLICY, drifted, figure, lost, signals, window

LAST_DAYS = "the last days of the month"
ESTIMATED, PREDICTION = MetricKind.ESTIMATED, MetricKind.PREDICTION


def in_season(*, beside: bool = False) -> dict[str, Any]:
    """Thallium moved with the season; `beside`: age moved, too, and no rhythm knows of it."""
    features = (
        FeatureDrift("thal", 0.9, True, 0.4, "Thallium scan", LAST_DAYS),
        FeatureDrift("age", 0.3 if beside else 0.0, beside, 0.3, "Age"),
    )
    if beside:
        return {"drift": Verdict.WARN, "drift_score": 0.3, "features": features}
    return {"drift": Verdict.OK, "drift_score": 0.0, "features": features}


def usual(value: float, name: str = "f1") -> Figure:
    return figure(f"usual_{name}", value, kind=PREDICTION, low=None, high=None, n=300, of=LAST_DAYS)


def odd() -> Figure:
    return figure("positive_share", 0.8, reference=0.5, kind=PREDICTION, verdict=Verdict.CRIT)


def unsure() -> Figure:
    return figure("uncertain_share", 0.5, reference=0.1, kind=PREDICTION, verdict=Verdict.CRIT)


def only(found: Signals) -> Diagnosis:
    (diagnosis,) = diagnose(found)
    return diagnosis


def causes(*windows: Window) -> list[Cause]:
    return [d.cause for d in diagnose(signals(*windows))]


def test_a_movement_that_a_rhythm_explains_is_a_note_with_its_name() -> None:
    found = only(signals(window(1, **in_season())))
    assert (found.cause, found.severity, found.harm) == (Cause.SEASONAL, Severity.INFO, None)
    assert f"Thallium scan moved as in earlier windows of {LAST_DAYS}" in found.says


def test_nothing_is_proposed_and_nobody_gets_a_message_about_a_season() -> None:
    found = signals(window(1, figure(), odd(), unsure(), mature=False, **in_season()))
    diagnoses = diagnose(found)
    assert [d.cause for d in diagnoses] == [Cause.SEASONAL]
    choices = decide(diagnoses, POLICY, (), NOW, signals=found)
    assert not any(isinstance(choice, ActionProposal) for choice in choices)


def test_odd_answers_and_doubt_without_a_season_keep_their_names() -> None:
    assert Cause.UNKNOWN in causes(window(1, figure(), odd()))
    assert Cause.LOW_CONFIDENCE in causes(window(1, figure(verdict=Verdict.INCONCLUSIVE), unsure(), mature=False))


def test_one_movement_that_no_rhythm_explains_is_judged_as_ever() -> None:
    found = only(signals(window(1, **in_season(beside=True))))
    assert found.cause is Cause.COVARIATE_SHIFT_HARMLESS
    assert "Age" in found.says
    assert "Thallium" not in found.says


def test_a_movement_without_a_season_is_not_seasonal() -> None:
    assert causes(window(1, **drifted(0.6))) == [Cause.COVARIATE_SHIFT_HARMLESS]


def test_a_loss_that_such_days_always_had_is_the_seasons() -> None:
    hurt = window(1, lost(value=0.72, low=0.68, high=0.76), usual(0.73), figure(kind=ESTIMATED), **in_season())
    found = only(signals(hurt))
    assert (found.cause, found.severity, found.harm) == (Cause.SEASONAL, Severity.INFO, None)
    assert f"{LAST_DAYS} always had it: F1 0.730" in found.says
    assert "concept_drift" in {r.cause for r in found.rejected}


@pytest.mark.parametrize("known", [(usual(0.81),), ()], ids=["such days were fine", "nobody knows how such days were"])
def test_a_loss_that_such_days_did_not_have_is_no_seasons(known: tuple[Figure, ...]) -> None:
    hurt = window(1, lost(), *known, figure(kind=ESTIMATED), **in_season())
    found = only(signals(hurt))
    assert found.cause is Cause.CONCEPT_DRIFT
    assert found.harm is not None
    rejected = {r.cause: r.why for r in found.rejected}
    assert "no season always had that loss" in rejected[Cause.SEASONAL]


def test_a_loss_pooled_over_a_season_and_a_day_after_it_that_lost_nothing_is_the_seasons() -> None:
    pooled = lost(value=0.74, low=0.7, high=0.78, pooled=2)
    season = window(1, lost(value=0.7, low=0.62, high=0.77), usual(0.71), **in_season())
    near, below = (figure(value=v, low=v - 0.08, high=v + 0.06, verdict=Verdict.WARN) for v in (0.80, 0.75))
    assert causes(season, window(2, near, pooled)) == [Cause.SEASONAL]
    assert Cause.SEASONAL not in causes(season, window(2, below, pooled))


def test_too_few_rows_to_say_whether_anything_moved_are_no_season() -> None:
    small = window(1, figure(verdict=Verdict.INCONCLUSIVE), drift=Verdict.INCONCLUSIVE, drift_score=None)
    assert seasonal.consider(signals(small)).could_not_look is not None
    assert seasonal.consider(signals(window(1))).support == 0.0
