"""Looking after endpoints: how they do, what is sent again, and what a run under way makes of that."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from aiohttp import web

from hub.endpoints.sealing import NoKey, Vault, new_secret
from hub.errors import LaneLost
from hub.model import EndpointState, Outcome, Selection
from hub.store import tables
from hub.store.deliveries import Progress
from hub.store.lanes import endpoint_lane
from tests.endpoints.receiver import changes, endpoint, happen, receiving, told
from tests.scripted import ticket
from tests.test_webhooks import rows

KEY = Vault.of({"HUB_SECRET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="})
DEAD = {"retry": {"attempts": 1, "refused": 1}, "breaker": {"failures": 1000}}


async def test_an_endpoint_that_has_everything_is_well(store, tmp_path):
    await changes(store, 3)
    async with receiving() as receiver:
        await told(store, endpoint(tmp_path, receiver.url, title="数据湖"))

        (health,) = await store.endpoints.health()

    assert (health.record.title, health.state, health.waiting, health.delivered) == ("数据湖", EndpointState.WELL, 0, 3)


async def test_what_waits_for_an_endpoint_is_counted(store, tmp_path):
    await store.deliveries.declare([endpoint(tmp_path, "http://127.0.0.1:9").record])
    await changes(store, 3)

    (health,) = await store.endpoints.health("office")

    assert health.waiting == 3
    assert health.waiting_since is not None


async def test_dead_letters_are_sent_again_with_their_ids_and_those_behind_follow(store, tmp_path):
    await changes(store, 3, versions=2)
    async with receiving(lambda _request: web.Response(status=400)) as receiver:
        wanted = endpoint(tmp_path, receiver.url, **DEAD)
        await told(store, wanted)
        receiver.upstream.answer = lambda _request: web.Response()
        receiver.upstream.asked.clear()

        assert await store.endpoints.would_replay("office", Selection()) == 3
        assert await store.endpoints.replay("office", Selection()) == 3
        await told(store, wanted)

        assert sorted(receiver.ids) == [1, 2, 3, 4, 5, 6]
        assert await store.endpoints.parked("office", 10) == []


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        (Selection(numbers=(2, 4)), [2, 3]),
        (Selection(source="other"), [4]),
        (Selection(until=datetime(2020, 1, 1, tzinfo=UTC)), []),
        (Selection(appeal_id=1), [1]),
    ],
)
async def test_exactly_the_dead_letters_that_are_named_are_sent_again(store, tmp_path, selection, numbers):
    await changes(store, 3)
    await happen(store, ticket(9), name="other")
    async with receiving(lambda _request: web.Response(status=400)) as receiver:
        wanted = endpoint(tmp_path, receiver.url, **DEAD)
        await told(store, wanted)
        receiver.upstream.answer = lambda _request: web.Response()
        receiver.upstream.asked.clear()

        await store.endpoints.replay("office", selection)
        await told(store, wanted)

        assert sorted(receiver.ids) == numbers


async def test_what_was_delivered_is_sent_once_more_and_nothing_else(store, tmp_path):
    await changes(store, 3, versions=3)
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url)
        await told(store, wanted)
        receiver.upstream.asked.clear()

        selection = Selection(numbers=(2, 6), delivered=True)
        assert await store.endpoints.would_replay("office", selection) == 4
        assert await store.endpoints.replay("office", selection) == 4
        await told(store, wanted)
        await told(store, wanted)

        assert sorted(receiver.ids) == [2, 3, 4, 5]
        assert await rows(store, tables.again) == []


async def test_what_is_sent_once_more_and_fails_is_tried_again_and_holds_nothing(store, tmp_path):
    await changes(store, 1)
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url, retry={"attempts": 2, "wait": "1ms..1ms"})
        await told(store, wanted)
        await store.endpoints.replay("office", Selection(numbers=(1, 2), delivered=True))
        receiver.upstream.answer = lambda request: web.Response(
            status=500 if request.headers["webhook-id"] == "1" else 200
        )
        await happen(store, ticket(0, title="又坏了"))

        await told(store, wanted)

        assert sorted(receiver.ids) == [1, 1, 1, 2]
        (again,) = await rows(store, tables.again)
        assert (again.number, again.tries) == (1, 2)
        assert await rows(store, tables.parked) == []


async def test_everything_since_a_time_is_sent_once_more_in_its_order(store, tmp_path):
    await changes(store, 2)
    async with store._database.begin() as connection:
        await connection.execute(sa.update(tables.change).values(at=datetime(2026, 1, 1, tzinfo=UTC)))
    await happen(store, ticket(0, title="二"), ticket(1, title="二"))
    await happen(store, ticket(0, title="三"))
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url)
        await told(store, wanted)
        receiver.upstream.asked.clear()
        receiver.upstream.bodies.clear()

        assert await store.endpoints.recover("office", datetime(2026, 2, 1, tzinfo=UTC)) == 3
        await told(store, wanted)

        assert receiver.seen() == {"0": [2, 3], "1": [2]}


async def test_a_run_under_way_cannot_undo_that_the_cursor_went_back(store, tmp_path):
    await changes(store, 2)
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url)
        await told(store, wanted)
        lane = await store.lanes.claim_named(endpoint_lane("office"), "test", timedelta(minutes=1))

        await store.endpoints.recover("office", datetime(2020, 1, 1, tzinfo=UTC))

        with pytest.raises(LaneLost):
            await store.deliveries.settle(lane, "office", Progress(after=2))


async def test_a_paused_endpoint_is_not_worked_on_until_it_is_resumed(store, tmp_path):
    wanted = endpoint(tmp_path, "http://127.0.0.1:9")
    await store.deliveries.declare([wanted.record])
    lane = endpoint_lane("office")

    await store.endpoints.pause("office")

    assert [health.state for health in await store.endpoints.health()] == [EndpointState.PAUSED]
    assert await store.lanes.claim("test", timedelta(minutes=1), [lane]) is None
    await store.endpoints.resume("office")
    assert await store.lanes.claim("test", timedelta(minutes=1), [lane]) is not None


async def test_the_last_attempts_are_told_newest_first(store, tmp_path):
    await changes(store, 3)
    async with receiving(lambda _request: web.Response(status=400, text="少了字段")) as receiver:
        await told(store, endpoint(tmp_path, receiver.url, concurrency=1, **DEAD))

        attempts = await store.endpoints.attempts("office", 2)

    assert [one.number for one in attempts] == [3, 2]
    assert (attempts[0].outcome, attempts[0].status, attempts[0].answer) == (Outcome.REFUSED, 400, "少了字段")


async def test_a_secret_of_the_hubs_own_signs_and_the_former_one_too_for_a_while(store, tmp_path):
    await changes(store, 1)
    first, second = new_secret(), new_secret()
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url, secrets=[])
        await store.deliveries.declare([wanted.record])
        await store.endpoints.rotate("office", KEY.seal("office", first), timedelta(days=1))
        await store.endpoints.rotate("office", KEY.seal("office", second), timedelta(days=1))

        await told(store, wanted, vault=KEY)

        assert receiver.verified(first) == receiver.verified(second)
        (row,) = await rows(store, tables.endpoint)
        assert first not in str(row)
        assert second not in str(row)


async def test_a_secret_opens_only_for_its_endpoint_and_with_its_key():
    sealed = KEY.seal("office", new_secret())

    with pytest.raises(NoKey, match="another HUB_SECRET_KEY"):
        KEY.opened("lake", sealed)
    with pytest.raises(NoKey, match="no HUB_SECRET_KEY"):
        Vault().opened("office", sealed)
    with pytest.raises(NoKey, match="is no key"):
        Vault.of({"HUB_SECRET_KEY": "short"})
