"""After a change: new against old on the same rows, written anew as labels arrive, and only then."""

import shutil

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.enums import MetricKind, Verdict
from database.models import PerformanceMetric
from scripts.crash.trained import Columns
from tests.integration.monitoring.world import World
from training.synthetic import synthetic_rows


def written(session: Session) -> list[PerformanceMetric]:
    found = select(PerformanceMetric).where(PerformanceMetric.kind == MetricKind.VERIFICATION)
    return list(session.scalars(found.order_by(PerformanceMetric.id)))


def test_the_first_version_has_nothing_to_be_compared_with(world: World, session: Session) -> None:
    rows, labels = synthetic_rows("cleveland", 50, 5)
    world.label(world.serve(rows), labels)
    assert world.look().models[0].verified is False
    assert written(session) == []


def test_a_worse_version_is_seen_to_be_worse(world: World, session: Session, bad: Columns) -> None:
    old = world.version
    new = world.activate(bad)
    rows, labels = synthetic_rows("cleveland", 60, 5)
    world.label(world.serve(rows), labels)
    assert world.look().models[0].verified is True
    (figure,) = written(session)
    assert old is not None
    assert (figure.model_id, figure.metric_name, figure.n, figure.window_id) == (new.id, "f1", 60, None)
    assert figure.verdict == Verdict.CRIT
    assert figure.metric_value is not None
    assert figure.high is not None
    assert figure.metric_value < -0.4
    assert figure.high < -0.03
    facts = figure.metadata_
    assert (facts["new_version_id"], facts["old_version_id"], facts["generation"]) == (new.id, old.id, 2)
    assert facts["new"] - facts["old"] == figure.metric_value


def test_a_better_version_is_seen_to_be_better(world: World, session: Session, good: Columns, bad: Columns) -> None:
    world.activate(bad)
    world.activate(good)
    rows, labels = synthetic_rows("cleveland", 60, 5)
    world.label(world.serve(rows), labels)
    world.look()
    (figure,) = written(session)
    assert figure.verdict == Verdict.OK
    assert figure.low is not None
    assert figure.low > 0


def test_each_five_new_labels_make_a_new_row_and_fewer_do_not(world: World, session: Session, bad: Columns) -> None:
    world.activate(bad)
    rows, labels = synthetic_rows("cleveland", 40, 5)
    ids = world.serve(rows)
    begin = 0
    for end in (4, 5, 9, 10, 40):
        world.label(ids[begin:end], labels[begin:end])
        world.look()
        begin = end
    assert [one.n for one in written(session)] == [5, 10, 40]
    assert [one.verdict for one in written(session)][:2] == [Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE]


def test_rows_the_old_version_answered_do_not_count(world: World, session: Session, bad: Columns) -> None:
    rows, labels = synthetic_rows("cleveland", 90, 5)
    before = world.serve(rows[:50])
    world.activate(bad)
    after = world.serve(rows[50:])
    world.label([*before, *after], labels)
    world.look()
    assert [one.n for one in written(session)] == [40]


def test_an_old_version_that_cannot_be_loaded_is_said_to_be_so(world: World, session: Session, bad: Columns) -> None:
    assert world.version is not None
    digest = world.version.artifact_digest
    world.activate(bad)
    rows, labels = synthetic_rows("cleveland", 40, 5)
    world.label(world.serve(rows), labels)
    shutil.rmtree(world.settings.artifacts_dir / "sha256" / digest)
    world.look()
    (figure,) = written(session)
    assert (figure.metric_value, figure.verdict) == (None, Verdict.INCONCLUSIVE)
    assert "version 1 cannot answer again" in figure.metadata_["why"]


def test_it_ends_after_a_thousand_rows(world: World, session: Session, bad: Columns) -> None:
    world.activate(bad)
    rows, labels = synthetic_rows("cleveland", 1020, 5)
    ids = world.serve(rows)
    world.label(ids[:1010], labels[:1010])
    world.look()
    world.label(ids[1010:], labels[1010:])
    world.look()
    assert [one.n for one in written(session)] == [1000]
