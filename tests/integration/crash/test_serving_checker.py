"""What clients were told and is not so is named, and so is a figure that its rows do not give."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from config.model_contract import load_contract
from config.settings import AgentSettings, DatabaseSettings, PlatformSettings, Settings
from database.connection import session_scope
from database.models import Approval, Label, Prediction
from scripts.chaos.history import Phase, outcomes
from scripts.chaos.nemesis import Blow, schedule
from scripts.crash import world
from scripts.crash.serving_checker import (
    SaidLabel,
    figures_that_differ,
    unkept_decisions,
    unkept_labels,
    unkept_predictions,
)
from tests.conftest import Prepare

FIGURE = """
    INSERT INTO performance_metrics (model_id, window_id, kind, metric_name, metric_value, n, verdict, labels_as_of,
                                     metadata)
    SELECT w.model_id, w.id, 'realised', '{name}', {value}, 240, 'ok', now() + interval '1 s', '{{"rows": {rows}}}'
    FROM monitoring_windows w"""


@pytest.fixture(scope="module")
def template(prepared: Prepare, tmp_path_factory: pytest.TempPathFactory) -> str:
    """240 answered predictions with their truth: half are ill, half of those were called well."""
    home = tmp_path_factory.mktemp("served")
    settings = Settings(
        platform=PlatformSettings(home=home), database=DatabaseSettings(), agent=AgentSettings(lease_s=10)
    )
    contract = load_contract(world.MODEL, settings.platform.contracts_dir)
    return prepared(lambda engine: world.prepare(engine, settings, contract))


@pytest.fixture
def served(engine: Engine) -> Engine:
    """A copy of that."""
    return engine


@pytest.fixture
def told(served: Engine) -> list[str]:
    with Session(served) as session:
        return [str(one) for one in session.scalars(select(Prediction.id))]


def test_what_was_told_and_is_stored_violates_nothing(served: Engine, told: list[str]) -> None:
    with Session(served) as session:
        assert list(unkept_predictions(session, told, 0, 0)) == []
        assert list(unkept_predictions(session, told[1:], 1, 0)) == []
        assert list(unkept_predictions(session, [], 0, len(told))) == []


def test_a_lost_a_doubled_and_a_foreign_prediction_are_named(served: Engine, told: list[str]) -> None:
    with Session(served) as session:
        assert "1 acknowledged predictions are not stored" in next(
            unkept_predictions(session, [*told, str(uuid4())], 0, 0)
        )
        assert "carried an id that another one carried" in next(unkept_predictions(session, [*told, told[0]], 0, 0))
        assert "1 predictions are stored that nobody was told of" in next(unkept_predictions(session, told[1:], 0, 0))


def test_a_label_that_was_acknowledged_is_stored_once(served: Engine) -> None:
    with Session(served) as session, session.begin():
        row = session.scalars(select(Label).limit(1)).one()
        said = SaidLabel(row.prediction_id, row.value, row.observed_at)
        assert list(unkept_labels(session, [said, said])) == []
        other = SaidLabel(row.prediction_id, 1 - row.value, row.observed_at)
        assert "stored 0 times" in next(unkept_labels(session, [other]))
        again = Label(
            prediction_id=row.prediction_id, revision=9, value=row.value, key_id="k", observed_at=row.observed_at
        )
        session.add(again)
        session.flush()
        assert "stored 2 times" in next(unkept_labels(session, [said]))


def test_a_decision_that_was_acknowledged_is_stored_and_one_that_was_refused_is_not(served: Engine) -> None:
    with session_scope(served) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.add(
            Approval(
                action_id=uuid4(), user_id=1, decision="approve", comment="", evidence_digest="d", idempotency_key="one"
            )
        )
    with Session(served) as session:
        assert list(unkept_decisions(session, {"one": True, "two": False})) == []
        assert "was acknowledged, and is stored 0 times" in next(unkept_decisions(session, {"two": True}))
        assert "was refused, and is stored 1 times" in next(unkept_decisions(session, {"one": False}))


@pytest.mark.parametrize(
    ("name", "value"), [("accuracy", 0.75), ("precision", 1.0), ("recall", 0.5), ("f1", 0.6666666667)]
)
def test_a_figure_is_what_its_rows_give(served: Engine, name: str, value: float) -> None:
    with session_scope(served) as session:
        session.execute(text(FIGURE.format(name=name, value=value, rows=240)))
    with Session(served) as session:
        assert figures_that_differ(session) == (1, [])
    with session_scope(served) as session:
        session.execute(text(FIGURE.format(name=name, value=value - 0.01, rows=240)))
    with Session(served) as session:
        looked, said = figures_that_differ(session)
    assert looked == 2
    assert len(said) == 1
    assert said[0].startswith("I11: ")


def test_a_figure_rests_on_the_labels_known_then_and_one_whose_rows_are_not_those_of_then_is_left_out(
    served: Engine,
) -> None:
    with session_scope(served) as session:
        session.execute(text(FIGURE.format(name="accuracy", value=0.75, rows=240)))
        session.execute(text(FIGURE.format(name="accuracy", value=0.1, rows=239)))
        row = session.scalars(select(Label).limit(1)).one()
        later = datetime.now(UTC) + timedelta(minutes=5)
        session.add(
            Label(
                prediction_id=row.prediction_id, revision=2, value=1 - row.value, key_id="k", observed_at=later,
                received_at=later,
            )
        )  # fmt: skip
    with Session(served) as session:
        assert figures_that_differ(session) == (1, [])


def test_the_last_word_on_a_request_counts_and_two_answers_are_a_contradiction() -> None:
    line = '{{"at": 0, "phase": "{}", "what": "decide", "key": "one", "by": "bob"}}'
    (one,) = outcomes([line.format(phase) for phase in ("invoke", "info", "ok", "info")])
    assert (one.phase, one.facts["by"]) == (Phase.OK, "bob")
    with pytest.raises(ValueError, match="answered with ok and with fail"):
        outcomes([line.format(phase) for phase in ("invoke", "ok", "fail")])


def test_a_seed_gives_its_schedule_again_and_holds_every_blow_at_the_pace_that_is_told() -> None:
    planned = schedule(120, 5, ["a", "b"], 6.0)
    assert planned == schedule(120, 5, ["a", "b"], 6.0) != schedule(120, 6, ["a", "b"], 6.0)
    assert [one.blow for one in planned].count(Blow.PAUSE) == 1
    restarts = [one.at_s for one in planned if one.blow is Blow.RESTART]
    assert all(5 <= later - before <= 40 for before, later in itertools.pairwise(restarts))
    kills = [one.at_s for one in planned if one.blow is Blow.KILL]
    assert all(3 <= later - before <= 10 for before, later in itertools.pairwise(kills))
    assert {one.whom for one in planned if one.blow is Blow.KILL} <= {"a", "b"}
