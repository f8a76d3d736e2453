"""Walk a list once for each value of a parameter: a division, a category, a file of a folder."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias
from urllib.parse import quote

from pydantic import model_validator

from hub.connectors.asking import Asked, Manner
from hub.connectors.http import LoginExpired, Session
from hub.connectors.lists import PagedList
from hub.connectors.paging import OnePage, Paging
from hub.connectors.paths import Path, reader
from hub.connectors.placeholders import among, must_know
from hub.connectors.since import is_under_way
from hub.errors import SourceRefused, SourceUnavailable
from hub.model import Cursor, Page

Round: TypeAlias = Mapping[str, Any]
"""The values of one walk, by the names that texts call them by."""
Pages: TypeAlias = Callable[[Round, Cursor | None], AsyncGenerator[Page, None]]
"""Walk the list of one round from a cursor on."""

_MOST_ROUNDS = 10_000


class RoundList(Asked):
    """Values that the source itself lists, asked for at the start of every run: its districts, the files of a day."""

    records: Path = ""
    """Where the answer holds the rows."""
    value: Path = "value"
    """What of a row is the value; a row that is no object is one itself."""
    version: Path | None = None
    """What of a row tells that it has changed, such as the time of a file: until then it is not walked again."""
    page: Paging = OnePage()
    """How the rows are paged."""

    @model_validator(mode="after")
    def _nothing_to_fill_in(self) -> "RoundList":
        must_know(self.names(), ())
        return self


@dataclass(frozen=True, slots=True)
class Choice:
    """A value to walk a list for, and the version in which there is nothing new to it."""

    value: Any
    version: str | None = None


async def listed(options: RoundList, manner: Manner, session: Session) -> list[Choice]:
    """Ask a source for the values to walk its list for; each once, the last of its versions."""
    value, version = reader(options.value), reader(options.version) if options.version else None
    rows = await PagedList(options, options.page, options.records, manner).whole(session, among({}))
    found = {
        str(each): Choice(each, None if version is None else str(version(row)))
        for row in rows
        if isinstance(each := value(row), str | int | float) and each != ""
    }
    if rows and not found:
        raise SourceRefused(f"{options.url} gives rows without a value at `for_each` {options.value}")
    return list(found.values())


class Rounds:
    """Every combination of the values, one after the other; the cursor knows how far each was pulled."""

    def __init__(self, choices: Mapping[str, Sequence[Choice]]) -> None:
        combined = list(_combined(choices.values()))
        self._rounds = {_name(each): _round(choices, each) for each in combined}
        self._versions = {_name(each): _version(each) for each in combined}

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
            if self._is_known(name, cursors.get(name)):
                continue
            try:
                async with aclosing(pages_of(self._rounds[name], _begun(cursors.get(name)))) as pages:
                    async for page in pages:
                        goes_on = is_under_way(page.cursor)
                        cursors[name] = page.cursor if goes_on else self._ended(name, page.cursor)
                        yield Page(page.tickets, _cursor(cursors, name if goes_on else following), page.total)
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

    def _is_known(self, name: str, cursor: Cursor | None) -> bool:
        version = self._versions[name]
        return version is not None and cursor == {"version": version}

    def _ended(self, name: str, cursor: Cursor) -> Cursor:
        version = self._versions[name]
        return cursor if version is None else {"version": version}

    def _read(self, cursor: Cursor | None) -> tuple[dict[str, Cursor], str | None]:
        """Read a cursor back; one from before there were rounds says how far each of them was pulled."""
        if not cursor:
            return {}, None
        if "all" in cursor:
            everywhere: Cursor = cursor["all"]
            return dict.fromkeys(self._rounds, everywhere), None
        each = cursor.get("each", {name: {**cursor, "walk": None} for name in self._rounds})
        if not isinstance(each, dict):
            raise SourceRefused("the stored cursor does not read as one of this connector", hint="pull from the start")
        return {name: one for name, one in each.items() if name in self._rounds}, cursor.get("at")


def all_at(cursor: Cursor) -> Cursor:
    """Return the cursor with which every round begins where this one stands."""
    return {"all": cursor}


def _combined(choices: Iterable[Sequence[Choice]]) -> Iterator[tuple[Choice, ...]]:
    for number, each in enumerate(product(*choices)):
        if number == _MOST_ROUNDS:
            raise SourceRefused(f"`for_each` gives more than {_MOST_ROUNDS} rounds")
        yield each


def _name(choices: Sequence[Choice]) -> str:
    return "/".join(quote(str(choice.value), safe="") for choice in choices)


def _round(names: Mapping[str, Any], choices: Sequence[Choice]) -> Round:
    return dict(zip(names, (choice.value for choice in choices), strict=True))


def _version(choices: Sequence[Choice]) -> str | None:
    versions = [choice.version for choice in choices if choice.version is not None]
    return "/".join(versions) if versions else None


def _begun(cursor: Cursor | None) -> Cursor | None:
    """Where a round goes on: what has changed since its version of then is read from the start."""
    return None if cursor is None or "version" in cursor else cursor


def _cursor(cursors: Mapping[str, Cursor], at: str | None) -> Cursor:
    return {"each": dict(cursors), "at": at}
