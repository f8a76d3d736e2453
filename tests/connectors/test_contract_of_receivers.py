"""What every connector promises whose source pushes: one suite over all of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from pulling import pages
from worlds import PUSHED, WORLDS
from worlds.base import CANARY, Sender

from hub.connectors import REGISTRY
from hub.connectors.base import Push, Receiver
from hub.errors import NotGenuine, SourceError


@pytest.fixture(params=sorted(PUSHED))
async def sender(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sender]:
    async with AsyncExitStack() as stack:
        yield await PUSHED[request.param](stack, tmp_path)


def take(receiver: Receiver, push: Push) -> list[Any]:
    """What the hub does with a push."""
    receiver.verify(push)
    return list(receiver.read(push).tickets)


def test_every_connector_has_its_world_in_one_of_the_suites():
    assert WORLDS.keys() | PUSHED.keys() == REGISTRY.keys()
    assert not WORLDS.keys() & PUSHED.keys()


def test_it_is_a_receiver(sender: Sender):
    assert isinstance(sender.connector, Receiver)


@pytest.mark.parametrize("cursor", [None, {}, {"done": 3, "since": "yesterday", "walk": [1]}])
async def test_a_run_yields_nothing_from_any_cursor(sender: Sender, cursor: dict[str, Any] | None):
    assert await pages(sender.connector, cursor) == []


def test_a_genuine_push_brings_all_its_tickets_in_their_order(sender: Sender):
    assert [int(ticket["service_request_id"]) for ticket in take(sender.connector, sender.genuine)] == list(range(14))


def test_reading_a_push_again_gives_the_same(sender: Sender):
    receiver = sender.connector

    assert receiver.read(sender.genuine) == receiver.read(sender.genuine)
    assert receiver.verify(sender.genuine) == receiver.verify(sender.genuine)


def test_a_forged_push_is_not_genuine(sender: Sender):
    with pytest.raises(NotGenuine):
        take(sender.connector, sender.forged)


@pytest.mark.parametrize("trouble", ["forged", "unreadable"])
def test_what_is_wrong_is_an_error_of_the_source_without_a_secret(sender: Sender, trouble: str):
    with pytest.raises(SourceError) as caught:
        take(sender.connector, getattr(sender, trouble))

    told = "".join(format_exception(caught.value)) + repr(caught.value)
    assert CANARY not in told
    assert "c4n4ry" not in told


def test_no_secret_stands_in_a_connector_or_its_terms(sender: Sender):
    assert "c4n4ry" not in repr(sender.connector) + repr(sender.connector.terms)
