"""A loss in one part of the rows counts when all rows show none; it is told, priced and explained as what it is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import config
from agent.core import wording
from agent.core.diagnosis_engine import diagnose
from agent.core.harm import Harm, harm, performance_holds
from agent.core.incidents import newer_without
from agent.core.pricing import price_of_inaction
from agent.core.reading import window_of
from agent.core.signals import Figure, Part, Signals, Window
from config.model_contract import ModelContract, load_contract
from config.segments import Segment
from database.enums import Cause, MetricKind, Verdict, WindowStatus
from database.models import MonitoringWindow, PerformanceMetric
from tests.unit.agent.signal_factory import NOW, drifted, figure, lost, signals, window

SEGMENT = MetricKind.SEGMENT


def part_lost(value: float = 0.31, *, of: str = "Site: B", share: float = 0.17, **changes: Any) -> Figure:
    feature, category = of.lower().split(": ")
    expected = changes.pop("expected", 0.82)
    part = Part(Segment(feature, category=category), share, expected)
    return lost("accuracy", value, kind=SEGMENT, n=68, of=of, part=part, **changes)


def looked(verdict: Verdict = Verdict.OK) -> Figure:
    return figure("accuracy", kind=SEGMENT, verdict=verdict)


@pytest.fixture(scope="module")
def contract() -> ModelContract:
    return load_contract("heart_disease", Path(config.__file__).parent / "models")


def found_in(signals: Signals) -> Harm:
    loss = harm(signals)
    assert loss is not None
    return loss


def test_a_part_that_lost_is_a_loss_though_all_rows_together_show_none() -> None:
    loss = found_in(signals(window(1, figure(), part_lost())))
    assert loss.figure.of == "Site: B"
    assert loss.loss == pytest.approx(0.51)
    assert wording.loss(loss) == (
        "Accuracy fell to 0.310 [0.270, 0.350] from 0.820 in training where Site is B (17 % of the rows), "
        "measured on sound rows, n = 68"
    )


def test_a_loss_on_all_rows_goes_first() -> None:
    assert found_in(signals(window(1, lost(), part_lost()))).part is None


def test_of_several_parts_the_one_that_costs_most_is_told_and_a_windows_own_before_a_pooled_one() -> None:
    few, many = part_lost(0.2, of="Site: C", share=0.06), part_lost(0.5, share=0.2)
    assert found_in(signals(window(1, figure(), few, many))).figure.of == "Site: B"
    assert found_in(signals(window(1, figure(), replace(many, pooled=3), few))).figure.of == "Site: C"


def test_a_part_nobody_watches_is_no_harm() -> None:
    assert harm(signals(window(1, figure(), part_lost()), watched=("f1",))) is None


def test_quality_does_not_hold_while_a_part_has_lost() -> None:
    assert performance_holds(signals(window(1, figure(), looked()))) is not None
    assert performance_holds(signals(window(1, figure(), part_lost()))) is None
    newer = window(2, figure(kind=MetricKind.ESTIMATED, trusted=True), mature=False)
    assert performance_holds(signals(window(1, figure(), looked()), newer)) is not None
    assert performance_holds(signals(window(1, figure(), part_lost()), newer)) is None


def test_a_relation_that_changed_in_one_site_while_inputs_are_still_is_concept_drift() -> None:
    [found] = diagnose(signals(window(1, figure(), part_lost())))
    assert found.cause is Cause.CONCEPT_DRIFT
    assert "where Site is B" in found.says
    assert found.to_json()["harm"]["segment"] == {"feature": "site", "category": "b", "of": "Site: B"}


def test_a_loss_of_all_rows_names_no_part_in_its_reasons() -> None:
    [found] = diagnose(signals(window(1, lost())))
    assert "segment" not in found.to_json()["harm"]


def test_new_patients_in_one_part_whose_loss_the_scores_foresaw_are_a_shift() -> None:
    moved = window(1, figure(), part_lost(0.6, expected=0.61), **drifted(0.4))
    [found] = [d for d in diagnose(signals(moved)) if d.harm is not None]
    assert found.cause is Cause.COVARIATE_SHIFT_HARMFUL


def test_without_what_the_scores_promised_nothing_is_said_about_surprise() -> None:
    [found] = diagnose(signals(window(1, figure(), part_lost(expected=None))))
    assert found.cause is Cause.CONCEPT_DRIFT
    assert not any("promised" in fact.says for fact in (*found.facts_for, *found.facts_against))


def test_one_part_alone_is_never_explained_by_more_positives() -> None:
    shown = signals(
        window(1, figure(), figure("roc_auc", 0.9, reference=0.9), part_lost()),
        reference_positive_share=0.3,
        recent_positive_share=(0.5, 0.45, 0.55, 400),
    )
    [found] = diagnose(shown)
    assert found.cause is Cause.CONCEPT_DRIFT
    [refused] = [one for one in found.rejected if one.cause is Cause.PRIOR_SHIFT]
    assert "only a part of the rows lost" in refused.why


def test_the_price_of_a_part_counts_its_share_of_the_rows() -> None:
    shown = signals(window(1, figure(), part_lost()))
    price = price_of_inaction(shown, harm(shown))
    assert price.per_day == pytest.approx(100 * 0.17 * 0.51)
    assert "17 decisions a day (Site: B)" in price.says


def test_a_window_whose_parts_nobody_could_look_at_says_nothing_about_one() -> None:
    broke = window(1, figure(), part_lost())
    blind = [window(seq, figure(), looked(Verdict.INCONCLUSIVE)) for seq in (2, 3)]
    well = [window(seq, figure(), looked()) for seq in (4, 5)]
    assert newer_without(Cause.CONCEPT_DRIFT, broke.id, signals(broke, *blind)) == 0
    assert newer_without(Cause.CONCEPT_DRIFT, broke.id, signals(broke, *blind, *well)) == 2
    of_all = window(1, lost())
    assert newer_without(Cause.CONCEPT_DRIFT, of_all.id, signals(of_all, *blind)) == 2


def test_the_part_is_read_from_what_the_monitor_wrote(contract: ModelContract) -> None:
    row = MonitoringWindow(
        id=1, seq=1, model_id=1, status=WindowStatus.MATURE, n=400, labelled_n=400, suspect_n=0, to_at=NOW, from_at=NOW
    )
    facts = {"of": "Age: 61 or more", "segment": {"feature": "age", "low": 61.0}, "share": 0.2, "expected": 0.8}
    written = PerformanceMetric(
        kind=SEGMENT, metric_name="accuracy", metric_value=0.4, n=80, verdict=Verdict.CRIT, metadata_=facts
    )
    read: Window = window_of(contract, row, [written])
    assert read.figures[0].part == Part(Segment("age", low=61.0), 0.2, 0.8)
