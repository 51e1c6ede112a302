"""What is said to differ between a question as it was shown and as it stands now."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agent.core.evidence_change import GATHERING, UNKNOWN, Asked, differences

UNTIL = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def evidence(**changes: Any) -> dict[str, Any]:
    return {
        "challenger": {"version_id": 7, "version": 2},
        "holdout": {"n": 198},
        "training": {"rows": 501},
        "metrics": [{"metric": "f1", "difference": 0.078, "low": 0.034, "high": 0.121, "n": 198, "verdict": "better"}],
        "recommendation": "approve",
    } | changes


THEN = Asked(1, evidence(), "a" * 64, UNTIL)


def test_only_what_changed_is_said_each_in_words() -> None:
    figure = {"metric": "f1", "difference": 0.01, "low": -0.02, "high": 0.04, "n": 240, "verdict": "inconclusive"}
    now = Asked(3, evidence(holdout={"n": 240}, metrics=[figure], recommendation="none"), "b" * 64, UNTIL)
    assert differences(THEN, now) == (
        ("Version that serves", "v1", "v3"),
        ("F1, new minus old", "+0.078 [+0.034, +0.121], better", "+0.010 [-0.020, +0.040], inconclusive"),
        ("Rows compared", "198", "240"),
        ("Recommendation", "approve", "nothing: it does not decide"),
        ("Evidence", "aaaaaaaa", "bbbbbbbb"),
    )


def test_the_same_question_does_not_differ_and_a_longer_time_is_said() -> None:
    assert differences(THEN, THEN) == ()
    later = Asked(1, evidence(), "a" * 64, UNTIL + timedelta(days=1))
    assert differences(THEN, later) == (("Time to decide", "until 2026-11-24 12:00 UTC", "until 2026-11-25 12:00 UTC"),)


def test_while_evidence_is_gathered_only_what_serves_is_known() -> None:
    assert differences(THEN, Asked(3)) == (
        ("Version that serves", "v1", "v3"),
        ("Evidence", "aaaaaaaa", GATHERING),
    )


def test_what_nobody_kept_is_not_made_up() -> None:
    assert differences(None, THEN) == (("Evidence", UNKNOWN, "aaaaaaaa"),)
    assert differences(None, Asked(3)) == (("Evidence", UNKNOWN, GATHERING),)


def test_evidence_of_any_shape_is_read() -> None:
    odd = Asked(1, {"metrics": [{"metric": "f1", "low": "?"}], "challenger": "v2"}, "c" * 64, None)
    said = {what: (then, now) for what, then, now in differences(THEN, odd)}
    assert said["F1, new minus old"] == ("+0.078 [+0.034, +0.121], better", "not known")
    assert said["Version to decide about"] == ("v2", "none")
    assert said["Rows compared"] == ("198", "none")
    assert said["Time to decide"][1] == "none"
