"""Rows of a day by key: added up by several processes at once, and forgotten after a quarter."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from database.connection import session_scope
from database.enums import Scope
from database.queries import api_keys, key_usage
from database.queries.audit import SYSTEM

TODAY = date(2026, 11, 30)


@pytest.fixture
def keys(engine: Engine) -> list[str]:
    with session_scope(engine) as session:
        return [
            api_keys.create_key(
                session, SYSTEM, name, [Scope.PREDICT], None, timedelta(days=1), b"k" * 32, "development"
            )[0].key_id
            for name in ("one", "two")
        ]


def test_processes_that_tell_at_the_same_moment_lose_nothing_and_end(engine: Engine, keys: list[str]) -> None:
    def tell(at: int) -> None:
        names = keys if at % 2 else keys[::-1]
        with session_scope(engine) as session:
            key_usage.add(session, {(name, TODAY - timedelta(days=day)): 1 for name in names for day in (0, 1)})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, range(40)))
    with Session(engine) as session:
        assert key_usage.of_day(session, TODAY) == dict.fromkeys(keys, 40)
        assert key_usage.of_day(session, TODAY - timedelta(days=1)) == dict.fromkeys(keys, 40)


def test_a_key_that_the_database_does_not_know_is_left_out(engine: Engine, keys: list[str]) -> None:
    with session_scope(engine) as session:
        key_usage.add(session, {("restored", TODAY): 5, (keys[0], TODAY): 3})
        key_usage.add(session, {})
    with Session(engine) as session:
        assert key_usage.of_day(session, TODAY) == {keys[0]: 3}


def test_what_is_older_than_a_quarter_is_forgotten(engine: Engine, keys: list[str]) -> None:
    old, kept = TODAY - key_usage.KEPT - timedelta(days=1), TODAY - key_usage.KEPT
    with session_scope(engine) as session:
        key_usage.add(session, {(keys[0], day): 1 for day in (old, kept, TODAY)})
        key_usage.forget_old(session, TODAY)
    with Session(engine) as session:
        assert [bool(key_usage.of_day(session, day)) for day in (old, kept, TODAY)] == [False, True, True]
