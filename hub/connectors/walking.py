"""Walk a list window by window and page by page, whatever protocol carries the questions."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from hub.connectors.clocks import read_time
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
    halved,
    newest_of,
    stretch,
    to_cursor,
)
from hub.errors import SourceRefused
from hub.model import Cursor, Page, Ticket


@dataclass(frozen=True, slots=True)
class Part:
    """One answer, read; `whole` holds its tickets with their details, where those were asked for.

    `total` is how many tickets there are in all, where that was asked for by itself.
    """

    payload: Any
    tickets: Sequence[Ticket]
    link: str | None = None
    whole: Sequence[Ticket] | None = None
    total: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Forgotten(SourceRefused):
    """The source does not know any more the place where it was asked to go on."""


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
        self._newest_field = reader(since.field) if since and since.field else None

    def between(self, start: datetime, end: datetime, *, told: bool = False) -> Cursor:
        """Return the cursor of a walk over a stretch of the past; `told`: by the texts of the question.

        Raises SourceRefused.
        """
        page, zone = self._page, self._zone
        return to_cursor(
            stretch(self._since, start=start, end=end, zone=zone, first=page.first(), by=page.by, told=told)
        )

    async def pages(self, cursor: Cursor | None, ask: Ask) -> AsyncGenerator[Page, None]:
        """Yield page after page; each page's cursor goes on after it, also in the middle of a run."""
        page = self._page
        now = datetime.now(UTC)
        mark = begin(from_cursor(cursor, page.by), self._since, now=now, zone=self._zone, first=page.first())
        guard = LoopGuard(self._max_pages)
        while (walk := mark.walk) is not None:
            try:
                part = await ask(walk)
            except Forgotten:
                # Sources forget where others stood: then everything is read once more, which changes nothing twice.
                if mark.kept is None or walk.at != mark.kept:
                    raise
                mark = begin(Mark(by=page.by), self._since, now=now, zone=self._zone, first=page.first())
                continue
            if self.is_cut(part, walk) and (half := self._halved(mark)):
                guard.count()
                mark = half
                continue
            tickets = part.tickets if part.whole is None else part.whole
            try:
                mark = self._past(mark, walk, part, guard)
            except SourceRefused:
                # What came is good, whatever the source says of its next page: keep it, and stay where we are.
                yield Page(tickets, to_cursor(mark), self._total(part))
                raise
            yield Page(tickets, to_cursor(mark), self._total(part))

    def is_cut(self, part: Part, walk: Walk) -> bool:
        """Tell whether the source may have left out the rest of a window, because it held too much."""
        cap = self._since.cap if self._since else None
        if cap is None or walk.window.start is None:
            return False
        total = self._total(part)
        return walk.seen + len(part.tickets) >= cap if total is None else total > cap

    def _halved(self, mark: Mark) -> Mark | None:
        return halved(mark, self._since, zone=self._zone, first=self._page.first()) if self._since else None

    def _past(self, mark: Mark, walk: Walk, part: Part, guard: LoopGuard) -> Mark:
        """Move the mark past a page that was read."""
        if self.is_cut(part, walk):
            raise SourceRefused(
                f"gives {self._total(part) or len(part.tickets)} tickets for the shortest time that can be asked for",
                hint="it may leave out the rest, which nothing could tell: add a filter, or raise since.cap",
            )
        page = self._page
        turn = Turn(
            at=walk.at,
            payload=part.payload,
            tickets=len(part.tickets),
            seen=walk.seen + len(part.tickets),
            link=part.link,
            stale=self._is_stale(part.tickets, walk),
            rows=part.tickets if isinstance(part.tickets, list) else (),
            total=self._total(part),
            headers=part.headers,
        )
        at = self._settle(page.after(turn), walk)
        at = guard.next(at, turn, part.tickets, page, walk.window)
        newest = self._newest(part.tickets if part.whole is None else part.whole)
        # It is stored, and asked for by the next run: a link must stay on its host, and must not hold our key.
        if (kept := self._settle(page.kept(turn), walk)) is not None:
            mark = replace(mark, kept=kept)
        return advance(mark, self._since, zone=self._zone, newest=newest, at=at, seen=turn.seen, first=page.first())

    def _total(self, part: Part) -> int | None:
        return self._page.total(part.payload, part.headers) if part.total is None else part.total

    def _newest(self, tickets: Sequence[Ticket]) -> datetime | None:
        since = self._since
        if since is None or self._newest_field is None:
            return None
        return newest_of(tickets, self._newest_field, since.read or since.format, self._zone)

    def _is_stale(self, tickets: Sequence[Ticket], walk: Walk) -> bool:
        since, start = self._since, walk.window.start
        if since is None or self._newest_field is None or start is None:
            return False
        if getattr(self._page, "until", "") != "seen":
            return False
        written = since.read or since.format
        times = [read_time(self._newest_field(ticket), written, self._zone) for ticket in tickets]
        return all(time is not None and time < start for time in times)
