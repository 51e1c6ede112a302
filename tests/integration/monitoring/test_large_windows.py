"""A window that is too large to be read row by row says what reading all of it would say."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.model_contract import ModelContract, load_contract
from config.settings import PlatformSettings
from database.connection import ReadSession, session_scope
from database.count_layout import Layout
from database.enums import LabelSource
from database.models import DriftReport, ModelVersion, MonitoringWindow, PerformanceMetric
from database.queries import count_roll_up, labels, predictions
from database.queries.labels import NewLabel
from monitoring import cutting, drift_detector, judging, window_counts
from monitoring.window_counts import SAMPLE_ROWS, large_window
from monitoring.windows import SETTLING, Takeover, columns_of, next_cut
from tests.counted_world import BEGIN, CountedWorld
from tests.integration.monitoring.world import World
from training.evaluator import METRICS, estimate, estimate_of_cells
from training.synthetic import synthetic_rows


@pytest.fixture
def small_contract() -> ModelContract:
    return load_contract("heart_disease", PlatformSettings().contracts_dir)


def _filled(engine: Engine, rolled: bool = False) -> CountedWorld:
    """Rows of some minutes around BEGIN, labelled in part, as if long ago if they are to be `rolled` up."""
    world = CountedWorld(engine, seed=3)
    rows = [world.row(generation=1 + at % 2) for at in range(400)]
    world.store(rows)
    world.label([row["id"] for row in rows[:250]], [at % 2 for at in range(250)])
    if rolled:
        with session_scope(engine) as session:
            count_roll_up.roll_up(session, world.version_id, BEGIN + timedelta(days=30))
    return world


@pytest.mark.parametrize("rolled", [False, True])
@pytest.mark.parametrize(("begins", "lasts"), [(0, 400), (17, 301), (30, 240), (101, 7)])
def test_counts_and_edges_are_what_all_rows_are(
    engine: Engine, small_contract: ModelContract, begins: int, lasts: int, rolled: bool
) -> None:
    world = _filled(engine, rolled)
    from_at = BEGIN + timedelta(seconds=begins)
    to_at = from_at + timedelta(seconds=lasts)
    with Session(engine) as session:
        version = session.get_one(ModelVersion, world.version_id)
        rows = predictions.outcomes_between(session, version.model_name, version.id, from_at, to_at)
        found = large_window(session, small_contract, version, from_at, to_at)
    if found is None:
        assert rolled or lasts < 60  # no whole minute or hour lies in it: it is read whole
        return
    columns = columns_of(rows, small_contract)
    layout = Layout(version.reference_profile)
    assert found.counts.tally == layout.tally([window_counts._row(one) for one in rows])
    known = columns.labelled
    for metric in METRICS[:4]:
        expected = estimate(metric, columns.labels[known].astype(np.int64), columns.scored.take(known))
        assert estimate_of_cells(metric, found.counts.confusion) == expected
    assert found.sample.n == len(rows)  # fewer than are drawn: all of them
    contract = small_contract.model_copy(update={"features": {n: small_contract.features[n] for n in ("age", "cp")}})
    whole = drift_detector.detect(contract, version.reference_profile, columns.features, columns.probabilities)
    counted = drift_detector.detect_counted(contract, version.reference_profile, layout, found.counts.tally)
    assert counted == whole


def test_a_sample_is_bounded_and_the_same_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    world = _filled(engine)
    contract = load_contract("heart_disease", PlatformSettings().contracts_dir)
    monkeypatch.setattr(window_counts, "SAMPLE_ROWS", 60)
    span = (BEGIN, BEGIN + timedelta(seconds=400))
    with Session(engine) as session:
        version = session.get_one(ModelVersion, world.version_id)
        first, again = (large_window(session, contract, version, *span) for _ in range(2))
    assert first is not None
    assert again is not None
    assert 30 < first.sample.n < 100
    assert first.sample.features == again.sample.features
    assert SAMPLE_ROWS == 10_000


def test_rows_that_are_not_counted_yet_are_read(engine: Engine, small_contract: ModelContract) -> None:
    world = _filled(engine)
    world.store_uncounted([world.row()])
    with Session(engine) as session:
        version = session.get_one(ModelVersion, world.version_id)
        assert large_window(session, small_contract, version, BEGIN, BEGIN + timedelta(seconds=400)) is None


@pytest.mark.parametrize("seed", range(8))
def test_a_large_window_is_cut_where_its_rows_say(
    engine: Engine, small_contract: ModelContract, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311
    world = CountedWorld(engine, seed)
    changed = dice.choice([50, 150, 290, 1000])
    rows = []
    for _ in range(120):
        second = dice.randrange(300)
        rows.append(world.row(BEGIN + timedelta(seconds=second), generation=1 + (second > changed)))
    world.store(rows)
    rules = small_contract.monitoring.model_copy(
        update={"window_rows": dice.choice([25, 60, 119, 500]), "window_max_age": timedelta(minutes=6)}
    )
    contract = small_contract.model_copy(update={"monitoring": rules})
    begin = BEGIN + timedelta(seconds=dice.choice([-3600, 0, 65]))
    now = BEGIN + timedelta(seconds=dice.choice([250, 320, 700]))
    serving = Takeover(2 if changed < 300 else 1, BEGIN + timedelta(seconds=changed))
    with Session(engine) as session:
        given = (contract.name, world.version_id)
        every = predictions.answered_since(session, *given, since=begin, before=now - SETTLING, limit=10_000)
        expected = next_cut(every, rules, now, serving)
        monkeypatch.setattr(cutting, "FEW", 10)
        found = cutting.next_cut_of(ReadSession(session), contract, world.version_id, begin, now, serving)
    assert (found and found[1]) == expected
    assert found is None or found[0] == every[0]


def test_the_monitor_closes_and_judges_a_large_window_by_its_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "LARGE", 40)
    for module in (judging, cutting):
        monkeypatch.setattr(module, "FEW", 40)
    world.clock = max(world.clock, datetime.now(UTC))
    rows, truths = synthetic_rows("cleveland", 100, 9)
    ids = world.serve(rows[:50])
    world.clock += timedelta(minutes=2)
    ids += world.serve(rows[50:])
    world.clock += timedelta(minutes=2)
    ids += world.serve(rows[:20])
    assert world.look().faults == ()
    told = [NewLabel(one, truth, world.clock) for one, truth in zip(ids, truths, strict=False)]
    with session_scope(world.engine) as session:
        labels.record(session, told, key_id="k", source=LabelSource.LABEL, allowed_models=None)
    assert world.look().faults == ()
    with Session(world.engine) as session:
        window = session.scalars(select(MonitoringWindow)).one()
        report = session.scalars(select(DriftReport)).one()
        assert world.version is not None
        version = session.get_one(ModelVersion, world.version.id)
        columns = columns_of(
            predictions.outcomes_between(session, version.model_name, version.id, window.from_at, window.to_at),
            world.contract,
        )
        figures = {
            (one.kind, one.metric_name): one
            for one in session.scalars(select(PerformanceMetric).where(PerformanceMetric.window_id == window.id))
        }
    assert (window.n, window.labelled_n, window.status) == (100, 100, "mature")
    whole = drift_detector.detect(world.contract, version.reference_profile, columns.features, columns.probabilities)
    assert [_told(one) for one in report.features] == [_told(one.to_json()) for one in whole.features]
    accuracy = estimate("accuracy", columns.labels.astype(np.int64), columns.scored)
    assert figures["realised", "accuracy"].metric_value == accuracy.value
    assert "sample" not in figures["realised", "accuracy"].metadata_
    assert figures["realised", "roc_auc"].metadata_["window_rows"] == 100
    assert "a random sample of" in figures["estimated", "f1"].metadata_["why"]
    assert figures["prediction", "positive_share"].metric_value == columns.answers.mean()


def _told(feature: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in feature.items()}
