"""Ask for a list behind HTTP page by page: the tickets of a source, or what belongs to one of them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeAlias

import orjson

from hub.connectors.again import Memory, told_paths
from hub.connectors.asking import Asked, Manner, question
from hub.connectors.base import Options
from hub.connectors.clocks import EPOCHS
from hub.connectors.exchange import Answer, Request
from hub.connectors.formats import looks_like_xml
from hub.connectors.http import Gone, Session
from hub.connectors.paging import At, ByLink, ByNextUrl, ByOffset, Paging, next_link, sent, whole_number
from hub.connectors.paths import Path, reader
from hub.connectors.payloads import NothingThere, Records
from hub.connectors.placeholders import TIMES, Find, base_of
from hub.connectors.since import Since, Walk, window_parameters, window_texts
from hub.connectors.urls import same_host
from hub.connectors.walking import Forgotten, Part, Walker
from hub.connectors.windows import Window
from hub.errors import SourceRefused
from hub.model import Cursor, Page, Ticket

Complete: TypeAlias = Callable[[Part], Awaitable[Part]]
"""Join to the tickets of a page what the list leaves out."""

MOST_ROWS = 200_000
"""How many rows are held at once to be joined to tickets."""


class Count(Options):
    """Ask how many tickets there are, before the first page of each window."""

    url: str
    """Where to ask, in the same way as for the list; may be relative to its URL."""
    total: Path
    """Where the answer holds the number."""


class PagedList:
    """One list, and how it is asked for."""

    def __init__(
        self,
        asked: Asked,
        page: Paging,
        records: str,
        manner: Manner,
        *,
        since: Since | None = None,
        send_in: Literal["query", "body"] | None = None,
        count: Count | None = None,
        salt: bytes | None = None,
    ) -> None:
        """With `salt` pages that came before are known by their bytes; it stands for the options they are read by."""
        self._asked = asked
        self._page = page
        self._records = Records(records)
        self._manner = manner
        self._since = since
        self._in_body = asked.method == "POST" and send_in != "query" and not isinstance(asked.body, str)
        self._names = frozenset(map(base_of, asked.names()))
        self._count = count
        self._salt = salt if salt is not None and since is None and told_paths(page) is not None else None

    async def pages(
        self, session: Session, find: Find, cursor: Cursor | None = None, complete: Complete | None = None
    ) -> AsyncGenerator[Page, None]:
        """Yield page after page from the cursor on; `find` finds what the texts of the question name beside its own."""
        settle = partial(self._at_home, find)
        walker = Walker(self._page, self._since, self._manner.zone, max_pages=self._manner.max_pages, settle=settle)
        totals: dict[Window, int] = {}
        memory = None if self._salt is None else Memory(self._salt, self._page, cursor)
        read = self._read if memory is None else partial(memory.read, read=self._read)

        async def ask(walk: Walk) -> Part:
            if self._count is not None and walk.window not in totals:
                totals[walk.window] = await self._counted(session, walk, find, self._count)
            if totals.get(walk.window) == 0:
                return Part(None, [], total=0)
            try:
                part = await session.fetch(self.question(walk, find), read)
            except NothingThere:
                return Part(None, [], total=0)
            except Gone as error:
                raise Forgotten(error.message, hint=error.hint) from None
            part = replace(part, total=totals.get(walk.window))
            return part if complete is None or walker.is_cut(part, walk) else await complete(part)

        async with aclosing(walker.pages(cursor, ask)) as pages:
            async for page in pages:
                yield page if memory is None else memory.marked(page)

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Return the cursor of a walk over a stretch of the past. Raises SourceRefused."""
        walker = Walker(self._page, self._since, self._manner.zone, max_pages=self._manner.max_pages)
        return walker.between(start, end, told="since" in self._names)

    async def whole(self, session: Session, find: Find) -> list[Ticket]:
        """Ask for the list to its end, which is to be joined to something: so it must not be a long one."""
        rows: list[Ticket] = []
        async with aclosing(self.pages(session, find)) as pages:
            async for page in pages:
                rows += page.tickets
                if len(rows) > MOST_ROWS:
                    raise SourceRefused(f"{self._asked.url} gives more than {MOST_ROWS} rows to be joined")
        return rows

    def question(self, walk: Walk, find: Find) -> Request:
        """Ask for the page that a walk has come to."""
        if isinstance(self._page, ByLink | ByNextUrl) and walk.at is not None:
            return replace(self._put(walk, find, self._asked, {}), url=str(walk.at), query={})
        return self._put(walk, find, self._asked, self._page_parameters(walk))

    def _page_parameters(self, walk: Walk) -> dict[str, Any]:
        parameters = self._page.parameters(walk.at)
        if "page" in self._names:
            parameters.pop(getattr(self._page, "send", ""), None)
        return parameters

    def _put(self, walk: Walk, find: Find, asked: Asked, parameters: dict[str, Any]) -> Request:
        window = walk.window if self._page.sends_since(walk.at) else Window(None, walk.window.end)
        parameters = parameters | window_parameters(self._since, window, self._manner.zone)
        query, body = ({}, parameters) if self._in_body else (_as_texts(parameters), {})
        if walk.at is not None and (unwanted := getattr(self._page, "without", ())):
            asked = asked.model_copy(update={"query": _without(asked.query, unwanted)})
            query, body = _without(query, unwanted), _without(body, unwanted)
        put = question(asked, self._finding(window, walk.at, find), self._manner, query=query, body=body)
        if put is None:
            raise SourceRefused("cannot be asked: a value that its URL or its body names is empty")
        return put

    def _finding(self, window: Window, at: At | None, find: Find) -> Find:
        def found(name: str) -> Any:
            base, _, written = name.partition(":")
            if base == "page":
                return sent(at)
            if base == "to" and isinstance(self._page, ByOffset):
                return self._page.last_row(at)
            return self._time(base, written, window) if base in TIMES else find(name)

        return found

    def _time(self, name: str, written: str, window: Window) -> str | int | None:
        """Write where the window starts or ends, as `since.format` says or the place itself: `{since:%Y%m%d}`."""
        start, end = window_texts(self._since, window, self._manner.zone, written or None)
        text = start if name == "since" else end
        is_number = (written or (self._since.format if self._since else "")) in EPOCHS
        return int(text) if text is not None and is_number else text

    async def _counted(self, session: Session, walk: Walk, find: Find, count: Count) -> int:
        asked = self._asked.model_copy(update={"url": count.url})
        return await session.fetch(self._put(walk, find, asked, {}), partial(self._number, count))

    def _number(self, count: Count, answer: Answer) -> int:
        total = whole_number(reader(count.total)(self._manner.opened(answer)))
        if total is None or total < 0:
            raise SourceRefused(f"holds no number at `count.total: {count.total}`")
        return total

    def _read(self, answer: Answer) -> Part:
        payload = self._manner.opened(answer)
        tickets = self._records.of(payload, markup=looks_like_xml(answer.body))
        return Part(payload, tickets, next_link(answer.links), headers=answer.headers)

    def _at_home(self, find: Find, at: At | None, walk: Walk) -> At | None:
        if at is None or not isinstance(self._page, ByLink | ByNextUrl):
            return at
        # The cursor is stored: a key that the source echoes in its links must not be stored with it.
        return self._manner.strip(same_host(self.question(walk, find).url, str(at)))


def _as_texts(parameters: dict[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in parameters.items()
    }


def _without(parameters: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in names}
