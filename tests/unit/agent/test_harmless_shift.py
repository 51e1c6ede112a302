"""When drift may be called harmless: shown by labels, by an estimate that may speak, or by nobody listening."""

from typing import Any

from agent.core.diagnosis_engine import diagnose
from agent.core.rules.covariate_shift_harmless import FAR, consider
from agent.core.signals import FeatureDrift, Figure, Window
from database.enums import Cause, MetricKind, Verdict
from tests.unit.agent.signal_factory import figure, lost, signals, window

OLD, FAR_OFF, NEAR = 20, FAR + 0.1, FAR - 0.1
TRUSTED = figure(kind=MetricKind.ESTIMATED, trusted=True)
UNKNOWN = figure(verdict=Verdict.INCONCLUSIVE)


def shift(score: float, *names: str, influence: float = 0.4) -> dict[str, Any]:
    features = tuple(FeatureDrift(name, score, True, influence, name.capitalize()) for name in names or ("thal",))
    return {"drift": Verdict.CRIT, "drift_score": influence * len(features), "features": features}


def fresh(*figures: Figure, **changes: Any) -> Window:
    """The newest window, whose labels have not come."""
    return window(2, *(figures or (UNKNOWN,)), **({"mature": False, "labelled_n": 0} | changes))


def test_an_estimate_vouches_for_inputs_near_those_of_training_and_not_for_ones_far_off() -> None:
    assert consider(signals(fresh(TRUSTED, **shift(NEAR)))).holds
    far = consider(signals(fresh(TRUSTED, **shift(FAR_OFF))))
    assert not far.holds
    assert far.could_not_look is not None
    assert far.could_not_look.endswith("so far from anything training had that an estimate says nothing: Thal")
    assert diagnose(signals(fresh(TRUSTED, **shift(FAR_OFF)))) == ()


def test_an_estimate_nobody_trusts_yet_vouches_for_nothing() -> None:
    assert not consider(signals(fresh(figure(kind=MetricKind.ESTIMATED), **shift(NEAR)))).holds


def test_labels_show_that_inputs_however_far_off_do_no_harm() -> None:
    found = consider(signals(window(2, **shift(FAR_OFF))))
    assert found.holds
    assert found.facts_for[1].says.startswith("quality holds: F1 0.820")


def test_what_had_moved_the_same_when_it_was_last_judged_does_no_harm_now() -> None:
    judged, now = window(1, **shift(FAR_OFF)), fresh(TRUSTED, **shift(FAR_OFF))
    found = consider(signals(judged, now))
    assert found.holds
    assert (found.windows, found.facts_for[1].n) == ((OLD,), 100)
    wider = window(1, **shift(FAR_OFF, "thal", "age"))
    assert consider(signals(wider, now)).holds, "more had moved then"


def test_a_judged_window_vouches_for_no_more_than_had_moved_in_it() -> None:
    judged = window(1, **shift(FAR_OFF))
    assert not consider(signals(judged, fresh(**shift(FAR_OFF, "thal", "age")))).holds
    assert not consider(signals(window(1), fresh(**shift(FAR_OFF)))).holds


def test_a_judged_window_that_does_not_show_quality_vouches_for_nothing() -> None:
    now = fresh(**shift(FAR_OFF))
    warned = window(1, figure(), figure("accuracy", 0.78, reference=0.83, verdict=Verdict.WARN), **shift(FAR_OFF))
    assert not consider(signals(warned, now)).holds
    harmed = consider(signals(window(1, lost(), **shift(FAR_OFF)), now))
    assert not harmed.holds
    assert "F1 fell to 0.620" in harmed.facts_against[0].says


def test_a_column_hardly_listened_to_may_move_and_far_off_only_one_that_is_not_listened_to() -> None:
    for score, influence, holds in ((NEAR, 0.04, True), (NEAR, 0.06, False), (FAR_OFF, 0.04, False),
                                    (FAR_OFF, 0.005, True)):  # fmt: skip
        assert consider(signals(fresh(**shift(score, influence=influence)))).holds == holds, (score, influence)
    (found,) = diagnose(signals(fresh(**shift(FAR_OFF, influence=0.005))))
    assert found.cause is Cause.COVARIATE_SHIFT_HARMLESS
