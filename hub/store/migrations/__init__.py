"""Bring the schema up to date, once, under a lock; refuse a database that a newer hub wrote."""

from pathlib import Path

import sqlalchemy as sa

from hub.errors import SchemaTooNew, StoreError
from hub.store.database import Database, unhurried

HEAD = "0011"
"""The newest migration. Known here so that a database that is up to date costs no import of Alembic."""

_LOCK = 0x6875_6201  # "hub", 1: nobody else's advisory lock
_OLDEST = 140_000  # PostgreSQL 14
_SERVER = sa.text("select current_setting('server_version_num')::int, current_setting('server_encoding')")


async def migrate(database: Database) -> None:
    """Apply what is missing. Processes that start together wait for the first. Raises SchemaTooNew, or StoreError."""
    async with database.begin() as connection:
        await unhurried(connection)
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if await connection.run_sync(_revision) != HEAD:
            await connection.run_sync(_upgrade)


def _revision(connection: sa.Connection) -> str | None:
    version, encoding = connection.execute(_SERVER).one()
    if version < _OLDEST:
        raise StoreError(f"PostgreSQL {version // 10_000} is too old", hint="use PostgreSQL 14 or newer")
    if encoding != "UTF8":
        # It could not hold Chinese, or not search it.
        raise StoreError(
            f"the database is encoded in {encoding}", hint="create one with: encoding 'UTF8' template template0"
        )
    if not connection.execute(sa.text("select to_regclass('alembic_version') is not null")).scalar_one():
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command  # noqa: PLC0415  # a tenth of the start of every command, needed once a release
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent))
    found = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaTooNew(
            f"the database has schema {found}, newer than this hub knows ({HEAD})",
            hint="upgrade the hub, or point DATABASE_URL or HUB_DATA at another database",
        )
    command.upgrade(config, "head")
