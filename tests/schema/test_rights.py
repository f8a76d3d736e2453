"""Rights while one follows: who loses a key loses the line, whether something happens or not, and nobody else does."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from hub.app import create_app
from hub.errors import QueryError, StoreUnavailable
from hub.keys import new_key
from hub.model import Scope
from hub.schema.callers import caller_of
from hub.schema.execution import Execution
from hub.schema.limits import Limits
from hub.schema.live import Live
from hub.schema.negotiation import EVENTS, PARTS
from hub.schema.socket import Sockets
from hub.schema.streams import FRAMINGS, Stream
from hub.schema.viewers import ANYBODY, Viewers
from tests.schema.conftest import NEW, appeal, running, serve
from tests.schema.test_socket import alone, closing

FOLLOW = "subscription { appealChanged(after: 0) { number } }"
SOON = timedelta(milliseconds=20)


async def made(store, lasting=None, scopes=()):
    """A key of a name of its own; one that lasts no longer than that."""
    now = datetime.now(UTC)
    written, record = new_key(f"desk {uuid.uuid4().hex[:8]}", scopes, now, now + lasting if lasting else None)
    assert await store.keys.add(record)
    return written


async def expired(store, written):
    viewers = Viewers(store.keys)
    async with asyncio.timeout(10):
        while True:
            try:
                await viewers.recognize(f"Bearer {written}")
            except QueryError:
                return
            await asyncio.sleep(0.02)


async def begun(client, written):
    socket = await client.socket()
    said = f"Bearer {written}" if written else None
    await socket.send_json({"type": "connection_init", "payload": {"authorization": said} if said else None})
    assert await socket.receive_json(timeout=5) == {"type": "connection_ack"}
    return socket


async def followed(client, written):
    socket = await begun(client, written)
    await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": FOLLOW}})
    assert (await socket.receive_json(timeout=5))["type"] == "next"
    return socket


async def test_row_24_a_socket_whose_key_expires_is_closed_4403_also_while_all_is_quiet(own_store):
    execution = Execution(own_store.reads, Live(own_store.reads), Limits(), production=False, store=own_store)
    sockets = Sockets(execution, *alone(), patience=timedelta(seconds=2), look_again=SOON)
    app = Starlette(routes=[WebSocketRoute("/graphql", sockets)])
    async with running(app) as client:
        written = await made(own_store, timedelta(seconds=3))
        async with await begun(client, written) as socket:
            assert await closing(socket) == 4403


async def test_an_event_after_a_key_expired_is_kept_from_its_holder_alone(own_store):
    await serve(own_store, [appeal(1)])
    short, long = await made(own_store, timedelta(seconds=4)), await made(own_store)
    async with running(create_app(own_store)) as client:
        sockets = [await followed(client, written) for written in (short, long, None)]
        await expired(own_store, short)
        await serve(own_store, [appeal(2)])
        said = [await socket.receive_json(timeout=10) for socket in sockets]
        for socket in sockets:
            await socket.close()

    assert [message["type"] for message in said] == ["error", "next", "next"]
    assert said[0]["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("media", "told"),
    [
        (EVENTS, b'event: next\ndata: {"errors":[{"message":"gone","extensions":{"code":"UNAUTHENTICATED"}}]}\n\n'),
        (PARTS, b'{"payload":null,"errors":[{"message":"gone","extensions":{"code":"UNAUTHENTICATED"}}]}\r\n---'),
    ],
)
async def test_a_quiet_stream_ends_when_its_key_does_not_hold_any_more(media, told):
    outcomes = iter([None, StoreUnavailable("away"), QueryError("UNAUTHENTICATED", "gone")])

    async def check():
        if outcome := next(outcomes):
            raise outcome

    async def answers():
        await asyncio.Event().wait()
        yield

    said = []

    async def send(message):
        said.append(message.get("body"))

    async def receive():
        await asyncio.Event().wait()

    stream = Stream(answers(), FRAMINGS[media], heartbeat=timedelta(milliseconds=1), check=check)
    await asyncio.wait_for(stream({}, receive, send), 10)

    framing = FRAMINGS[media]
    assert said[1:4] == [framing.opening, framing.heartbeat, framing.heartbeat]
    assert said[4].endswith(told)
    assert said[5] == framing.ending


async def test_a_key_is_counted_for_itself_and_a_false_one_for_where_it_comes_from(city_store):
    first, second = await made(city_store), await made(city_store)
    body = orjson.dumps({"query": "{ __typename }"})
    async with running(create_app(city_store, limits=Limits(rate=2))) as client:

        async def statuses(*keys):
            plain = {"content-type": "application/json"}
            headers = [plain | ({"authorization": f"Bearer {key}"} if key else {}) for key in keys]
            return [(await client.send("POST", data=body, headers=one)).status for one in headers]

        assert await statuses(first, first, second, second, None) == [200] * 5
        assert await statuses(first, second) == [429, 429]
        assert await statuses("false", "false", None) == [401, 429, 429]


def test_a_caller_is_a_key_before_it_is_an_address():
    assert caller_of({"client": ("10.0.0.1", 1)}, ANYBODY) == "10.0.0.1"


async def test_row_17_introspection_in_production_is_for_keys_that_say_so(production, city_store):
    body = orjson.dumps({"query": "{ __schema { queryType { name } } }"})
    told = []
    for key in (None, await made(city_store), await made(city_store, scopes=[Scope.SCHEMA_READ])):
        headers = {"content-type": "application/json", "accept": NEW}
        reply = await production.send(
            "POST", data=body, headers=headers | ({"authorization": f"Bearer {key}"} if key else {})
        )
        told.append((reply.status, reply.codes))

    assert told == [(400, ["INTROSPECTION_OFF"]), (400, ["INTROSPECTION_OFF"]), (200, [])]
