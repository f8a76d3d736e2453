"""Walk a list window by window and page by page, whatever protocol carries the questions."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from hub.connectors.loops import LoopGuard
from hub.connectors.paging import At, Turn, Way
from hub.connectors.paths import reader
from hub.connectors.since import (
    Mark,
    Since,
    Walk,
    advance,
    begin,
    from_cursor,
    newest_of,
    read_time,
    stretch,
    to_cursor,
)
from hub.errors import SourceRefused
from hub.model import Cursor, Page, Ticket


@dataclass(frozen=True, slots=True)
class Part:
    """One answer, read; `whole` holds its tickets with their details, where those were asked for."""

    payload: Any
    tickets: list[Ticket]
    link: str | None = None
    whole: list[Ticket] | None = None


Ask: TypeAlias = Callable[[Walk], Awaitable[Part]]
"""Ask for the page that a walk has come to."""
Settle: TypeAlias = Callable[[At | None, Walk], At | None]
"""Make of the next page that a source named one that may be asked for and stored. May raise SourceRefused."""


class Walker:
    """How one source's list is walked, and how far it was read."""

    def __init__(
        self,
        page: Way,
        since: Since | None,
        zone: ZoneInfo,
        *,
        max_pages: int,
        settle: Settle = lambda at, _walk: at,
    ) -> None:
        self._page = page
        self._since = since
        self._zone = zone
        self._max_pages = max_pages
        self._settle = settle
        self._newest_field = reader(since.field) if since else None

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Return the cursor of a walk over a stretch of the past. Raises SourceRefused."""
        page = self._page
        return to_cursor(stretch(self._since, start=start, end=end, first=page.first(), by=page.by))

    async def pages(self, cursor: Cursor | None, ask: Ask) -> AsyncGenerator[Page, None]:
        """Yield page after page; each page's cursor goes on after it, also in the middle of a run."""
        page = self._page
        now = datetime.now(UTC)
        mark = begin(from_cursor(cursor, page.by), self._since, now=now, zone=self._zone, first=page.first())
        guard = LoopGuard(self._max_pages)
        while mark.walk is not None:
            part = await ask(mark.walk)
            tickets = part.tickets if part.whole is None else part.whole
            total = page.total(part.payload)
            try:
                mark = self._past(mark, mark.walk, part, guard)
            except SourceRefused:
                # What came is good, whatever the source says of its next page: keep it, and stay where we are.
                yield Page(tickets, to_cursor(mark), total)
                raise
            yield Page(tickets, to_cursor(mark), total)

    def _past(self, mark: Mark, walk: Walk, part: Part, guard: LoopGuard) -> Mark:
        """Move the mark past a page that was read."""
        page = self._page
        turn = Turn(
            at=walk.at,
            payload=part.payload,
            tickets=len(part.tickets),
            seen=walk.seen + len(part.tickets),
            link=part.link,
            stale=self._is_stale(part.tickets, walk),
        )
        at = self._settle(page.after(turn), walk)
        at = guard.next(at, turn, part.tickets, page, walk.window)
        newest = self._newest(part.tickets)
        if (kept := page.kept(turn)) is not None:
            mark = replace(mark, kept=kept)
        return advance(mark, self._since, newest=newest, at=at, seen=turn.seen, first=page.first())

    def _newest(self, tickets: list[Ticket]) -> datetime | None:
        since = self._since
        if since is None or self._newest_field is None:
            return None
        return newest_of(tickets, self._newest_field, since.read or since.format, self._zone)

    def _is_stale(self, tickets: list[Ticket], walk: Walk) -> bool:
        since, start = self._since, walk.window.start
        if since is None or self._newest_field is None or start is None:
            return False
        if getattr(self._page, "until", "") != "seen":
            return False
        written = since.read or since.format
        times = [read_time(self._newest_field(ticket), written, self._zone) for ticket in tickets]
        return all(time is not None and time < start for time in times)
