"""Which loss is named at all: not one bad window among several, not what faulty rows or broken labels show."""

from dataclasses import replace

import pytest

from agent.core.diagnosis_engine import diagnose, fault_behind
from agent.core.harm import harm
from agent.core.signals import Check, Figure, Replay, Window
from database.enums import Cause, IssueType, MetricKind, Verdict
from tests.unit.agent.signal_factory import drifted, failed, figure, label_figure, lost, signals, window

CLEAN = MetricKind.REALISED_CLEAN
BEHIND = Replay("f1", -0.2, -0.3, -0.1, 60, 7)


def faint() -> Figure:
    """A loss of F1 from 0.8 that is beyond the margin at 95 %, and not at 99.7 %."""
    return replace(lost(), value=0.69, low=0.61, high=0.76, reference=0.8)


def together(verdict: Verdict, value: float = 0.8) -> Figure:
    """F1 over the last three windows."""
    return figure(value=value, pooled=3, n=300, verdict=verdict)


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.WARN])
def test_one_bad_window_among_several_is_no_loss_until_they_show_it_together(verdict: Verdict) -> None:
    assert harm(signals(window(3, faint(), together(verdict)))) is None
    assert diagnose(signals(window(3, faint(), together(verdict)))) == ()
    shown = harm(signals(window(3, faint(), together(Verdict.CRIT, 0.7))))
    assert shown is not None
    assert shown.figure.pooled == 1, "and then the window's own figure says how bad it is now"


def test_a_loss_that_luck_cannot_make_needs_no_other_window() -> None:
    certain = replace(faint(), value=0.5, low=0.42, high=0.58)
    found = harm(signals(window(3, certain, together(Verdict.OK))))
    assert found is not None
    assert found.figure.value == 0.5
    unbounded = replace(certain, high=None)
    assert harm(signals(window(3, unbounded, together(Verdict.OK)))) is None


def test_the_first_window_of_a_version_speaks_for_itself() -> None:
    alone = harm(signals(window(1, lost())))
    assert alone is not None
    assert alone.figure.pooled == 1


def test_windows_that_are_too_few_rows_together_leave_the_newest_its_word() -> None:
    assert harm(signals(window(3, lost(), together(Verdict.INCONCLUSIVE)))) is not None


def test_each_metric_is_confirmed_by_its_own_figure() -> None:
    """That F1 held over three windows says nothing about the ranking."""
    ranking = lost("roc_auc", 0.6, reference=0.9)
    found = harm(signals(window(3, faint(), together(Verdict.OK), ranking)))
    assert found is not None
    assert found.figure.name == "roc_auc"


def constant(rows: int = 100) -> Check:
    return failed("constant", "chol", rows)


def test_a_loss_on_faulty_rows_that_pass_for_sound_is_the_data_faults() -> None:
    hurt = window(1, lost(), checks=(constant(),), **drifted(0.5))
    (found,) = diagnose(signals(hurt))
    assert (found.cause, found.harm) == (Cause.DATA_FAULT, None)
    assert {one.cause for one in found.rejected} >= {Cause.COVARIATE_SHIFT_HARMFUL}
    (sound,) = diagnose(signals(replace(hurt, checks=())))
    assert sound.cause is Cause.COVARIATE_SHIFT_HARMFUL


def test_nor_is_the_release_blamed_that_met_those_rows() -> None:
    hurt = window(1, lost(), checks=(constant(),))
    assert [d.cause for d in diagnose(signals(hurt, previous_version_id=7, replay=BEHIND))] == [Cause.DATA_FAULT]


def test_a_loss_on_rows_all_of_whose_faulty_ones_are_left_out_is_a_loss() -> None:
    checks = (failed("sentinel", rows=30), failed("expected", rows=30))
    hurt = window(1, lost(), lost(kind=CLEAN), checks=checks, suspect_n=30, **drifted(0.5))
    assert {d.cause for d in diagnose(signals(hurt))} == {Cause.DATA_FAULT, Cause.COVARIATE_SHIFT_HARMFUL}


def test_a_fault_in_any_of_the_windows_a_loss_was_measured_over_is_behind_it() -> None:
    pooled = lost(value=0.6, pooled=3, n=300)
    faulty, fine = window(1, checks=(constant(),)), window(2)
    newest = window(3, figure(value=0.68, verdict=Verdict.INCONCLUSIVE), pooled)
    for windows, expected in (((faulty, fine, newest), True), ((window(0), fine, newest), False)):
        seen = signals(*windows)
        loss = harm(seen)
        assert loss is not None
        assert (fault_behind(seen, loss) is not None) == expected
    earlier = signals(replace(faulty, seq=0, id=1), window(1), fine, newest)
    loss = harm(earlier)
    assert loss is not None
    assert fault_behind(earlier, loss) is None, "that window is not among the three"


def broken(*figures: Figure) -> Window:
    return window(1, *figures, label_figure("labels_turned", Verdict.CRIT), **drifted(0.5))


def test_broken_labels_name_no_cause_of_a_loss_they_alone_show() -> None:
    for seen, more in (
        (broken(lost()), {}),
        (broken(lost(), lost("roc_auc", 0.3, reference=0.9)), {}),
        (broken(lost()), {"previous_version_id": 7, "replay": BEHIND}),
        (broken(figure(value=0.62, reference=0.62)), {"previous_version_id": 7, "replay": BEHIND}),
    ):
        found = diagnose(signals(seen, **more))
        assert [d.cause for d in found if d.issue is IssueType.PERFORMANCE_DEGRADATION] == []
        assert Cause.LABEL_FEED_FAULT in {d.cause for d in found}
        assert all(d.harm is None for d in found)


def test_a_fault_of_a_column_the_model_does_not_listen_to_is_behind_no_loss() -> None:
    deaf = replace(window(1, lost(), checks=(failed("constant", "age"),), **drifted(0.995)))
    found = harm(signals(deaf))
    assert found is not None
    assert fault_behind(signals(deaf), found) is None
    heard = window(1, lost(), checks=(failed("constant", "thal"),), **drifted(0.995))
    assert fault_behind(signals(heard), found) is not None


def test_a_fault_that_was_there_while_the_answers_were_right_is_not_behind_a_later_loss() -> None:
    before = [window(seq, figure(), checks=(constant(),)) for seq in (1, 2, 3)]
    later = window(4, lost(), checks=(constant(),), **drifted(0.5))
    found = harm(signals(*before, later))
    assert found is not None
    assert fault_behind(signals(*before, later), found) is None
    assert {d.cause for d in diagnose(signals(*before, later))} == {Cause.DATA_FAULT, Cause.COVARIATE_SHIFT_HARMFUL}
    assert fault_behind(signals(*before[1:], later), found) is not None, "two windows may be right by luck"
    unjudged = [replace(one, figures=()) for one in before]
    assert fault_behind(signals(*unjudged, later), found) is not None


def test_rows_that_repeat_are_behind_a_loss_whatever_they_did_before() -> None:
    storm = failed("duplicates", None)
    before = [window(seq, figure(), checks=(storm,)) for seq in (1, 2, 3)]
    later = window(4, lost(), checks=(storm,), **drifted(0.5))
    found = harm(signals(*before, later))
    assert found is not None
    assert fault_behind(signals(*before, later), found) is not None


@pytest.mark.parametrize(
    ("column", "causes"),
    [("thal", [Cause.DATA_FAULT]), ("age", [Cause.COVARIATE_SHIFT_HARMFUL, Cause.DATA_FAULT])],
)
def test_a_fault_found_since_in_a_column_that_had_moved_already_is_behind_the_loss(
    column: str, causes: list[Cause]
) -> None:
    hurt = window(1, lost(), **drifted(0.5))
    since = window(2, checks=(failed("unit", column),), mature=False, labelled_n=0, **drifted(0.5))
    assert sorted(d.cause for d in diagnose(signals(hurt, since))) == causes


def test_a_fault_that_is_over_is_still_behind_the_loss_on_its_rows() -> None:
    hurt = window(1, lost(), checks=(constant(),), **drifted(0.5))
    mended = window(2, mature=False, labelled_n=0)
    assert diagnose(signals(hurt, mended)) == ()
    assert diagnose(signals(replace(hurt, checks=()), mended)) != ()
