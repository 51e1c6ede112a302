"""The monitor's passes on a real database: whole windows or none, each once, whoever looks and whatever breaks."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database.connection import read_scope, session_scope
from database.enums import LabelFigure, MetricKind, Verdict, WindowStatus
from database.models import (
    DataQualityResult,
    DriftReport,
    MonitoringWindow,
    PerformanceMetric,
    PredictionOutcome,
)
from database.queries import windows
from monitoring import data_quality, drift_detector, judging, performance_monitor
from scripts.crash.trained import Columns
from tests.integration.monitoring.world import World
from training.synthetic import synthetic_rows


def all_windows(session: Session) -> list[MonitoringWindow]:
    return list(session.scalars(select(MonitoringWindow).order_by(MonitoringWindow.seq)))


def figures(session: Session, kind: MetricKind, name: str, pooled: int = 1) -> list[PerformanceMetric]:
    found = session.scalars(
        select(PerformanceMetric)
        .where(PerformanceMetric.kind == kind, PerformanceMetric.metric_name == name)
        .order_by(PerformanceMetric.id)
    )
    return [one for one in found if one.metadata_.get("pooled", 1) == pooled]


def rows_of(hospital: str, n: int, seed: int = 5) -> tuple[list[dict[str, Any]], list[int]]:
    rows, labels = synthetic_rows(hospital, n, seed)
    return [dict(row) for row in rows], list(labels)


def test_nothing_served_means_nothing_judged(world: World, session: Session) -> None:
    report = world.look()
    assert [(one.closed, one.judged, one.faults) for one in report.models] == [(0, 0, ())]
    assert all_windows(session) == []


def test_a_full_window_is_closed_and_every_kind_of_figure_is_written_with_it(world: World, session: Session) -> None:
    rows, _ = rows_of("cleveland", 130)
    world.serve(rows)
    report = world.look()
    (window,) = all_windows(session)
    assert (window.seq, window.n, window.status, window.labelled_n) == (1, 100, WindowStatus.CLOSED, 0)
    assert report.faults == ()
    drift = windows.drift_report(session, window.id)
    assert drift is not None
    assert [entry["feature"] for entry in drift.features] == list(world.contract.feature_names)
    assert drift.verdict in {Verdict.OK, Verdict.WARN}
    assert len(figures(session, MetricKind.ESTIMATED, "f1")) == 1
    assert len(figures(session, MetricKind.PREDICTION, "positive_share")) == 1
    assert {check.check_name for check in windows.checks_of(session, window.id)} >= {"range", "sentinel", "duplicates"}
    assert figures(session, MetricKind.REALISED, "f1") == []


def test_looking_again_writes_nothing_new(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 100)
    world.label(world.serve(rows), labels)
    world.look()
    before = _everything(session)
    assert before[0] == 1
    report = world.look()
    assert [(one.closed, one.judged, one.verified) for one in report.models] == [(0, 0, False)]
    assert _everything(session) == before


def _everything(session: Session) -> list[int]:
    tables = (MonitoringWindow, DriftReport, PerformanceMetric, DataQualityResult)
    return [session.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def test_labels_make_a_window_mature_and_a_real_loss_is_found(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 200)
    ids = world.serve(rows)
    world.label(ids[:100], labels[:100])
    world.look()
    world.label(ids[100:], [1 - label for label in labels[100:]])
    world.look()
    first, second = all_windows(session)
    assert (first.status, second.status) == (WindowStatus.MATURE, WindowStatus.MATURE)
    fine, broken = figures(session, MetricKind.REALISED, "f1")
    assert fine.verdict == Verdict.OK
    assert broken.verdict == Verdict.CRIT
    assert broken.metric_value is not None
    assert broken.metric_value < 0.5
    (together,) = figures(session, MetricKind.REALISED, "f1", pooled=2)
    assert (together.window_id, together.n) == (second.id, 200)


def test_a_window_with_labels_turned_round_is_not_pooled_with_the_sound_one_after_it(
    world: World, session: Session
) -> None:
    rows, labels = rows_of("cleveland", 300)
    ids = world.serve(rows)
    world.label(ids[:100], labels[:100])
    world.label(ids[100:200], [1 - label for label in labels[100:200]])
    world.look()
    world.label(ids[200:], labels[200:])
    world.look()
    third = all_windows(session)[2]
    (together,) = [one for one in figures(session, MetricKind.REALISED, "f1", pooled=2) if one.window_id == third.id]
    assert (together.n, together.verdict) == (200, Verdict.OK)
    assert figures(session, MetricKind.REALISED, "f1", pooled=3) == []


def test_a_relation_that_is_no_mirror_stays_among_what_is_pooled(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 200)
    ids = world.serve(rows)
    world.label(ids[:100], [1 - label if at % 4 else label for at, label in enumerate(labels[:100])])
    world.look()
    world.label(ids[100:], labels[100:])
    world.look()
    (auc, _) = figures(session, MetricKind.REALISED, "roc_auc")
    assert auc.high is not None
    assert auc.high < 0.5
    assert [one.verdict for one in figures(session, MetricKind.LABELS, LabelFigure.TURNED)] == [Verdict.OK] * 2
    (together,) = figures(session, MetricKind.REALISED, "f1", pooled=2)
    assert together.n == 200


def test_windows_without_a_label_cost_no_look_at_the_labels_of_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    before = windows.label_figures_before

    def counted(session: Session, window: MonitoringWindow, limit: int) -> list[PerformanceMetric]:
        asked.append(window.seq)
        return before(session, window, limit)

    monkeypatch.setattr(windows, "label_figures_before", counted)
    rows, labels = rows_of("cleveland", 300)
    ids = world.serve(rows)
    world.label(ids[100:200], labels[100:200])
    world.look()
    assert asked == [2]


def test_how_long_the_labels_took_is_written_once(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 200)
    ids = world.serve(rows)
    world.look()
    assert figures(session, MetricKind.LABELS, LabelFigure.WAIT) == []
    for some in (slice(0, 80), slice(80, 100)):
        world.label(ids[some], labels[some])
        world.look()
    (wait,) = figures(session, MetricKind.LABELS, LabelFigure.WAIT)
    first, second = all_windows(session)
    received = session.scalars(select(PredictionOutcome.actual_received_at).order_by(PredictionOutcome.created_at))
    there = sorted(moment for moment in received if moment is not None)[79]
    assert wait.window_id == first.id
    assert wait.metric_value == pytest.approx(max(0.0, (there - first.to_at).total_seconds() / 3600))
    world.label(ids[100:], labels[100:])
    world.look()
    newest = windows.newest_label_wait(session, world.contract.name)
    assert newest is not None
    assert (newest.window_id, newest.reference) == (second.id, wait.metric_value)


def test_labels_of_one_source_that_stopped_are_found_once_they_are_due(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 300)
    ids = world.serve(rows)
    sent = [at for at in range(300) if at < 200 or rows[at]["cp"] != 4]
    world.label([ids[at] for at in sent], [labels[at] for at in sent])
    world.look()
    gaps = figures(session, MetricKind.LABELS, LabelFigure.SOURCE_GAP)
    assert Verdict.CRIT not in {one.verdict for one in gaps}
    world.look(timedelta(days=1, minutes=1))
    third = all_windows(session)[2]
    (gap,) = [one for one in windows.figures_of(session, [third.id], [MetricKind.LABELS])
              if one.metric_name == LabelFigure.SOURCE_GAP]  # fmt: skip
    assert gap.verdict == Verdict.CRIT
    assert gap.metadata_["of"].startswith(world.contract.features["cp"].label)
    written = len(figures(session, MetricKind.LABELS, LabelFigure.SOURCE_GAP))
    world.look(timedelta(days=1, minutes=2))
    assert len(figures(session, MetricKind.LABELS, LabelFigure.SOURCE_GAP)) == written


def test_a_window_waits_for_its_labels_until_the_contract_gives_up(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 100)
    world.label(world.serve(rows)[:20], labels[:20])
    world.look()
    (window,) = all_windows(session)
    assert (window.status, window.labelled_n) == (WindowStatus.CLOSED, 20)
    world.look(timedelta(days=1, minutes=1))
    session.expire_all()
    (figure,) = figures(session, MetricKind.REALISED, "f1")
    assert window.status == WindowStatus.MATURE
    assert figure.verdict == Verdict.INCONCLUSIVE
    assert figure.n == 20


def test_late_labels_are_judged_anew_and_the_old_verdict_stays(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 100)
    ids = world.serve(rows)
    world.label(ids[:80], labels[:80])
    world.look()
    world.label(ids[80:83], labels[80:83])
    world.look()  # three of eighty are not worth another look
    assert len(figures(session, MetricKind.REALISED, "f1")) == 1
    world.label(ids[83:], labels[83:])
    world.look()
    session.expire_all()
    old, new = figures(session, MetricKind.REALISED, "f1")
    assert (old.n, new.n) == (80, 100)
    assert old.labels_as_of is not None
    assert new.labels_as_of is not None
    assert new.labels_as_of > old.labels_as_of
    (window,) = all_windows(session)
    newest = windows.figures_of(session, [window.id], [MetricKind.REALISED], ["f1"])
    assert [one.id for one in newest] == [new.id]


def test_revised_labels_are_judged_anew(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 100)
    ids = world.serve(rows)
    world.label(ids, labels)
    world.look()
    world.label(ids[:10], [1 - label for label in labels[:10]], revision=2)
    world.look()
    assert len(figures(session, MetricKind.REALISED, "f1")) == 2


def test_a_loss_that_is_the_datas_fault_is_gone_on_the_clean_rows(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 100)
    for row in rows[:40]:
        row["chol"] = 0.0
    wrong = [1 - label for label in labels[:40]]
    world.label(world.serve(rows), wrong + labels[40:])
    world.look()
    (window,) = all_windows(session)
    assert window.suspect_n >= 40
    (whole,) = figures(session, MetricKind.REALISED, "f1")
    (clean,) = figures(session, MetricKind.REALISED_CLEAN, "f1")
    assert whole.verdict == Verdict.CRIT
    assert clean.verdict == Verdict.OK
    assert clean.n == 100 - window.suspect_n
    sentinel = next(
        one
        for one in windows.checks_of(session, window.id)
        if (one.check_name, one.column_name) == ("sentinel", "chol")
    )
    assert (sentinel.verdict, sentinel.failed_rows) == (Verdict.CRIT, 40)


def test_a_window_of_one_class_has_no_auc_and_says_so(world: World, session: Session) -> None:
    rows, _ = rows_of("cleveland", 100)
    world.label(world.serve(rows), [0] * 100)
    assert world.look().faults == ()
    (auc,) = figures(session, MetricKind.REALISED, "roc_auc")
    assert (auc.metric_value, auc.verdict) == (None, Verdict.INCONCLUSIVE)


def test_an_all_null_column_and_an_unknown_category_are_judged_without_a_fault(world: World, session: Session) -> None:
    rows, _ = rows_of("cleveland", 100)
    for row in rows:
        row["ca"] = None
        row["thal"] = 4
    world.serve(rows)
    assert world.look().faults == ()
    report = session.scalars(select(DriftReport)).one()
    assert {"ca", "thal"} <= set(report.drifted_features)


def test_a_new_generation_closes_the_old_versions_window_and_the_new_one_starts_its_own(
    world: World, session: Session, bad: Columns
) -> None:
    rows, _ = rows_of("cleveland", 200)
    first = world.version
    world.serve(rows[:50])
    second = world.activate(bad)
    world.serve(rows[50:70])
    assert first is not None
    world.look()
    world.activate_again(first.id)
    world.serve(rows[70:170])
    world.look()
    seen = [(one.model_id, one.n) for one in all_windows(session)]
    assert seen == [(first.id, 50), (second.id, 20), (first.id, 100)]
    small = windows.drift_report(session, all_windows(session)[1].id)
    assert small is not None
    assert (small.verdict, small.drift_detected) == (Verdict.INCONCLUSIVE, None)


def test_a_batch_answered_in_one_instant_stays_in_one_window(world: World, session: Session) -> None:
    rows, _ = rows_of("cleveland", 250)
    world.serve(rows, at=world.clock + timedelta(seconds=1))
    world.look()
    assert [one.n for one in all_windows(session)] == [250]


def test_rows_that_reach_the_database_late_are_counted_in_the_window_they_belong_to(
    world: World, session: Session
) -> None:
    rows, labels = rows_of("cleveland", 240)
    ids = world.serve(rows[:50])
    then = world.clock
    ids += world.serve(rows[50:100])
    world.serve(rows[100:200])
    world.look()
    late = world.serve(rows[200:], at=then)  # while the first window was open
    world.label([*ids, *late], [*labels[:100], *labels[200:]])
    world.look()
    session.expire_all()
    first, second = all_windows(session)
    assert (first.n, first.labelled_n, first.status) == (140, 140, WindowStatus.MATURE)
    assert second.n == 100
    assert [one.n for one in figures(session, MetricKind.REALISED, "f1")] == [140]


def test_a_row_answered_before_the_first_one_that_arrived_is_in_the_first_window(
    world: World, session: Session
) -> None:
    early = world.clock + timedelta(microseconds=1)
    world.clock += timedelta(milliseconds=1)
    rows, _ = rows_of("cleveland", 130)
    world.serve(rows[:100])
    world.look()
    (window,) = all_windows(session)
    (rate,) = figures(session, MetricKind.PREDICTION, "rows_per_hour")
    assert rate.metric_value is not None
    assert rate.metric_value > 10_000  # how fast they came, not since when the window looks
    late = world.serve(rows[100:], at=early)  # another replica's spool is emptied
    world.label(late, [1] * 30)
    world.look()
    session.expire_all()
    assert (window.n, window.labelled_n) == (130, 30)


def test_two_monitors_at_once_write_each_window_once(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 600)
    world.label(world.serve(rows), labels)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: world.look(), range(4)))
    world.look()
    found = all_windows(session)
    assert [one.seq for one in found] == [1, 2, 3, 4, 5, 6]
    assert sum(one.n for one in found) == 600
    assert len(figures(session, MetricKind.REALISED, "f1")) == 6
    assert session.execute(select(func.count()).select_from(DriftReport)).scalar_one() == 6


def test_a_monitor_that_dies_between_its_writes_leaves_nothing_and_the_next_pass_starts_over(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, _ = rows_of("cleveland", 100)
    world.serve(rows)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(judging, "_memory", die)  # the window's row is written by then, its figures are not
    with pytest.raises(Killed):
        world.look()
    assert _everything(session) == [0, 0, 0, 0]
    monkeypatch.undo()
    world.look()
    assert len(all_windows(session)) == 1


def test_a_check_that_raises_is_inconclusive_with_its_reason_and_the_others_still_look(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, _ = rows_of("cleveland", 100)
    world.serve(rows)

    def broken(*_: object) -> None:
        raise ValueError("a library tripped")

    monkeypatch.setattr(data_quality, "graded", broken)
    report = world.look()
    assert len(report.faults) == 1
    assert "data quality of heart_disease window 1" in report.faults[0]
    (check,) = session.scalars(select(DataQualityResult)).all()
    assert check.verdict == Verdict.INCONCLUSIVE
    assert "a library tripped" in check.details["why"]
    assert session.scalars(select(DriftReport)).one().verdict != Verdict.INCONCLUSIVE


def test_every_check_that_trips_is_kept_with_its_window_once_and_nothing_is_called_sound(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a library tripped")

    monkeypatch.setattr(drift_detector, "detect", broken)
    monkeypatch.setattr(performance_monitor, "realised", broken)
    rows, labels = rows_of("cleveland", 100)
    ids = world.serve(rows)
    world.label(ids[:60], labels[:60])
    world.look()
    world.label(ids[60:], labels[60:])
    world.look()
    report = session.scalars(select(DriftReport)).one()
    assert (report.verdict, report.drift_detected) == (Verdict.INCONCLUSIVE, None)
    assert {one.verdict for one in figures(session, MetricKind.REALISED, "f1")} == {Verdict.INCONCLUSIVE}
    with read_scope(world.engine) as reading:
        kept = [(seq, row.details) for seq, row in windows.could_not_look(reading, "heart_disease", 20)]
    stumbled = sorted((seq, facts["check"], facts["stage"]) for seq, facts in kept)
    assert (1, "drift", "closing") in stumbled
    assert (1, "performance", "judging") in stumbled
    assert len(stumbled) == len(set(stumbled))
    assert all("a library tripped" in facts["why"] for _, facts in kept if facts["check"] == "drift")


def test_a_model_without_a_contract_is_a_fault_and_does_not_stop_the_others(world: World, good: Columns) -> None:
    rows, _ = rows_of("cleveland", 100)
    world.serve(rows)
    clone = dataclasses.replace(world)
    clone.contract = world.contract.model_copy(update={"name": "gone"})
    clone.activate({**good, "model_name": "gone"})
    report = world.look()
    assert [one.model_name for one in report.models] == ["gone", "heart_disease"]
    assert "there is no contract of that name" in report.models[0].faults[0]
    assert report.models[1].closed == 1


def test_the_record_of_the_estimates_is_kept_and_says_whether_to_trust_them(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 500)
    for at in range(0, 500, 100):
        world.label(world.serve(rows[at : at + 100]), labels[at : at + 100])
        world.look()
    told = [one.metadata_ for one in figures(session, MetricKind.ESTIMATED, "f1")]
    assert [one["record"]["windows"] for one in told] == [0, 1, 2, 3, 4]
    assert [one["trusted"] for one in told[:3]] == [False, False, False]
    assert told[4]["trusted"] is True
    assert told[4]["assumes"] == "no concept drift"


def test_of_figures_pooled_over_different_numbers_of_windows_only_the_newest_counts(
    world: World, session: Session
) -> None:
    rows, labels = rows_of("cleveland", 300)
    ids = world.serve(rows)
    world.label(ids[:100], labels[:100])
    world.label(ids[200:280], labels[200:280])
    world.look()  # the third before the second
    third = all_windows(session)[2]
    assert len(figures(session, MetricKind.REALISED, "f1", pooled=2)) == 1
    world.label(ids[100:200], labels[100:200])
    world.look()
    world.label(ids[280:], labels[280:])
    world.look()
    session.expire_all()
    found = windows.figures_of(session, [third.id], [MetricKind.REALISED], ["f1"])
    assert [(one.metadata_.get("pooled", 1), one.n) for one in found] == [(1, 100), (3, 300)]


def test_figures_are_readable_in_one_question_per_window(world: World) -> None:
    rows, labels = rows_of("cleveland", 100)
    world.label(world.serve(rows), labels)
    world.look()
    with session_scope(world.engine) as session:
        (window,) = all_windows(session)
        found = windows.figures_of(session, [window.id], list(MetricKind))
        assert len(found) == len({(one.kind, one.metric_name) for one in found})
