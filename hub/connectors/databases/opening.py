"""Run work on a legacy database, within its time and its rate, and say what went wrong."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from hub.connectors.base import Limits
from hub.connectors.databases import dialects
from hub.connectors.databases.complaints import told, too_slow
from hub.connectors.databases.dsn import Address, look_up
from hub.connectors.pace import Pace
from hub.errors import SourceError, SourceUnavailable

T = TypeVar("T")
Work: TypeAlias = Callable[[sa.Connection], T]
"""What is done with a connection, in a thread or a greenlet: it waits for the database, and for nothing else."""


class Database:
    """The way to one database. Lives as long as its connector; what it opens, as long as a run."""

    def __init__(
        self, where: Address, limits: Limits, zone: ZoneInfo, *, folder: Path, encoding: str | None = None
    ) -> None:
        self._where = where
        self._limits = limits
        self._zone = zone
        self._folder = folder
        self._encoding = encoding
        self._pace = Pace(limits.rate)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Opened"]:
        """Be ready to connect, for one run. Raises SourceError."""
        seconds = self._limits.timeout.total_seconds()
        clock = dialects.Clock(seconds)
        try:
            await look_up(self._where.url)
            engine = self._engine(clock, seconds)
        except Exception as error:  # noqa: BLE001  # a DSN may say anything to its driver
            complaint = told(error, self._where.dialect, seconds, self._where.hidden)
        else:
            opened = Opened(engine, self._where, seconds, clock, self._pace)
            try:
                yield opened
            finally:
                await opened.close()
            return
        raise _placed(complaint, self._where)

    def _engine(self, clock: dialects.Clock, seconds: float) -> sa.Engine | AsyncEngine:
        url = self._where.url
        # One connection: a page and what belongs to it are read in one transaction.
        pool: dict[str, Any] = {"pool_size": 1, "max_overflow": 0, "pool_pre_ping": True}
        if url.get_backend_name() == "sqlite":
            pool |= {"poolclass": QueuePool, "creator": partial(self._open_sqlite, clock)}
            url = sa.URL.create(url.drivername, database=url.database)
        arguments = dialects.connect_arguments(url.get_driver_name(), seconds)
        make = create_async_engine if url.get_dialect().is_async else sa.create_engine
        engine: sa.Engine | AsyncEngine = make(url, connect_args=arguments, hide_parameters=True, **pool)
        plain = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
        prepare = partial(dialects.prepare, url=url, seconds=seconds, zone=self._zone, encoding=self._encoding)
        sa.event.listen(plain, "connect", lambda connection, _record: prepare(connection))
        if (statement := dialects.begin(url.get_backend_name())) is not None:
            sa.event.listen(plain, "begin", lambda connection: connection.exec_driver_sql(statement))
        return engine

    def _open_sqlite(self, clock: dialects.Clock) -> Any:
        path = self._folder / str(self._where.url.database)
        return dialects.open_sqlite(path, clock, encoding=self._encoding, most_bytes=self._limits.max_body)


class Opened:
    """Connections to one database, for one run."""

    def __init__(
        self, engine: sa.Engine | AsyncEngine, where: Address, seconds: float, clock: dialects.Clock, pace: Pace
    ) -> None:
        self._engine = engine
        self._where = where
        self._seconds = seconds
        self._clock = clock
        self._pace = pace

    async def run(self, work: Work[T]) -> T:
        """Give the work a connection in a transaction that only reads, and is then rolled back. Raises SourceError."""
        await self._pace.wait()
        self._clock.start()
        try:
            async with asyncio.timeout(self._seconds + dialects.GRACE) as limit:
                if isinstance(self._engine, AsyncEngine):
                    return await _in_greenlet(self._engine, work)
                return await _in_thread(self._engine, work)
        except Exception as error:  # noqa: BLE001  # a driver that is told nonsense raises whatever it stumbles over
            late = SourceUnavailable(too_slow(self._seconds)) if limit.expired() else error
            complaint = told(late, self._where.dialect, self._seconds, self._where.hidden)
        # Outside of `except`: what stands behind it holds statements, parameters, and pieces of rows.
        raise _placed(complaint, self._where)

    async def close(self) -> None:
        if isinstance(self._engine, AsyncEngine):
            await self._engine.dispose()
        else:
            self._engine.dispose()


def _placed(error: SourceError, where: Address) -> SourceError:
    error.message = f"{where.place}: {error.message}"
    return error


async def _in_greenlet(engine: AsyncEngine, work: Work[T]) -> T:
    async with engine.connect() as connection:
        return await connection.run_sync(work)


async def _in_thread(engine: sa.Engine, work: Work[T]) -> T:
    """Run the work in a thread of its own: one that hangs takes none from others, and does not hold up the end."""
    job = _Job(engine, work)
    threading.Thread(target=job.run, name="hub-database", daemon=True).start()
    try:
        outcome: T = await job.outcome
    except asyncio.CancelledError:
        job.abandon()
        raise
    return outcome


class _Job:
    """One piece of work in a thread."""

    def __init__(self, engine: sa.Engine, work: Work[Any]) -> None:
        self._engine = engine
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._connection: Any = None
        self._is_abandoned = False
        self.outcome: asyncio.Future[Any] = self._loop.create_future()

    def run(self) -> None:
        try:
            self._settle(self._result(), None)
        except BaseException as error:  # noqa: BLE001  # it is raised again where the outcome is awaited
            self._settle(None, error)

    def abandon(self) -> None:
        """Stop as well as the driver can; whatever still comes is thrown away, together with the connection."""
        self._is_abandoned = True
        dialects.stop(self._connection)

    def _result(self) -> Any:
        with self._engine.connect() as connection:
            self._connection = connection.connection.dbapi_connection
            try:
                return None if self._is_abandoned else self._work(connection)
            finally:
                if self._is_abandoned:
                    connection.invalidate()

    def _settle(self, result: Any, error: BaseException | None) -> None:
        def settle() -> None:
            if self.outcome.done():
                return
            if error is None:
                self.outcome.set_result(result)
            else:
                self.outcome.set_exception(error)

        with suppress(RuntimeError):  # The loop has ended meanwhile.
            self._loop.call_soon_threadsafe(settle)
