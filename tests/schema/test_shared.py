"""Answers that many subscribers share: made once, never older than a second, and never across what they depend on."""

import asyncio
from types import SimpleNamespace

import pytest
from graphql import parse

from hub.schema.shared import Shared, depends_on_variables


async def test_an_answer_is_made_once_for_all_who_ask_at_the_same_time():
    made = []
    shared = Shared()

    async def make():
        made.append(1)
        await asyncio.sleep(0)
        return "answer"

    answers = await asyncio.gather(*(shared.get("same", make) for _ in range(300)), shared.get("other", make))

    assert set(answers) == {"answer"}
    assert len(made) == 2


async def test_an_answer_of_more_than_a_second_ago_is_made_anew():
    now = SimpleNamespace(time=0.0)
    shared = Shared(clock=lambda: now.time)
    found = []
    for time in (0.0, 0.9, 1.5):
        now.time = time

        async def make(time=time):
            return time

        found.append(await shared.get("same", make))

    assert found == [0.0, 0.0, 1.5]


async def test_one_that_goes_takes_the_answer_from_nobody():
    shared = Shared()
    going = asyncio.Event()

    async def make():
        await going.wait()
        return "answer"

    first = asyncio.create_task(shared.get("same", make))
    second = asyncio.create_task(shared.get("same", make))
    await asyncio.sleep(0)
    first.cancel()
    going.set()

    assert await second == "answer"


async def test_what_is_remembered_does_not_grow():
    shared = Shared()

    async def make():
        return "answer"

    for number in range(1_000):
        await shared.get(number, make)

    assert len(shared._answers) == 256


@pytest.mark.parametrize(
    ("text", "depends"),
    [
        ("subscription ($a: ChangeNumber) { appealChanged(after: $a) { number } }", False),
        ("subscription { appealChanged { ...F } } fragment F on Change { number }", False),
        ("subscription ($a: Boolean!) { appealChanged { number @skip(if: $a) } }", True),
        ("subscription ($a: Int) { appealChanged { appeal { changes(first: $a) { nodes { id } } } } }", True),
        ("subscription ($a: Int) { appealChanged { ...F } } fragment F on Change { x(y: $a) }", True),
        ("subscription ($a: Boolean!) { appealChanged @include(if: $a) { number } }", True),
        ("subscription { ...F } fragment F on Subscription { appealChanged { number } }", True),
    ],
)  # fmt: skip
def test_variables_of_a_selection_are_noticed(text, depends):
    document = parse(text)

    assert depends_on_variables(document, document.definitions[0]) is depends
