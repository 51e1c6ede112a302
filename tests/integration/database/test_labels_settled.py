"""Labels are settled by PostgreSQL, many at once, as if each had been told alone and in its turn."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from api.prediction_ids import new_ids
from database.connection import session_scope
from database.enums import LabelSource
from database.errors import InvalidError, NotFoundError
from database.queries import labels
from database.queries.labels import LabelCounts, NewLabel
from tests.counted_world import BEGIN, CountedWorld

# Which prediction, what it is said to be, when that was observed, and whether the client said so.
TOLD = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 3), st.booleans()), min_size=1, max_size=14
)


def record(engine: Engine, told: Sequence[NewLabel], allowed: list[str] | None = None) -> LabelCounts:
    with session_scope(engine) as session:
        return labels.record(session, told, key_id="k", source=LabelSource.LABEL, allowed_models=allowed)


def stored(engine: Engine, ids: Sequence[str]) -> list[list[tuple[object, ...]]]:
    """What stands about each of these predictions, revision by revision."""
    query = text("SELECT revision, value, observed_at FROM labels WHERE prediction_id = :id ORDER BY revision")
    with engine.connect() as connection:
        return [[tuple(row) for row in connection.execute(query, {"id": one})] for one in ids]


@given(told=TOLD)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_delivery_settles_as_its_labels_would_one_by_one(
    engine: Engine, told: list[tuple[int, int, int, bool]]
) -> None:
    world = CountedWorld(engine)
    at_once, singly = [[world.row() for _ in range(4)] for _ in range(2)]
    for rows in (at_once, singly):
        world.store(rows[:3])  # the last one is not known yet

    def of(rows: list[dict[str, object]]) -> list[NewLabel]:
        return [
            NewLabel(UUID(str(rows[which]["id"])), value, BEGIN + timedelta(hours=hour), dated=dated)
            for which, value, hour, dated in told
        ]

    whole = record(engine, of(at_once))
    assert whole == sum((record(engine, [one]) for one in of(singly)), start=LabelCounts(0, 0, 0, 0, 0))
    ids = [[str(row["id"]) for row in rows] for rows in (at_once, singly)]
    assert stored(engine, ids[0]) == stored(engine, ids[1])
    assert world.wrong() == []


def test_a_label_again_among_others_of_its_prediction_is_judged_by_what_is_known_then(engine: Engine) -> None:
    one = uuid4()
    said = [(1, 0), (0, 1), (1, 0), (0, 1), (1, 2)]
    told = [NewLabel(one, value, BEGIN + timedelta(hours=hour)) for value, hour in said]
    assert record(engine, told) == LabelCounts(5, 1, 2, 2, 5)
    assert [row[:2] for row in stored(engine, [str(one)])[0]] == [(1, 1), (2, 0), (3, 1)]


def test_the_same_label_ten_thousand_times_is_one(engine: Engine) -> None:
    assert record(engine, [NewLabel(uuid4(), 1, BEGIN)] * 10_000) == LabelCounts(10_000, 1, 0, 9_999, 10_000)


def test_too_many_different_labels_of_one_prediction_are_refused_by_their_place(engine: Engine) -> None:
    one, most = uuid4(), labels.MOST_SAID
    told = [NewLabel(one, at % 2, BEGIN + timedelta(hours=at)) for at in range(most + 1)]
    with pytest.raises(InvalidError, match=rf"labels\[{most}\].prediction_id: at most {most} different labels"):
        record(engine, told)
    assert stored(engine, [str(one)]) == [[]]
    assert record(engine, told[:-1]).stored == 1


def test_a_foreign_prediction_is_named_by_its_place_in_the_whole_delivery_and_nothing_of_it_is_stored(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "CHUNK", 10)
    world = CountedWorld(engine)
    row = world.row()
    world.store([row])
    told = [NewLabel(UUID(one), 1, BEGIN) for one in new_ids(13, 0)] + [NewLabel(UUID(row["id"]), 1, BEGIN)]
    with pytest.raises(NotFoundError, match=r"labels\[13\]"):
        record(engine, told, allowed=["another"])
    with Session(engine) as session:
        assert session.scalar(text("SELECT count(*) FROM labels")) == 0
    assert record(engine, told, allowed=["heart_disease"]) == LabelCounts(14, 14, 0, 0, 13)
    assert world.wrong() == []
