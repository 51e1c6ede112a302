"""A release that answers slowly is told by the windows of both versions, and going back is asked for though no quality
was lost. Slowness that began later is not the release's."""

from datetime import timedelta

import pytest

from agent.core.choices import ActionProposal
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import diagnose
from agent.core.harm import Harm
from agent.core.pricing import price_of_inaction
from agent.core.rules import bad_release
from agent.core.signals import Figure, Replay, Signals, Window
from database.enums import ActionType, Cause, MetricKind, Severity, Verdict
from tests.unit.agent.signal_factory import NOW, POLICY, figure, lost, signals, window

OLD, NEW = 7, 8
ACTIVATED = NOW - timedelta(hours=10)


def took(ms: float | None) -> Figure:
    verdict = Verdict.INCONCLUSIVE if ms is None else Verdict.OK
    return Figure("latency_p95_ms", MetricKind.PREDICTION, ms, None, None, 100, None, verdict)


def life(old: list[float | None], new: list[float | None], *, n: int = 100, of_newest: Figure | None = None) -> Signals:
    """Windows of an hour: of the old version until the activation, of the new one since."""
    quality = of_newest or figure()
    windows: list[Window] = []
    for at, ms in enumerate([*old, *new]):
        mine = at >= len(old)
        end = ACTIVATED + timedelta(hours=at - len(old) + 1)
        shown = quality if at == len(old) + len(new) - 1 else figure()
        windows.append(window(at + 1, shown, took(ms), version_id=NEW if mine else OLD, to_at=end, n=n))
    return signals(*windows, version_id=NEW, version=2, previous_version_id=OLD, activated_at=ACTIVATED)


SLOW = life([20.0, 22.0, 21.0], [400.0, 380.0])


def harm_of(found: Signals) -> Harm | None:
    return bad_release.slowed(found)


def test_a_version_that_is_slow_from_its_first_window_on_is_a_bad_release() -> None:
    (found,) = diagnose(SLOW)
    assert (found.cause, found.severity) == (Cause.BAD_RELEASE, Severity.CRITICAL)
    assert found.says == (
        "Latency p95 rose to 390 ms from 21 ms under the version before, measured over 2 windows, n = 200; "
        "it was slow from its first window on"
    )
    told = found.to_json()["harm"]
    assert (told["metric"], told["kind"], told["value"], told["reference"]) == (
        "latency_p95_ms", MetricKind.PREDICTION, 390.0, 21.0,
    )  # fmt: skip
    assert told["against_version_id"] == OLD


def test_going_back_is_asked_for_though_no_quality_was_lost_and_it_is_not_priced() -> None:
    proposed = {
        choice.action_type: choice
        for choice in decide(diagnose(SLOW), POLICY, (), NOW, signals=SLOW)
        if isinstance(choice, ActionProposal)
    }
    assert set(proposed) == {ActionType.SEND_ALERT, ActionType.ROLLBACK_MODEL}
    rollback = proposed[ActionType.ROLLBACK_MODEL]
    assert rollback.approvers == 2
    assert rollback.question.startswith("Go back from v2 to an earlier version? Latency p95 rose to 390 ms")
    assert rollback.why["inaction"]["per_day"] is None
    price = price_of_inaction(SLOW, harm_of(SLOW))
    assert price.says.startswith("not priced")


@pytest.mark.parametrize(
    "found",
    [
        life([20.0, 22.0], [21.0, 23.0, 400.0, 410.0]),
        life([20.0, 22.0], [400.0, 390.0, 22.0]),
        life([20.0, 22.0, 400.0], [410.0, 400.0]),
        life([20.0, 22.0], [55.0, 58.0]),
        life([5.0, 6.0], [40.0, 45.0]),
        life([20.0], [400.0, 400.0]),
        life([20.0, 22.0], [400.0]),
        life([20.0, None], [400.0, 400.0]),
        life([], [400.0, 400.0]),
    ],
    ids=[
        "slow windows after the activation: the host",
        "slow at first only",
        "the old version was slow at last: the host",
        "less than three times as slow",
        "too fast for anybody to notice",
        "one small window of the old version",
        "one small window of the new version",
        "a window whose latency is not known does not count",
        "no window of the old version",
    ],
)
def test_other_slowness_is_no_bad_release(found: Signals) -> None:
    assert harm_of(found) is None
    assert Cause.BAD_RELEASE not in {d.cause for d in diagnose(found)}


def test_one_window_of_each_is_enough_when_it_has_many_rows() -> None:
    assert harm_of(life([20.0], [400.0], n=400)) is not None


def test_the_first_version_ever_is_not_slower_than_any() -> None:
    alone = signals(*SLOW.windows, version_id=NEW, previous_version_id=None, activated_at=ACTIVATED)
    assert harm_of(alone) is None


def test_a_loss_of_quality_beside_the_slowness_keeps_its_own_cause() -> None:
    found = {d.cause: d for d in diagnose(life([20.0, 22.0], [400.0, 400.0], of_newest=lost()))}
    assert set(found) == {Cause.BAD_RELEASE, Cause.CONCEPT_DRIFT}
    slow, worse = found[Cause.BAD_RELEASE].harm, found[Cause.CONCEPT_DRIFT].harm
    assert slow is not None
    assert slow.of_speed
    assert worse is not None
    assert not worse.of_speed


def test_a_loss_nobody_explains_is_still_called_unknown_beside_the_slowness() -> None:
    moved = life([20.0, 22.0], [400.0, 400.0], of_newest=lost())
    unclear = signals(
        *moved.windows[:-1],
        window(4, lost(), took(400.0), version_id=NEW, to_at=NOW, drift=Verdict.INCONCLUSIVE, drift_score=None),
        version_id=NEW, previous_version_id=OLD, activated_at=ACTIVATED,
    )  # fmt: skip
    assert {d.cause for d in diagnose(unclear)} == {Cause.BAD_RELEASE, Cause.UNKNOWN}


def test_a_release_that_is_both_worse_and_slower_is_asked_about_for_its_quality() -> None:
    both = life([20.0, 22.0], [400.0, 400.0], of_newest=lost())
    replayed = signals(
        *both.windows, version_id=NEW, previous_version_id=OLD, activated_at=ACTIVATED,
        replay=Replay("f1", -0.2, -0.3, -0.1, 60, OLD),
    )  # fmt: skip
    (found,) = [d for d in diagnose(replayed) if d.cause is Cause.BAD_RELEASE]
    assert found.harm is not None
    assert found.harm.figure.name == "f1"
    assert any("Latency p95 rose" in fact.says for fact in found.facts_for)
