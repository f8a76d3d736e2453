"""How answers come back over HTTP: as streams, kept by the client, made smaller, and in batches where these are on."""

import asyncio
import gzip
import io
from datetime import timedelta
from urllib.parse import quote

import brotli
import orjson
import pytest

from hub.app import create_app
from hub.schema.limits import Limits
from hub.schema.streams import FRAMINGS, Stream
from tests.schema.conftest import NEW, appeal, running, serve

EVENTS = "text/event-stream"
PARTS = 'multipart/mixed; subscriptionSpec="1.0"'
FOLLOW = "subscription { appealChanged(after: 0) { number } }"
PAGE = "{ appeals(first: 20) { nodes { id title content } } }"
JSON = "application/json"


@pytest.fixture
async def client(own_store):
    await serve(own_store, [appeal(1), appeal(2)])
    async with running(create_app(own_store)) as client:
        yield client


async def until(answer, ending):
    """What a stream says, up to an ending."""
    said = b""
    async with asyncio.timeout(10):
        while not said.endswith(ending):
            said += await answer.content.readany()
    return said


def posting(client, query, accept, **headers):
    return client.session.post(
        f"{client.url}/graphql",
        data=orjson.dumps({"query": query}),
        headers={"content-type": JSON, "accept": accept, **headers},
    )


async def test_changes_come_as_events_that_end_in_lf(client, own_store):
    async with posting(client, FOLLOW, EVENTS) as answer:
        said = await until(answer, b'"number":2}}}\n\n')
        await serve(own_store, [appeal(3)])
        later = await until(answer, b"\n\n")

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert said == (
        b':\n\nevent: next\ndata: {"data":{"appealChanged":{"number":1}}}\n\n'
        b'event: next\ndata: {"data":{"appealChanged":{"number":2}}}\n\n'
    )
    assert later == b'event: next\ndata: {"data":{"appealChanged":{"number":3}}}\n\n'


async def test_changes_come_as_parts_each_of_which_is_whole(client):
    async with posting(client, FOLLOW, f"{PARTS}, application/json") as answer:
        said = await until(answer, b'"number":2}}}}\r\n---')

    assert answer.headers["content-type"] == 'multipart/mixed; boundary="-"; subscriptionSpec="1.0"'
    assert said == (
        b'\r\n---\r\ncontent-type: application/json\r\n\r\n{"payload":{"data":{"appealChanged":{"number":1}}}}\r\n---'
        b'\r\ncontent-type: application/json\r\n\r\n{"payload":{"data":{"appealChanged":{"number":2}}}}\r\n---'
    )


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (EVENTS, EVENTS),
        (f"{EVENTS}, multipart/mixed", EVENTS),
        (f"{EVENTS};q=0.5, multipart/mixed", "multipart/mixed"),
        (f"{JSON}, {EVENTS};q=0.1", EVENTS),
        (f"{JSON}, {PARTS}", "multipart/mixed"),
        (JSON, JSON),
        ("*/*", JSON),
        ("text/*", JSON),
        (f"{EVENTS};q=0, {JSON}", JSON),
        (f"{EVENTS};q=nan, {JSON}", JSON),
        (f"multipart/mixed;deferSpec=20220824, {JSON}", JSON),
        (f'{JSON}, image/png;title="text/event-stream"', JSON),
    ],
)
async def test_a_subscription_streams_to_those_who_name_a_stream(client, accept, media):
    async with posting(client, FOLLOW, accept) as answer:
        assert answer.content_type == media


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (f"{JSON}, {EVENTS}", JSON),
        (f"{NEW}, {JSON}, {EVENTS}, multipart/mixed", NEW),
        (f"*/*, {EVENTS}", JSON),
        (f"{JSON};q=0.4, {EVENTS};q=0.5", EVENTS),
        (EVENTS, EVENTS),
        (f"{EVENTS}, multipart/mixed", EVENTS),
    ],
)
async def test_a_query_streams_only_to_those_who_prefer_it(city, accept, media):
    async with posting(city, "{ __typename }", accept) as answer:
        said = await answer.read()

    assert answer.content_type == media
    if media == EVENTS:
        said = said.removeprefix(b":\n\nevent: next\ndata: ").removesuffix(b"\n\nevent: complete\ndata:\n\n")
    assert orjson.loads(said) == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("directive", ["... @defer { totalCount }", "nodes @stream { id }"])
@pytest.mark.parametrize("accept", [JSON, f"multipart/mixed;deferSpec=20220824, {JSON}", f"multipart/mixed, {JSON}"])
async def test_what_is_not_offered_is_refused_by_name_whatever_is_accepted(city, directive, accept):
    reply = await city.post(orjson.dumps({"query": f"{{ appeals {{ {directive} }} }}"}), accept=accept)

    assert reply.headers["content-type"].startswith(JSON)
    assert "Unknown directive '@" in reply.text
    assert reply.codes == ["INVALID_QUERY"]


async def test_a_bad_operation_is_told_in_the_stream(city):
    async with posting(city, "subscription { nothing }", EVENTS) as answer:
        said = await answer.read()

    assert answer.status == 200
    assert b'data: {"errors":[{"message":"Cannot query field \'nothing\'' in said
    assert said.endswith(b"event: complete\ndata:\n\n")


async def test_an_error_ends_the_parts_as_a_whole(city):
    async with posting(city, "subscription { appealChanged(after: 999999) { number } }", PARTS) as answer:
        said = await answer.read()

    assert b'{"payload":null,"errors":[{"message":"after: 999999 lies beyond' in said
    assert said.endswith(b"\r\n-----\r\n")


async def line(client, query, accept):
    """A connection on which a query was asked: what is said comes by its reader."""
    host, port = client.url.removeprefix("http://").split(":")
    reading, writing = await asyncio.open_connection(host, int(port))
    body = orjson.dumps({"query": query})
    head = f"POST /graphql HTTP/1.1\r\nhost: hub\r\naccept: {accept}\r\ncontent-type: {JSON}\r\n"
    writing.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return reading, writing


async def test_a_client_that_goes_leaves_nothing_behind(client):
    await client.ask("{ __typename }")
    before = len(asyncio.all_tasks())
    for _ in range(5):
        reading, writing = await line(client, FOLLOW, EVENTS)
        await asyncio.wait_for(reading.readuntil(b'"number":2}}}'), 10)
        writing.close()
        await writing.wait_closed()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0.01)


async def test_a_quiet_stream_is_kept_open_by_heartbeats():
    ended = asyncio.Event()

    async def answers():
        await ended.wait()
        yield

    said = []

    async def send(message):
        said.append(message.get("body"))
        if len(said) == 5:
            ended.set()

    async def receive():
        await asyncio.Event().wait()

    stream = answers()
    await Stream(stream, FRAMINGS[EVENTS], heartbeat=timedelta(milliseconds=1))({}, receive, send)

    assert said[1:4] == [b":\n\n"] * 3


async def test_an_answer_to_get_is_kept_until_it_changes(client, own_store):
    path = f"/graphql?query={quote('{ appeals { totalCount } }')}"
    first = await client.send("GET", path)
    again = await client.send("GET", path, headers={"if-none-match": f'"x", {first.headers["etag"]}'})
    await serve(own_store, [appeal(3)])
    changed = await client.send("GET", path, headers={"if-none-match": first.headers["etag"]})

    assert first.data == {"appeals": {"totalCount": 2}}
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["etag"].startswith('W/"')
    assert (again.status, again.text, again.headers["etag"]) == (304, "", first.headers["etag"])
    assert changed.data == {"appeals": {"totalCount": 3}}
    assert changed.headers["etag"] != first.headers["etag"]


async def test_neither_errors_nor_answers_to_post_are_kept(city):
    wrong = await city.send("GET", f"/graphql?query={quote('{ nothing }')}")
    posted = await city.ask("{ __typename }")

    for reply in (wrong, posted):
        assert "etag" not in reply.headers
        assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("shortcut", [True, False])
@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZip;q=1.0, br;q=0.5", "gzip"),
        ("*", "br"),
        ("br;q=0, *;q=0.1", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("gzip;q=0.5, identity", None),
        ("deflate", None),
        ("x;q=y", None),
        ("", None),
    ],
)
async def test_a_page_is_compressed_for_those_who_ask(city, accepted, coding, shortcut):
    async with city.session.post(
        f"{city.url}/graphql",
        data=orjson.dumps({"query": PAGE, "extensions": {} if shortcut else {"plan": True}}),
        headers={"content-type": JSON, "accept-encoding": accepted},
        auto_decompress=False,
    ) as answer:
        body = await answer.read()

    assert answer.headers.get("content-encoding") == coding
    assert "accept-encoding" in answer.headers["vary"]
    plain = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding](body)
    assert len(orjson.loads(plain)["data"]["appeals"]["nodes"]) == 20
    assert coding is None or len(body) < len(plain) / 3


async def test_nothing_is_compressed_for_pages_of_other_sites_or_when_small(city):
    foreign = {"accept-encoding": "gzip", "sec-fetch-site": "cross-site"}
    for query, headers in ((PAGE, foreign), ("{ __typename }", {"accept-encoding": "gzip"})):
        async with posting(city, query, JSON, **headers) as answer:
            assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(("limit", "count"), [(0, 1), (2, 3), (2, 0)])
async def test_row_13_batches_are_refused_unless_they_are_on_and_short(city_store, limit, count):
    async with running(create_app(city_store, limits=Limits(batch=limit))) as client:
        reply = await client.post(orjson.dumps([{"query": "{ __typename }"}] * count))

    assert reply.status == 400
    assert reply.codes == ["BATCH_LIMIT"]
    assert (
        reply.body["errors"][0]["extensions"] | {"limit": limit, "value": count}
        == (reply.body["errors"][0]["extensions"])
    )


async def test_a_short_batch_is_answered_in_order_each_by_itself(city_store):
    async with running(create_app(city_store, limits=Limits(batch=2))) as client:
        reply = await client.post(orjson.dumps([{"query": "{ nothing }"}, {"query": "{ __typename }"}]))
        bad = await client.post(orjson.dumps([{"query": "{ __typename }"}, {"query": 1}]))

    assert reply.status == 200
    assert reply.body[0]["errors"][0]["extensions"]["code"] == "INVALID_QUERY"
    assert reply.body[1] == {"data": {"__typename": "Query"}}
    assert (bad.status, bad.codes) == (400, ["BAD_INPUT"])


async def test_a_compressed_request_is_refused_whatever_answer_it_accepts(city):
    body = io.BytesIO(gzip.compress(b'{"query": "{ __typename }"}'))
    reply = await city.send("POST", data=body, headers={"content-type": JSON, "content-encoding": "gzip"})

    assert reply.status == 415
