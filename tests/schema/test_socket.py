"""The protocol graphql-transport-ws through real sockets: its rules, its limits, and changes as they happen."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from hub.app import create_app
from hub.schema.callers import Callers
from hub.schema.documents import Documents
from hub.schema.execution import Execution
from hub.schema.limits import Limits
from hub.schema.live import Live
from hub.schema.socket import Sockets
from tests.schema.conftest import appeal, running, serve

CHANGES = """subscription S($after: ChangeNumber, $source: [String!]) {
  appealChanged(after: $after, source: $source) { number type source { name } appeal { externalId version } }
}"""


async def opened(client, **arguments):
    socket = await client.socket(**arguments)
    await socket.send_json({"type": "connection_init"})
    assert await socket.receive_json(timeout=5) == {"type": "connection_ack"}
    return socket


async def subscribe(socket, query=CHANGES, name="1", **variables):
    await socket.send_json({"id": name, "type": "subscribe", "payload": {"query": query, "variables": variables}})


async def closing(socket):
    """The code a socket closes with, after whatever it still says."""
    while (message := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
        pass
    assert message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    return socket.close_code


async def numbers(socket, count):
    return [(await socket.receive_json(timeout=5))["payload"]["data"]["appealChanged"]["number"] for _ in range(count)]


def alone():
    """Documents and callers of one server."""
    return Documents(), Callers(Limits())


@pytest.fixture
async def client(own_store):
    async with running(create_app(own_store)) as client:
        yield client


async def test_a_query_is_answered_and_completed(city):
    async with await opened(city) as socket:
        await subscribe(socket, "{ __typename }")

        assert await socket.receive_json(timeout=5) == {
            "id": "1",
            "type": "next",
            "payload": {"data": {"__typename": "Query"}},
        }
        assert await socket.receive_json(timeout=5) == {"id": "1", "type": "complete"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "SYNTAX_ERROR"),
        ("", "SYNTAX_ERROR"),
        ("{ nothing }", "INVALID_QUERY"),
        ("subscription { nothing }", "INVALID_QUERY"),
        ("query A { __typename } query B { __typename }", "BAD_INPUT"),
        ("mutation { x }", "INVALID_QUERY"),
        ("{" + " ".join(f"a{n}: __typename" for n in range(16)) + "}", "ALIAS_LIMIT"),
        ("subscription { appealChanged(after: -1) { number } }", "INVALID_QUERY"),
        ("subscription { appealChanged(after: 999999999) { number } }", "BAD_CURSOR"),
        ('subscription { appealChanged(source: "\\u0000") { number } }', "BAD_INPUT"),
    ],
)
async def test_a_bad_operation_is_answered_an_error_and_the_socket_goes_on(city, query, code):
    async with await opened(city) as socket:
        await subscribe(socket, query)
        error = await socket.receive_json(timeout=5)
        await subscribe(socket, "{ __typename }")
        after = await socket.receive_json(timeout=5)

    assert (error["id"], error["type"]) == ("1", "error")
    assert {one["extensions"]["code"] for one in error["payload"]} == {code}
    assert after["type"] == "next"


async def test_row_20_the_legacy_protocol_is_refused_without_data(city):
    async with await city.socket(protocol="graphql-ws") as socket:
        assert socket.protocol is None
        await socket.send_json({"id": "1", "type": "start", "payload": {"query": "{ __typename }"}})
        message = await socket.receive(timeout=5)

        assert message.type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4406


async def test_row_21_a_subscribe_before_the_acknowledgement_closes_4401(city):
    async with await city.socket() as socket:
        await subscribe(socket)

        assert await closing(socket) == 4401


async def test_row_22_too_many_operations_close_the_socket(city):
    async with await opened(city) as socket:
        for number in range(101):
            await subscribe(socket, name=str(number))

        assert await closing(socket) == 4429


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1.evil.example", "x"]
)
async def test_row_23_a_foreign_page_is_refused_at_the_handshake(city, origin):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await city.socket(origin=origin)

    assert refused.value.status == 403


async def test_pages_of_the_same_origin_and_of_configured_ones_are_welcome(city, city_store):
    async with running(create_app(city_store, origins=["https://console.example"])) as configured:
        for client, origin in ((city, city.url), (configured, "https://console.example"), (configured, configured.url)):
            async with await opened(client, origin=origin):
                pass


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("nonsense", 4400),
        ("[]", 4400),
        ("1", 4400),
        ("{}", 4400),
        ('{"type": "start"}', 4400),
        ('{"type": ["subscribe"]}', 4400),
        ('{"type": "connection_init"}', 4429),
        ('{"type": "subscribe"}', 4400),
        ('{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}', 4400),
        ('{"type": "subscribe", "id": 1, "payload": {"query": "{a}"}}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": []}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": 1}}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "\\ud800"}}', 4400),
        ("[" * 5_000, 4400),
        ('{"type": "' + "路" * 99 + '"}', 4400),
        ('{"type": "' + "a" * 100_000 + '"}', 1009),
    ],
)
async def test_a_message_against_the_protocol_closes_the_socket(city, message, code):
    async with await opened(city) as socket:
        await socket.send_str(message)

        assert await closing(socket) == code


async def test_bytes_close_the_socket(city):
    async with await opened(city) as socket:
        await socket.send_bytes(b'{"type": "ping"}')

        assert await closing(socket) == 4400


async def test_an_id_in_use_closes_the_socket(city):
    async with await opened(city) as socket:
        await subscribe(socket)
        await subscribe(socket)

        assert await closing(socket) == 4409


async def test_a_ping_is_answered_and_a_complete_of_nothing_ignored(city):
    async with await opened(city) as socket:
        await socket.send_json({"type": "complete", "id": "none"})
        await socket.send_json({"type": "pong"})
        await socket.send_json({"type": "ping", "payload": {}})

        assert await socket.receive_json(timeout=5) == {"type": "pong"}


async def test_a_client_that_never_begins_is_closed_4408(city_store):
    execution = Execution(city_store.reads, Live(city_store.reads), Limits(), production=False)
    app = Starlette(
        routes=[WebSocketRoute("/graphql", Sockets(execution, *alone(), patience=timedelta(milliseconds=50)))]
    )
    async with running(app) as client, await client.socket() as socket:
        assert await closing(socket) == 4408


async def test_a_change_arrives_as_it_is_written(client, own_store):
    async with await opened(client) as socket:
        await subscribe(socket)
        await asyncio.sleep(0.3)

        await serve(own_store, [appeal(1)])
        message = await socket.receive_json(timeout=5)

    assert message["payload"]["data"]["appealChanged"] == {
        "number": 1,
        "type": "CREATED",
        "source": {"name": "housing"},
        "appeal": {"externalId": "N1", "version": 1},
    }


async def test_a_complete_ends_the_subscription_and_frees_its_id(client, own_store):
    async with await opened(client) as socket:
        await subscribe(socket)
        await asyncio.sleep(0.2)
        await socket.send_json({"id": "1", "type": "complete"})
        await serve(own_store, [appeal(1)])
        await subscribe(socket, "{ __typename }")

        assert (await socket.receive_json(timeout=5))["payload"] == {"data": {"__typename": "Query"}}


async def test_a_reconnect_after_a_number_misses_nothing_and_repeats_nothing(client, own_store):
    await serve(own_store, [appeal(number) for number in range(1, 6)])
    async with await opened(client) as socket:
        await subscribe(socket, after=0)
        seen = await numbers(socket, 3)
    await serve(own_store, [appeal(number) for number in range(6, 9)])

    async with await opened(client) as socket:
        await subscribe(socket, after=seen[-1])
        seen += await numbers(socket, 5)
        await serve(own_store, [appeal(9)])
        seen += await numbers(socket, 1)

    assert seen == list(range(1, 10))


async def test_changes_of_one_source_are_told_apart(client, own_store):
    await serve(own_store, [appeal(number) for number in range(1, 9)])
    async with await opened(client) as socket:
        await subscribe(socket, after=0, source=["lift"])
        first = [await socket.receive_json(timeout=5) for _ in range(2)]
        await serve(own_store, [appeal(9), appeal(12)])
        last = await socket.receive_json(timeout=5)

    served = [message["payload"]["data"]["appealChanged"]["appeal"]["externalId"] for message in [*first, last]]
    assert served == ["N4", "N8", "N12"]


async def test_an_idle_socket_leaves_nothing_behind(client, own_store):
    before = len(asyncio.all_tasks())
    for _ in range(5):
        async with await opened(client) as socket:
            await subscribe(socket)
    await asyncio.sleep(0.3)

    assert len(asyncio.all_tasks()) <= before + 2


def test_sockets_refuse_origins_that_are_none():
    with pytest.raises(ValueError, match="Invalid origin"):
        Sockets(SimpleNamespace(), *alone(), origins=["console.example/path"])


async def test_row_25_a_client_that_stops_reading_is_cut_off_and_told_where_to_go_on(own_store):
    live = Live(own_store.reads, backlog=10)
    poller = asyncio.create_task(live.run())
    execution = Execution(own_store.reads, live, Limits(), production=False)
    app = Starlette(routes=[WebSocketRoute("/graphql", Sockets(execution, *alone()))])
    long = "很长的内容" * 20_000
    async with running(app) as client, await opened(client) as socket:
        await subscribe(socket, "subscription { appealChanged { number appeal { content } } }")
        while not live.subscribers:
            await asyncio.sleep(0.01)

        # Nobody reads the socket while this is written: far more than what buffers on the way can hold.
        for part in range(12):
            await serve(own_store, [appeal(part * 5 + number, content=long) for number in range(1, 6)])
            await asyncio.sleep(0.05)
        while live.subscribers:
            await asyncio.sleep(0.01)
        seen = []
        while (message := await socket.receive_json(timeout=5))["type"] == "next":
            seen.append(message["payload"]["data"]["appealChanged"]["number"])
    poller.cancel()

    assert message["payload"][0]["extensions"]["code"] == "SLOW_SUBSCRIBER"
    assert message["payload"][0]["extensions"]["lastNumber"] == seen[-1]
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) < 60
