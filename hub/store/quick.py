"""Read for the API at the speed of hand-written SQL: one statement a list, only the columns that somebody asked for.

A statement is composed once for each shape of question (which columns, which filters, which direction) and only ever
holds our own words; what a client gave travels as parameters. The page is cut before anything is joined to it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias

import asyncpg
import orjson

from hub.errors import StoreUnavailable
from hub.store import search
from hub.store.conditions import Parameters, by_one_value_each, conditions
from hub.store.database import Database
from hub.store.reads import AppealQuery, Position
from hub.wanted import AppealOrder

Row: TypeAlias = Sequence[Any]
"""One row, its values in the order in which the columns were asked for."""

asked: ContextVar[list[str] | None] = ContextVar("asked", default=None)
"""Where the statements are noted that are asked from here on; None when nobody wants to know."""
_REMEMBERED = 1_000  # statements, here and in each connection
_POOL_SIZE = 10
_ORDERS = {
    AppealOrder.CREATED_DESC: ("created_at", True),
    AppealOrder.CREATED_ASC: ("created_at", False),
    AppealOrder.UPDATED_DESC: ("updated_at", True),
    AppealOrder.UPDATED_ASC: ("updated_at", False),
}
"""Those whose column is never null, so that one index range serves the whole list."""
_LEADS = ("source", "status")  # each has an index with the time of creation behind it


def can_page(query: AppealQuery) -> bool:
    """Whether a list can be read by one statement."""
    return query.order in _ORDERS


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a statement depends on: everything about a question but the values in it."""

    columns: tuple[str, ...]
    order: AppealOrder
    backward: bool
    resumed: bool
    lead: str | None
    conditions: tuple[str, ...]
    bound: int
    """How many parameters stand before those of the cursor."""


class Quick:
    """Connections of its own: they hand over JSON as the text that goes out, and times nearly so."""

    def __init__(self, database: Database) -> None:
        # Most statements are planned once. Where the best plan depends on the values, planning anew each time is cheap
        # beside a plan for other values: one word of a search stands in three appeals, another in half of all.
        self._once = _Connections(database, "auto")
        self._anew = _Connections(database, "force_custom_plan")

    async def page(self, query: AppealQuery, columns: tuple[str, ...]) -> list[Row]:
        """One row more than asked for, where there is one, in the direction of reading."""
        shape, parameters = _shape(query, columns)
        connections = self._once if by_one_value_each(query.filter) else self._anew
        return await connections.fetch(_statement(shape), parameters)

    async def one(self, key: int | tuple[str, str], columns: tuple[str, ...]) -> Row | None:
        """The appeal of that id, or of that source and its own id, if there is one."""
        if isinstance(key, int):
            rows = await self._once.fetch(_one(columns, _BY_ID), [key])
        else:
            rows = await self._once.fetch(_one(columns, _BY_EXTERNAL_ID), key)
        return rows[0] if rows else None

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


class _Connections:
    """Connections that plan their statements in one way. The driver's own pool costs as much as a query."""

    def __init__(self, database: Database, planning: str) -> None:
        self._database = database
        self._planning = planning
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
        self._places.put_nowait(None if connection.is_closed() else connection)

    async def _open(self) -> asyncpg.Connection:
        connection = await self._database.connect(statement_cache_size=_REMEMBERED)
        await connection.execute(f"set plan_cache_mode = {self._planning}")
        for name in ("json", "jsonb"):
            await connection.set_type_codec(
                name, schema="pg_catalog", format="text", encoder=str, decoder=orjson.Fragment
            )
        return connection


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _time(column: str) -> str:
    """As `2026-03-01 08:00:00.5`: the driver makes texts faster than times, and the API writes them as texts."""
    return f"({column} at time zone 'UTC')::text"


def _plain(*names: str) -> dict[str, str]:
    return {name: f"a.{name}" for name in names}


COLUMNS: Mapping[str, str] = {
    **_plain(
        "id", "source", "external_id", "version", "title", "status", "appeal_no", "kind", "kind_text", "topic",
        "content", "status_text", "status_note", "urgency", "channel", "origin_hotline", "is_secret", "reporter_name",
        "reporter_phone", "respondent", "area", "grid", "location_address", "location_longitude", "location_latitude",
        "lead_org", "result", "public_reply", "is_resolved", "satisfaction", "duplicate_of", "support_count",
        "attributes",
    ),
    **{
        name: _time(f"a.{name}")
        for name in (
            "created_at", "updated_at", "dispatched_at", "due_at", "closed_at", "first_served_at", "last_served_at",
        )
    },
    **{name: f"a.{name}::text" for name in ("events", "co_orgs", "attachments")},
    "created_at:us": "(extract(epoch from a.created_at) * 1000000)::int8",
    "updated_at:us": "(extract(epoch from a.updated_at) * 1000000)::int8",
    **{
        f"source.{name}": f"s.{name}"
        for name in (
            "name", "title", "source_class", "integration", "department", "connector", "active", "configuration_error",
        )
    },
}  # fmt: skip
"""What can be asked for: the column's name, and how it is read from the appeal `a` and its source `s`."""


def _shape(query: AppealQuery, columns: tuple[str, ...]) -> tuple[_Shape, Parameters]:
    """The shape of a question, and the parameters that its statement takes."""
    wanted, parameters = query.filter, Parameters()
    lead = _lead(query)
    if lead is not None:
        parameters.bind(str(getattr(wanted, lead)[0]))
        others: dict[str, Any] = {lead: ()}
        wanted = replace(wanted, **others)
    shape = _Shape(
        columns=columns,
        order=query.order,
        backward=query.backward,
        resumed=query.start is not None,
        lead=lead,
        conditions=tuple(conditions(wanted, parameters.bind, "a")),
        bound=len(parameters),
    )
    parameters.extend((*_start(query.start), query.size + 1))
    return shape, parameters


def _lead(query: AppealQuery) -> str | None:
    """The column with one wanted value that an index has before the time, so that it holds the list in its order."""
    if _ORDERS[query.order][0] != "created_at" or search.tsquery(query.filter.text):
        return None
    return next((name for name in _LEADS if len(getattr(query.filter, name)) == 1), None)


def _start(start: Position | None) -> Iterator[Any]:
    if start is not None:
        yield from (start.at or datetime.min.replace(tzinfo=UTC), start.id)


@lru_cache(_REMEMBERED)
def _statement(shape: _Shape) -> str:
    key, downward = _ORDERS[shape.order]
    downward = downward != shape.backward
    beyond = "<" if downward else ">"
    found, keys, last = [*shape.conditions], [key, "id"], shape.bound
    if shape.lead:
        # As a range, not as an equality, so that the planner keeps to the index on (lead, created_at, id). It would
        # rather walk the one on created_at, and that is endless for closed appeals, none of which are new.
        bounds = {">": f"a.{shape.lead} >= $1", "<": f"a.{shape.lead} <= $1"}
        # The cursor is the bound on its own side: beside another one the index would not be entered there.
        found = [bounds[sign] for sign in bounds if not shape.resumed or sign != beyond] + found
        keys = [shape.lead, *keys]
    if shape.resumed:
        there = ", ".join([*(["$1"] if shape.lead else []), f"${last + 1}", f"${last + 2}"])
        found.append(f"({', '.join(f'a.{name}' for name in keys)}) {beyond} ({there})")
        last += 2
    where = f"where {' and '.join(found)}" if found else ""
    order = ", ".join(f"a.{name} {'desc' if downward else 'asc'}" for name in keys)
    inner = sorted({*keys, *_base(shape.columns)})
    return (
        f"select {', '.join(COLUMNS[name] for name in shape.columns) or '1'} "
        f"from (select {', '.join(f'a.{name}' for name in inner)} from appeal a {where} order by {order} "
        f"limit ${last + 1}) a {_joined(shape.columns)} order by {order}"
    )


@lru_cache(_REMEMBERED)
def _one(columns: tuple[str, ...], condition: str) -> str:
    listed = ", ".join(COLUMNS[name] for name in columns) or "1"
    return f"select {listed} from appeal a {_joined(columns)} where {condition}"


_BY_ID = "a.id = $1"
_BY_EXTERNAL_ID = "a.source = $1 and a.external_id = $2"


def _base(columns: Sequence[str]) -> Iterator[str]:
    """The columns of the appeal itself that some columns are made of."""
    for name in columns:
        yield "source" if name.startswith("source.") else name.partition(":")[0]


def _joined(columns: Sequence[str]) -> str:
    return "left join source s on s.name = a.source" if any(name.startswith("source.") for name in columns) else ""
