"""The one door to PostgreSQL: connections, transactions, and its errors turned into ours."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import StoreUnavailable, Unstorable

POOL_SIZE = 20


class Database:
    """A pool of connections to one PostgreSQL ≥ 14. All times come and go as aware UTC."""

    def __init__(self, url: str) -> None:
        address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._address = address
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            # The driver reads the URL itself, so all that libpq knows may stand in it: sslmode, sslrootcert, passfile.
            async_creator=lambda: _connect(address),
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_use_lifo=True,  # The one that was used last knows its statements best.
            hide_parameters=True,  # An error must not say what a ticket holds.
            json_deserializer=orjson.loads,
            json_serializer=lambda value: orjson.dumps(value).decode(),
        )
        sa.event.listen(self.engine.sync_engine, "checkout", _only_open)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end, rolled back on any error. Raises StoreUnavailable or Unstorable."""
        with _errors_as_ours():
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def begin_lean(self) -> AsyncIterator[asyncpg.Connection]:
        """The same on the driver itself, at a tenth of the cost: for what is asked for every page."""
        with _errors_as_ours():
            held = await self.engine.raw_connection()
            connection: Any = held.driver_connection
            try:
                async with connection.transaction():
                    yield connection
            except asyncio.CancelledError:
                held.invalidate()  # Nobody knows how far it came: it may even stand in a transaction.
                raise
            finally:
                held.close()

    async def connect(self, **options: Any) -> asyncpg.Connection:
        """Open a connection of the driver itself, set up like those of the pool; whoever opens it closes it."""
        return await _connect(self._address, **options)

    async def close(self) -> None:
        await self.engine.dispose()


async def _connect(address: str, **options: Any) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        address,
        **options,
        timeout=10,
        server_settings={
            "application_name": "hub",
            "timezone": "UTC",
            "statement_timeout": "15s",
            # A process that is stopped in the middle of a transaction holds its locks: not for ever.
            "idle_in_transaction_session_timeout": "5s",
            "jit": "off",  # Compiling a statement costs more than running any of ours.
        },
    )
    try:
        # PostgreSQL 17 and newer also end a transaction whose client was stopped in the middle of asking.
        await connection.execute(
            """select set_config('transaction_timeout', '20s', false)
               where current_setting('server_version_num')::int >= 170000"""
        )
    except BaseException:
        connection.terminate()
        raise
    return connection


def _only_open(connection: Any, _record: Any, _fairy: Any) -> None:
    """Let the pool open another connection in the place of one that the server ended; to ask would be a round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


async def unhurried(connection: AsyncConnection) -> None:
    """Let this transaction take its time: a migration, or a replay of all that was ever served."""
    await connection.exec_driver_sql("set local statement_timeout = 0")
    await connection.exec_driver_sql(
        """select set_config('transaction_timeout', '0', true)
           where current_setting('server_version_num')::int >= 170000"""
    )


@contextmanager
def _errors_as_ours() -> Iterator[None]:
    try:
        yield
    except (*_REFUSED, OSError, TimeoutError) as error:
        if _state(error).startswith(_DATA):
            raise Unstorable(f"the database cannot hold a value: {_first_line(error)}") from error
        if not _away(error):
            raise
        raise StoreUnavailable(f"the database does not answer: {_first_line(error)}") from error


_REFUSED = (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError)
_DATA = "22"  # the class of SQLSTATEs that a value causes
# Connection lost, deadlock, out of resources, server going down, timed out: another try may go well.
_AWAY = ("08", "40", "53", "57", "55006", "25P")


def _away(error: BaseException) -> bool:
    if not isinstance(error, _REFUSED):
        return True
    if isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error.orig, OSError)):
        return True
    return _state(error).startswith(_AWAY) or (isinstance(error, asyncpg.InterfaceError) and "closed" in str(error))


def _state(error: BaseException) -> str:
    """The SQLSTATE of an error; empty where there is none."""
    return str(getattr(_cause(error), "sqlstate", None) or "")


def _first_line(error: BaseException) -> str:
    cause = _cause(error)
    return (str(cause) or type(cause).__name__).splitlines()[0]


def _cause(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig else error
