"""When a loss is certain enough to ask people for a change."""

from dataclasses import replace

from agent.core.certainty import too_soon
from agent.core.harm import Harm, beyond_luck
from agent.core.signals import Part, Signals, Window
from config.segments import Segment
from database.enums import Cause, Verdict
from tests.unit.agent.signal_factory import figure, signals, window

DRIFT = Cause.CONCEPT_DRIFT


def loss(at: Window, low: float = 0.04, value: float = 0.12) -> Harm:
    """0.12 lost, surely 0.04."""
    shown = figure(value=0.8 - value, reference=0.8, verdict=Verdict.CRIT)
    return Harm(replace(shown, high=0.8 - low), value, low, value + 0.08, at.id, at.seq)


def hurt(seq: int) -> Window:
    return window(seq, figure(value=0.6, low=0.52, high=0.68, reference=0.8, verdict=Verdict.CRIT))


def test_a_loss_that_luck_can_make_waits_for_the_next_window() -> None:
    alone = signals(window(1), hurt(2))
    assert "window 2 alone" in str(too_soon(alone, DRIFT, loss(alone.windows[-1])))
    twice = signals(hurt(1), hurt(2))
    assert too_soon(twice, DRIFT, loss(twice.windows[-1])) is None


def test_windows_that_are_not_judged_or_of_another_version_confirm_nothing() -> None:
    for other in (replace(hurt(1), mature=False), replace(hurt(1), version_id=9)):
        found = signals(other, hurt(2))
        assert too_soon(found, DRIFT, loss(found.windows[-1])) is not None


def test_a_loss_beyond_luck_is_asked_about_at_once() -> None:
    found = signals(window(1), hurt(2))
    assert too_soon(found, DRIFT, loss(found.windows[-1], low=0.09, value=0.14)) is None
    assert not beyond_luck(loss(found.windows[-1]).figure, 0.03)


def test_what_more_than_the_loss_speaks_for_waits_for_nothing() -> None:
    found: Signals = signals(window(1), hurt(2))
    shown = loss(found.windows[-1])
    for cause in (Cause.COVARIATE_SHIFT_HARMFUL, Cause.PRIOR_SHIFT, Cause.BAD_RELEASE):
        assert too_soon(found, cause, shown) is None
    part = Part(Segment("age", low=60.0), 0.2, None)
    assert too_soon(found, DRIFT, replace(shown, figure=replace(shown.figure, part=part))) is None
