"""From which rows a retrain learns: the newer world alone when that answers it better, everything recent otherwise."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from config.model_contract import ModelContract
from database.errors import StewardError
from database.queries.training_rows import LabelledRow
from training.cross_fitting import Unseen
from training.evaluator import Scored
from training.lessons import LEAST_OF_A_CLASS, LEAST_ROWS, Lesson, chosen, offered, worth_asking
from training.replay import Advice

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def rows(n: int, positive_every: int = 2) -> list[LabelledRow]:
    return [
        LabelledRow(uuid4(), 1, {"age": 50}, int(at % positive_every == 0), T0 + timedelta(minutes=at), 0.5)
        for at in range(n)
    ]


def onset_at(row: int) -> datetime:
    return T0 + timedelta(minutes=row)


def right_in(lesson: Lesson, share: float) -> Unseen:
    """Answers of which this share of each class is right."""
    labels = np.array([row.actual for row in lesson.rows])
    right = np.arange(len(labels)) % 100 < 100 * share
    said = np.where(right, labels, 1 - labels).astype(np.float64)
    return Unseen((Scored.at(said, 0.5),))


def test_without_an_incident_everything_recent_teaches(contract: ModelContract) -> None:
    assert [(len(one.rows), one.alone) for one in offered(contract, rows(500), None)] == [(500, False)]


def test_the_rows_since_an_incident_are_a_lesson_of_their_own_when_they_are_enough(contract: ModelContract) -> None:
    given = rows(500)
    both = offered(contract, given, onset_at(500 - LEAST_ROWS))
    assert [(len(one.rows), one.alone) for one in both] == [(500, False), (LEAST_ROWS, True)]
    assert len(offered(contract, given, onset_at(501 - LEAST_ROWS))) == 1
    one_class = rows(500, positive_every=500 // LEAST_OF_A_CLASS)
    assert len(offered(contract, one_class, onset_at(100))) == 1


def test_what_answers_the_newest_rows_better_is_taken(contract: ModelContract) -> None:
    lessons, onset = offered(contract, rows(500), onset_at(300)), onset_at(300)
    for everything, alone in ((0.7, 0.8), (0.8, 0.7)):
        shares = {False: everything, True: alone}

        def taught(one: Lesson, shares: dict[bool, float] = shares) -> Unseen:
            return right_in(one, shares[one.alone])

        assert chosen(contract, lessons, onset, taught).alone is (alone > everything)


def test_a_tie_goes_to_the_larger_lesson(contract: ModelContract) -> None:
    lessons = offered(contract, rows(500), onset_at(300))
    assert not chosen(contract, lessons, onset_at(300), lambda one: right_in(one, 0.8)).alone


def test_how_the_rows_before_the_incident_are_answered_does_not_count(contract: ModelContract) -> None:
    lessons, onset = offered(contract, rows(500), onset_at(300)), onset_at(300)

    def taught(one: Lesson) -> Unseen:
        if one.alone:
            return right_in(one, 0.8)
        old, new = right_in(Lesson(one.rows[:300]), 1.0), right_in(Lesson(one.rows[300:]), 0.6)
        said = np.concatenate([old.repeats[0].probabilities, new.repeats[0].probabilities])
        return Unseen((Scored.at(said, 0.5),))

    assert chosen(contract, lessons, onset, taught).alone


def test_a_lesson_nothing_can_be_made_of_is_no_choice(contract: ModelContract) -> None:
    def taught(one: Lesson) -> Unseen:
        if one.alone:
            raise StewardError("no candidate is good enough")
        return right_in(one, 0.5)

    assert not chosen(contract, offered(contract, rows(500), onset_at(300)), onset_at(300), taught).alone


SURE, UNSURE = Advice(True, ""), Advice(False, "")
SINCE = Advice(True, "", since_onset=True)


def gain(difference: float, low: float, verdict: str = "better", metric: str = "f1") -> dict[str, Any]:
    return {"metric": metric, "difference": difference, "low": low, "verdict": verdict}


@pytest.mark.parametrize(
    ("own", "advice", "worth"),
    [
        (gain(0.04, 0.01), SURE, True),
        (gain(0.04, 0.01), UNSURE, False),
        (gain(0.01, 0.005), SURE, False),
        (gain(0.04, -0.01, "inconclusive"), SURE, False),
    ],
    ids=["enough", "not recommended", "less than a loss that counts", "another metric alone is better"],
)
def test_only_a_gain_of_the_contracts_own_metric_as_large_as_a_loss_that_counts_is_worth_a_question(
    contract: ModelContract, own: dict[str, Any], advice: Advice, *, worth: bool
) -> None:
    assert 0.01 < contract.quality.harm_margin <= 0.04
    compared: Mapping[str, Any] = {"metrics": [own, gain(0.09, 0.05, metric="accuracy")]}
    assert worth_asking(compared, contract, advice) is worth


@pytest.mark.parametrize(("low", "worth"), [(0.02, True), (0.005, False)], ids=["surely", "as luck might have it"])
def test_what_rests_on_the_rows_since_the_onset_is_worth_a_question_if_luck_cannot_make_it(
    contract: ModelContract, low: float, *, worth: bool
) -> None:
    lately: Mapping[str, Any] = {"metrics": [gain(0.05, low)]}
    assert worth_asking({"metrics": [gain(0.05, 0.04)], "since_onset": lately}, contract, SINCE) is worth
