"""Compose the SELECT of one page of rows, and of the rows that belong to them, for any dialect of SQL. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.types import NullType, TypeEngine

from hub.connectors.clocks import write_time
from hub.connectors.databases.cells import keys_from_json, keys_to_json
from hub.connectors.databases.options import AFTER, IDS, NATIVE, SINCE, SIZE, ByKeyset, Children, Rows, SinceColumn
from hub.connectors.databases.selects import Sql
from hub.connectors.paging import At
from hub.errors import SourceRefused

Statement: TypeAlias = sa.Select[Any] | sa.TextClause

_UNTYPED: TypeEngine[Any] = NullType()
"""Of what came from a column and is compared with that column: nobody but the database needs to know its type."""
_LITTLE = timedelta(seconds=1)
_IDS_IN_BRACKETS = re.compile(rf"\(\s*:{IDS}\s*\)")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: after the row of these keys, or at the first one.

    Rows without a time in their first key have no place among the others: they are `undated`, and come before them.
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    undated: bool = False

    def at(self) -> At:
        return json.dumps({"undated": self.undated, "keys": keys_to_json(self.keys)}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Times:
    """How the column of `since` holds its times."""

    written: str
    zone: ZoneInfo
    dialect: str

    def bound(self, moment: datetime) -> "Bound":
        """Write a moment so that the column can be compared with it."""
        if self.written != NATIVE:
            text = write_time(moment, self.written, self.zone)
            return Bound(int(text) if self.written.startswith("epoch") else text)
        if self.dialect == "postgresql":
            # Compares with both kinds of timestamps, as the session's zone is the source's.
            return Bound(moment, sa.DateTime(timezone=True))
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        # SQLite has no type for times. A blank sorts before the T of others: rather too much than too little.
        return Bound(local.isoformat(" ") if self.dialect == "sqlite" else local)


@dataclass(frozen=True, slots=True)
class Bound:
    """A value on its way into a statement."""

    value: Any
    type: TypeEngine[Any] = _UNTYPED

    def parameter(self, name: str | None = None) -> sa.BindParameter[Any]:
        return sa.bindparam(
            name, self.value, type_=self.type, unique=name is None, expanding=isinstance(self.value, list)
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from: the options, the SQL in them, and what its parameters stand for."""

    rows: Rows
    query: Sql | None = None
    where: Sql | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def names_any(self, *parameters: str) -> bool:
        """Tell whether the query names one of these parameters itself."""
        return self.query is not None and any(name in parameters for name, _ in self.query.parameters())

    def selected(self, needed: Sequence[str]) -> sa.Select[Any]:
        """Select the columns, and those that are needed; a query is wrapped into another one."""
        if self.query is not None:
            inner = self._text(self.query.text, self.query).columns(*map(_column, needed)).subquery("hub")
            return sa.select(sa.literal_column("*")).select_from(inner)
        schema, _, name = str(self.rows.table).rpartition(".")
        names = dict.fromkeys((*self.rows.columns, *needed)) if self.rows.columns else ()
        columns = [_column(name) for name in names] or [sa.literal_column("*")]
        found = sa.select(*columns).select_from(sa.table(name, schema=schema or None))
        # The line break ends a comment that would swallow the bracket.
        return found if self.where is None else found.where(self._text(f"({self.where.text}\n)", self.where))

    def as_it_stands(self, **values: Bound) -> sa.TextClause:
        """Take a query that does its own paging, and fill in what it names of the values."""
        if self.query is None:
            raise ValueError("there is no query")
        text = self._text(_IDS_IN_BRACKETS.sub(f":{IDS}", self.query.text), self.query)
        named = {name for name, _ in self.query.parameters()}
        return text.bindparams(*(value.parameter(name) for name, value in values.items() if name in named))

    def _text(self, text: str, piece: Sql) -> sa.TextClause:
        named = {name for name, _ in piece.parameters()}
        filled: list[sa.BindParameter[Any]] = [
            sa.bindparam(name, value) for name, value in self.parameters.items() if name in named
        ]
        return sa.text(f"{text}\n").bindparams(*filled)


class Listing:
    """The rows of one source in the order of their keys, page by page."""

    def __init__(
        self, origin: Origin, page: ByKeyset, since: SinceColumn | None, times: Times, needed: Sequence[str]
    ) -> None:
        self._origin = origin
        self._page = page
        self._since = since
        self._times = times
        self._needed = needed
        self._pages_itself = origin.names_any(SINCE, AFTER, SIZE, *page.keys)
        self._by_time = since is not None and page.keys[0] == since.field

    def position(self, at: At | None) -> Position:
        """Read back where a page begins; the first one where the keys were changed meanwhile. Raises SourceRefused."""
        if at is None:
            return self._first()
        try:
            stored = json.loads(str(at))
            position = Position(keys_from_json(stored["keys"]), bool(stored["undated"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise SourceRefused(
                "the stored cursor does not read as one of this connector", hint="pull from the start"
            ) from None
        known = list(position.keys) in ([], self.keys(position))
        return position if known else self._first()

    def keys(self, position: Position) -> list[str]:
        """Name the keys that put the rows of a page in order."""
        return list(self._page.keys[1:] if position.undated else self._page.keys)

    def dated(self) -> Position:
        """Say where the rows with a time begin."""
        return Position()

    def statement(self, position: Position, start: datetime | None) -> Statement:
        """Ask for one page of what came since `start`, and for one row more, which tells what follows."""
        if self._pages_itself:
            return self._origin.as_it_stands(**self._values(position, start))
        ordered = [_column(name) for name in self.keys(position)]
        found = self._origin.selected(self._needed).where(*self._conditions(position, start))
        return found.order_by(*ordered).limit(self._page.size + 1)

    def _first(self) -> Position:
        if self._page.start is not None:
            return Position(dict(zip(self._page.keys, self._page.start, strict=True)))
        return Position(undated=self._by_time and len(self._page.keys) > 1 and not self._pages_itself)

    def _conditions(self, position: Position, start: datetime | None) -> Iterator[sa.ColumnElement[bool]]:
        if position.undated:
            yield _column(self._page.keys[0]).is_(None)
        if position.keys:
            yield _beyond(position.keys)
        if self._since is None or position.undated or (self._by_time and position.keys):
            return
        column = _column(self._since.field)
        is_new = None if start is None else column >= self._times.bound(start).parameter()
        if self._by_time:
            yield column.is_not(None) if is_new is None else is_new
        elif is_new is not None:
            yield sa.or_(is_new, column.is_(None))

    def _values(self, position: Position, start: datetime | None) -> dict[str, Bound]:
        """Give what a query of its own paging may name: keys, and what they are called for short."""
        keys = {name: Bound(position.keys.get(name)) for name in self._page.keys}
        since = self._times.bound(start) if start is not None else Bound(None)
        if self._by_time and not position.keys and start is not None:
            # No key is less than all others in every type. A little earlier, the first one alone says enough.
            keys[self._page.keys[0]] = self._times.bound(start - _LITTLE)
        if self._by_time:
            since = keys[self._page.keys[0]]
        short = {SINCE: since, AFTER: keys[self._page.keys[-1]], SIZE: Bound(self._page.size + 1)}
        return {**short, **keys}


class Belongings:
    """The rows that belong to the tickets of a page."""

    def __init__(self, origin: Origin, options: Children) -> None:
        self._origin = origin
        self._options = options

    def statement(self, parents: Sequence[Any]) -> Statement:
        ids, options = Bound(list(parents)), self._options
        if self._origin.names_any(IDS):
            return self._origin.as_it_stands(**{IDS: ids})
        found = self._origin.selected((options.key,)).where(_column(options.key).in_(ids.parameter()))
        return found.order_by(*map(_column, options.order))


def _column(name: str) -> sa.ColumnClause[Any]:
    return sa.column(name)


def _beyond(keys: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    """Compare rows with a row, key by key; databases that know (a, b) > (x, y) seldom use an index for it."""
    columns = [_column(name) for name in keys]
    values = [Bound(value) for value in keys.values()]
    ways = []
    for place, (column, value) in enumerate(zip(columns, values, strict=True)):
        same = [columns[earlier] == values[earlier].parameter() for earlier in range(place)]
        ways.append(sa.and_(*same, column > value.parameter()))
    if len(ways) == 1:
        return ways[0]
    return sa.and_(columns[0] >= values[0].parameter(), sa.or_(*ways))
