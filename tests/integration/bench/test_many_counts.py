"""The counts that the ten-million bench makes in SQL are those of its rows, rolled up or not."""

from datetime import timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from database.models import ModelVersion, PredictionCount
from database.queries import count_upkeep
from scripts.bench.many_counts import count_all
from scripts.bench.many_predictions import Made, fill
from scripts.bench.page_questions import page_questions
from tests.integration.agent.world import MODEL, register


def test_counts_made_in_sql_are_those_of_the_rows_and_every_page_can_be_asked(engine: Engine) -> None:
    version = register(engine, reference_profile={})
    made = Made.before_today(1100, 11)
    fill(engine, version.id, MODEL, made)
    count_all(engine, version.id, made)
    with Session(engine) as session:
        known = session.get_one(ModelVersion, version.id)
        assert count_upkeep.differences(session, known) == []
        spans = select(PredictionCount.span_minutes, func.sum(PredictionCount.n)).group_by(PredictionCount.span_minutes)
        by_span = {row[0]: row[1] for row in session.execute(spans)}
        assert by_span == {1: 900, 60: 200}
        for name, ask in page_questions(made, MODEL):
            step, slices = ask(session)
            assert step > timedelta(0), name
            assert sum(one.n for one in slices) > 0, name
