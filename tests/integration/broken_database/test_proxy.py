"""Each way in which the proxy breaks is the one it says, to a real psycopg2 connection."""

import time
from collections.abc import Iterator

import psycopg2
import pytest
from sqlalchemy import URL, Engine, text

from scripts.chaos.proxy import Mode, Proxy
from scripts.chaos.wire import Frontend


def connect(url: URL) -> "psycopg2.extensions.connection":
    return psycopg2.connect(url.set(drivername="postgresql").render_as_string(), connect_timeout=2)


@pytest.fixture
def connection(proxied_url: URL) -> Iterator["psycopg2.extensions.connection"]:
    connection = connect(proxied_url)
    yield connection
    connection.close()


def ask(connection: "psycopg2.extensions.connection", query: str = "SELECT 1") -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def test_it_passes_everything_as_it_came(connection: "psycopg2.extensions.connection") -> None:
    assert ask(connection, "SELECT repeat('x', 300000)") == ("x" * 300_000,)


def test_it_refuses_new_connections_keeps_open_ones_and_comes_back_at_the_same_address(
    proxy: Proxy, proxied_url: URL, connection: "psycopg2.extensions.connection"
) -> None:
    proxy.switch(Mode.REFUSE)
    with pytest.raises(psycopg2.OperationalError, match="refused"):
        connect(proxied_url)
    assert ask(connection) == (1,)
    proxy.switch(Mode.OPEN)
    connect(proxied_url).close()


def test_a_connection_that_hangs_is_accepted_and_answers_when_it_no_longer_does(
    proxy: Proxy, proxied_url: URL, connection: "psycopg2.extensions.connection"
) -> None:
    proxy.switch(Mode.HANG)
    began = time.monotonic()
    with pytest.raises(psycopg2.OperationalError, match="timeout expired"):
        connect(proxied_url)
    assert time.monotonic() - began > 1.5
    proxy.switch(Mode.OPEN)
    assert ask(connection) == (1,)


def test_each_answer_is_late_by_the_delay(proxy: Proxy, connection: "psycopg2.extensions.connection") -> None:
    ask(connection)
    proxy.switch(Mode.DELAY, 0.3)
    began = time.monotonic()
    ask(connection)
    assert 0.3 <= time.monotonic() - began < 2


def test_a_connection_is_cut_in_the_middle_of_an_answer(
    proxy: Proxy, connection: "psycopg2.extensions.connection"
) -> None:
    ask(connection)
    proxy.switch(Mode.CUT, 1000)
    assert ask(connection) == (1,)
    with pytest.raises(psycopg2.OperationalError):
        ask(connection, "SELECT repeat('x', 300000)")


def test_every_open_connection_can_be_reset(
    proxy: Proxy, proxied_url: URL, connection: "psycopg2.extensions.connection"
) -> None:
    ask(connection)
    proxy.reset_all()
    with pytest.raises(psycopg2.OperationalError):
        ask(connection)
    connect(proxied_url).close()


def test_a_commit_whose_answer_is_swallowed_counts_and_only_that_one(
    proxy: Proxy, engine: Engine, proxied_url: URL, connection: "psycopg2.extensions.connection"
) -> None:
    with engine.begin() as direct:
        direct.execute(text("CREATE TABLE kept (name text)"))
    proxy.swallow_commit(after="'this one'")
    other = connect(proxied_url)
    with other.cursor() as cursor:
        cursor.execute("INSERT INTO kept VALUES ('another')")
    other.commit()
    other.close()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO kept VALUES ('this one')")
    assert proxy.swallowed == 0
    with pytest.raises(psycopg2.OperationalError):
        connection.commit()
    assert proxy.swallowed == 1
    again = connect(proxied_url)
    assert ask(again, "SELECT count(*) FROM kept") == (2,)
    again.commit()
    again.close()
    assert proxy.swallowed == 1


def test_statements_are_seen_however_their_bytes_are_cut() -> None:
    hello = b"\x00\x03\x00\x00user\x00postgres\x00\x00"
    encrypted = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
    query = b"Q" + (4 + 7).to_bytes(4, "big") + b"COMMIT\x00"
    prepared = b"P" + (4 + 3 + 9 + 2).to_bytes(4, "big") + b"s1\x00SELECT 1\x00\x00\x00"
    sent = encrypted + (len(hello) + 4).to_bytes(4, "big") + hello + query + prepared
    frontend = Frontend()
    seen = [said for at in range(len(sent)) for said in frontend.statements(sent[at : at + 1])]
    assert seen == ["COMMIT", "SELECT 1"]
