"""What a loss would be had one thing stayed as it was, and which cause that speaks for and against."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core.diagnosis_engine import Diagnosis, diagnose
from agent.core.harm import Harm, harm
from agent.core.rules import concept_drift, covariate_shift_harmful, prior_shift
from agent.core.rules.finding import Finding
from agent.core.rules.loss import undone_by
from agent.core.signals import Figure, Part, Window
from config.segments import Segment
from config.vocabulary import AT_USUAL_SHARE, ON_USUAL_INPUTS
from database.enums import Cause, MetricKind, Verdict
from tests.unit.agent.signal_factory import drifted, figure, lost, signals, window

CLEAN = MetricKind.REALISED_CLEAN
SHARE_MOVED: dict[str, Any] = {"reference_positive_share": 0.2, "recent_positive_share": (0.5, 0.42, 0.58, 100)}
SHARE_HELD: dict[str, Any] = {"reference_positive_share": 0.48, "recent_positive_share": (0.5, 0.42, 0.58, 100)}
# F1 was 0.82 in training and is 0.62: a loss of 0.2.
GONE, STILL_THERE, HALF_GONE = 0.8, 0.64, 0.72


def had(what: str, value: float | None, **changes: Any) -> Figure:
    """F1 as it would be."""
    known = value if value is not None else 0.0
    fields: dict[str, Any] = {"kind": CLEAN, "n": 70}
    told = figure(f"f1_{what}", known, **(fields | changes))
    return told if value is not None else replace(told, value=None, verdict=Verdict.INCONCLUSIVE)


def hurt(*others: Figure, **changes: Any) -> Window:
    return window(1, lost(kind=CLEAN), *others, **changes)


def loss_of(seen: Window) -> Harm:
    found = harm(signals(seen))
    assert found is not None
    return found


def asked(rule: Any, seen: Window, **changes: Any) -> Finding:
    found: Finding = rule.consider(signals(seen, **changes))
    return found


def named(seen: Window, **changes: Any) -> Diagnosis:
    (found,) = diagnose(signals(seen, **changes))
    return found


@pytest.mark.parametrize("what", [ON_USUAL_INPUTS, AT_USUAL_SHARE])
def test_a_loss_is_undone_still_there_or_neither(what: str) -> None:
    for value, expected in ((GONE, (True, False)), (0.9, (True, False)), (STILL_THERE, (False, True)),
                            (0.5, (False, True)), (HALF_GONE, (False, False)), (None, (False, False))):  # fmt: skip
        seen = hurt(had(what, value))
        undone, still_there = undone_by(seen, loss_of(seen), what)
        assert (undone is not None, still_there is not None) == expected, value


def test_what_is_said_of_it_names_both_figures_and_the_rows_it_rests_on() -> None:
    seen = hurt(had(ON_USUAL_INPUTS, GONE), had(AT_USUAL_SHARE, STILL_THERE))
    undone, _ = undone_by(seen, loss_of(seen), ON_USUAL_INPUTS)
    _, still_there = undone_by(seen, loss_of(seen), AT_USUAL_SHARE)
    assert undone is not None
    assert still_there is not None
    assert (undone.value, undone.n) == (GONE, 70)
    assert undone.says.startswith("on inputs like those of training F1 would be 0.800 [0.760, 0.840] instead of 0.620")
    assert still_there.says.startswith("with positives as frequent as then F1 would be 0.640")


def test_a_loss_is_compared_with_what_was_computed_over_the_same_windows() -> None:
    pooled = lost(kind=CLEAN, pooled=3)
    seen = window(1, pooled, had(ON_USUAL_INPUTS, STILL_THERE), had(ON_USUAL_INPUTS, GONE, pooled=3))
    assert undone_by(seen, loss_of(seen), ON_USUAL_INPUTS)[0] is not None
    only_its_own = window(1, pooled, had(ON_USUAL_INPUTS, STILL_THERE))
    assert undone_by(only_its_own, loss_of(only_its_own), ON_USUAL_INPUTS)[1] is not None


def test_of_another_metric_of_a_part_and_of_no_loss_nothing_is_said() -> None:
    seen = hurt(had(ON_USUAL_INPUTS, GONE))
    loss = loss_of(seen)
    others = replace(loss, figure=replace(loss.figure, name="accuracy"))
    part = replace(loss, figure=replace(loss.figure, part=Part(Segment("site"), 0.2)))
    for other in (others, part, replace(loss, loss=0.0)):
        assert undone_by(seen, other, ON_USUAL_INPUTS) == (None, None)


UNFORESEEN = figure(kind=MetricKind.ESTIMATED)


def test_inputs_that_moved_and_undo_the_loss_explain_it_whatever_the_estimate_expected() -> None:
    found = named(hurt(had(ON_USUAL_INPUTS, GONE), UNFORESEEN, **drifted(0.5)))
    assert found.cause is Cause.COVARIATE_SHIFT_HARMFUL
    assert any("on inputs like those of training" in fact.says for fact in found.facts_for)
    (refuted,) = [one for one in found.rejected if one.cause is Cause.CONCEPT_DRIFT]
    assert "on inputs like those of training F1 would be 0.800" in refuted.why


def test_a_loss_that_is_still_there_on_usual_inputs_is_a_changed_relation_however_much_moved() -> None:
    seen = hurt(had(ON_USUAL_INPUTS, STILL_THERE), UNFORESEEN, **drifted(0.5))
    assert named(seen).cause is Cause.CONCEPT_DRIFT
    shift = asked(covariate_shift_harmful, seen)
    assert not shift.holds
    assert "would be 0.640" in shift.facts_against[0].says
    without = hurt(UNFORESEEN, **drifted(0.5))
    assert named(without).cause is Cause.COVARIATE_SHIFT_HARMFUL, "or the figure would not be what decides"


def test_a_column_hardly_listened_to_is_to_blame_only_if_the_loss_goes_with_it() -> None:
    for score, holds in ((0.01, True), (0.004, False), (0.0, False)):
        assert asked(covariate_shift_harmful, hurt(had(ON_USUAL_INPUTS, GONE), **drifted(score))).holds == holds
        assert not asked(covariate_shift_harmful, hurt(**drifted(score))).holds


def test_what_the_share_of_positives_explains_is_not_the_inputs_to_explain() -> None:
    """Where more are positive the inputs move with them, and weighting either undoes the loss."""
    seen = hurt(
        had(ON_USUAL_INPUTS, GONE), had(AT_USUAL_SHARE, GONE), figure("roc_auc", 0.9, reference=0.9), **drifted(0.5)
    )
    assert named(seen, **SHARE_MOVED).cause is Cause.PRIOR_SHIFT
    shift = asked(covariate_shift_harmful, seen, **SHARE_MOVED)
    assert not any("on inputs like those" in fact.says for fact in shift.facts_for)
    assert any("as frequent as then" in fact.says for fact in shift.facts_against)


def test_a_loss_that_stays_at_the_usual_share_is_not_the_shares() -> None:
    ranks = figure("roc_auc", 0.9, reference=0.9)
    stays = asked(prior_shift, hurt(had(AT_USUAL_SHARE, STILL_THERE), ranks), **SHARE_MOVED)
    assert not stays.holds
    assert any("as frequent as then" in fact.says for fact in stays.facts_against)
    assert asked(prior_shift, hurt(had(AT_USUAL_SHARE, None), ranks), **SHARE_MOVED).holds
    assert named(hurt(had(AT_USUAL_SHARE, STILL_THERE), ranks), **SHARE_MOVED).cause is Cause.CONCEPT_DRIFT


def test_a_share_that_held_explains_nothing_even_where_weighting_happens_to_help() -> None:
    found = asked(prior_shift, hurt(had(AT_USUAL_SHARE, GONE)), **SHARE_HELD)
    assert not found.holds
    assert not any("as frequent as then" in fact.says for fact in found.facts_for)


@pytest.mark.parametrize("what", [ON_USUAL_INPUTS, AT_USUAL_SHARE])
def test_a_changed_relation_is_refuted_by_whatever_undoes_the_loss(what: str) -> None:
    plain = asked(concept_drift, hurt(UNFORESEEN))
    refuted = asked(concept_drift, hurt(UNFORESEEN, had(what, GONE)))
    assert plain.holds
    assert not refuted.holds
    assert any("would be 0.800" in fact.says for fact in refuted.facts_against)


def test_a_figure_that_could_not_be_computed_changes_no_conclusion() -> None:
    could_not = (had(ON_USUAL_INPUTS, None), had(AT_USUAL_SHARE, None))
    for more in (drifted(0.5), {}):
        for share in (SHARE_MOVED, SHARE_HELD):
            assert named(hurt(*could_not, **more), **share).cause is named(hurt(**more), **share).cause
