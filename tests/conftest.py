"""What every test may ask for: a real PostgreSQL, and a store of its own in it."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest
import sqlalchemy as sa

from hub.store.embedded import EmbeddedPostgres
from hub.store.store import Store

EXTERNAL = os.environ.get("HUB_TEST_DATABASE_URL")
_LONGEST_ID = 80


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call long parameters by their place: archives hold the time they were packed, and every worker packs its own."""
    return argname if isinstance(val, bytes | str) and len(val) > _LONGEST_ID else None


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedPostgres]:
    # Not below pytest's own folder: every other pytest of this user closes that to other accounts, and as root the
    # server runs as one.
    with TemporaryDirectory(prefix="hub-test-") as folder:
        server = EmbeddedPostgres(Path(folder))
        server.open()
        yield server
        server.close()


@pytest.fixture(scope="session", params=["embedded", *(["external"] if EXTERNAL else [])])
def server_url(request: pytest.FixtureRequest) -> str:
    """The embedded server and, where HUB_TEST_DATABASE_URL is set, that one as well."""
    if request.param == "external":
        assert EXTERNAL is not None
        return EXTERNAL
    embedded: EmbeddedPostgres = request.getfixturevalue("embedded")
    return embedded.url


@pytest.fixture(scope="session")
async def template(server_url: str) -> AsyncIterator[str]:
    """The name of a database that is migrated once; every test's own is a copy of it."""
    async with _database(server_url) as url:
        await (await Store.open(url)).close()
        name = sa.make_url(url).database
        assert name is not None
        yield name


@pytest.fixture
async def empty_database_url(server_url: str) -> AsyncIterator[str]:
    """A database without any table, dropped afterwards."""
    async with _database(server_url) as url:
        yield url


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncIterator[str]:
    """A database that is migrated and empty, dropped afterwards."""
    async with _database(server_url, template) as url:
        yield url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url)
    yield opened
    await opened.close()


@asynccontextmanager
async def _database(server_url: str, template: str = "template1") -> AsyncIterator[str]:
    url = sa.make_url(server_url)
    name = f"hub_test_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        await admin.execute(f'create database "{name}" template "{template}"')
        yield url.set(database=name).render_as_string(hide_password=False)
        await admin.execute(f'drop database "{name}" with (force)')
    finally:
        await admin.close()


@pytest.fixture
def here() -> Path:
    return Path(__file__).parent
