"""One endpoint, one run: what it is sent, in which order, what is parked, and what is left when something breaks."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web

from hub.errors import LaneLost, SourceRefused
from hub.store import tables
from hub.store.lanes import endpoint_lane, hold_lane
from hub.store.store import Store
from hub.store.tickets import Served
from hub.webhooks import run
from hub.worker import Worker
from tests.connectors.upstream import json
from tests.endpoints.receiver import SECRET, changes, endpoint, happen, receiving, told, until
from tests.scripted import ticket
from tests.store.test_tickets import appeal, landed


async def rows(store: Store, table: sa.Table) -> list[Any]:
    async with store._database.begin() as connection:
        return list((await connection.execute(sa.select(table))).all())


async def lane_of(store: Store, name: str = "office") -> Any:
    return next(row for row in await rows(store, tables.lane) if row.name == endpoint_lane(name))


async def test_every_change_is_sent_signed_once_and_in_order(store, tmp_path):
    await changes(store, 30, versions=4)
    async with receiving() as receiver:
        await told(store, endpoint(tmp_path, receiver.url))

        assert len(receiver.verified()) == 120
        assert sorted(receiver.ids) == list(range(1, 121))
        assert all(versions == [1, 2, 3, 4] for versions in receiver.seen().values())


async def test_a_second_run_sends_nothing(store, tmp_path):
    await changes(store, 3)
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url)
        await told(store, wanted)

        await told(store, wanted)

        assert len(receiver.ids) == 3


async def test_a_new_endpoint_is_told_of_what_happens_from_now_on(store, tmp_path):
    await changes(store, 3)
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url, begin="now")
        await told(store, wanted)
        await happen(store, ticket(99))

        await told(store, wanted)

        assert receiver.ids == [4]


async def test_what_came_from_a_system_is_not_sent_back_there(store, tmp_path):
    await happen(store, ticket(1))
    await happen(store, ticket(2), name="other")
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url)
        await told(store, replace(wanted, record=replace(wanted.record, source="housing")))

        assert receiver.ids == [2]


@pytest.mark.parametrize(
    ("only", "sent"),
    [
        ({"sources": ["other"]}, [2]),
        ({"statuses": ["RESOLVED"]}, [3]),
        ({"areas": ["4208"]}, []),
        ({"fields": ["title"]}, [1, 2, 3, 4]),
        ({"fields": ["status"]}, [1, 2, 3]),
    ],
)
async def test_an_endpoint_is_sent_what_it_asks_for(store, tmp_path, only, sent):
    await happen(store, ticket(1))
    await happen(store, ticket(2), name="other")
    await happen(store, ticket(3, status="done"))
    await happen(store, ticket(1, title="又坏了"))
    async with receiving() as receiver:
        await told(store, endpoint(tmp_path, receiver.url, only=only))

        assert receiver.ids == sent


async def test_an_endpoint_is_sent_the_events_it_asks_for(store, tmp_path):
    await happen(store, ticket(1))
    await happen(store, ticket(1, status="done"))
    async with receiving() as receiver:
        await told(store, endpoint(tmp_path, receiver.url, events=["appeal.status_changed"]))

        assert [message["type"] for message in receiver.verified()] == ["appeal.status_changed"]


async def test_only_the_appeal_that_fails_waits_and_the_others_go_on(store, tmp_path):
    await changes(store, 5, versions=3)
    broken = True

    def answer(_request: web.Request) -> web.Response:
        body = receiver.upstream.bodies[-1]
        return web.Response(status=500 if broken and b'"external_id":"2"' in body else 200)

    async with receiving(answer) as receiver:
        wanted = endpoint(tmp_path, receiver.url, retry={"wait": "1h..1h"}, concurrency=1)
        await told(store, wanted)

        (parked,) = await rows(store, tables.parked)
        assert (parked.number, parked.tries, parked.dead) == (3, 1, False)
        assert receiver.seen() == {"0": [1, 2, 3], "1": [1, 2, 3], "2": [1], "3": [1, 2, 3], "4": [1, 2, 3]}

        broken = False
        async with store._database.begin() as connection:
            await connection.execute(sa.update(tables.parked).values(due_at=datetime.now(UTC)))
        await told(store, wanted)

        assert receiver.seen()["2"] == [1, 1, 2, 3]
        assert receiver.repeated() == {3: 2}
        assert await rows(store, tables.parked) == []


async def test_changes_of_an_appeal_that_waits_are_not_lost_when_more_come(store, tmp_path):
    await changes(store, 1)
    broken = True
    async with receiving(lambda _request: web.Response(status=500 if broken else 200)) as receiver:
        wanted = endpoint(tmp_path, receiver.url, retry={"wait": "1ms..1ms", "attempts": 3})
        await told(store, wanted)
        await changes(store, 1, versions=3)
        await told(store, wanted)
        broken = False
        async with store._database.begin() as connection:
            await connection.execute(sa.update(tables.parked).values(due_at=datetime.now(UTC), dead=False))

        await told(store, wanted)

        assert list(dict.fromkeys(receiver.ids)) == [1, 2, 3]


async def test_tries_used_up_are_a_dead_letter_with_its_reason(store, tmp_path):
    await changes(store, 1)
    async with receiving(lambda _request: json({"error": "13812345678 说不"}, status=500)) as receiver:
        await told(store, endpoint(tmp_path, receiver.url, retry={"attempts": 2, "wait": "1ms..1ms"}))

        (parked,) = await rows(store, tables.parked)
        assert (parked.dead, parked.tries) == (True, 2)
        assert parked.reason == 'answered 500: {"error":"138**** 说不"}'
        assert receiver.ids == [1, 1]


async def test_what_is_refused_is_given_up_sooner(store, tmp_path):
    await changes(store, 1)
    async with receiving(lambda _request: web.Response(status=422)) as receiver:
        await told(store, endpoint(tmp_path, receiver.url, retry={"refused": 2, "wait": "1ms..1ms"}))

        (parked,) = await rows(store, tables.parked)
        assert (parked.dead, receiver.ids) == (True, [1, 1])


async def test_a_redirect_is_never_followed(store, tmp_path):
    await changes(store, 1)
    async with receiving(lambda _request: web.Response(status=302, headers={"Location": "/else"})) as receiver:
        await told(store, endpoint(tmp_path, receiver.url, retry={"refused": 1}))

        assert [request.path for request in receiver.upstream.asked] == ["/hook"]
        assert (await rows(store, tables.parked))[0].dead


async def test_an_endpoint_that_is_gone_is_disabled_and_nothing_is_dropped(store, tmp_path):
    await changes(store, 3)
    async with receiving(lambda _request: web.Response(status=410)) as receiver:
        wanted = endpoint(tmp_path, receiver.url, concurrency=1)
        await told(store, wanted)

        (row,) = await rows(store, tables.endpoint)
        assert row.disabled_reason == "answered 410 (gone)"
        assert (await lane_of(store)).paused
        assert len(receiver.ids) == 1

        receiver.upstream.answer = lambda _request: web.Response()
        async with store._database.begin() as connection:
            await connection.execute(sa.update(tables.lane).values(paused=False))
        await told(store, wanted)

        assert set(receiver.ids) == {1, 2, 3}


async def test_retry_after_slows_the_endpoint_and_costs_no_try(store, tmp_path):
    await changes(store, 5)
    async with receiving(lambda _request: web.Response(status=503, headers={"Retry-After": "120"})) as receiver:
        before = datetime.now(UTC)

        await told(store, endpoint(tmp_path, receiver.url, concurrency=1))

        lane = await lane_of(store)
        assert len(receiver.ids) == 1
        assert timedelta(seconds=119) < lane.due_at - before < timedelta(seconds=150)
        assert (lane.awaits, lane.failures) == (None, 0)
        assert {row.tries for row in await rows(store, tables.parked)} == {0}


async def test_an_endpoint_that_fails_for_all_is_left_alone_then_tried_by_one_change(store, tmp_path):
    await changes(store, 50)
    async with receiving(lambda _request: web.Response(status=500)) as receiver:
        wanted = endpoint(tmp_path, receiver.url, concurrency=1, breaker={"failures": 4, "wait": "1h..1h"})
        await told(store, wanted)

        assert len(receiver.ids) == 4
        assert ((await lane_of(store)).failures, (await lane_of(store)).awaits) == (1, None)

        await told(store, wanted)

        assert len(receiver.ids) == 5
        assert (await lane_of(store)).failures == 2

        receiver.upstream.answer = lambda _request: web.Response()
        await told(store, wanted)
        await told(store, wanted)

        assert set(receiver.ids) == set(range(1, 51))
        assert (await lane_of(store)).failures == 0


async def test_a_slow_change_does_not_keep_the_others_from_being_kept(store, tmp_path, monkeypatch):
    """What hangs is parked, so that a crash repeats what is under way and nothing that was taken long ago."""
    await changes(store, 20)
    hanging = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        if len(receiver.upstream.bodies) == 1:
            await hanging.wait()
        return web.Response()

    async with receiving(answer) as receiver:
        wanted = endpoint(tmp_path, receiver.url, concurrency=2)
        await store.deliveries.declare([wanted.record])
        lane = await store.lanes.claim_named(endpoint_lane("office"), "test", timedelta(minutes=1))
        running = asyncio.create_task(run(wanted, store, lane))

        async with asyncio.timeout(20):
            while (await lane_of(store)).cursor != {"after": 20, "failing": 0}:
                await asyncio.sleep(0.05)

        assert [row.number for row in await rows(store, tables.parked)] == [1]
        hanging.set()
        await running
        assert await rows(store, tables.parked) == []
        assert receiver.repeated() == {}


async def test_a_run_that_is_told_to_stop_repeats_only_what_was_under_way(store, tmp_path):
    await changes(store, 60)
    stuck, freed = asyncio.Event(), asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        if len(receiver.upstream.bodies) > 30:
            stuck.set()
            await freed.wait()
        return web.Response()

    async with receiving(answer) as receiver:
        wanted = endpoint(tmp_path, receiver.url, concurrency=4)
        task = asyncio.create_task(told(store, wanted))
        await stuck.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        freed.set()
        await told(store, wanted)

        assert set(receiver.ids) == set(range(1, 61))
        assert len(receiver.repeated()) <= 4


async def test_a_run_whose_lane_was_taken_over_keeps_nothing(store, tmp_path):
    await changes(store, 3)
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url)
        await store.deliveries.declare([wanted.record])
        lane = await store.lanes.claim_named(endpoint_lane("office"), "one", timedelta(0))
        assert await store.lanes.claim_named(endpoint_lane("office"), "other", timedelta(minutes=1))

        with pytest.raises(LaneLost):
            await run(wanted, store, lane)

        assert (await lane_of(store)).cursor == {"after": 0}


async def test_a_worker_sends_what_changes(store, tmp_path):
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url)
        await store.deliveries.declare([wanted.record])
        working = asyncio.create_task(Worker(store, [], [wanted], idle=timedelta(milliseconds=10)).run_forever())
        for title in ("一", "二", "三"):
            await happen(store, ticket(1, title=title))
            count = len(receiver.ids)
            await until(lambda count=count: len(receiver.ids) > count or len(receiver.ids) == 3)
        await until(lambda: len(receiver.ids) == 3)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

        assert receiver.ids == [1, 2, 3]


async def test_what_an_attempt_was_is_kept_and_nothing_secret_of_it(store, tmp_path):
    await happen(store, ticket(1, title="电梯 13812345678"))
    async with receiving() as receiver:
        await told(store, endpoint(tmp_path, receiver.url, data="full"))

        (attempt,) = await rows(store, tables.attempt)
        assert (attempt.number, attempt.tries, attempt.outcome, attempt.status) == (1, 1, "delivered", 204)
        assert attempt.address == "127.0.0.1"
        assert attempt.request.startswith(f"POST {receiver.url}/hook")
        assert "138****5678" in attempt.request
        assert SECRET not in str(attempt)


async def test_an_endpoint_without_a_secret_is_sent_nothing(store, tmp_path):
    await changes(store, 1)
    async with receiving() as receiver:
        with pytest.raises(SourceRefused, match="no secret to sign with"):
            await told(store, endpoint(tmp_path, receiver.url, secrets=[]))

        assert receiver.ids == []
        assert "no secret" in (await lane_of(store)).last_error


async def test_of_two_interleaved_transactions_neither_change_is_lost(store, tmp_path):
    """The cursor walks numbers, so numbers must rise in the order of commits.

    Without the lock in `Tickets._log` this fails: the second writer commits first with the higher number, the run in
    between passes both, and the first writer's change is never sent.
    """
    await happen(store)
    lane = await store.lanes.claim_named("source:housing", "test", timedelta(minutes=1))
    first, second = landed("1"), landed("2")
    await store.tickets.land(lane, "housing", [first, second], {})
    async with receiving() as receiver:
        wanted = endpoint(tmp_path, receiver.url)
        slow = store._database.begin_lean()
        connection = await slow.__aenter__()
        await hold_lane(connection, lane)
        written = await store.tickets._write_appeals(connection, "housing", [appeal("1")])
        await store.tickets._log(connection, "housing", written)
        fast = asyncio.create_task(store.tickets.put(lane, "housing", [Served(second.hash, appeal("2"))], []))
        await asyncio.wait({fast}, timeout=0.3)
        await told(store, wanted)
        await slow.__aexit__(None, None, None)
        await fast

        await told(store, wanted)

        assert sorted(receiver.seen()) == ["1", "2"]
