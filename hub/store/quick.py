"""Read for the API at the speed of hand-written SQL: one statement a list, only the columns that somebody asked for.

A statement is composed once for each shape of question (which columns, which filters, which direction) and only ever
holds our own words; what a client gave travels as parameters. The page is cut before anything is joined to it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias

import asyncpg
import orjson

from hub.errors import StoreUnavailable
from hub.model import AppealFilter, AppealOrder
from hub.store import search
from hub.store.database import Database
from hub.store.reads import AppealQuery, Position

Row: TypeAlias = Sequence[Any]
"""One row, its values in the order in which the columns were asked for."""

_REMEMBERED = 1_000  # statements, here and in each connection
_POOL_SIZE = 10
_LAST_CHARACTER = "\U0010ffff"
_ORDERS = {
    AppealOrder.CREATED_DESC: ("created_at", True),
    AppealOrder.CREATED_ASC: ("created_at", False),
    AppealOrder.UPDATED_DESC: ("updated_at", True),
    AppealOrder.UPDATED_ASC: ("updated_at", False),
}
"""Those whose column is never null, so that one index range serves the whole list."""
_EQUAL = ("status", "kind", "source", "urgency", "channel")
_PREFIX = ("area", "topic")
_SPAN = ("created", "updated", "due")


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
    equal: tuple[tuple[str, bool], ...]
    prefixes: tuple[tuple[str, int], ...]
    spans: tuple[tuple[str, bool, bool], ...]
    lexemes: bool
    terms: int


class Quick:
    """Connections of its own: they hand over times and JSON as the text that goes out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._idle: asyncio.LifoQueue[asyncpg.Connection] | None = None
        self._opened = 0

    async def page(self, query: AppealQuery, columns: tuple[str, ...]) -> list[Row]:
        """One row more than asked for, where there is one, in the direction of reading."""
        statement, parameters = _page(query, columns)
        return await self._fetch(statement, parameters)

    async def one(self, appeal_id: int, columns: tuple[str, ...]) -> Row | None:
        """The appeal of that id, if there is one."""
        rows = await self._fetch(_one(columns), [appeal_id])
        return rows[0] if rows else None

    async def close(self) -> None:
        while self._idle is not None and not self._idle.empty():
            await self._idle.get_nowait().close()

    async def _fetch(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        try:
            async with self._connection() as connection:
                rows: list[Row] = await connection.fetch(statement, *parameters)
                return rows
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
            raise StoreUnavailable(f"the database does not answer: {error}") from error
        except asyncpg.PostgresError as error:
            if error.sqlstate.startswith(("53", "57", "25P")):
                raise StoreUnavailable(f"the database does not answer: {error}") from error
            raise

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Take the connection given back last: it is warm. The driver's own pool costs as much as a query."""
        if self._idle is None:
            self._idle = asyncio.LifoQueue()
        if self._idle.empty() and self._opened < _POOL_SIZE:
            self._opened += 1
            try:
                connection = await self._open()
            except BaseException:
                self._opened -= 1
                raise
        else:
            connection = await self._idle.get()
        try:
            yield connection
        finally:
            if connection.is_closed():
                self._opened -= 1
            else:
                self._idle.put_nowait(connection)

    async def _open(self) -> asyncpg.Connection:
        connection = await self._database.connect(statement_cache_size=_REMEMBERED)
        for name in ("json", "jsonb"):
            await connection.set_type_codec(
                name, schema="pg_catalog", format="text", encoder=str, decoder=orjson.Fragment
            )
        await connection.set_type_codec("timestamp", schema="pg_catalog", format="text", encoder=str, decoder=_moment)
        return connection


def _moment(text: str) -> str:
    """Write PostgreSQL's `2026-03-01 08:00:00.5` as the API writes a moment."""
    return f"{text[:10]}T{text[11:]}Z"


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _time(column: str) -> str:
    return f"{column} at time zone 'UTC'"


def _plain(*names: str) -> dict[str, str]:
    return {name: f"a.{name}" for name in names}


COLUMNS: Mapping[str, str] = {
    **_plain(
        "id", "source", "external_id", "version", "title", "status", "appeal_no", "kind", "kind_text", "topic",
        "content", "status_text", "status_note", "urgency", "channel", "origin_hotline", "is_secret", "reporter_name",
        "reporter_phone", "respondent", "area", "grid", "location_address", "location_longitude", "location_latitude",
        "lead_org", "co_orgs", "result", "public_reply", "is_resolved", "satisfaction", "duplicate_of",
        "support_count", "attachments", "attributes",
    ),
    **{
        name: _time(f"a.{name}")
        for name in (
            "created_at", "updated_at", "dispatched_at", "due_at", "closed_at", "first_served_at", "last_served_at",
        )
    },
    "events": "a.events::text",
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


def _page(query: AppealQuery, columns: tuple[str, ...]) -> tuple[str, list[Any]]:
    wanted = query.filter
    lexemes, terms = search.tsquery(wanted.text), search.terms(wanted.text)
    shape = _Shape(
        columns=columns,
        order=query.order,
        backward=query.backward,
        resumed=query.start is not None,
        equal=tuple((name, len(values) == 1) for name in _EQUAL if (values := getattr(wanted, name))),
        prefixes=tuple((name, len(values)) for name in _PREFIX if (values := getattr(wanted, name))),
        spans=tuple(
            (name, span.since is not None, span.until is not None)
            for name in _SPAN
            if (span := getattr(wanted, name)).since is not None or span.until is not None
        ),
        lexemes=bool(lexemes),
        terms=len(terms),
    )
    parameters = [*_parameters(wanted, lexemes, terms), *_start(query.start), query.size + 1]
    return _statement(shape), parameters


def _parameters(wanted: AppealFilter, lexemes: str, terms: Sequence[str]) -> Iterator[Any]:
    """What stands for the conditions, in the order in which `_conditions` numbers them."""
    for name in _EQUAL:
        if values := [str(value) for value in getattr(wanted, name)]:
            yield values[0] if len(values) == 1 else values
    for name in _PREFIX:
        for prefix in getattr(wanted, name):
            yield from (prefix, prefix + _LAST_CHARACTER)
    for name in _SPAN:
        span = getattr(wanted, name)
        yield from (moment for moment in (span.since, span.until) if moment is not None)
    if lexemes:
        yield lexemes
    yield from terms


def _start(start: Position | None) -> Iterator[Any]:
    if start is not None:
        yield from (start.at or datetime.min.replace(tzinfo=UTC), start.id)


@lru_cache(_REMEMBERED)
def _statement(shape: _Shape) -> str:
    number = iter(range(1, 1_000))

    def bound() -> str:
        return f"${next(number)}"

    key, downward = _ORDERS[shape.order]
    downward = downward != shape.backward
    conditions = list(_conditions(shape, bound))
    if shape.resumed:
        conditions.append(f"(a.{key}, a.id) {'<' if downward else '>'} ({bound()}, {bound()})")
    where = f"where {' and '.join(conditions)}" if conditions else ""
    order = ", ".join(f"a.{name} {'desc' if downward else 'asc'}" for name in (key, "id"))
    inner = sorted({"id", key, *_base(shape.columns)})
    return (
        f"select {', '.join(COLUMNS[name] for name in shape.columns) or '1'} "
        f"from (select {', '.join(f'a.{name}' for name in inner)} from appeal a {where} order by {order} "
        f"limit {bound()}) a {_joined(shape.columns)} order by {order}"
    )


def _conditions(shape: _Shape, bound: Callable[[], str]) -> Iterator[str]:
    for name, alone in shape.equal:
        yield f"a.{name} = {bound()}" if alone else f"a.{name} = any({bound()}::text[])"
    for name, count in shape.prefixes:
        # Comparisons by byte, which a text_pattern_ops index answers for a bound value.
        ranges = [f"(a.{name} ~>=~ {bound()} and a.{name} ~<~ {bound()})" for _ in range(count)]
        yield f"({' or '.join(ranges)})"
    for name, since, until in shape.spans:
        yield from (f"a.{name}_at >= {bound()}",) if since else ()
        yield from (f"a.{name}_at < {bound()}",) if until else ()
    if shape.lexemes:
        yield f"a.search @@ {bound()}::text::tsquery"
    for _ in range(shape.terms):
        yield f"strpos({_FOLDED}, {bound()}) > 0"


_FOLDED = "lower(normalize(concat_ws(E'\\n', a.title, a.content, a.appeal_no, a.location_address), NFKC))"


@lru_cache(_REMEMBERED)
def _one(columns: tuple[str, ...]) -> str:
    listed = ", ".join(COLUMNS[name] for name in columns) or "1"
    return f"select {listed} from appeal a {_joined(columns)} where a.id = $1"


def _base(columns: Sequence[str]) -> Iterator[str]:
    """The columns of the appeal itself that some columns are made of."""
    for name in columns:
        yield "source" if name.startswith("source.") else name.partition(":")[0]


def _joined(columns: Sequence[str]) -> str:
    return "left join source s on s.name = a.source" if any(name.startswith("source.") for name in columns) else ""
