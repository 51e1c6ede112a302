"""When a release can be blamed, and when it is too late or too early for that."""

from datetime import timedelta

from agent.core.rules.bad_release import RECENT_WINDOWS, consider, slowed
from agent.core.signals import Replay
from tests.unit.agent.signal_factory import NOW, lost, signals, window

WORSE = Replay("f1", -0.01, -0.02, -0.005, 60, 7)


def test_a_version_that_has_served_long_is_not_called_a_bad_release() -> None:
    windows = [window(seq, lost()) for seq in range(1, RECENT_WINDOWS + 2)]
    found = consider(signals(*windows, previous_version_id=7, replay=WORSE))
    assert not found.holds
    assert "it has served 7 windows" in found.facts_against[0].says


def test_before_a_window_of_the_new_version_has_closed_nothing_is_said_about_its_speed() -> None:
    began = {"previous_version_id": 7, "activated_at": NOW - timedelta(minutes=1)}
    assert slowed(signals(window(1), **began)) is None
