"""No command takes the database away from another, and a server that died is started again."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine, text

from config.settings import DatabaseSettings, PlatformSettings, Settings
from database.address import agent_database_url
from database.agent_role import AGENT_LOGIN
from database.embedded import EmbeddedPostgres
from database.running import running_database


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(platform=PlatformSettings(home=home), database=DatabaseSettings(url=None))


def _answers(url: URL) -> bool:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) >= 0 FROM predictions")).scalar_one())


def _pid(settings: Settings) -> int | None:
    return EmbeddedPostgres(settings.postgres_dir).running_pid()


def test_the_server_lives_as_long_as_the_block_and_is_migrated(settings: Settings) -> None:
    with running_database(settings) as database:
        assert _answers(database.url)
    assert _pid(settings) is None


def test_the_agent_enters_by_a_login_of_its_own(settings: Settings) -> None:
    with running_database(settings):
        url = agent_database_url(settings)
        assert url.username == AGENT_LOGIN
        assert _answers(url)


def test_an_owner_waits_for_those_who_use_its_server(settings: Settings) -> None:
    inside, served = threading.Event(), []

    def use() -> None:
        with running_database(settings) as database:
            assert database.server is None
            inside.set()
            time.sleep(0.5)  # the owner wants to leave meanwhile
            served.append(_answers(database.url))

    with running_database(settings) as database:
        assert database.server is not None
        user = threading.Thread(target=use)
        user.start()
        assert inside.wait(20)
    user.join()
    assert served == [True]
    assert _pid(settings) is None


def test_one_that_is_going_to_stay_waits_until_it_can_own_the_server(settings: Settings) -> None:
    order: list[str] = []
    stay = threading.Event()

    def remain() -> None:
        with running_database(settings, waits_to_own=True) as database:
            assert database.server is not None
            order.append("owned by the one that stays")
            stay.wait(20)

    with running_database(settings):
        thread = threading.Thread(target=remain)
        thread.start()
        time.sleep(0.5)
        order.append("the short command ends")
    deadline = time.monotonic() + 20
    while len(order) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with running_database(settings) as database:
        assert database.server is None
        assert _answers(database.url)
    assert _pid(settings) is not None
    stay.set()
    thread.join()
    assert order == ["the short command ends", "owned by the one that stays"]
    assert _pid(settings) is None


def test_a_server_that_was_killed_is_started_again_with_its_data(settings: Settings) -> None:
    with running_database(settings) as database:
        assert database.revive() is None
        first = _pid(settings)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while (said := database.revive()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "running again" in said
        assert _pid(settings) not in {None, first}
        assert _answers(database.url)
