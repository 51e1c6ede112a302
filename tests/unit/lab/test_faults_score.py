"""The score of the fault suite: what is counted, and that it can fail."""

from dataclasses import replace
from typing import Any

import pytest

from database.enums import ActionStatus, ActionType, Cause
from scripts.lab.faults.life import Lived, Proposal
from scripts.lab.faults.score import NOTHING, agreement, confusion, correlation, figures, macro_f1
from scripts.lab.faults.suite import Results
from scripts.lab.faults.trials import QuietMonth, Trial


def lived(scenario: str, named: Cause | None, **changes: Any) -> Lived:
    truth = {"quiet": None, "concept_abrupt": Cause.CONCEPT_DRIFT, "bad_release": Cause.BAD_RELEASE}[scenario]
    life = Lived(
        scenario=scenario,
        seed=1,
        labelled=True,
        truth=truth,
        named=named,
        proposals=(),
        told=() if truth is None else (str(truth),),
        messages=0 if truth is None else 1,
        alarms=(False, truth is not None),
        harmed=(False, truth is not None),
        detected_after=0,
        accuracy=(0.8, 0.8),
        timeline=(),
        seconds=0.1,
    )
    return replace(life, **changes)


def asked(action: ActionType, **changes: Any) -> Proposal:
    return replace(Proposal(9, action, recommended=True), **changes)


NOT_BEST = asked(ActionType.ROLLBACK_MODEL, best=False, fits=True)
PERFECT = (
    lived("quiet", None),
    lived("quiet", None, labelled=False),
    lived("concept_abrupt", Cause.CONCEPT_DRIFT, proposals=(asked(ActionType.RETRAIN_MODEL),)),
    lived("concept_abrupt", Cause.CONCEPT_DRIFT, labelled=False),
    lived(
        "bad_release", Cause.BAD_RELEASE, proposals=(asked(ActionType.ROLLBACK_MODEL, best=True, fits=True),)
    ),
)  # fmt: skip
TRIALS = (Trial(1, True, ActionStatus.SUCCEEDED, 2), Trial(1, False, ActionStatus.REVERTED, 2))


def results(*lives: Lived, **changes: Any) -> Results:
    found = Results((1,), lives, TRIALS, (QuietMonth(1, (), ()),), 60.0)
    return replace(found, **changes)


def test_lives_without_a_mistake_meet_every_bar() -> None:
    assert all(one["ok"] is not False for one in figures(results(*PERFECT)).values())


@pytest.mark.parametrize(
    ("spoilt", "figure"),
    [
        (lived("quiet", None, proposals=(asked(ActionType.RETRAIN_MODEL),)), "proposals_when_harmless"),
        (lived("quiet", None, proposals=(asked(ActionType.RETRAIN_MODEL),)), "wrong_actions"),
        (lived("bad_release", Cause.BAD_RELEASE, proposals=(asked(ActionType.RETRAIN_MODEL),)), "wrong_actions"),
        (lived("concept_abrupt", None, messages=0, told=()), "recall"),
        (lived("concept_abrupt", Cause.UNKNOWN, told=("unknown",)), "recall"),
        (lived("concept_abrupt", Cause.BAD_RELEASE), "cause_macro_f1"),
        (lived("concept_abrupt", Cause.CONCEPT_DRIFT, messages=5), "messages_per_incident"),
        (
            lived("bad_release", Cause.BAD_RELEASE, proposals=(NOT_BEST,)),
            "rollback_best",
        ),
        (
            lived("bad_release", Cause.BAD_RELEASE, proposals=(replace(NOT_BEST, fits=False),)),
            "incompatible_refused",
        ),
    ],
)  # fmt: skip
def test_each_mistake_misses_its_bar(spoilt: Lived, figure: str) -> None:
    assert figures(results(*PERFECT, spoilt))[figure]["ok"] is False


def test_alarms_beside_harm_miss_the_bar_of_agreement() -> None:
    wrong = lived("concept_abrupt", None, labelled=False, alarms=(True, False))
    assert figures(results(*PERFECT, wrong, wrong, wrong))["mcc_without_labels"]["ok"] is False


def test_changes_held_to_their_test_and_quiet_months_have_bars_of_their_own() -> None:
    missed = (Trial(1, True, ActionStatus.REVERTED, 2), Trial(1, False, ActionStatus.INCONCLUSIVE, 2))
    found = figures(results(*PERFECT, trials=missed, months=(QuietMonth(1, ("data_fault", "unknown"), ()),)))
    assert [found[name]["ok"] for name in ("bad_reverted", "good_reverted", "false_incidents")] == [False] * 3


def test_a_figure_without_lives_is_not_met() -> None:
    found = figures(results())
    assert found["recall"]["value"] is None
    assert found["recall"]["ok"] is False


def test_the_correlation_is_matthews() -> None:
    assert correlation([(True, True), (False, False)]) == pytest.approx(1.0)
    assert correlation([(True, False), (False, True)]) == pytest.approx(-1.0)
    pairs = [(True, True)] * 6 + [(True, False)] * 2 + [(False, True)] * 1 + [(False, False)] * 3
    assert correlation(pairs) == pytest.approx((6 * 3 - 2 * 1) / (8 * 7 * 5 * 4) ** 0.5)
    assert correlation([(True, True)]) is None
    assert correlation([]) is None


def test_agreement_counts_windows_and_the_matrix_counts_lives() -> None:
    assert agreement(PERFECT) == pytest.approx(1.0)
    assert confusion(PERFECT)[NOTHING][NOTHING] == 2
    assert macro_f1(PERFECT) == 1.0
    assert macro_f1([*PERFECT, lived("quiet", Cause.DATA_FAULT)]) < 1.0  # type: ignore[operator]
