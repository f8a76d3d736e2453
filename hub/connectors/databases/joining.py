"""Read what belongs to the rows of a page, in one question for all of them, and hand each its own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import sqlalchemy as sa

from hub.connectors.databases.fetching import Bounds, Fetched, fetch
from hub.connectors.databases.keysets import Belongings, Origin
from hub.connectors.databases.options import Children
from hub.errors import SourceRefused
from hub.model import Ticket

Read: TypeAlias = Callable[[Fetched], list[Ticket]]

_MOST_IDS = 500  # Oracle takes 1000 values in a list, SQL Server 2100 parameters in all.
_MOST_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Joined:
    """What belongs to each row of a page, in their order, and how large it is in all."""

    values: list[Any]
    size: int


class Joining:
    """One kind of rows that belong to tickets; `read` makes tickets of them too."""

    def __init__(self, name: str, options: Children, origin: Origin, read: Read) -> None:
        self.name = name
        self._options = options
        self._rows = Belongings(origin, options)
        self._read = read

    def to(self, connection: sa.Connection, found: Fetched, most_bytes: int) -> Joined:
        """Ask for all that belongs to the rows of a page. Raises SourceRefused."""
        place = found.column(self._options.parent, f"children.{self.name}.parent")
        parents = [row[place] for row in found.rows]
        families = _Families(parents)
        size = 0
        try:
            for ids in _some(list(dict.fromkeys(value for value in parents if value is not None))):
                size += self._collect(connection, ids, families, most_bytes - size)
        except SourceRefused as error:
            error.message = f"children.{self.name}: {error.message}"
            raise
        return Joined([families.of(value, one=self._options.one) for value in parents], size)

    def _collect(self, connection: sa.Connection, ids: Sequence[Any], families: "_Families", most_bytes: int) -> int:
        found = fetch(connection, self._rows.statement(ids), Bounds(_MOST_ROWS, max(1, most_bytes)))
        if found.following is not None:
            raise SourceRefused("holds more for one page than limits.max_body", hint="write a smaller page.size")
        key = found.column(self._options.key, "key")
        for row, ticket in zip(found.rows, self._read(found), strict=True):
            if not families.take(row[key], ticket):
                raise SourceRefused("gives rows of tickets that were not asked for", hint="pick them by `in :ids`")
        return found.size


def _some(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[place : place + _MOST_IDS] for place in range(0, len(values), _MOST_IDS))


class _Families:
    """Rows by their parent. Columns may differ in type, and databases find `a1` where `A1` was asked for."""

    def __init__(self, parents: Sequence[Any]) -> None:
        self._rows: dict[str, list[Ticket]] = {_name(parent): [] for parent in parents}
        self._nearly: dict[str, str | None] = {}
        for name in self._rows:
            folded = name.casefold()
            self._nearly[folded] = None if folded in self._nearly else name  # None: nobody knows which

    def take(self, key: Any, row: Ticket) -> bool:
        """Take a row in; False where it belongs to none."""
        name: str | None = _name(key)
        family = self._rows.get(name or "")
        if family is None and (name := self._nearly.get(_name(key).casefold())) is not None:
            family = self._rows[name]
        if family is None:
            return False
        family.append(row)
        return True

    def of(self, parent: Any, *, one: bool) -> Any:
        rows = [] if parent is None else self._rows[_name(parent)]
        if one:
            return rows[0] if rows else None
        return rows


def _name(value: Any) -> str:
    """Write a key so that 5, 5.0 and '5 ' are one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Decimal) and value.is_finite():
        value = int(value) if value == value.to_integral_value() else value.normalize()
    return str(value).rstrip()
