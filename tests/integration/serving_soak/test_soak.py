"""`make soak` in small, and its checker against rows that were spoiled on purpose."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text

from scripts.chaos.platform import settings_of
from scripts.chaos.serving import run
from scripts.chaos.serving.checker import check
from scripts.chaos.serving.client import files
from scripts.chaos.serving.plan import schedule
from scripts.chaos.serving.stage import Stage, prepare

ROWS = 400
IDS = [f"01900000-0000-7000-8000-{number:012d}" for number in range(4)]


@pytest.fixture
def stage(home: Path, database_url: URL, engine: Engine) -> Stage:
    return prepare(settings_of(home / "home", database_url), engine, home)


@pytest.mark.slow
def test_nothing_answered_is_lost_doubled_or_other_than_told_though_the_api_dies_twice_and_the_version_changes(
    stage: Stage,
) -> None:
    planned = schedule(ROWS, 7, kills=2, swaps=2, versions=3, second=False)
    report = run.play(stage, ROWS, 7, planned, lambda _: None)
    assert report.violations == []
    assert (report.kills, report.swaps) == (2, 2)
    assert report.found is not None
    assert report.found.acknowledged >= ROWS
    assert report.found.stored == report.found.acknowledged + report.found.unknown
    with stage.engine.connect() as connection:
        assert connection.execute(text("SELECT count(DISTINCT model_id) FROM predictions")).scalar_one() > 1
        connection.execute(text("UPDATE prediction_counts SET positives = positives + 1"))
        assert check(connection, stage, run.CLIENTS).counts_differ


@dataclass(frozen=True)
class Spoiled:
    """Something wrong that is done to the stored rows, and what must be said of it."""

    name: str
    statement: str
    says: tuple[str, ...]


NEW = "'01900000-0000-7000-8000-00000000000a'"
_ANOTHER = """INSERT INTO predictions
    SELECT {id}, model_id, model_name, generation, key_id, '{request}',
        features, prediction, probability, threshold, latency_ms, {at}, stored_at
    FROM predictions WHERE id = :first"""
_STORE = """INSERT INTO predictions (id, model_id, model_name, generation, key_id, request_id, features, prediction,
        probability, threshold, latency_ms, created_at)
    VALUES (:id, :model, 'heart_disease', 1, 'k', :request, CAST(:row AS jsonb), :prediction, :probability, 0.5, 1,
            now())"""
NOT_AS_TOLD = "1 rows are stored otherwise than the client was told"
NOBODY_ASKED = ("1 rows are stored that nobody asked for",)
CASES = (
    Spoiled("nothing is wrong", "SELECT 1", ()),
    Spoiled("gone", "DELETE FROM predictions WHERE id = :first", ("1 acknowledged rows are not stored",)),
    Spoiled(
        "stamped with another version",
        "UPDATE predictions SET model_id = :other WHERE id = :first",
        ("1 rows are not what the version stamped on them computes", NOT_AS_TOLD),
    ),
    Spoiled(
        "other features than were sent",
        "UPDATE predictions SET features = (SELECT features FROM predictions WHERE id = :second) WHERE id = :first",
        ("1 rows are not what the version stamped on them computes", NOT_AS_TOLD),
    ),
    Spoiled(
        "stored a second time",
        _ANOTHER.format(id=":first", request="c0-1-1", at="created_at + interval '1 ms'"),
        ("1 rows are stored more than once",),
    ),
    Spoiled("never asked for", _ANOTHER.format(id=NEW, request="c9-1-1", at="created_at"), NOBODY_ASKED),
    Spoiled(
        "more than an unanswered request can have left",
        _ANOTHER.format(id=NEW, request="c0-3-1", at="created_at"),
        NOBODY_ASKED,
    ),
    Spoiled(
        "kept again by a second try with its key",
        _ANOTHER.format(id=NEW, request="c0-2-1", at="created_at"),
        ("1 rows were kept again though their Idempotency-Key had been answered",),
    ),
)


@pytest.fixture
def told(stage: Stage) -> Stage:
    """Four rows answered and stored: c0-1 has two of them, c0-2 one; c0-3 was sent and never answered, and left one."""
    version, pool = stage.versions[0], stage.pool
    probabilities = version.model.predict(pool[:4]).tolist()
    lines = [
        f"{IDS[at]}\tc0-{name}\t{at}\t{version.number}\t{int(probabilities[at] >= 0.5)}\t{probabilities[at]!r}\n"
        for at, name in ((0, 1), (1, 1), (2, 2))
    ]
    for number in range(run.CLIENTS):
        for path in files(stage.directory, number):
            path.write_text("")
    said, asked = files(stage.directory, 0)
    said.write_text("".join(lines))
    asked.write_text("c0-1\t2\t0\ttold\tf\nc0-2\t1\t1\ttold\tt\nc0-3\t1\t1\topen\tf\n")
    with stage.engine.begin() as connection:
        for at, request in enumerate(("c0-1-1", "c0-1-1", "c0-2-2", "c0-3-1")):
            given = {"id": IDS[at], "model": version.id, "request": request, "row": json.dumps(pool[at])}
            answer = {"prediction": int(probabilities[at] >= 0.5), "probability": probabilities[at]}
            connection.execute(text(_STORE), given | answer)
    return stage


def test_whatever_is_stored_otherwise_than_clients_were_told_is_named(told: Stage) -> None:
    for case in CASES:
        with told.engine.connect() as connection:
            given = {"first": IDS[0], "second": IDS[1], "other": told.versions[1].id}
            connection.execute(
                text(case.statement), {name: given[name] for name in given if f":{name}" in case.statement}
            )
            found = check(connection, told, run.CLIENTS)
            # Counts are another matter: these rows came past the shipper.
            assert tuple(replace(found, uncounted=0).violations()) == case.says, case.name
            assert found.uncounted == found.stored
            connection.rollback()
        if not case.says:
            assert (found.acknowledged, found.stored, found.unknown, found.unanswered) == (3, 4, 1, 2)
