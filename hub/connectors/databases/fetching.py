"""Fetch the rows of a statement within bounds of number and size, and make tickets of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from hub.connectors.databases.cells import BadCell, Cell, same_key
from hub.connectors.databases.dialects import drop
from hub.connectors.databases.keysets import Statement
from hub.connectors.databases.selects import meant
from hub.errors import SourceRefused
from hub.model import BROKEN, Ticket

_LARGEST_FETCH = 200


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many rows, and how many bytes, may be taken at once."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """Rows as the driver gave them; `following` is the first one that was left, where there is one."""

    names: Sequence[str]
    codes: Sequence[Any]
    rows: Sequence[Sequence[Any]] = ()
    size: int = 0
    following: Sequence[Any] | None = None

    def column(self, name: str, named_by: str) -> int:
        """Find a column that an option names. Raises SourceRefused where there is none."""
        if name not in self.names:
            raise SourceRefused(f"gives no column '{name}' of {named_by}{meant(name, self.names)}")
        return self.names.index(name)

    def keys(self, row: Sequence[Any], names: Sequence[str]) -> list[Any]:
        return [row[self.column(name, "page.keys")] for name in names]

    def without_ties(self, keys: Sequence[str]) -> "Fetched":
        """Leave the last rows for the next page, where its first row has the same keys: pages begin after a key.

        Raises SourceRefused where that would leave nothing.
        """
        if self.following is None:
            return self
        edge, kept = self.keys(self.following, keys), len(self.rows)
        while kept and same_key(self.keys(self.rows[kept - 1], keys), edge):
            kept -= 1
        if kept == 0:
            raise SourceRefused(
                f"has more than {len(self.rows)} rows with the same {', '.join(keys)}",
                hint="the last of page.keys must be unique, such as the primary key",
            )
        return replace(self, rows=self.rows[:kept])


def fetch(connection: sa.Connection, statement: Statement, bounds: Bounds) -> Fetched:
    """Ask, and take rows until there are enough; the one too many is what follows. Raises SourceRefused."""
    result = connection.execute(statement, execution_options={"stream_results": True})
    cursor = result.cursor
    try:
        found = _taken(result, bounds)
        is_cut = found.size > bounds.bytes and found.following is not None
    except BaseException:
        drop(connection, cursor)
        raise
    if is_cut:
        drop(connection, cursor)
        connection.rollback()  # So that what belongs to these rows gets a new connection.
    else:
        result.close()
    return found


def _taken(result: sa.CursorResult[Any], bounds: Bounds) -> Fetched:
    names, codes = list(result.keys()), [column[1] for column in result.cursor.description]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SourceRefused(f"gives two columns called '{twice[0]}'", hint="name them apart with AS")
    rows: list[Sequence[Any]] = []
    size = 0
    while some := result.fetchmany(_next_count(size, len(rows), bounds)):
        for row in some:
            size += bytes_of(row)
            if rows and (len(rows) >= bounds.rows or size > bounds.bytes):
                return Fetched(names, codes, rows, size, row)
            rows.append(row)
    return Fetched(names, codes, rows, size)


def _next_count(size: int, rows: int, bounds: Bounds) -> int:
    """Take few rows at a time where they are large: what is fetched is in memory before it can be measured."""
    if rows == 0:
        return 1
    left = max(0, bounds.bytes - size) * rows // (4 * max(1, size))
    return max(1, min(_LARGEST_FETCH, left, bounds.rows + 1 - rows))


def bytes_of(row: Sequence[Any]) -> int:
    return sum(map(size_of, row))


def size_of(value: Any) -> int:
    """Measure a value roughly, in bytes of UTF-8."""
    if value.__class__ is str:
        return len(value) if value.isascii() else 3 * len(value)
    return len(value) if isinstance(value, bytes | bytearray | memoryview) else 8


def tickets(found: Fetched, cells: Sequence[Cell], most_bytes: int) -> list[Ticket]:
    """Make a ticket of each row. One with a value that cannot be read says so, and is rejected later on."""
    if found.size > most_bytes:
        return [_with_faults(found.names, cells, row, most_bytes) for row in found.rows]
    return [_ticket(found.names, cells, row, most_bytes) for row in found.rows]


def _ticket(names: Sequence[str], cells: Sequence[Cell], row: Sequence[Any], most_bytes: int) -> Ticket:
    try:
        return {
            name: None if value is None else cell(value) for name, cell, value in zip(names, cells, row, strict=True)
        }
    except BadCell:
        return _with_faults(names, cells, row, most_bytes)


def _with_faults(names: Sequence[str], cells: Sequence[Cell], row: Sequence[Any], most_bytes: int) -> Ticket:
    """Keep what can be kept of a row, and name the columns that cannot."""
    ticket: Ticket = {}
    faults = []
    for name, cell, value in zip(names, cells, row, strict=True):
        if (size := size_of(value)) > most_bytes:
            faults.append(f"the column {name} holds {size // 1024} KB, more than limits.max_body")
            ticket[name] = None
            continue
        try:
            ticket[name] = None if value is None else cell(value)
        except BadCell as bad:
            faults.append(f"the column {name} {bad}")
            ticket[name] = bad.kept
    return {**ticket, **({BROKEN: "; ".join(faults)} if faults else {})}
