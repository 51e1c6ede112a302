"""One PostgreSQL server for the whole test run, and a freshly migrated database for each test that asks for one."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.orm import Session

from database import migrations
from database.embedded import EmbeddedPostgres
from database.queries import people
from scripts.crash.server import CARELESS, quick_place
from tests.service_postgres import ServicePostgres

TEMPLATE = "steward_template"
# Fills a database and names it: a template for tests that all begin with the same.
Prepare = Callable[[Callable[[Engine], object]], str]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `lane` runs where it is asked for (`-m lane`), and is a visible skip elsewhere.

    It comes first: what takes a minute, begun last, would leave one core with nothing to do.
    """
    if "lane" in str(config.option.markexpr):
        items.sort(key=lambda item: item.get_closest_marker("lane") is None)
        return
    for item in items:
        if item.get_closest_marker("lane"):
            item.add_marker(pytest.mark.skip(reason="takes too long for `make test`: `make test-long` runs it"))


@contextmanager
def open_directory(parent: str = "/tmp") -> Iterator[Path]:
    """An empty directory that everyone may pass through, removed at the end with every server left in it.

    Not under pytest's own temporary directory: that is closed to others, and as root the server runs as another user.
    """
    directory = Path(tempfile.mkdtemp(prefix="steward-tests-", dir=parent))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        for left in directory.rglob("postmaster.pid"):
            EmbeddedPostgres(left.parent).stop()
        shutil.rmtree(directory)


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory for a test that starts an embedded server of its own, such as a STEWARD_HOME."""
    with open_directory() as directory:
        yield directory


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """argon2id as everywhere, without the cost that is its point: most tests make four people and sign one in.

    A hash carries its own cost, so processes that tests start read these as cheaply.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(people, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session", autouse=True)
def _authorities_read_once() -> Iterator[None]:
    """Every client of httpx reads all certificates of the world when it is made; nothing here speaks TLS."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres | ServicePostgres]:
    """The running server that all tests share, each with a database of its own.

    The embedded one, or that of STEWARD_TEST_DATABASE_URL, whose user may make databases and roles.
    """
    if service := os.environ.get("STEWARD_TEST_DATABASE_URL"):
        yield ServicePostgres(make_url(service))
        return
    with open_directory(quick_place()) as directory:
        server = EmbeddedPostgres(directory / "postgres", settings=CARELESS)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def admin_engine(postgres: EmbeddedPostgres | ServicePostgres) -> Iterator[Engine]:
    """Connects to the maintenance database, outside any transaction: to create and drop databases."""
    engine = create_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres | ServicePostgres) -> str:
    """The name of a database with all migrations applied and no rows: copying it is far cheaper than migrating."""
    postgres.ensure_database(TEMPLATE)
    migrations.upgrade(postgres.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def prepared(postgres: EmbeddedPostgres | ServicePostgres, admin_engine: Engine, migrated_template: str) -> Prepare:
    """Makes templates: a migrated database, filled once by what is given. They go with the server."""

    def prepare(fill: Callable[[Engine], object]) -> str:
        name = f"template_{uuid.uuid4().hex}"
        _copy(admin_engine, migrated_template, name)
        engine = create_engine(postgres.url(name), poolclass=NullPool)  # nobody stays: it is to be copied
        fill(engine)
        return name

    return prepare


@pytest.fixture(scope="session")
def template(migrated_template: str) -> str:
    """What the database of a test is a copy of. A file whose tests begin with the same overrides it (`prepared`)."""
    return migrated_template


def _copy(admin_engine: Engine, template: str, name: str) -> None:
    with admin_engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))


@pytest.fixture
def database_url(postgres: EmbeddedPostgres | ServicePostgres, admin_engine: Engine, template: str) -> Iterator[URL]:
    """The URL of a migrated database that belongs to this test alone; dropped afterwards, whoever is connected."""
    name = f"test_{uuid.uuid4().hex}"
    _copy(admin_engine, template, name)
    try:
        yield postgres.url(name)
    finally:
        with admin_engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def engine(database_url: URL) -> Iterator[Engine]:
    """An engine on this test's database."""
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session on this test's database. The test commits what others must see; the rest is rolled back."""
    with Session(engine) as session:
        yield session
