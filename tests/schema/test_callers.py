"""What one caller may do: how often, how much at a time; and that nothing grows with the number of callers."""

import asyncio
from types import SimpleNamespace

import orjson
import pytest

from hub.app import create_app
from hub.errors import QueryError
from hub.schema.callers import Callers, caller_of
from hub.schema.limits import Limits
from tests.schema.conftest import running
from tests.schema.test_socket import opened, subscribe
from tests.schema.test_transports import EVENTS, posting, until

FOLLOW = "subscription { appealChanged { number } }"


def counting(clock=lambda: 0.0, **limits):
    return Callers(Limits(**limits), clock=clock, remembered=100)


def test_a_caller_asks_as_often_as_it_may_and_again_when_time_has_passed():
    now = SimpleNamespace(time=0.0)
    callers = counting(lambda: now.time, rate=10)

    def ask():
        callers.enter("a")
        callers.leave("a")

    for _ in range(10):
        ask()
    with pytest.raises(QueryError, match=r"more than 10 times within 10 s; ask again in 1 s") as refused:
        ask()
    now.time = 1.0
    ask()
    with pytest.raises(QueryError):
        ask()
    now.time = 11.0
    for _ in range(10):
        ask()

    assert refused.value.code == "RATE_LIMIT"
    assert refused.value.details == {"limit": 10, "value": 11, "retryAfter": 1}


def test_callers_do_not_count_for_each_other():
    callers = counting(rate=1, concurrent=1)

    callers.enter("a")
    callers.enter("b")

    with pytest.raises(QueryError) as refused:
        callers.enter("a")
    assert refused.value.code == "CONCURRENCY_LIMIT"
    assert refused.value.details == {"limit": 1, "value": 2}


def test_nothing_is_remembered_of_callers_beyond_a_bound():
    callers = counting()

    for number in range(10_000):
        callers.enter(str(number))
        callers.leave(str(number))

    assert len(callers._due) == 100
    assert callers._asking == {}


def test_zero_is_no_limit():
    callers = counting(rate=0, concurrent=0, streams=0)

    for _ in range(2_000):
        callers.enter("a")
    callers.check_following("a")


@pytest.mark.parametrize(
    ("client", "caller"),
    [
        (("10.0.0.1", 5), "10.0.0.1"),
        (("::ffff:10.0.0.1", 5), "10.0.0.1"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:0db8:0001:0002"),
        (("2001:db8:1:2:ffff::", 5), "2001:0db8:0001:0002"),
        (None, ""),
    ],
)
def test_a_caller_is_an_address_or_a_network_of_them(client, caller):
    assert caller_of({"client": client}) == caller


@pytest.mark.parametrize("body", [{"query": "{ __typename }"}, {"query": "{ nothing }"}, {"documentId": "x"}])
async def test_who_asks_too_often_is_told_when_to_come_again(city_store, body):
    async with running(create_app(city_store, limits=Limits(rate=3))) as client:
        replies = [await client.post(orjson.dumps(body)) for _ in range(4)]

    assert [reply.status == 429 for reply in replies] == [False, False, False, True]
    assert replies[-1].codes == ["RATE_LIMIT"]
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 4


async def test_operations_on_a_socket_and_in_a_batch_count_as_well(city_store):
    app = create_app(city_store, limits=Limits(rate=5, batch=5))
    async with running(app) as client, await opened(client) as socket:
        await subscribe(socket, "{ __typename }")
        said = [await socket.receive_json(timeout=5) for _ in range(2)]
        batch = await client.post(orjson.dumps([{"query": "{ __typename }"}] * 5))
        await subscribe(socket, "{ __typename }")
        refused = await socket.receive_json(timeout=5)
        await socket.send_json({"type": "ping"})
        alive = await socket.receive_json(timeout=5)

    assert [message["type"] for message in said] == ["next", "complete"]
    assert [answer.get("data") is not None for answer in batch.body] == [True, True, True, False, False]
    assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMIT"
    assert alive == {"type": "pong"}


async def test_no_more_is_followed_at_a_time_than_may_be(city_store):
    app = create_app(city_store, limits=Limits(streams=2))
    async with running(app) as client, await opened(client) as socket, posting(client, FOLLOW, EVENTS) as answer:
        await until(answer, b"\n\n")
        await subscribe(socket, FOLLOW, "1")
        await subscribe(socket, FOLLOW, "2")
        refused = await socket.receive_json(timeout=5)
        over_http = await client.send("POST", data=orjson.dumps({"query": FOLLOW}), headers=streaming())

    assert (refused["id"], refused["type"]) == ("2", "error")
    assert refused["payload"][0]["extensions"] == {"code": "STREAM_LIMIT", "limit": 2, "value": 3}
    assert (over_http.status, over_http.codes) == (429, ["STREAM_LIMIT"])


def streaming():
    return {"accept": EVENTS, "content-type": "application/json"}


HANDSHAKE = b"""GET /graphql HTTP/1.1\r
host: hub\r
connection: upgrade\r
upgrade: websocket\r
sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r
sec-websocket-version: 13\r
sec-websocket-protocol: graphql-transport-ws\r
\r
"""


async def shaken(url):
    """What a handshake is answered, as it goes over the line."""
    host, port = url.removeprefix("http://").split(":")
    reading, writing = await asyncio.open_connection(host, int(port))
    writing.write(HANDSHAKE)
    answer = await asyncio.wait_for(reading.read(), 5)
    writing.close()
    await writing.wait_closed()
    return answer


async def test_no_more_sockets_are_opened_than_may_be(city_store):
    app = create_app(city_store, limits=Limits(sockets=1))
    async with running(app) as client, await opened(client):
        refused = await shaken(client.url)

    assert refused.startswith(b"HTTP/1.1 429 ")
    assert b'"code":"SOCKET_LIMIT","limit":1,"value":2' in refused


def test_a_socket_that_closes_makes_room():
    callers = counting(sockets=1)

    with callers.connected("a"), callers.connected("b"), pytest.raises(QueryError, match="2 sockets"):
        callers.connected("a").__enter__()
    with callers.connected("a"):
        pass


async def test_what_is_followed_no_longer_makes_room():
    async def answers():
        while True:
            yield 1

    callers = counting(streams=1)
    for _ in range(3):
        callers.check_following("a")
        following = callers.following("a", answers())
        await anext(following)
        with pytest.raises(QueryError, match="2 subscriptions"):
            callers.check_following("a")
        await following.aclose()
