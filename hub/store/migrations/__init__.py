"""Bring the schema up to date, once, under a lock; refuse a database that a newer hub wrote."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from hub.errors import SchemaTooNew, StoreError
from hub.store.database import Database

_LOCK = 0x6875_6201  # "hub", 1: nobody else's advisory lock
_OLDEST = 140_000  # PostgreSQL 14


async def migrate(database: Database) -> None:
    """Apply what is missing. Processes that start together wait for the first. Raises SchemaTooNew."""
    async with database.begin() as connection:
        await connection.execute(sa.text("set local statement_timeout = 0"))
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        await connection.run_sync(_upgrade)


def _upgrade(connection: sa.Connection) -> None:
    version = connection.execute(sa.text("select current_setting('server_version_num')::int")).scalar_one()
    if version < _OLDEST:
        raise StoreError(f"PostgreSQL {version // 10_000} is too old", hint="use PostgreSQL 14 or newer")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_revision()
    if found == scripts.get_current_head():
        return
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaTooNew(
            f"the database has schema {found}, newer than this hub knows ({scripts.get_current_head()})",
            hint="upgrade the hub, or point DATABASE_URL or HUB_DATA at another database",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
