"""The schema: one migration at a time, the same as the tables say, never behind the code's back."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from hub.errors import SchemaTooNew
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


async def test_a_newer_schema_is_refused_with_one_clear_line(database):
    await migrate(database)
    async with database.begin() as connection:
        await connection.execute(sa.text("update alembic_version set version_num = '9999'"))

    with pytest.raises(SchemaTooNew) as refused:
        await migrate(database)

    assert str(refused.value).startswith("the database has schema 9999, newer than this hub knows (")
    assert "\n" not in str(refused.value)
