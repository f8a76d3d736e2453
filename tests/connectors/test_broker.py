"""What a broker's messages go through: taken, kept, and only then acknowledged; over every real broker there is."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import orjson
import pytest
from far_brokers import BROKERS, Far, Relay
from pulling import ids, pages, stored, tickets

from hub.connectors.base import Connector
from hub.errors import SourceUnavailable
from hub.model import BROKEN, Ticket


@pytest.fixture(params=BROKERS)
async def far(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Far]:
    async with BROKERS[request.param](tmp_path) as far:
        yield far


@pytest.fixture
def faithful(far: Far) -> Far:
    """A broker that gives again what was not acknowledged."""
    if not far.gives_again:
        pytest.skip("this broker forgets what was not acknowledged, against its own standard")
    return far


async def put(far: Far, *numbers: int) -> None:
    for number in numbers:
        await far.publish(orjson.dumps({"id": number}))


async def test_all_that_waits_is_taken_in_its_order(far: Far):
    source = await far.subscribed(size=4)
    await put(far, *range(10))

    found = await pages(source)

    assert [ids(list(page.tickets)) for page in found] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_run_that_waits_for_nobody_takes_what_is_there(faithful: Far):
    source = await faithful.subscribed(idle="1ms", wait="1ms")
    await put(faithful, *range(10))

    found = await tickets(source)

    assert ids(found) == list(range(10))


async def test_what_was_acknowledged_does_not_come_again(far: Far):
    source = await far.subscribed(size=2)
    await put(far, 1, 2, 3)

    first, again = await tickets(source), await tickets(source)

    assert (ids(first), again) == ([1, 2, 3], [])


async def test_a_page_that_was_not_kept_comes_again(faithful: Far):
    source = await faithful.subscribed(size=2)
    await put(faithful, 1, 2, 3, 4)

    async with aclosing(source.pull(None)) as run:
        await anext(run)
        second = await anext(run)
    again = await tickets(source)

    assert (ids(list(second.tickets)), ids(again)) == ([3, 4], [3, 4])


async def test_a_message_that_cannot_be_read_is_kept_and_holds_nobody_up(far: Far):
    source = await far.subscribed()
    await put(far, 1)
    await far.publish(b'{"id": 2,')
    await put(far, 3)

    found = await tickets(source)
    again = await tickets(source)

    assert ids([found[0], found[2]]) == [1, 3]
    assert found[1][BROKEN].startswith("the message cannot be read: the JSON breaks off")
    assert found[1]["text"] == '{"id": 2,'
    assert again == []


async def test_a_message_that_is_too_large_is_set_aside_and_holds_nobody_up(faithful: Far):
    source = await faithful.subscribed(limits={"max_body": "10KB", "timeout": "5s"})
    await put(faithful, 1)
    large = orjson.dumps({"id": 2, "text": "x" * 20_000})
    await faithful.publish(large)
    await put(faithful, 3)

    found = await tickets(source)
    again = await tickets(source)

    assert ids([found[0], found[2]]) == [1, 3]
    assert found[1][BROKEN] == f"the message holds {len(large):,} bytes, more than limits.max_body (10 KB)"
    assert found[1]["sha256"] == hashlib.sha256(large).hexdigest()
    assert found[1]["beginning"] == large[:4096].decode()
    assert again == []


async def test_a_line_that_breaks_before_the_acknowledgement_loses_nothing(faithful: Far):
    await faithful.subscribed()
    await put(faithful, 1, 2, 3)

    async with Relay(faithful) as relay, aclosing(relay.far.connector().pull(None)) as run:
        first = await anext(run)
        relay.cut()
        with pytest.raises(SourceUnavailable):
            await anext(run)
    again = await eventually(faithful.connector(), 3)

    assert (ids(list(first.tickets)), ids(again)) == ([1, 2, 3], [1, 2, 3])


async def test_a_broker_that_falls_silent_is_not_taken_for_a_quiet_one(far: Far):
    await far.subscribed()
    await put(far, 1)

    async with Relay(far) as relay, aclosing(relay.far.connector(limits={"timeout": "300ms"}).pull(None)) as run:
        await anext(run)
        relay.fall_silent()
        with pytest.raises(SourceUnavailable, match=r"gave no answer within 0\.3 s"):
            await anext(run)


async def test_a_run_ends_although_more_is_waiting(faithful: Far):
    source = await faithful.subscribed(size=1, limits={"max_pages": 3, "timeout": "5s"})
    await put(faithful, *range(5))

    first, then = await tickets(source), await tickets(source)

    assert (ids(first), ids(then)) == ([0, 1, 2], [3, 4])


async def test_what_one_message_holds_may_be_many_pages(far: Far):
    source = await far.subscribed(size=2, format="jsonl")
    await far.publish(b"\n".join(orjson.dumps({"id": number}) for number in range(5)))

    found = await pages(source)

    assert [ids(list(page.tickets)) for page in found] == [[0, 1], [2, 3], [4]]


async def test_a_message_is_not_acknowledged_before_the_last_of_its_pages_is_kept(faithful: Far):
    source = await faithful.subscribed(size=2, format="jsonl")
    await faithful.publish(b"\n".join(orjson.dumps({"id": number}) for number in range(5)))

    async with aclosing(source.pull(None)) as run:
        for _ in range(3):
            await anext(run)
    again = await eventually(source, 5)

    assert ids(again) == list(range(5))


async def test_empty_messages_are_one_rejected_ticket(far: Far):
    source = await far.subscribed()
    for _ in range(20):
        await far.publish(b"")
    await put(far, 1)

    found = await tickets(source)

    assert {orjson.dumps(ticket) for ticket in found[:-1]} == {orjson.dumps(found[0])}
    assert (found[0][BROKEN], found[-1]["id"]) == ("the message is empty", 1)


async def test_the_cursor_names_the_last_message_and_where_it_begins_again_does_not_matter(far: Far):
    source = await far.subscribed()
    await put(far, 1)
    first = await pages(source)
    await put(far, 2)

    without, with_it = await tickets(source, None), await tickets(source, stored(first[0].cursor))

    assert set(first[0].cursor) == {"last"}
    assert (ids(without), with_it) == ([2], [])


async def eventually(source: Connector, most: int) -> list[Ticket]:
    """What comes, in as many runs as it takes: a broker may need a moment to notice that a connection is gone."""
    found: list[Ticket] = []
    for _ in range(50):
        found += await tickets(source)
        if len(found) >= most:
            break
    return found
