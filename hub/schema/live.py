"""The change log, live: one reader of the log in each process, and a bounded queue for every subscriber."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import timedelta

import structlog

from hub.errors import QueryError
from hub.model import Change
from hub.store.reads import Reads

PAUSE = timedelta(milliseconds=75)
BACKLOG = 1_000
_PAGE = 500
_AWAY = timedelta(seconds=1)  # between tries while the database is away

_log = structlog.get_logger()


class Live:
    """Fans the log out to subscribers. `run` must be running; it survives the database being away."""

    def __init__(self, reads: Reads, *, pause: timedelta = PAUSE, backlog: int = BACKLOG) -> None:
        self._reads = reads
        self._pause = pause
        self._backlog = backlog
        self._subscribers: set[_Subscriber] = set()
        self._number = 0  # the last number that was fanned out

    @property
    def subscribers(self) -> int:
        """How many follow the log now."""
        return len(self._subscribers)

    async def run(self) -> None:
        """Read the log and fan it out, until cancelled. Without subscribers the log is left alone."""
        away = False
        while True:
            try:
                more = bool(self._subscribers) and await self._read()
            except Exception as error:  # noqa: BLE001  # whatever went wrong, subscribers wait for the next try
                if not away:
                    _log.warning("live.away", error=str(error))
                away = True
                await asyncio.sleep(_AWAY.total_seconds())
                continue
            if away and self._subscribers:
                _log.info("live.back")
                away = False
            if not more:
                await asyncio.sleep(self._pause.total_seconds())

    async def _read(self) -> bool:
        """Fan out the next page; tell whether there may be another."""
        changes = await self._reads.changes(self._number, _PAGE)
        if changes:
            self._number = changes[-1].number
            for subscriber in tuple(self._subscribers):
                if not subscriber.take(changes):
                    self._subscribers.discard(subscriber)
        return len(changes) == _PAGE

    async def follow(self, after: int | None, sources: Collection[str] = ()) -> AsyncGenerator[Change, None]:
        """Every change after a number (from now on when None), in order, none missing and none twice.

        Raises QueryError BAD_CURSOR for a number beyond the log, SLOW_SUBSCRIBER for a reader that falls behind by
        more than the backlog, with the number to go on from.
        """
        last = await self._reads.last_change_number()
        if after is not None and after > last:
            raise QueryError("BAD_CURSOR", f"after: {after} lies beyond the last change, {last}", lastNumber=last)
        seen = last if after is None else after
        while (joined := self._join(seen)) is None:
            for change in await self._reads.changes(seen, _PAGE):
                seen = change.number
                if _wanted(change, sources):
                    yield change
        try:
            async for change in joined.changes():
                if _wanted(change, sources):
                    yield change
        finally:
            self._subscribers.discard(joined)

    def _join(self, seen: int) -> "_Subscriber | None":
        """Join the stream unless it is ahead of what the subscriber has seen: then more of the log comes first."""
        if seen < self._number:
            return None
        if not self._subscribers:
            # Nobody needs what lies between: a hub without subscribers for hours must not read those hours again.
            self._number = seen
        subscriber = _Subscriber(seen, self._backlog)
        self._subscribers.add(subscriber)
        return subscriber


class _Subscriber:
    def __init__(self, seen: int, backlog: int) -> None:
        self._queued = seen  # the last number put into the queue
        self._seen = seen  # the last number taken out of it
        self._queue: asyncio.Queue[Change] = asyncio.Queue(backlog)
        self._behind = False

    def take(self, changes: Sequence[Change]) -> bool:
        """Queue what is new; False when there is no room left, and then nothing is kept any more."""
        for change in changes:
            if change.number <= self._queued:
                continue
            if self._queue.full():
                self._forget()
                return False
            self._queue.put_nowait(change)
            self._queued = change.number
        return True

    def _forget(self) -> None:
        """Keep nothing for a reader that may never read again; where it goes on, it knows."""
        self._behind = True
        while not self._queue.empty():
            self._queue.get_nowait()

    async def changes(self) -> AsyncGenerator[Change, None]:
        while not self._behind:
            change = await self._queue.get()
            self._seen = change.number
            yield change
        raise QueryError(
            "SLOW_SUBSCRIBER",
            f"the subscriber fell behind by more than {self._queue.maxsize} changes",
            hint=f"subscribe again with after: {self._seen}",
            lastNumber=self._seen,
            limit=self._queue.maxsize,
        )


def _wanted(change: Change, sources: Collection[str]) -> bool:
    # Whose appeal it is counts, and not where it was changed: what is done at the hub concerns its source's followers.
    return not sources or change.source in sources
