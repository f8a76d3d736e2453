"""Read one page of a database source: its rows, in the order of their keys, and what belongs to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from hub.connectors.base import Place
from hub.connectors.databases.cells import cells
from hub.connectors.databases.fetching import Bounds, Fetched, fetch, tickets
from hub.connectors.databases.joining import Joining
from hub.connectors.databases.keysets import Listing, Position, Times
from hub.connectors.databases.options import NATIVE, SqlOptions
from hub.connectors.databases.plan import origins
from hub.connectors.paging import At
from hub.errors import SourceRefused
from hub.model import Ticket


@dataclass(frozen=True, slots=True)
class Found:
    """One page, and where the next begins; `kept` is where the next run goes on that looks for new rows only."""

    tickets: list[Ticket]
    following: At | None
    kept: At | None


class Reader:
    """What one source reads, ready to be asked."""

    def __init__(self, options: SqlOptions, dialect: str, place: Place) -> None:
        self._options = options
        self._dialect = dialect
        main, children = origins(options, dialect, place.folder)
        times = Times(options.since.format if options.since else NATIVE, place.timezone, dialect)
        self._needed = dict(_needed(options))
        self._listing = Listing(main, options.page, options.since, times, list(self._needed))
        self._joinings = [
            Joining(name, options.children[name], origin, self._tickets) for name, origin in children.items()
        ]

    def page(self, connection: sa.Connection, *, at: At | None, start: datetime | None) -> Found:
        """Read the page that begins at a place, of what changed since `start`. Raises SourceRefused."""
        position = self._listing.position(at)
        found = self._rows(connection, position, start)
        if position.undated and not found.rows:
            position = self._listing.dated()
            found = self._rows(connection, position, start)
        made, left = self._tickets(found), self._options.limits.max_body - found.size
        for joining in self._joinings:
            joined = joining.to(connection, found, left)
            made = [{**ticket, joining.name: value} for ticket, value in zip(made, joined.values, strict=True)]
            left -= joined.size
        return Found(made, self._following(position, found), self._kept(found))

    def _rows(self, connection: sa.Connection, position: Position, start: datetime | None) -> Fetched:
        bounds = Bounds(self._options.page.size, self._options.limits.max_body)
        found = fetch(connection, self._listing.statement(position, start), bounds)
        for name, named_by in self._needed.items():
            found.column(name, named_by)
        return found.without_ties(self._listing.keys(position))

    def _tickets(self, found: Fetched) -> list[Ticket]:
        options = self._options
        makers = cells(found.codes, found.names, self._dialect, options.encoding, options.json_columns)
        return tickets(found, makers, options.limits.max_body)

    def _following(self, position: Position, found: Fetched) -> At | None:
        if found.following is not None:
            return self._after(found, self._listing.keys(position), undated=position.undated).at()
        return self._listing.dated().at() if position.undated else None

    def _kept(self, found: Fetched) -> At | None:
        page = self._options.page
        if not page.keep or not found.rows:
            return None
        last = self._after(found, page.keys)
        (value, *others) = last.keys.values()
        if not others and isinstance(value, int | Decimal):
            last = Position({page.keys[0]: value - page.overlap})
        return last.at()

    def _after(self, found: Fetched, names: Sequence[str], *, undated: bool = False) -> Position:
        keys = dict(zip(names, found.keys(found.rows[-1], names), strict=True))
        if empty := [name for name, value in keys.items() if value is None]:
            raise SourceRefused(
                f"has a row without {empty[0]}, and no page can begin after that",
                hint="the last of page.keys must never be empty; a query can put COALESCE in the place of others",
            )
        return Position(keys, undated)


def _needed(options: SqlOptions) -> Iterator[tuple[str, str]]:
    """Yield the columns that the options name, and which option names them."""
    yield from ((name, "page.keys") for name in options.page.keys)
    if options.since is not None:
        yield options.since.field, "since.field"
    yield from ((child.parent, f"children.{name}.parent") for name, child in options.children.items())
