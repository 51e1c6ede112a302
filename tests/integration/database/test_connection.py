"""Telling a database that is away from one that answered, and saying so without a patient's data."""

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from database.connection import first_line, is_away, sqlstate


def test_a_server_that_nobody_answers_for_is_away() -> None:
    engine = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none", connect_args={"connect_timeout": 1})
    with pytest.raises(OperationalError) as refused:
        engine.connect()
    assert is_away(refused.value)
    assert not sqlstate(refused.value)


def test_a_connection_that_is_cut_means_away(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(OperationalError) as cut:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert is_away(cut.value)


def test_a_pool_that_has_no_connection_left_means_away(engine: Engine) -> None:
    small = create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    with small.connect(), pytest.raises(PoolTimeoutError) as none_free:
        small.connect()
    small.dispose()
    assert is_away(none_free.value)


def test_a_question_that_takes_too_long_or_is_wrong_was_answered_by_a_database_that_is_there(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 10"))
        with pytest.raises(OperationalError) as slow:
            connection.execute(text("SELECT pg_sleep(5)"))
    with engine.connect() as connection, pytest.raises(DBAPIError) as wrong:
        connection.execute(text("SELECT 1 / 0"))
    assert not is_away(slow.value)
    assert not is_away(wrong.value)
    assert not is_away(ValueError("ours"))


def test_the_first_line_of_an_error_holds_neither_the_statement_nor_its_parameters(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as wrong:
        connection.execute(text("SELECT :name ::text, nothing_of_this_name"), {"name": "a patient"})
    line = first_line(wrong.value)
    assert line == 'column "nothing_of_this_name" does not exist'
    assert first_line(ValueError()) == "ValueError"
