"""The schema: one migration at a time, the same as the tables say, never behind the code's back."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from hub.errors import SchemaTooNew, StoreError
from hub.store import migrations
from hub.store.database import Database
from hub.store.migrations import HEAD, migrate
from hub.store.tables import metadata


@pytest.fixture
async def database(empty_database_url):
    opened = Database(empty_database_url)
    yield opened
    await opened.close()


async def test_the_migrations_make_the_tables_that_the_code_knows(database):
    await migrate(database)

    async with database.begin() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )

    assert difference == []


def test_the_head_that_the_code_knows_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_processes_that_start_together_migrate_once(database):
    await asyncio.gather(*(migrate(database) for _ in range(5)))

    async with database.begin() as connection:
        assert (await connection.execute(sa.text("select count(*) from alembic_version"))).scalar_one() == 1


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_cannot_hold_chinese_is_refused(empty_database_url, encoding):
    url = sa.make_url(empty_database_url)
    admin = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    name = f"{url.database}_old"
    await admin.execute(f"create database \"{name}\" encoding '{encoding}' locale 'C' template template0")
    old = Database(url.set(database=name).render_as_string(hide_password=False))

    with pytest.raises(StoreError, match=f"the database is encoded in {encoding}; create one with"):
        await migrate(old)

    await old.close()
    await admin.execute(f'drop database "{name}"')
    await admin.close()


async def test_a_newer_schema_is_refused_with_one_clear_line(database):
    await migrate(database)
    async with database.begin() as connection:
        await connection.execute(sa.text("update alembic_version set version_num = '9999'"))

    with pytest.raises(SchemaTooNew) as refused:
        await migrate(database)

    assert str(refused.value).startswith("the database has schema 9999, newer than this hub knows (")
    assert "\n" not in str(refused.value)
