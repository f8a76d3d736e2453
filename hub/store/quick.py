"""Read for the API at the speed of hand-written SQL: one statement a list, only the columns that somebody asked for."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeAlias

import asyncpg
import orjson

from hub.errors import StoreUnavailable
from hub.store import pages
from hub.store.database import Database
from hub.store.pages import REMEMBERED, Attempt
from hub.store.reads import AppealQuery
from hub.store.search import Sought

Row: TypeAlias = Sequence[Any]
"""One row, its values in the order in which the columns were asked for."""

asked: ContextVar[list[str] | None] = ContextVar("asked", default=None)
"""Where the statements are noted that are asked from here on; None when nobody wants to know."""
_POOL_SIZE = 10
_FRESH = 600  # seconds for which PostgreSQL's statistics are not asked again


class Quick:
    """Connections of its own: they hand over JSON as the text that goes out, and times nearly so."""

    def __init__(self, database: Database) -> None:
        # Most statements leave the planner no choice. Where its choice depends on the values, planning anew each time
        # is cheap beside a plan for other values.
        self._once = _Connections(database, "force_generic_plan")
        self._anew = _Connections(database, "force_custom_plan")
        self._frequencies: Mapping[str, float] = {}
        self._known_until = -math.inf
        self._learning: asyncio.Task[None] | None = None

    async def page(self, query: AppealQuery, columns: tuple[str, ...]) -> list[Row]:
        """One row more than asked for, where there is one, in the direction of reading."""
        if query.filter.text:
            await self._know_frequencies()
        return await answered(query.size, pages.attempts(query, columns, self._frequency), self._ask)

    async def _ask(self, attempt: Attempt) -> list[Row]:
        return await (self._anew if attempt.anew else self._once).fetch(attempt.text, attempt.parameters)

    async def _know_frequencies(self) -> None:
        """Know which lexemes are common. What is out of date, or not known at all, costs time and nothing else."""
        if self._learning is None and time.monotonic() >= self._known_until:
            self._learning = asyncio.create_task(self._learn())
        if self._learning is not None and not self._frequencies:
            # Whoever stops waiting does not stop those who wait for the same.
            await asyncio.shield(self._learning)

    async def _learn(self) -> None:
        try:
            rows = await self._once.fetch(_FREQUENCIES, [])
            self._frequencies = {
                lexeme: part for lexemes, parts in rows for lexeme, part in zip(lexemes, parts, strict=False)
            }
            self._known_until = time.monotonic() + _FRESH
        except StoreUnavailable:
            pass  # The page that is to be read will tell, or the next one learns.
        finally:
            self._learning = None

    def _frequency(self, sought: Sought) -> float:
        if not sought.prefix:
            return self._frequencies.get(sought.lexeme, 0)
        return sum(part for lexeme, part in self._frequencies.items() if lexeme.startswith(sought.lexeme))

    async def one(self, key: int | tuple[str, str], columns: tuple[str, ...]) -> Row | None:
        """The appeal of that id, or of that source and its own id, if there is one."""
        if isinstance(key, int):
            rows = await self._once.fetch(pages.one(columns, "a.id = $1"), [key])
        else:
            rows = await self._once.fetch(pages.one(columns, "a.source = $1 and a.external_id = $2"), key)
        return rows[0] if rows else None

    async def several(self, ids: Sequence[int], columns: tuple[str, ...]) -> dict[int, Row]:
        """Those of the appeals that exist, by their ids."""
        rows = await self._once.fetch(pages.one((*columns, "id"), "a.id = any($1)"), [list(ids)])
        return {row[len(columns)]: row for row in rows}

    async def rows(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        """The rows of a statement whose plan does not depend on its parameters."""
        return await self._once.fetch(statement, parameters)

    async def rows_planned_anew(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        """The rows of a statement whose best plan does."""
        return await self._anew.fetch(statement, parameters)

    async def last_change_number(self) -> int:
        """The number of the newest change; 0 before the first."""
        rows = await self._once.fetch("select coalesce(max(number), 0) from change", [])
        return int(rows[0][0])

    async def close(self) -> None:
        await self._once.close()
        await self._anew.close()


async def answered(size: int, attempts: Iterable[Attempt], ask: Callable[[Attempt], Awaitable[list[Row]]]) -> list[Row]:
    """What the first attempt finds that finds enough."""
    rows: list[Row] = []
    for attempt in attempts:
        found = await ask(attempt)
        if not attempt.part and len(found) >= attempt.enough:
            return found
        if attempt.part:
            rows += found
            if len(rows) > size:
                break
    return rows[: size + 1]


_FREQUENCIES = """
select most_common_elems::text::text[], most_common_elem_freqs from pg_stats
where schemaname = current_schema and tablename = 'appeal' and attname = 'search' and most_common_elems is not null
"""


class _Connections:
    """Connections that plan their statements in one way. The driver's own pool costs as much as a query."""

    def __init__(self, database: Database, planning: str) -> None:
        self._database = database
        self._planning = planning
        self._closed = False
        self._places: asyncio.LifoQueue[asyncpg.Connection | None] = asyncio.LifoQueue()
        for _ in range(_POOL_SIZE):
            self._places.put_nowait(None)

    async def fetch(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        """The rows of a statement. Raises StoreUnavailable."""
        if (statements := asked.get()) is not None:
            statements.append(statement)
        try:
            connection = await self._take()
            try:
                rows: list[Row] = await connection.fetch(statement, *parameters)
                return rows
            finally:
                self._give_back(connection)
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
            raise StoreUnavailable(f"the database does not answer: {error}") from error
        except asyncpg.PostgresError as error:
            if error.sqlstate.startswith(("53", "57", "25P")):
                raise StoreUnavailable(f"the database does not answer: {error}") from error
            raise

    async def close(self) -> None:
        self._closed = True
        while not self._places.empty():
            if (connection := self._places.get_nowait()) is not None:
                await connection.close()

    async def _take(self) -> asyncpg.Connection:
        """Take the connection given back last: it is warm. A place without one gets one."""
        connection = await self._places.get()
        if connection is not None:
            return connection
        try:
            return await self._open()
        except BaseException:
            self._places.put_nowait(None)
            raise

    def _give_back(self, connection: asyncpg.Connection) -> None:
        if self._closed:
            connection.terminate()
        self._places.put_nowait(None if connection.is_closed() else connection)

    async def _open(self) -> asyncpg.Connection:
        connection = await self._database.connect(statement_cache_size=REMEMBERED)
        try:
            await connection.execute(f"set plan_cache_mode = {self._planning}")
            for name in ("json", "jsonb"):
                await connection.set_type_codec(
                    name, schema="pg_catalog", format="text", encoder=str, decoder=orjson.Fragment
                )
        except BaseException:
            connection.terminate()
            raise
        return connection
