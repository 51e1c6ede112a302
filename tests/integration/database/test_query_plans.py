"""Questions about predictions read what they ask about, however much there is beside it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session

from database.embedded import EmbeddedPostgres
from scripts.bench.many_predictions import Made, fill
from scripts.bench.questions import Question, questions, some_ids
from tests.integration.agent.world import MODEL, register

ROWS, DAYS, WINDOW = 60_000, 30, 100


@dataclass(frozen=True)
class Ground:
    engine: Engine
    made: Made
    asked: dict[str, Question]


@pytest.fixture(scope="module")
def ground(postgres: EmbeddedPostgres, admin_engine: Engine, migrated_template: str) -> Iterator[Ground]:
    """Thirty days of predictions, nine in ten with a label."""
    with admin_engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE many TEMPLATE {migrated_template} STRATEGY FILE_COPY"))
    engine = create_engine(postgres.url("many"))
    model_id = register(engine).id
    made = Made.before_today(ROWS, DAYS)
    fill(engine, model_id, MODEL, made)
    with Session(engine) as session:
        ids = some_ids(session, made, 1000)
    yield Ground(engine, made, {one.name: one for one in questions(made, MODEL, model_id, ids, WINDOW)})
    engine.dispose()
    with admin_engine.connect() as connection:
        connection.execute(text("DROP DATABASE many WITH (FORCE)"))


@contextmanager
def statements(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    said: list[tuple[str, Any]] = []

    def keep(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            said.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", keep)
    yield said
    event.remove(connection, "before_cursor_execute", keep)


@dataclass(frozen=True)
class Scan:
    """One relation of a plan, as it was run."""

    kind: str
    relation: str
    loops: int
    rows: int


def scans(plan: dict[str, Any]) -> Iterator[Scan]:
    if "Relation Name" in plan and plan["Actual Loops"]:
        loops = plan["Actual Loops"]
        read = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield Scan(plan["Node Type"], plan["Relation Name"], loops, round(read * loops))
    for part in plan.get("Plans", []):
        yield from scans(part)


def test_no_question_reads_a_whole_day_or_one_it_does_not_ask_about(ground: Ground, subtests: pytest.Subtests) -> None:
    for question in ground.asked.values():
        with subtests.test(question.name), Session(ground.engine) as session:
            found = _run(session, question)
            assert {one.relation for one in found if one.kind == "Seq Scan" and _is_big(one)} == set()
            days = {one.relation for one in found if one.relation.startswith("predictions_2") and one.rows > 0}
            assert question.days is None or len(days) <= question.days
            assert sum(one.rows for one in found) <= question.rows


def _is_big(scan: Scan) -> bool:
    """A day that is empty, and a look whether there is any row at all, are read so, and rightly."""
    return scan.rows > 10 and (scan.relation == "labels" or scan.relation.startswith("predictions_"))


def _run(session: Session, question: Question) -> list[Scan]:
    connection = session.connection()
    with statements(connection) as said:
        question.ask(session)
    found: list[Scan] = []
    cursor = connection.connection.cursor()
    for statement, parameters in said:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {statement}", parameters)
        [(plan,)] = cursor.fetchall()
        found += scans((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    session.rollback()
    return found
