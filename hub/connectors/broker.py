"""Pull tickets from a message broker, and acknowledge each message only after its tickets are kept."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from itertools import chain, islice
from typing import Any, ClassVar, cast

from hub.connectors.base import Options, Place
from hub.connectors.brokers.base import Message, Opener, Queue
from hub.connectors.brokers.bodies import Bodies
from hub.connectors.brokers.options import BrokerOptions, Scheme
from hub.connectors.brokers.wire import Site, site_of
from hub.connectors.extras import needs
from hub.errors import SourceRefused
from hub.model import Cursor, Page, Ticket


@dataclass(frozen=True, slots=True)
class _Spoken:
    """The module that speaks a protocol, and the library that it needs, by the extra that brings it."""

    module: str
    library: str | None = None
    extra: str = ""


_SPOKEN: dict[Scheme, _Spoken] = {
    "amqp": _Spoken("hub.connectors.brokers.amqp", "aiormq", "amqp"),
    "mqtt": _Spoken("hub.connectors.brokers.mqtt"),
    "nats": _Spoken("hub.connectors.brokers.nats", "nats", "nats"),
    "redis": _Spoken("hub.connectors.brokers.redis", "redis", "redis"),
}


_LONGEST_ID = 200


class Broker:
    """One queue, stream or set of topics. A run drains what waits there."""

    options_type: ClassVar[type[Options]] = BrokerOptions
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: BrokerOptions, place: Place) -> None:
        self._options = options
        self._place = place
        self._bodies = Bodies(options)
        self._spoken = _SPOKEN[options.scheme]
        if self._spoken.library:
            needs(self._spoken.library, self._spoken.extra)

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Take messages until the queue is quiet. Nothing is acknowledged before the page after it is asked for.

        The cursor names the last message, for people: where to go on is known to the broker.
        """
        last = _last(cursor)
        site = site_of(self._options, self._place.source, self._place.folder)
        async with self._opened(site) as queue:
            for _ in range(self._options.limits.max_pages):
                if not (messages := await self._gathered(queue)):
                    break
                last = _shown(messages[-1].id) or last
                tickets = chain.from_iterable(map(self._bodies.tickets, messages))
                # One page at least, even if it is empty: it asks whether to go on.
                yield Page(await self._some(tickets), {"last": last})
                while page := await self._some(tickets):
                    yield Page(page, {"last": last})
                await queue.acknowledge(messages)

    def _opened(self, site: Site) -> AbstractAsyncContextManager[Queue]:
        # Imported here, and not with the registry: `hub check` starts fast, and without the libraries of others.
        opener = cast("Opener", import_module(self._spoken.module).open_queue)
        return opener(self._options, site)

    async def _gathered(self, queue: Queue) -> list[Message]:
        """Gather messages until there are enough for a page, or no other comes for a moment."""
        options = self._options
        gathered = await queue.take(options.size, options.idle.total_seconds())
        while gathered and len(gathered) < options.size and _size(gathered) < options.limits.max_body:
            more = await queue.take(options.size - len(gathered), options.wait.total_seconds())
            if not more:
                break
            gathered += more
        return gathered

    async def _some(self, tickets: Iterator[Ticket]) -> list[Ticket]:
        """Read tickets for a page: one message may hold many pages of them, and takes its time."""
        return await asyncio.to_thread(lambda: list(islice(tickets, self._options.size)))


def _size(messages: list[Message]) -> int:
    return sum(message.size for message in messages)


def _shown(message_id: str | None) -> str | None:
    """Write the id of a message so that a cursor can be stored, whatever its publisher put into it."""
    return "".join(c if c.isprintable() else "?" for c in message_id[:_LONGEST_ID]) if message_id else None


def _last(cursor: Cursor | None) -> str | None:
    if cursor is None:
        return None
    last = cursor.get("last")
    if set(cursor) != {"last"} or not (last is None or isinstance(last, str)):
        raise SourceRefused("the stored cursor is not one of this connector", hint="pull from the start")
    return last
