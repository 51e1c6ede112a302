"""The agent in worlds that are spoilt in known ways: what it names, what it asks for, and what it leaves alone."""

from functools import cache
from pathlib import Path

import pytest

import config
from config.agent_policy import load_policy
from database.enums import ActionStatus, ActionType, Cause
from scripts.lab.faults.cast import Cast, cast_of
from scripts.lab.faults.life import Lived, live
from scripts.lab.faults.scenarios import SCENARIOS
from scripts.lab.faults.trials import trials
from scripts.lab.faults.world import World

BY_NAME = {one.name: one for one in SCENARIOS}
SEED = 11


@cache
def cast() -> tuple[World, Cast]:
    world = World.of(SEED)
    return world, cast_of(world)


@cache
def lived(name: str, *, labelled: bool = True) -> Lived:
    policy = load_policy(Path(config.__file__).parent / "agent_policy.yml")
    return live(BY_NAME[name], *cast(), policy, labelled=labelled)


def test_where_nothing_happens_nothing_is_named_asked_or_said() -> None:
    quiet = lived("quiet")
    assert (quiet.named, quiet.proposals, quiet.messages) == (None, (), 0)
    assert not any(quiet.harmed)


def test_the_same_life_is_lived_twice() -> None:
    policy = load_policy(Path(config.__file__).parent / "agent_policy.yml")
    again = live(BY_NAME["bad_release"], *cast(), policy)
    assert again.timeline == lived("bad_release").timeline
    assert again.proposals == lived("bad_release").proposals


def test_a_bad_release_is_rolled_back_to_the_best_version_that_fits() -> None:
    life = lived("bad_release")
    assert life.named is Cause.BAD_RELEASE
    (proposal,) = life.proposals
    assert (proposal.action, proposal.best, proposal.fits) == (ActionType.ROLLBACK_MODEL, True, True)
    assert life.accuracy[-1] > life.accuracy[BY_NAME["bad_release"].onset] + 0.05


def test_nothing_is_learnt_from_another_unit() -> None:
    life = lived("unit_change")
    assert life.named is Cause.DATA_FAULT
    assert life.proposals == ()
    assert any(life.harmed)


@pytest.mark.lane
def test_a_changed_relation_is_learnt_with_labels_and_not_seen_without() -> None:
    seen, blind = lived("concept_abrupt"), lived("concept_abrupt", labelled=False)
    assert seen.named is Cause.CONCEPT_DRIFT
    assert any(one.recommended and one.action is ActionType.RETRAIN_MODEL for one in seen.proposals)
    assert seen.accuracy[-1] > min(seen.accuracy) + 0.1
    assert blind.proposals == ()


@pytest.mark.parametrize(
    "name",
    [
        "labels_stop",
        pytest.param("labels_flipped", marks=pytest.mark.lane),
        pytest.param("labels_one_source", marks=pytest.mark.lane),
    ],
)
def test_broken_labels_are_named_and_teach_nothing(name: str) -> None:
    life = lived(name)
    assert life.named is Cause.LABEL_FEED_FAULT
    assert life.proposals == ()


def test_a_bad_version_is_taken_back_and_a_good_one_stays() -> None:
    policy = load_policy(Path(config.__file__).parent / "agent_policy.yml")
    found = trials(*cast(), policy, times=1)
    assert {one.good: one.status is ActionStatus.REVERTED for one in found} == {True: False, False: True}
