"""A retrain because of corrected answers learns from them, and rows that were not chosen for being wrong judge it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from database.connection import read_scope
from database.enums import LabelSource
from database.models import Label
from database.queries import model_versions
from database.queries.labels import NewLabel, record
from tests.integration.training.test_evidence import (
    World,
    first,
    known,
    one_candidate,
    patients,
    run,
    template,
    world,
)
from training import challenger
from training.corrected import SHARE

__all__ = ["first", "one_candidate", "run", "template", "world"]


def correct(world: World, ids: list[UUID], labels: list[int], key: str = "k") -> None:
    with Session(world.engine) as session, session.begin():
        told = [NewLabel(one, label, datetime.now(UTC), dated=False) for one, label in zip(ids, labels, strict=True)]
        record(session, told, key_id=key, source=LabelSource.FEEDBACK, allowed_models=None)


def because_of_them(world: World) -> UUID:
    day = timedelta(days=1)
    span = {"since": (datetime.now(UTC) - day).isoformat(), "newest_at": (datetime.now(UTC) + day).isoformat()}
    return world.ask(told={"only_if_better": True, "corrections": span})


def check(answer: dict[str, Any]) -> dict[str, Any]:
    (found,) = (one for one in answer["evidence"]["checks"] if one["name"] == "corrected_answers")
    return dict(found)


def test_a_changed_world_is_learnt_and_the_corrected_rows_teach_but_do_not_judge(world: World, run: Any) -> None:
    rows, labels = patients(240, "heart")
    world.receive(rows, known(labels))
    wrong = [at for at, label in enumerate(labels) if label == 1][:12]  # every answer here is 0
    few_rows, few_labels = [rows[at] for at in wrong], [labels[at] for at in wrong]
    ids = world.receive(few_rows, [None] * 12, mature=False)
    correct(world, ids, few_labels)
    answer = run(challenger, because_of_them(world))
    assert answer["ok"] is True, answer["says"]
    assert answer["recommended"] is True
    evidence = answer["evidence"]
    assert evidence["metrics"][0]["n"] == 240, "the corrected rows do not judge"
    assert evidence["training"]["traffic_rows"] == 252, "and they teach, though their window waits for labels"
    assert check(answer)["ok"] is True
    assert "of 12 corrected answers the new version has" in check(answer)["says"]
    with Session(world.engine) as session:
        made = model_versions.by_number(session, world.contract.name, 2)
        assert made.training_rows == 120 + 252


def test_wrong_corrections_by_the_dozen_end_by_themselves(world: World, run: Any) -> None:
    rows, labels = patients(200)
    world.receive(rows, known(labels))
    lied_rows, _ = patients(60, seed=500)
    ids = world.receive(lied_rows, [None] * 60, mature=False)
    correct(world, ids, [1] * 60, key="evil")
    answer = run(challenger, because_of_them(world))
    assert answer["ok"] is False
    assert "not surely better" in answer["says"]


def test_corrected_rows_alone_judge_nothing(world: World, run: Any) -> None:
    rows, labels = patients(120, "heart")
    ids = world.receive(rows, [None] * 120)
    correct(world, ids, labels)
    answer = run(challenger, because_of_them(world))
    assert answer["ok"] is False
    assert "only 0 labelled rows that can be trusted are left to judge with" in answer["says"]


def test_a_row_that_the_feed_labelled_as_well_judges_like_any_other(world: World, run: Any) -> None:
    rows, labels = patients(240, "heart")
    ids = world.receive(rows, known(labels))
    with Session(world.engine) as session:
        feed = set(session.scalars(select(Label.prediction_id)))
    assert feed == set(ids)
    wrong = [at for at, label in enumerate(labels) if label == 1][:10]
    with Session(world.engine) as session, session.begin():
        for at in wrong:
            session.add(
                Label(prediction_id=ids[at], revision=2, value=1, source="feedback", key_id="k",
                      observed_at=datetime.now(UTC))
            )  # fmt: skip
    answer = run(challenger, because_of_them(world))
    assert answer["evidence"]["metrics"][0]["n"] == 240
    assert "of 10 corrected answers" in check(answer)["says"]


def test_however_many_are_corrected_they_are_a_share_of_what_teaches(world: World, run: Any) -> None:
    rows, labels = patients(100, "heart")
    world.receive(rows, known(labels))
    many, truth = patients(300, "heart", seed=1000)
    different = [row | {"chol": 150 + at} for at, row in enumerate(many)]
    correct(world, world.receive(different, [None] * 300, mature=False), truth)
    answer = run(challenger, because_of_them(world))
    most = round(SHARE * world.contract.training.recent_rows)
    with Session(world.engine) as session:
        made = model_versions.by_number(session, world.contract.name, 2)
    assert made.training_rows == 120 + 100 + most
    assert answer["ok"] in (True, False)


def test_a_flood_of_one_corrected_row_is_thinned_out(world: World, run: Any) -> None:
    rows, labels = patients(200, "heart")
    world.receive(rows, known(labels))
    one = {**rows[0], "age": 77}
    correct(world, world.receive([one] * 150, [None] * 150, mature=False), [1] * 150)
    run(challenger, because_of_them(world))
    with Session(world.engine) as session:
        made = model_versions.by_number(session, world.contract.name, 2)
    assert made.training_rows < 120 + 200 + 10


@pytest.mark.parametrize("few", [True, False])
def test_without_enough_that_is_new_nothing_is_taught(world: World, run: Any, few: bool) -> None:
    rows, labels = patients(240, "heart")
    world.receive(rows, known(labels))
    answer = run(challenger, world.ask(told={"only_if_better": True, "least_new_rows": 241 if few else 240}))
    assert answer["ok"] is not few
    if few:
        assert "240 labelled rows are new since what serves was taught" in answer["says"]
    with read_scope(world.engine) as session:
        assert len(model_versions.all_of(session, world.contract.name)) == (1 if few else 2)


def test_a_retrain_wanted_only_if_better_asks_nobody_without_a_gain_and_one_wanted_anyhow_does(
    world: World, run: Any
) -> None:
    world.receive(*_known(patients(150)))
    answer = run(challenger, world.ask(told={"only_if_better": True, "least_new_rows": 0}))
    assert (answer["ok"], "not surely better" in answer["says"]) == (False, True)
    asked = run(challenger, world.ask())
    assert (asked["ok"], asked["recommended"]) == (True, False)


def _known(given: tuple[list[Any], list[int]]) -> tuple[list[Any], list[int | None]]:
    return given[0], known(given[1])
