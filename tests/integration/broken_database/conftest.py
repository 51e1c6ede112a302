"""The test's own database behind a proxy that breaks on demand, and an API that enters it there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from api.main import create_app
from database.embedded import EmbeddedPostgres
from scripts.chaos.proxy import Proxy
from tests.integration.api.conftest import Api, Installation, install, serve, settings_for


@pytest.fixture
def proxy(postgres: EmbeddedPostgres) -> Iterator[Proxy]:
    with Proxy(postgres) as proxy:
        yield proxy


@pytest.fixture
def proxied_url(proxy: Proxy, database_url: URL) -> URL:
    """This test's database as a client behind the proxy reaches it."""
    assert database_url.database
    return proxy.url(database_url.database)


@pytest.fixture
def installed(home: Path, proxied_url: URL, engine: Engine) -> Installation:
    """Processes meet the proxy; the test itself looks past it."""
    return install(settings_for(home, proxied_url), engine)


@pytest.fixture
def api(installed: Installation) -> Iterator[Api]:
    yield from serve(create_app(installed.settings))
