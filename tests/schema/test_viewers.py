"""Who asks: by which key, over which transport, and for how long it is believed."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hub.app import create_app
from hub.errors import QueryError
from hub.keys import new_key
from hub.model import Scope
from hub.schema.viewers import ANYBODY, NOBODY, Viewers
from hub.store.keys import Keys
from tests.schema.conftest import running

QUERY = b'{"query": "{ __typename }"}'


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


async def made(store, *scopes: Scope, days: int | None = None, name: str = "desk") -> tuple[str, str]:
    now = datetime.now(UTC)
    written, record = new_key(name, scopes, now, now + timedelta(days=days) if days else None)
    assert await store.keys.add(record)
    return written, record.id


async def test_whoever_sends_no_key_is_anybody(store):
    assert await Viewers(store.keys).recognize(None) is ANYBODY


async def test_a_key_names_its_holder_and_what_they_may_do(store):
    written, _ = await made(store, Scope.APPEALS_WRITE)

    viewer = await Viewers(store.keys).recognize(f"Bearer {written}")

    assert viewer.require(Scope.APPEALS_WRITE) == "desk"
    with pytest.raises(QueryError) as caught:
        viewer.require(Scope.SOURCES_MANAGE)
    assert caught.value.code == "FORBIDDEN"
    assert written not in repr(viewer)
    (kept,) = await store.keys.all()
    assert kept.used_at is not None


async def test_anybody_may_do_nothing_but_read():
    with pytest.raises(QueryError) as caught:
        ANYBODY.require(Scope.APPEALS_WRITE)

    assert caught.value.code == "UNAUTHENTICATED"


async def test_a_key_that_is_revoked_opens_nothing_within_seconds(store):
    written, identity = await made(store)
    viewers = Viewers(store.keys, now=(clock := Clock()))
    viewer = await viewers.recognize(f"Bearer {written}")
    await store.keys.revoke(identity)
    assert await viewers.again(viewer) == viewer

    clock.now += timedelta(seconds=6)

    for ask in (viewers.recognize(f"Bearer {written}"), viewers.again(viewer)):
        with pytest.raises(QueryError) as caught:
            await ask
        assert caught.value.code == "UNAUTHENTICATED"


async def test_a_key_past_its_time_opens_nothing_at_once(store):
    written, _ = await made(store, days=1)
    viewers = Viewers(store.keys, now=(clock := Clock()))
    await viewers.recognize(f"Bearer {written}")

    clock.now += timedelta(days=1)

    with pytest.raises(QueryError):
        await viewers.recognize(f"Bearer {written}")


async def test_a_database_is_asked_once_for_many_who_send_the_same_key(store):
    class Counting(Keys):
        asked = 0

        async def find(self, identity):
            self.asked += 1
            return await super().find(identity)

    written, _ = await made(store)
    keys = Counting(store._database)
    viewers = Viewers(keys)

    await asyncio.gather(*(viewers.recognize(f"Bearer {written}") for _ in range(50)))

    assert keys.asked == 1


@pytest.mark.parametrize(
    "header", ["Basic ZGVzazpkZXNr", "Bearer", "Bearer nonsense", f"Bearer hub_{'a' * 12}_{'A' * 43}"]
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_request_with_a_key_that_does_not_hold_is_refused_whole(city, header, accept):
    reply = await city.send(
        "POST", data=QUERY, headers={"content-type": "application/json", "accept": accept, "authorization": header}
    )

    assert reply.status == 401
    assert reply.codes == ["UNAUTHENTICATED"]
    assert reply.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_that_holds_is_answered_as_before(city, city_store):
    written, _ = await made(city_store)

    reply = await city.send(
        "POST",
        data=QUERY,
        headers={
            "content-type": "application/json",
            "accept": "application/json",
            "authorization": f"Bearer {written}",
        },
    )

    assert reply.data == {"__typename": "Query"}


@pytest.mark.parametrize("name", ["authorization", "Authorization"])
async def test_a_socket_says_its_key_when_it_begins(city, city_store, name):
    written, _ = await made(city_store, name=name)
    socket = await city.socket()
    await socket.send_json({"type": "connection_init", "payload": {name: f"Bearer {written}"}})

    assert (await socket.receive_json())["type"] == "connection_ack"
    await socket.close()


@pytest.mark.parametrize(("said", "code"), [("Bearer nonsense", 4403), (7, 4400)])
async def test_a_socket_with_a_key_that_does_not_hold_is_closed(city, said, code):
    socket = await city.socket()
    await socket.send_json({"type": "connection_init", "payload": {"authorization": said}})

    await socket.receive()

    assert socket.close_code == code


# ── where reading needs a key ────────────────────────────────────────────────────────────────────────────────────────

COUNT = "{ appeals(first: 1) { totalCount } }"
ASKED = [COUNT, "{ __typename }", "{ __schema { queryType { name } } }", "subscription { appealChanged { number } }"]


@pytest.fixture
async def closed(own_store):
    async with running(create_app(own_store, anybody=NOBODY)) as client:
        yield client


@pytest.mark.parametrize("query", ASKED)
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/event-stream"])
async def test_nothing_is_told_without_a_key_by_any_way_of_asking(closed, query, accept):
    posted = await closed.send("POST", json={"query": query}, headers={"accept": accept})
    got = await closed.send("GET", params={"query": query}, headers={"accept": accept})

    for reply in (posted, got):
        assert "UNAUTHENTICATED" in reply.text
        assert '"data"' not in reply.text


async def test_a_refused_reader_is_told_by_the_status_too(closed):
    assert (await closed.ask(COUNT)).status == 401


async def test_any_key_reads_where_nobody_else_may(closed, own_store):
    written, _ = await made(own_store)
    headers = {"authorization": f"Bearer {written}"}

    short = await closed.send("POST", json={"query": COUNT}, headers=headers)
    long = await closed.send("GET", params={"query": COUNT}, headers=headers)

    assert short.data == long.data == {"appeals": {"totalCount": 0}}


async def test_a_socket_without_a_key_opens_and_is_told_nothing(closed):
    socket = await closed.socket()
    await socket.send_json({"type": "connection_init"})
    await socket.receive_json(timeout=5)
    await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": COUNT}})

    answer = await socket.receive_json(timeout=5)

    assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")


async def test_of_many_keys_made_at_once_for_one_name_two_are_kept(store):
    records = [new_key("desk", [], datetime.now(UTC))[1] for _ in range(8)]

    kept = await asyncio.gather(*map(store.keys.add, records))

    assert sum(kept) == 2


async def test_a_key_that_holds_no_more_leaves_room_for_another(store):
    _, first = await made(store)
    await made(store)
    refused = await store.keys.add(new_key("desk", [], datetime.now(UTC))[1])

    await store.keys.revoke(first)

    assert not refused
    assert await store.keys.add(new_key("desk", [], datetime.now(UTC))[1])
