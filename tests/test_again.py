"""A page that came before is settled by its digest, as long as every one of its tickets is as it was then."""

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from hub.config import Source
from hub.connectors.base import Unread
from hub.model import Cursor, Page, Tally, Ticket
from hub.store import tables
from hub.store.store import Store
from hub.sync import sync
from tests.scripted import claimed, scripted, ticket
from tests.test_sync import appeals, claimed_again, rows


class Known:
    """Gives its pages, all of them as if they had come before; `reads` counts those whose tickets were looked at."""

    def __init__(self, *pages: list[Ticket]) -> None:
        self.pages = pages
        self.reads = 0

    async def pull(self, _cursor: Cursor | None) -> AsyncIterator[Page]:
        for number, page in enumerate(self.pages):
            digest = sha256(orjson.dumps(page)).digest()
            yield Page(Unread(len(page), digest, lambda page=page: self._read(page)), {"next": number}, digest=digest)

    def _read(self, page: list[Ticket]) -> list[Ticket]:
        self.reads += 1
        return page


def knowing(*pages: list[Ticket], **fields: Any) -> Source:
    return replace(scripted(), connector=Known(*pages), fingerprint=b"1", **fields)


async def change(store: Store, statement: str) -> None:
    async with store._database.begin() as connection:
        await connection.execute(sa.text(statement))


async def run(store: Store, source: Source) -> Tally:
    await claimed(store, source) if not await rows(store, sa.select(tables.lane)) else None
    source.connector.reads = 0
    return await sync(source, store, await claimed_again(store))


async def test_a_page_that_came_before_is_counted_and_not_read(store):
    source = knowing([ticket(1), ticket(2), ticket(2, status="done")], [ticket(3)])
    assert await run(store, source) == Tally(landed=3, served=3, repeated=1)

    tally = await run(store, source)

    assert tally == Tally(unchanged=3, repeated=1)
    assert source.connector.reads == 0
    assert (await rows(store, sa.select(tables.lane)))[0].cursor == {"next": 1}


@pytest.mark.parametrize(
    "meanwhile",
    ["update ticket set hash = '\\x00' where external_id = '2'", "delete from ticket where external_id = '2'"],
)
async def test_a_page_one_of_whose_tickets_is_not_as_it_was_is_read(store, meanwhile):
    source = knowing([ticket(1), ticket(2)])
    await run(store, source)
    await change(store, meanwhile)

    tally = await run(store, source)

    assert tally == Tally(landed=1, served=1, unchanged=1)
    assert source.connector.reads == 1


async def test_what_another_page_changed_in_between_is_landed_again(store):
    first, other = [ticket(1)], [ticket(1, status="done")]
    await run(store, knowing(first))
    await run(store, knowing(first, other))
    assert await appeals(store) == {"1": "RESOLVED"}

    tally = await run(store, knowing(first))

    assert tally == Tally(landed=1, served=1)
    assert await appeals(store) == {"1": "RECEIVED"}


async def test_another_configuration_reads_every_page_again(store):
    source = knowing([ticket(1)])
    await run(store, source)
    other = replace(source, fingerprint=b"2")

    assert await run(store, other) == Tally(unchanged=1)
    assert other.connector.reads == 1


async def test_a_rejected_ticket_is_known_too_and_replayed_as_ever(store):
    source = knowing([ticket(1, status="?")])
    await run(store, source)
    assert await run(store, source) == Tally(unchanged=1)

    await store.tickets.replay("housing")

    assert await run(store, source) == Tally(rejected=1, unchanged=1)


async def test_a_page_that_no_run_meets_any_more_is_forgotten(store):
    await run(store, knowing([ticket(1)], [ticket(2)]))

    await run(store, knowing([ticket(1)]))

    assert len(await rows(store, sa.select(tables.page))) == 1
