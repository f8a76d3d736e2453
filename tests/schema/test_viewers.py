"""Who asks: by which key, over which transport, and for how long it is believed."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hub.errors import QueryError
from hub.keys import new_key
from hub.model import Scope
from hub.schema.viewers import ANYBODY, Viewers
from hub.store.keys import Keys

QUERY = b'{"query": "{ __typename }"}'


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


async def made(store, *scopes: Scope, days: int | None = None) -> tuple[str, str]:
    now = datetime.now(UTC)
    written, record = new_key("desk", scopes, now, now + timedelta(days=days) if days else None)
    await store.keys.add(record)
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
    written, _ = await made(city_store)
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
