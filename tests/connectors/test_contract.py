"""What every connector promises, whatever it speaks: one suite over all of them.

A source that can be read again promises that a cursor goes on after its page. A queue cannot: it promises that nothing
is acknowledged before the page after it is asked for, and that whatever was not acknowledged comes again.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from pulling import pages, stored
from worlds import PUSHED, QUEUES, WORLDS
from worlds.base import CANARY, World

from hub.connectors import REGISTRY
from hub.errors import SourceError, SourceRefused, SourceUnavailable
from hub.model import Ticket


async def _world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield await WORLDS[request.param](stack, tmp_path)


_PULLED = WORLDS.keys()  # test_contract_of_receivers.py has the others
world = pytest.fixture(params=sorted(_PULLED), name="world")(_world)
lasting = pytest.fixture(params=sorted(_PULLED - QUEUES), name="lasting")(_world)
queue = pytest.fixture(params=sorted(QUEUES), name="queue")(_world)


def test_every_connector_has_a_world():
    assert {name.partition("-")[0] for name in [*WORLDS, *PUSHED]} == set(REGISTRY)


def numbers(tickets: list[Ticket]) -> list[int]:
    return [int(ticket["service_request_id"]) for ticket in tickets]


async def broken(world: World) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await pages(world.connector)
    return caught.value


async def test_tickets_come_oldest_first_and_all_of_them(world: World):
    found = await pages(world.connector)

    assert list(dict.fromkeys(numbers([t for page in found for t in page.tickets]))) == list(range(14))
    assert len([page for page in found if page.tickets]) > 2


async def test_a_run_resumes_from_any_cursor(lasting: World):
    whole = await pages(lasting.connector)

    for place, page in enumerate(whole[:-1]):
        rest = await pages(lasting.connector, stored(page.cursor))

        seen = [t for earlier in whole[: place + 1] for t in earlier.tickets] + [t for p in rest for t in p.tickets]
        assert set(numbers(seen)) == set(range(14))


async def test_a_run_goes_on_after_the_cursor_rather_than_from_the_start(lasting: World):
    whole = await pages(lasting.connector)

    rest = await pages(lasting.connector, stored(whole[0].cursor))

    assert [page.tickets for page in rest] == [page.tickets for page in whole[1:]]


async def test_no_ticket_is_lost_when_the_run_is_cut_after_each_page(lasting: World):
    seen: list[Any] = []
    cursor, runs = None, 0

    while True:
        async with aclosing(lasting.connector.pull(cursor)) as stream:
            page = await anext(stream, None)
        runs += 1
        if page is None or runs > 30:
            break
        seen += page.tickets
        cursor = stored(page.cursor)
        if set(numbers(seen)) == set(range(14)):
            break

    assert set(numbers(seen)) == set(range(14))


async def test_pulling_the_same_page_twice_gives_the_same_tickets(lasting: World):
    first = await pages(lasting.connector)
    cursor = stored(first[0].cursor)

    once, again = await pages(lasting.connector, cursor), await pages(lasting.connector, cursor)

    assert [page.tickets for page in once] == [page.tickets for page in again]


async def test_a_queue_gives_again_what_was_not_kept(queue: World):
    async with aclosing(queue.connector.pull(None)) as stream:
        first = await anext(stream)

    again = await pages(queue.connector, stored(first.cursor))

    assert numbers([t for page in again for t in page.tickets]) == list(range(14))


async def test_a_queue_does_not_give_again_what_was_kept(queue: World):
    whole = await pages(queue.connector)

    again = await pages(queue.connector, stored(whole[-1].cursor))

    assert [t for page in again for t in page.tickets] == []


async def test_a_queue_loses_nothing_when_each_run_is_cut_after_a_page_that_was_kept(queue: World):
    kept: list[Any] = []

    for _ in range(14):
        async with aclosing(queue.connector.pull(None)) as stream:
            if (page := await anext(stream, None)) is None:
                break
            kept += page.tickets
            await anext(stream, None)  # asks for the next, as whoever has kept the first does; and is cut

    assert numbers(kept) == list(range(14))


async def test_a_source_that_is_away_is_worth_another_try(world: World):
    world.go_away()

    assert isinstance(await broken(world), SourceUnavailable)


async def test_a_source_that_says_no_is_not_asked_again(world: World):
    world.say_no()

    assert isinstance(await broken(world), SourceRefused)


@pytest.mark.parametrize("trouble", ["go_away", "say_no"])
async def test_no_secret_stands_in_an_error(world: World, trouble: str):
    getattr(world, trouble)()

    error = await broken(world)

    told = "".join(format_exception(error)) + repr(error) + str(error)
    assert CANARY not in told
    assert "c4n4ry" not in told


async def test_no_secret_stands_in_options_or_cursors(world: World):
    found = await pages(world.connector)

    assert "c4n4ry" not in repr(world.connector) + repr([page.cursor for page in found])


async def test_a_cursor_of_something_else_is_refused_in_plain_words(world: World):
    with pytest.raises(SourceRefused, match="cursor"):
        await pages(world.connector, {"done": 3, "since": "yesterday", "step": 1, "by": "offset", "walk": [1]})
