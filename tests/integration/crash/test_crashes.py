"""What happens once happens once, whatever dies: the first pass of each fault point, in real processes.

Each point in one life here; every pass of every point in every life is `make crash`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from config.fault_points import COMMIT, POINTS, Kind
from database.embedded import EmbeddedPostgres
from scripts.crash import plan
from scripts.crash.calls import DATABASE, FILE
from scripts.crash.report import Report
from scripts.crash.runner import Case, Ground, Trial

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
# How many lost answers to a commit each life meets.
LOST_REPLIES = {"threshold": 6, "whole": 4, "calendar": 1, "monitor": 1, "api": 0}
# How many failed calls to the database each life meets, and how many full disks.
FAILED_CALLS = {"whole": (5, 2), "calendar": (1, 1), "monitor": (1, 0)}


@pytest.fixture(scope="module")
def ground(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    with Ground.at(postgres.url, migrated_template, tmp_path_factory.mktemp("ground")) as ground:
        yield ground


@pytest.fixture(scope="module")
def passes(ground: Ground) -> Mapping[str, Counter[str]]:
    """What each life comes by when nothing goes wrong: lived once for all these tests."""
    return ground.passes()


def tried(ground: Ground, cases: list[Case]) -> list[Trial]:
    trials = ground.run_all(cases, 1, lambda _: None)
    assert [trial.violations for trial in trials if trial.violations] == []
    return trials


@pytest.mark.parametrize("life", LOST_REPLIES)
def test_what_happens_once_happens_once_whoever_dies_fails_or_hears_nothing(
    ground: Ground, passes: Mapping[str, Counter[str]], life: str
) -> None:
    cases = list(plan.first_faults({life: passes[life]}, LOST_REPLIES[life]))
    report = Report.of(tried(ground, cases), 0, 0.0)
    kills = sum(Kind.KILL in case.faults[0] for case in cases)
    assert (report.kills, report.commits_unknown) == (kills, LOST_REPLIES[life])
    assert kills > 0


@pytest.mark.parametrize("life", FAILED_CALLS)
def test_a_call_that_fails_once_changes_nothing_in_the_end(
    ground: Ground, passes: Mapping[str, Counter[str]], life: str
) -> None:
    calls, files = FAILED_CALLS[life]
    own = {life: passes[life]}
    cases = [*plan.some_calls(own, DATABASE, calls), *plan.some_calls(own, FILE, files)]
    assert Report.of(tried(ground, cases), 0, 0.0).calls_failed == calls + files


def test_the_loop_over_the_calls_ends_with_the_first_that_is_never_made(
    ground: Ground, passes: Mapping[str, Counter[str]]
) -> None:
    own = {"threshold": passes["threshold"]}
    counted = own["threshold"][DATABASE]
    assert sum(1 for case in plan.every_call(own) if DATABASE in case.faults[0]) == counted > 50
    assert ground.run(Case("threshold", (f"{DATABASE}=fail@{counted}",))).violations == ()
    (unmet,) = ground.run(Case("threshold", (f"{DATABASE}=fail@{counted + 1}",))).violations
    assert "never met" in unmet


def test_a_fault_that_is_not_met_and_a_worker_that_cannot_go_on_are_findings(ground: Ground) -> None:
    (unmet,) = ground.run(Case("threshold", ("exec.claimed=kill@99",))).violations
    assert "never met exec.claimed=kill@99" in unmet
    (wrong, *_) = ground.run(Case("threshold", ("exec.gathered=raise@*",))).violations
    assert "not {" in wrong


def test_three_deaths_in_a_row_change_nothing(ground: Ground) -> None:
    deaths = ("exec.step_ran=kill@1", "exec.in_activation_before_commit=kill@1", "exec.before_done=kill@1")
    trial = ground.run(Case("whole", deaths))
    assert (trial.violations, trial.met) == ((), deaths)


def test_every_point_outside_of_training_is_passed_by_a_life(passes: Mapping[str, Counter[str]]) -> None:
    passed = set().union(*passes.values()) - {DATABASE, FILE}
    assert passed == {point for point in POINTS if not point.startswith("train.")}
    assert COMMIT not in passes["api"]  # its threads commit at their own pace
