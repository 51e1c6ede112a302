"""When a release can be blamed, and when it is too late or too early for that."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.core import wording
from agent.core.choices import ActionProposal, NoAction
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import diagnose
from agent.core.rules.bad_release import PROMISES_OF, RECENT_WINDOWS, consider, slowed
from agent.core.signals import Figure, Replay, Window
from database.enums import ActionType, Cause, MetricKind, Severity, Verdict
from tests.unit.agent.signal_factory import NOW, POLICY, drifted, figure, lost, signals, window

WORSE = Replay("f1", -0.01, -0.02, -0.005, 60, 7)
BEHIND = Replay("f1", -0.2, -0.3, -0.1, 60, 7)
CLEAN, ESTIMATED = MetricKind.REALISED_CLEAN, MetricKind.ESTIMATED
# It promised little, and keeps it.
AS_PROMISED = figure(value=0.62, reference=0.62)


def test_a_version_that_has_served_long_is_not_called_a_bad_release() -> None:
    windows = [window(seq, lost()) for seq in range(1, RECENT_WINDOWS + 2)]
    found = consider(signals(*windows, previous_version_id=7, replay=WORSE))
    assert not found.holds
    assert "it has served 7 windows" in found.facts_against[0].says


def test_before_a_window_of_the_new_version_has_closed_nothing_is_said_about_its_speed() -> None:
    began = {"previous_version_id": 7, "activated_at": NOW - timedelta(minutes=1)}
    assert slowed(signals(window(1), **began)) is None


def test_a_version_that_keeps_its_low_promises_is_bad_if_the_one_before_is_better_on_the_same_rows() -> None:
    found = signals(window(1, AS_PROMISED), previous_version_id=7, replay=BEHIND)
    (bad,) = diagnose(found)
    assert (bad.cause, bad.severity) == (Cause.BAD_RELEASE, Severity.CRITICAL)
    assert bad.harm is not None
    assert (bad.harm.against, bad.harm.figure.n) == (7, 60)
    assert bad.harm.figure.reference == pytest.approx(0.82)
    assert bad.harm.low <= bad.harm.loss <= bad.harm.high
    assert wording.loss(bad.harm) in bad.says
    assert "the version before reaches 0.820 on the same rows, n = 60" in bad.says
    asked = decide([bad], POLICY, (), NOW, signals=found)
    assert ActionType.ROLLBACK_MODEL in {one.action_type for one in asked if isinstance(one, ActionProposal)}


def test_it_is_the_sound_rows_by_which_a_release_is_behind() -> None:
    both = window(1, figure(value=0.3, reference=0.62), replace(AS_PROMISED, kind=CLEAN))
    (bad,) = diagnose(signals(both, previous_version_id=7, replay=BEHIND))
    assert bad.harm is not None
    assert bad.harm.figure.value == 0.62


def test_a_release_is_behind_only_surely_by_more_than_the_margin_and_on_enough_rows() -> None:
    kept = window(1, AS_PROMISED)
    for replay in (
        replace(BEHIND, high=-0.03),
        replace(BEHIND, high=0.01),
        replace(BEHIND, n=29),
        WORSE,
        None,
    ):
        assert diagnose(signals(kept, previous_version_id=7, replay=replay)) == (), replay
    unmeasured = window(1, figure("accuracy"))
    unknown = window(1, replace(AS_PROMISED, value=None, verdict=Verdict.INCONCLUSIVE))
    for seen in (unmeasured, unknown, replace(kept, mature=False)):
        assert diagnose(signals(seen, previous_version_id=7, replay=BEHIND)) == ()


def test_a_release_that_lost_and_is_behind_competes_with_what_else_explains_the_loss() -> None:
    hurt = window(1, lost(), **drifted(0.5))
    (bad,) = diagnose(signals(hurt, previous_version_id=7, replay=BEHIND))
    assert bad.cause is Cause.BAD_RELEASE
    assert Cause.COVARIATE_SHIFT_HARMFUL in {one.cause for one in bad.rejected}
    (shift,) = diagnose(signals(hurt, previous_version_id=7, replay=replace(BEHIND, high=0.01)))
    assert shift.cause is Cause.COVARIATE_SHIFT_HARMFUL


# ----------------------------------------------------------------------------- before any label of the new one came


def before(*values: float | None, kind: MetricKind = CLEAN) -> list[Window]:
    """The windows of the version before, by what it reached in each."""
    told = [figure(verdict=Verdict.INCONCLUSIVE) if v is None else figure(value=v, kind=kind) for v in values]
    empty = [replace(f, value=None) if v is None else f for f, v in zip(told, values, strict=True)]
    return [window(seq, one, version_id=7) for seq, one in enumerate(empty, start=1)]


def promises(value: float = 0.62, **changes: Any) -> Window:
    """The first window of the new one, whose labels have not come."""
    estimate = figure(value=value, kind=ESTIMATED, **changes)
    return window(9, estimate, mature=False, labelled_n=0)


def released(*windows: Window, **changes: Any) -> Any:
    return signals(*windows, **({"previous_version_id": 7} | changes))


def test_a_release_whose_own_scores_promise_less_than_the_one_before_reached_is_bad_before_any_label() -> None:
    (bad,) = diagnose(released(*before(0.82, 0.8, 0.84), promises()))
    assert bad.cause is Cause.BAD_RELEASE
    assert bad.harm is not None
    assert (bad.harm.figure.reference, bad.harm.against, bad.windows) == (0.82, 7, (90,))
    assert "all that its own scores promise" in bad.says
    assert "the version before reached 0.820" in bad.says


def test_promises_within_the_margin_for_all_one_knows_are_no_loss() -> None:
    for new in (promises(0.76, high=0.8), promises(0.62, high=0.795), promises(0.9)):
        assert diagnose(released(*before(0.82, 0.8, 0.84), new)) == ()


def test_once_labels_say_how_right_it_is_its_promises_count_no_more() -> None:
    judged = window(8, figure(value=0.81))
    assert diagnose(released(*before(0.82, 0.8, 0.84), judged, promises())) == ()


def test_without_a_usual_to_compare_with_promises_prove_nothing() -> None:
    usual, new = before(0.82, 0.8, 0.84), promises()
    assert len(usual) == PROMISES_OF
    assert diagnose(released(*usual[1:], new)) == ()
    assert diagnose(released(*before(0.82, None, 0.84), new)) == ()
    assert diagnose(released(*usual, new, previous_version_id=None)) == ()
    assert diagnose(released(*usual, window(9, figure("accuracy", kind=ESTIMATED), mature=False))) == ()
    for unknown in (promises(low=None), promises(high=None)):
        assert diagnose(released(*usual, unknown)) == ()


def test_of_the_version_before_the_lesser_of_what_it_promised_and_reached_is_its_usual() -> None:
    """Who promised more than it kept makes no good successor look bad."""
    boasted: list[Figure] = [figure(value=0.95, kind=ESTIMATED), figure(value=0.64, kind=CLEAN)]
    old = [window(seq, *boasted, version_id=7) for seq in (1, 2, 3)]
    assert diagnose(released(*old, promises())) == ()
    unlabelled = before(0.82, 0.8, 0.84, kind=ESTIMATED)
    assert [d.cause for d in diagnose(released(*unlabelled, promises()))] == [Cause.BAD_RELEASE]


def test_what_only_its_own_scores_say_of_a_release_is_told_and_not_asked_about() -> None:
    found = released(*before(0.82, 0.8, 0.84), promises())
    chosen = decide(diagnose(found), POLICY, (), NOW, signals=found)
    asked = {c.action_type for c in chosen if isinstance(c, ActionProposal)}
    assert ActionType.SEND_ALERT in asked
    assert ActionType.ROLLBACK_MODEL not in asked
    assert any("asked about when labels show it" in c.why for c in chosen if isinstance(c, NoAction))
