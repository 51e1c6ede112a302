"""What is wrong with the platform is said in time, once, and the worst first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.notices import ERRORS_IN_A_ROW, Stumbles, notices, present
from api.schemas.agent import ServiceOut
from api.schemas.monitoring import ReplicaOut
from api.schemas.overview import Notice

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def service(name: str = "agent", instance: str = "a:1", age_s: float = 5.0, **details: Any) -> ServiceOut:
    return ServiceOut(
        service=name,
        instance=instance,
        seen_at=NOW - timedelta(seconds=age_s),
        age_s=age_s,
        interval_s=15.0,
        late=age_s > 45,
        details=details,
    )


def replica(**changes: Any) -> ReplicaOut:
    facts: dict[str, Any] = {
        "replica": "one/spool-0", "model_name": "m", "version": 1, "observed_generation": 3, "desired_generation": 3,
        "error": None, "spool_depth": 0, "seen_at": NOW, "late": False,
    }  # fmt: skip
    return ReplicaOut(**facts | changes)


def told(**facts: Any) -> list[Notice]:
    nothing: dict[str, Any] = {
        "services": [service()], "replicas": [replica()], "serving_since": NOW - timedelta(days=1), "stumbles": [],
        "behind": [], "now": NOW,
    }  # fmt: skip
    return notices(**nothing | facts)


def test_a_platform_that_is_well_says_nothing() -> None:
    assert told() == []
    assert told(replicas=[], services=[], serving_since=None) == []


@pytest.mark.parametrize(("seconds", "said"), [(59, 0), (60, 1)])
def test_a_living_replica_on_another_generation_is_told_after_a_minute(seconds: int, said: int) -> None:
    found = told(replicas=[replica(observed_generation=2)], serving_since=NOW - timedelta(seconds=seconds))
    assert len(found) == said
    assert all("serves generation 2; generation 3 should serve" in notice.text for notice in found)


def test_a_replica_that_gives_no_sign_of_life_disagrees_with_nobody() -> None:
    assert told(replicas=[replica(observed_generation=2, late=True)]) == []


def test_a_version_that_cannot_be_loaded_is_told_at_once_with_the_replica_and_the_reason() -> None:
    (notice,) = told(replicas=[replica(observed_generation=2, error="it does not fit its digest")], serving_since=NOW)
    assert notice.text.startswith("Replica one/spool-0: it does not fit its digest.")


def test_a_process_that_fell_silent_is_offline_since_a_time() -> None:
    (notice,) = told(services=[service(age_s=600)])
    assert notice.title == "The agent is offline."
    assert "since 2026-11-21 08:50:00 UTC, 10 min ago" in notice.text


def test_a_process_that_was_started_again_is_not_silent_under_its_old_name() -> None:
    old, new, other = service(age_s=9000), service(instance="a:2"), service("monitor", "m:1", age_s=9000)
    assert present([old, new, other]) == [new, other]
    assert present([old, service(instance="a:3", age_s=99_000)]) == [old]


def stumbles(*failed: int, looked: tuple[int, ...] = (9, 8, 7, 6, 5, 4)) -> Stumbles:
    return Stumbles("drift", looked, {seq: f"could not look: {seq}" for seq in failed})


@pytest.mark.parametrize(
    ("failed", "in_a_row"),
    [((9, 8, 7, 6), 4), ((9, 8, 7), 3), ((8, 7, 6, 5), 0), ((9, 8, 6, 5, 4), 2), ((9, 8, 7, 6, 5, 4), 6), ((), 0)],
)
def test_a_check_is_blind_when_it_failed_on_the_newest_windows_in_a_row(failed: tuple[int, ...], in_a_row: int) -> None:
    one = stumbles(*failed)
    assert one.in_a_row == in_a_row
    found = told(stumbles=[one])
    assert bool(found) == (in_a_row >= ERRORS_IN_A_ROW)
    assert all("“drift” is blind" in notice.title and "could not look: 9" in notice.text for notice in found)


def test_before_anything_was_looked_at_no_check_is_blind() -> None:
    assert told(stumbles=[Stumbles("drift", (), {})]) == []


def test_what_a_living_monitor_says_of_files_and_of_its_work_is_passed_on_and_a_silent_ones_word_is_old() -> None:
    said: dict[str, Any] = {
        "damaged": {"ab12": "m version 2: model.onnx cannot be read"},
        "lasting": ["m: no contract"],
    }
    first, second = told(services=[service("monitor", "m:1", 5.0, **said)])
    assert (first.severity, "m version 2" in first.text) == ("error", True)
    assert (second.severity, second.text) == ("warning", "m: no contract")
    silent = service("monitor", "m:1", 600, **said)
    assert [notice.title for notice in told(services=[silent])] == ["The monitor is offline."]


def test_a_backlog_of_the_monitor_is_told_by_model_while_the_monitor_lives() -> None:
    backlog = {"behind": {"readmission": 7_000, "heart_disease": 284_000}}
    first, second = told(services=[service("monitor", "m:1", 5.0, **backlog)])
    assert (first.severity, first.title) == ("warning", "Monitoring is 284,000 rows behind.")
    assert "of heart_disease" in first.text
    assert second.title == "Monitoring is 7,000 rows behind."
    assert told(services=[service("monitor", "m:1", 5.0, behind={})]) == []
    silent = told(services=[service("monitor", "m:1", 600, **backlog)])
    assert [notice.title for notice in silent] == ["The monitor is offline."]


def test_errors_come_before_warnings_and_a_database_that_went_back_is_one() -> None:
    found = told(services=[service("monitor", lasting=["m: no contract"])], behind=["m: version 7 served"])
    assert [notice.severity for notice in found] == ["error", "warning"]
    assert found[0].text == "m: version 7 served"
