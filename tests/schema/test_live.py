"""The live log by itself: nothing missed and nothing twice, however writing and joining fall together."""

import asyncio
import random
from datetime import timedelta

import pytest

from hub.errors import QueryError, StoreUnavailable
from hub.model import Change, ChangeType
from hub.schema.live import Live
from hub.store.reads import Reads
from tests.schema.conftest import START

SOON = timedelta(milliseconds=1)


class Log(Reads):
    """A change log in memory, slow by chance as a database is, and away when told so."""

    def __init__(self, seed=0):
        self.random = random.Random(seed)
        self.entries = []
        self.away = False
        self.reads = 0
        self.given = 0

    def write(self, count=1):
        for _ in range(count):
            # Numbers rise, and some are left out, as when a transaction is rolled back.
            number = (self.entries[-1].number if self.entries else 0) + self.random.choice([1, 1, 3])
            source = self.random.choice("ab")
            self.entries.append(Change(number, 1, 1, ChangeType.UPDATED, "hub", START, {}, source=source))

    async def last_change_number(self):
        await self._wait()
        return self.entries[-1].number if self.entries else 0

    async def changes(self, after, limit, *, sources=()):
        self.reads += 1
        found = [entry for entry in self.entries if entry.number > after][:limit]
        self.given += len(found)
        await self._wait()
        return found

    async def _wait(self):
        await asyncio.sleep(self.random.choice([0, 0, 0.001, 0.003]))
        if self.away:
            raise StoreUnavailable("gone")


@pytest.fixture
async def started():
    tasks = []

    def start(log, **options):
        live = Live(log, pause=SOON, **options)
        tasks.append(asyncio.create_task(live.run()))
        return live

    yield start
    for task in tasks:
        task.cancel()


async def read(live, after, count, sources=()):
    seen = []
    changes = live.follow(after, sources)
    try:
        async with asyncio.timeout(10):
            while len(seen) < count:
                seen.append((await anext(changes)).number)
    finally:
        await changes.aclose()
    return seen


@pytest.mark.parametrize("seed", range(20))
async def test_readers_that_come_and_go_miss_nothing_and_see_nothing_twice(started, seed):
    log = Log(seed)
    log.write(5)
    live = started(log)

    async def write():
        for _ in range(60):
            log.write(log.random.choice([1, 1, 20]))
            await asyncio.sleep(log.random.choice([0, 0.001, 0.004]))

    async def reader():
        seen = [0]
        while len(seen) < 120:
            # Each part is a connection of its own, going on where the last one ended.
            seen += await read(live, seen[-1], log.random.choice([1, 7, 40]))
        return seen[1:]

    writer = asyncio.create_task(write())
    readers = await asyncio.gather(*(reader() for _ in range(5)))
    await writer

    every = [entry.number for entry in log.entries]
    for seen in readers:
        assert seen == every[: len(seen)]


async def test_a_filtered_reader_gets_past_a_log_of_others(started):
    log = Log()
    live = started(log)
    log.write(1_200)
    wanted = [entry.number for entry in log.entries if entry.source == "a"]

    assert await read(live, 0, len(wanted), ["a"]) == wanted


async def test_the_stream_survives_the_database_being_away(started):
    log = Log()
    live = started(log)
    changes = live.follow(None)
    first = asyncio.create_task(anext(changes))
    while not live.subscribers:
        await asyncio.sleep(0.001)

    log.away = True
    log.write()
    await asyncio.sleep(0.05)
    log.away = False

    assert (await asyncio.wait_for(first, 5)).number == log.entries[-1].number
    await changes.aclose()


async def test_nobody_listening_means_nothing_read(started):
    log = Log()
    started(log)

    await asyncio.sleep(0.05)

    assert log.reads == 0


async def test_a_first_subscriber_after_hours_without_one_reads_nothing_again(started):
    log = Log()
    log.write(3_000)
    live = started(log)
    changes = live.follow(None)
    first = asyncio.create_task(anext(changes))
    while not live.subscribers:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    log.write()
    await first
    await changes.aclose()

    assert log.given == 1


async def test_one_reading_serves_every_subscriber(started):
    log = Log()
    live = started(log)
    streams = [live.follow(None) for _ in range(50)]
    firsts = [asyncio.create_task(anext(stream)) for stream in streams]
    while live.subscribers < 50:
        await asyncio.sleep(0.001)
    log.reads = 0
    log.write()

    numbers = {(await first).number for first in firsts}

    assert numbers == {log.entries[-1].number}
    assert log.reads < 20
    for stream in streams:
        await stream.aclose()
    assert live.subscribers == 0


async def test_a_subscriber_further_behind_than_the_backlog_is_ended_with_its_last_number(started):
    log = Log()
    live = started(log, backlog=10)
    changes = live.follow(None)
    first = asyncio.create_task(anext(changes))
    while not live.subscribers:
        await asyncio.sleep(0.001)
    log.write()
    seen = (await first).number
    log.write(30)
    while live.subscribers:
        await asyncio.sleep(0.001)

    with pytest.raises(QueryError, match=f"after: {seen}") as ended:
        await anext(changes)

    assert ended.value.code == "SLOW_SUBSCRIBER"
    assert ended.value.details == {"lastNumber": seen, "limit": 10}
