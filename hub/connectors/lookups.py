"""Look up what tickets only name by an id: in a table, in the list's own answer, or many ids at a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import Field, model_validator

from hub.connectors.asking import Asked, Manner
from hub.connectors.http import LoginExpired, NotThere, Session
from hub.connectors.lists import MOST_ROWS, PagedList
from hub.connectors.paging import OnePage, Paging
from hub.connectors.paths import Path, reader
from hub.connectors.placeholders import UNKNOWN, must_know
from hub.connectors.walking import Part
from hub.errors import SourceRefused
from hub.model import Ticket

Table: TypeAlias = dict[str, Any]
"""What is known, by the id as text: sources write 7 in one place and "7" in another."""


class Lookup(Asked):
    """What a ticket names by an id, joined to it. The whole table is asked for, once a run; or `{ids}` at a time."""

    url: str = ""
    """The URL of the table; may be relative to the list's. With `{ids}` in its texts, only those rows are asked for."""
    inside: Path | None = None
    """Instead of `url`: where the list's own answer holds the rows, such as `users`."""
    by: Path
    """Where a ticket holds the id, or a list of them."""
    records: Path = ""
    """Where the answer holds the rows."""
    key: Path = "id"
    """Where a row holds its id."""
    value: Path = ""
    """What of the row is joined, such as `name`; left out, all of it."""
    page: Paging = OnePage()
    """How the table is paged."""
    chunk: int = Field(100, ge=1, le=10_000)
    """How many `{ids}` to ask for at once."""
    join: str | None = None
    """What stands between `{ids}` in a text, such as `','` for `id in ('{ids}')`; left out, a comma."""
    optional: bool = False
    """A table that the source refuses joins null; otherwise that stops the run."""

    @model_validator(mode="after")
    def _somewhere(self) -> "Lookup":
        if (self.url == "") == (self.inside is None):
            raise ValueError("write either `url`, or `inside` where the list's own answer holds the rows")
        must_know(self.names(), ["ids"])
        return self


class LookupCalls:
    """Looks up for one source, and joins what it finds under the name `into`."""

    def __init__(self, into: str, options: Lookup, manner: Manner) -> None:
        self._into = into
        self._options = options
        self._by, self._key, self._value = reader(options.by), reader(options.key), reader(options.value)
        self._inside = reader(options.inside) if options.inside is not None else None
        self._list = PagedList(options, options.page, options.records, manner)
        self._in_chunks = "ids" in options.names()

    async def join(self, session: Session, part: Part, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Give the tickets with what was looked up, in the same order; one that names no id stays as it is."""
        ids = [_ids_of(self._by(ticket)) for ticket in tickets]
        table = await self._table(session, part, [each for some in ids if some for each in some])
        return [
            ticket if not some else {**ticket, self._into: self._found(table, self._by(ticket), some)}
            for ticket, some in zip(tickets, ids, strict=True)
        ]

    @staticmethod
    def _found(table: Table, written: Any, ids: Sequence[Any]) -> Any:
        found = [table.get(str(each)) for each in ids]
        return found if isinstance(written, list) else found[0]

    async def _table(self, session: Session, part: Part, ids: Iterable[Any]) -> Table:
        wanted = {str(each): each for each in ids}
        if self._inside is not None:
            rows = self._inside(part.payload)
            return self._indexed(rows if isinstance(rows, list) else [rows])
        if not wanted:
            return {}
        if not self._in_chunks:
            return await session.once(self, lambda: self._asked(session, {}))
        known = await session.once(self, _nothing_yet)
        await self._learn(session, known, wanted)
        return known

    async def _learn(self, session: Session, known: Table, wanted: Mapping[str, Any]) -> None:
        """Ask for the ids that this run has not asked for yet; one that the answer lacks is known to be nothing."""
        if len(known) > MOST_ROWS:
            known.clear()
        missing = [name for name in wanted if name not in known]
        for start in range(0, len(missing), self._options.chunk):
            chunk = missing[start : start + self._options.chunk]
            ids = [wanted[name] for name in chunk]
            join = self._options.join
            found = await self._asked(session, {"ids": ids if join is None else join.join(map(str, ids))})
            known.update({name: found.get(name) for name in chunk})

    async def _asked(self, session: Session, values: Mapping[str, Any]) -> Table:
        try:
            rows = await self._list.whole(
                session, lambda name: values.get(name, None if name.isidentifier() else UNKNOWN)
            )
        except NotThere:
            return {}
        except SourceRefused as error:
            if not self._options.optional or isinstance(error, LoginExpired):
                raise
            return {}
        return self._indexed(rows)

    def _indexed(self, rows: Iterable[Any]) -> Table:
        return {str(key): self._value(row) for row in rows if isinstance(key := self._key(row), str | int)}


async def _nothing_yet() -> Table:
    return {}


def _ids_of(value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str | int | float) and each != ""]
