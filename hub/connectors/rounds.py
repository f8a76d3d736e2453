"""Walk a list once for each value of a parameter, such as a division or a category."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from itertools import product
from typing import Any, TypeAlias
from urllib.parse import quote

from hub.connectors.http import LoginExpired
from hub.connectors.since import is_under_way
from hub.errors import SourceRefused, SourceUnavailable
from hub.model import Cursor, Page

Round: TypeAlias = Mapping[str, Any]
"""The values of one walk, by the names that texts call them by."""
Pages: TypeAlias = Callable[[Round, Cursor | None], AsyncGenerator[Page, None]]
"""Walk the list of one round from a cursor on."""


class Rounds:
    """Every combination of the values, one after the other; the cursor knows how far each was pulled."""

    def __init__(self, values: Mapping[str, Sequence[Any]]) -> None:
        self._rounds = {_name(each): dict(zip(values, each, strict=True)) for each in product(*values.values())}

    def all_at(self, cursor: Cursor) -> Cursor:
        """Return the cursor with which every round begins where this one stands."""
        return _cursor(dict.fromkeys(self._rounds, cursor), None)

    async def pages(self, cursor: Cursor | None, pages_of: Pages) -> AsyncGenerator[Page, None]:
        """Yield the pages of every round, from the one on in which the last run was cut short.

        One that cannot be pulled keeps no other waiting: the cursor moves past it. Where the source refuses it, the
        error is raised after the others; where the source is away, at once, and the next run begins behind it.
        """
        cursors, at = self._read(cursor)
        refused: SourceRefused | None = None
        names = list(self._rounds)
        for place in range(names.index(at) if at in self._rounds else 0, len(names)):
            name, following = names[place], names[place + 1] if place + 1 < len(names) else None
            try:
                async with aclosing(pages_of(self._rounds[name], cursors.get(name))) as pages:
                    async for page in pages:
                        cursors[name] = page.cursor
                        next_one = name if is_under_way(page.cursor) else following
                        yield Page(page.tickets, _cursor(cursors, next_one), page.total)
            except LoginExpired:
                raise
            except SourceUnavailable:
                yield Page([], _cursor(cursors, following))
                raise
            except SourceRefused as error:
                yield Page([], _cursor(cursors, following))
                refused = refused or error
        if refused is not None:
            raise refused

    def _read(self, cursor: Cursor | None) -> tuple[dict[str, Cursor], str | None]:
        """Read a cursor back; one from before there were rounds says how far each of them was pulled."""
        if not cursor:
            return {}, None
        each = cursor.get("each", {name: {**cursor, "walk": None} for name in self._rounds})
        if not isinstance(each, dict):
            raise SourceRefused("the stored cursor does not read as one of this connector", hint="pull from the start")
        return {name: one for name, one in each.items() if name in self._rounds}, cursor.get("at")


def _name(values: Sequence[Any]) -> str:
    return "/".join(quote(str(value), safe="") for value in values)


def _cursor(cursors: Mapping[str, Cursor], at: str | None) -> Cursor:
    return {"each": dict(cursors), "at": at}
