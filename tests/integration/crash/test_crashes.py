"""Approved actions take effect exactly once, whatever dies: the first pass of each fault point, in real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.fault_points import POINTS, Kind
from database.embedded import EmbeddedPostgres
from scripts.crash import plan
from scripts.crash.report import Report
from scripts.crash.runner import LIVES, Case, Ground

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LOST_REPLIES = 9


@pytest.fixture
def ground(
    request: pytest.FixtureRequest, postgres: EmbeddedPostgres, migrated_template: str, tmp_path: Path
) -> Iterator[Ground]:
    with Ground.at(postgres.url, migrated_template, tmp_path, lives=[request.param]) as ground:
        yield ground


@pytest.mark.parametrize("ground", LIVES, indirect=True)
def test_an_action_takes_effect_once_whichever_worker_dies_fails_or_hears_nothing(ground: Ground) -> None:
    cases = list(plan.first_faults(ground.passes(), LOST_REPLIES))
    report = Report.of(ground.run_all(cases, 1, lambda _: None), 0, 0.0)
    assert report.violations == ()
    assert report.trials == len(cases)
    assert (report.kills, report.commits_unknown) == (sum(Kind.KILL in c.faults[0] for c in cases), LOST_REPLIES)


@pytest.mark.parametrize("ground", ["threshold"], indirect=True)
def test_a_fault_that_is_not_met_and_a_worker_that_cannot_go_on_are_findings(ground: Ground) -> None:
    (unmet,) = ground.run(Case("threshold", ("exec.claimed=kill@99",))).violations
    assert "never met exec.claimed=kill@99" in unmet
    (wrong, *_) = ground.run(Case("threshold", ("exec.gathered=raise@*",))).violations
    assert "not {" in wrong


@pytest.mark.parametrize("ground", ["whole"], indirect=True)
def test_three_deaths_in_a_row_change_nothing(ground: Ground) -> None:
    deaths = ("exec.step_ran=kill@1", "exec.in_activation_before_commit=kill@1", "exec.before_done=kill@1")
    trial = ground.run(Case("whole", deaths))
    assert (trial.violations, trial.met) == ((), deaths)


def test_every_point_outside_of_training_is_passed_by_a_life(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path: Path
) -> None:
    with Ground.at(postgres.url, migrated_template, tmp_path) as ground:
        passed = set().union(*ground.passes().values())
    assert passed == {point for point in POINTS if not point.startswith("train.")}
