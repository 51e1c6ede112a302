"""What a client is told when the database does not give an answer."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api import error_handlers
from api.refusals import Refusals
from tests.integration.api.conftest import serve


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("SELECT pg_sleep(5)", 503, "database_busy"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", 503, "database_unavailable"),
        ("SELECT 1 / 0", 500, "internal"),
    ],
)
def test_slow_away_and_wrong_are_three_answers(engine: Engine, statement: str, status: int, code: str) -> None:
    app = FastAPI()
    app.state.runtime = SimpleNamespace(refusals=Refusals({}))
    error_handlers.install(app)

    @app.get("/")
    def ask() -> None:
        with engine.connect() as connection:
            connection.execute(text("SET statement_timeout = 20"))
            connection.execute(text(statement))

    with contextmanager(serve)(app) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) == (status == 503)
