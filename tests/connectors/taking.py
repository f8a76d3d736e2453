"""Take from a source into a real store, and die at a page by SIGKILL: before it is kept, or acknowledged."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import orjson  # noqa: E402  # below the path that it needs
from pulling import build  # noqa: E402

from hub.config import Schedule, Source  # noqa: E402
from hub.connectors.base import Connector  # noqa: E402
from hub.model import Cursor, Lane, Page, SourceClass, SourceRecord, Tally  # noqa: E402
from hub.normalize import compile_mapping  # noqa: E402
from hub.store.store import Store  # noqa: E402
from hub.sync import sync  # noqa: E402
from tests.scripted import MAP, ZONE  # noqa: E402

RECORD = SourceRecord("housing", "住房热线", SourceClass.HOTLINE, connector="broker")


def source_of(options: dict[str, object], dies_at: int = 0, connector_name: str = "broker") -> Source:
    mapping = compile_mapping("housing", MAP, maps={}, timezone=ZONE, nulls=[])
    connector = Dying(build(connector_name, options), dies_at)
    return Source(RECORD, connector, mapping, Schedule(ZONE, timedelta(hours=1), None))


class Dying:
    """A connector whose process dies with a page in hand; with 0 it never does."""

    def __init__(self, connector: Connector, page: int) -> None:
        self._connector = connector
        self._page = page

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        number = 0
        async with aclosing(self._connector.pull(cursor)) as pages:
            async for page in pages:
                number += 1
                if number == self._page:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield page


async def lane_of(store: Store) -> Lane:
    """Claim the lane, as soon as the lease of whoever died with it is over."""
    await store.lanes.declare([RECORD])
    while (lane := await store.lanes.claim_named("source:housing", "taking", timedelta(milliseconds=200))) is None:
        await asyncio.sleep(0.1)
    return lane


async def take(database: str, options: dict[str, object], moment: str, page: int, connector: str) -> None:
    number = 0

    def watch(tally: Tally, total: int | None) -> None:
        nonlocal number
        number += 1
        if (moment, number) == ("acknowledged", page):
            os.kill(os.getpid(), signal.SIGKILL)

    store = await Store.open(database)
    source = source_of(options, page if moment == "kept" else 0, connector)
    await sync(source, store, await lane_of(store), watch)
    await store.close()


if __name__ == "__main__":
    database, options, moment, page, connector = sys.argv[1:]
    asyncio.run(take(database, orjson.loads(options), moment, int(page), connector))
