"""Pushes in the store: landed once, the newer state winning in whatever order, beside runs and beside each other."""

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from hub.errors import KeyReused, StoreError
from hub.model import Appeal, LandedTicket, Lane, Rejection, SourceClass, SourceRecord, Status, Tally
from hub.store import tables
from hub.store.pushes import Arrival, Receipt
from hub.store.store import Store
from hub.store.tickets import Served

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
LEASE = timedelta(minutes=1)
SOURCE = SourceRecord("housing", "住房", SourceClass.HOTLINE)
ORDERS = list(permutations(range(6)))


@pytest.fixture
async def declared(store: Store) -> Store:
    await store.lanes.declare([SOURCE])
    return store


def state(external_id: str, version: float | None, **fields: Any) -> LandedTicket:
    ticket = {"id": external_id, "v": version, **fields}
    raw = orjson.dumps(ticket)
    digest = hashlib.blake2b(raw, digest_size=16).digest()
    return LandedTicket(external_id, raw, digest, ticket, None if version is None else Decimal(str(version)))


def arrival(*tickets: LandedTicket, ordered: bool = True, key: str = "", body: str = "", **more: Any) -> Arrival:
    return Arrival("housing", tickets, ordered=ordered, keys=[key.encode()] if key else [], body=body.encode(), **more)


def appeal(ticket: LandedTicket) -> Appeal:
    status = [Status.RECEIVED, Status.IN_PROGRESS, Status.CLOSED][int(ticket.ticket["v"] or 0) % 3]
    return Appeal("housing", ticket.external_id, f"第{ticket.ticket['v']}版", status, AT, AT)


async def rows(store: Store, statement: sa.Select[Any]) -> list[Any]:
    async with store._database.begin() as connection:
        return list((await connection.execute(statement)).all())


async def kept(store: Store) -> dict[str, Any]:
    """The state of every ticket, by its version."""
    return {row.external_id: orjson.loads(row.raw)["v"] for row in await rows(store, sa.select(tables.ticket))}


async def serve(store: Store, lane: Lane) -> None:
    while pending := await store.tickets.pending("housing", 500):
        await store.tickets.put(lane, "housing", [Served(each.hash, appeal(each)) for each in pending], [])


async def claimed(store: Store) -> Lane:
    lane = await store.lanes.claim_named("source:housing", "test", LEASE)
    assert lane is not None
    return lane


# ── once ──


async def test_a_push_lands_what_it_brings(declared):
    receipt = await declared.pushes.land(arrival(state("1", 1), state("2", 1)))

    assert receipt == Receipt(2, 0)
    assert [ticket.external_id for ticket in await declared.tickets.pending("housing", 9)] == ["1", "2"]


async def test_the_same_push_again_is_answered_alike_and_lands_nothing(declared):
    first = arrival(state("1", 1), state("1", 2), key="k", body="b")
    receipt = await declared.pushes.land(first)
    await serve(declared, lane := await claimed(declared))
    await declared.lanes.release(lane)

    again = await declared.pushes.land(first)

    assert receipt == again == Receipt(1, 1)
    assert await declared.tickets.pending("housing", 9) == []


async def test_what_was_known_already_is_repeated(declared):
    await declared.pushes.land(arrival(state("1", 1)))

    assert await declared.pushes.land(arrival(state("1", 1), state("2", 1))) == Receipt(1, 1)


async def test_a_key_that_comes_with_another_body_is_told_and_lands_nothing(declared):
    await declared.pushes.land(arrival(state("1", 1), key="k", body="b"))

    with pytest.raises(KeyReused, match="came before, with another body"):
        await declared.pushes.land(arrival(state("1", 2), key="k", body="c"))

    assert await kept(declared) == {"1": 1}


async def test_a_push_known_by_one_of_its_keys_is_known_by_the_other_from_then_on(declared):
    """The signature of a push that was sent again tells it, too: who captured it may change the key beside it."""
    await declared.pushes.land(replace(arrival(state("1", None), ordered=False, body="b"), keys=[b"key", b"signed-1"]))
    await declared.pushes.land(arrival(state("1", None, changed=True), ordered=False, body="c", key="other"))
    await declared.pushes.land(replace(arrival(state("1", None), ordered=False, body="b"), keys=[b"key", b"signed-2"]))

    again = await declared.pushes.land(
        replace(arrival(state("1", None), ordered=False, body="b"), keys=[b"forged", b"signed-2"])
    )

    assert again == Receipt(1, 0)
    assert orjson.loads((await rows(declared, sa.select(tables.ticket.c.raw)))[0].raw)["changed"]


async def test_two_sources_may_use_the_same_key(declared):
    await declared.lanes.declare([SOURCE, replace(SOURCE, name="water")])
    await declared.pushes.land(arrival(state("1", 1), key="k", body="b"))

    assert await declared.pushes.land(replace(arrival(state("1", 1), key="k"), source="water")) == Receipt(1, 0)


async def test_keys_are_forgotten_after_their_time(declared):
    for number in range(3):
        await declared.pushes.land(arrival(key=f"k{number}", body="b"))

    await declared.pushes.land(arrival(key="last", body="b", keep=timedelta(0)))

    assert [row.key for row in await rows(declared, sa.select(tables.push.c.key))] == [b"last"]


async def test_a_source_that_was_never_declared_takes_no_push(store):
    with pytest.raises(StoreError, match="no lane"):
        await store.pushes.land(arrival(state("1", 1)))

    assert await rows(store, sa.select(tables.ticket)) == []


# ── in whatever order ──


async def land_in_orders(store: Store, states: Sequence[float], repeats: int, serve_between: bool) -> None:
    """Push the n-th state of every order together, one ticket an order; then some of them again, in another order."""
    lane = await claimed(store)
    draw = random.Random(7)
    turns = [
        [state(f"T{n}", states[order[turn]], n=order[turn]) for n, order in enumerate(ORDERS)] for turn in range(6)
    ]
    turns += [[draw.choice(draw.choice(turns)) for _ in range(2000)] for _ in range(repeats)]
    for turn in turns:
        await store.pushes.land(arrival(*turn))
        if serve_between:
            await serve(store, lane)
    await serve(store, lane)


@pytest.mark.parametrize("serve_between", [True, False])
async def test_six_changes_in_each_of_720_orders_end_in_the_newest_appeal(declared, serve_between):
    await land_in_orders(declared, [1, 2, 3, 4, 5, 6], 0, serve_between)

    found = await rows(declared, sa.select(tables.appeal.c.title, tables.appeal.c.status))
    assert len(found) == 720
    assert set(found) == {("第6版", "RECEIVED")}


async def test_six_changes_in_each_of_720_orders_with_repetitions_end_in_the_newest_appeal(declared):
    await land_in_orders(declared, [1, 2, 3, 4, 5, 6], 4, True)

    assert {row.title for row in await rows(declared, sa.select(tables.appeal))} == {"第6版"}


async def test_no_appeal_ever_goes_back_in_any_of_720_orders(declared):
    """The log says so as well: each change leads to a higher version."""
    await land_in_orders(declared, [1, 2, 3, 4, 5, 6], 2, True)

    log = sa.select(tables.change.c.fields).where(tables.change.c.type != "appeal.created")
    titles = [row.fields["title"] for row in await rows(declared, log)]
    assert len(titles) > 720
    assert all(before < after for before, after in titles)


async def test_changes_with_one_version_end_alike_in_each_of_720_orders(declared):
    """Nobody can say which is newer: but whichever it is, it is the same one in every order."""
    states = [state("1", version, n=n) for n, version in enumerate([1, 5, 2, 5, 3, 5])]
    for turn in range(6):
        turns = [states[order[turn]]._replace(external_id=f"T{n}") for n, order in enumerate(ORDERS)]
        await declared.pushes.land(arrival(*turns))

    ends = {orjson.loads(row.raw)["n"] for row in await rows(declared, sa.select(tables.ticket.c.raw))}
    assert len(ends) == 1
    assert ends < {1, 3, 5}


async def test_within_one_push_the_newest_state_is_landed(declared):
    receipt = await declared.pushes.land(arrival(state("1", 2), state("1", 3), state("1", 1)))

    assert receipt == Receipt(1, 2)
    assert await kept(declared) == {"1": 3}


async def test_an_older_state_is_not_landed(declared):
    await declared.pushes.land(arrival(state("1", 10.5)))

    receipt = await declared.pushes.land(arrival(state("1", 9)))

    assert receipt == Receipt(0, 1)
    assert await kept(declared) == {"1": 10.5}


async def test_a_state_without_a_version_never_replaces_one_that_has_one(declared):
    await declared.pushes.land(arrival(state("1", None), state("2", 1)))

    await declared.pushes.land(arrival(state("1", 1), state("2", None)))

    assert await kept(declared) == {"1": 1, "2": 1}


async def test_of_states_without_versions_the_later_is_the_newer(declared):
    await declared.pushes.land(arrival(state("1", None, n=1)))
    await declared.pushes.land(arrival(state("1", None, n=2)))

    assert orjson.loads((await rows(declared, sa.select(tables.ticket.c.raw)))[0].raw)["n"] == 2


async def test_where_nothing_says_what_is_newer_what_comes_later_is(declared):
    await declared.pushes.land(arrival(state("1", 7)))

    await declared.pushes.land(arrival(state("1", None, n=1), state("1", None, n=2), ordered=False))

    assert orjson.loads((await rows(declared, sa.select(tables.ticket.c.raw)))[0].raw)["n"] == 2


async def test_what_is_pulled_replaces_whatever_was_pushed(declared):
    """A source that is pulled from now on says what is, and a correction may carry an older time."""
    await declared.pushes.land(arrival(state("1", 7)))
    pulled = state("1", None, n=1)

    await declared.tickets.land(await claimed(declared), "housing", [pulled], {})

    assert (await declared.tickets.pending("housing", 9))[0].raw == pulled.raw


async def test_after_a_replay_of_all_the_next_push_is_taken_whatever_its_version(declared):
    """The map may tell versions otherwise now: a number where there was a time would be older for ever."""
    await declared.pushes.land(arrival(state("1", 1772352000)))
    await serve(declared, await claimed(declared))
    await declared.tickets.replay_served("housing")

    await declared.pushes.land(arrival(state("1", 3)))

    assert await kept(declared) == {"1": 3}


# ── beside a run ──


async def test_a_push_makes_the_lane_due_at_once(declared):
    await declared.lanes.finish(await claimed(declared), datetime.now(UTC) + timedelta(hours=1), Tally())
    assert await declared.lanes.claim("w", LEASE, ["source:housing"]) is None

    await declared.pushes.land(arrival(state("1", 1)))

    assert await declared.lanes.claim("w", LEASE, ["source:housing"]) is not None


async def test_a_push_during_a_run_leaves_the_lane_due_when_the_run_ends(declared):
    """The run may have looked for pending tickets before the push, for the last time."""
    lane = await declared.lanes.claim("w", LEASE, ["source:housing"])
    await declared.pushes.land(arrival(state("1", 1)))

    await declared.lanes.finish(lane, datetime.now(UTC) + timedelta(hours=1), Tally())

    assert await declared.lanes.claim("w", LEASE, ["source:housing"]) is not None


async def test_a_run_that_nobody_asked_for_again_ends_due_by_its_schedule(declared):
    await declared.pushes.land(arrival(state("1", 1)))
    lane = await declared.lanes.claim("w", LEASE, ["source:housing"])

    await declared.lanes.finish(lane, datetime.now(UTC) + timedelta(hours=1), Tally())

    assert await declared.lanes.claim("w", LEASE, ["source:housing"]) is None


async def test_a_ticket_pushed_while_it_is_served_stays_pending(declared):
    """The put of the older state is under way in one transaction, the push of the newer in another."""
    older, newer = state("1", 1), state("1", 2)
    await declared.pushes.land(arrival(older))
    lane = await claimed(declared)
    read = await declared.tickets.pending("housing", 9)

    pushing = declared._database.begin()
    connection = await pushing.__aenter__()
    await connection.exec_driver_sql("update lane set due_at = clock_timestamp() where name = 'source:housing'")
    putting = asyncio.create_task(declared.tickets.put(lane, "housing", [Served(read[0].hash, appeal(older))], []))
    await asyncio.sleep(0.2)
    assert not putting.done()
    await connection.exec_driver_sql(
        "update ticket set raw = $1, hash = $2, version = 2, state = 'pending'", (newer.raw, newer.hash)
    )
    await pushing.__aexit__(None, None, None)
    await putting

    assert [each.raw for each in await declared.tickets.pending("housing", 9)] == [newer.raw]
    await serve(declared, lane)
    assert [row.title for row in await rows(declared, sa.select(tables.appeal))] == ["第2版"]


async def test_a_push_waits_for_a_put_under_way_and_then_lands(declared):
    older, newer = state("1", 1), state("1", 2)
    await declared.pushes.land(arrival(older))
    lane = await claimed(declared)

    putting = declared._database.begin()
    connection = await putting.__aenter__()
    await connection.exec_driver_sql("select 1 from lane where name = 'source:housing' for share")
    pushing = asyncio.create_task(declared.pushes.land(arrival(newer)))
    await asyncio.sleep(0.2)
    assert not pushing.done()
    await connection.exec_driver_sql("update ticket set state = 'served'")
    await putting.__aexit__(None, None, None)

    assert await pushing == Receipt(1, 0)
    await serve(declared, lane)
    assert [row.title for row in await rows(declared, sa.select(tables.appeal))] == ["第2版"]


async def test_pushes_puts_and_replays_at_once_neither_deadlock_nor_lose(declared):
    """Each takes many tickets, in an order of its own: whoever took them without the lane first would deadlock."""
    draw = random.Random(1)
    lane = await claimed(declared)
    done = asyncio.Event()

    async def push(number: int) -> None:
        for turn in range(10):
            tickets = [state(f"T{n}", number * 10 + turn) for n in draw.sample(range(40), 30)]
            await declared.pushes.land(arrival(*tickets, key=f"{number}/{turn}"))

    async def work() -> None:
        while not done.is_set():
            pending = await declared.tickets.pending("housing", 25)
            draw.shuffle(pending)
            bad, good = pending[:5], pending[5:]
            await declared.tickets.put(
                lane,
                "housing",
                [Served(each.hash, appeal(each)) for each in good],
                [Rejection(each.external_id, each.hash, "x", "title") for each in bad],
            )

    async def replay() -> None:
        while not done.is_set():
            await declared.tickets.replay("housing")
            await declared.tickets.replay()
            await asyncio.sleep(0.01)

    helpers = [asyncio.create_task(work()), asyncio.create_task(replay())]
    await asyncio.gather(*(push(number) for number in range(8)))
    done.set()
    await asyncio.gather(*helpers)
    await declared.tickets.replay("housing")
    await serve(declared, lane)

    newest = {row.external_id: f"第{int(row.version)}版" for row in await rows(declared, sa.select(tables.ticket))}
    assert {row.external_id: row.title for row in await rows(declared, sa.select(tables.appeal))} == newest
    assert len(newest) == 40


# ── what went wrong ──


async def test_why_a_push_was_refused_stands_in_the_health_until_one_is_taken(declared):
    await declared.pushes.refused("housing", "push refused (401): X-Signature fits none of the secrets")
    await declared.lanes.finish(await claimed(declared), datetime.now(UTC), Tally())

    (health,) = await declared.reads.source_health()
    assert health.last_error == "push refused (401): X-Signature fits none of the secrets"
    assert health.last_error_at is not None

    await declared.pushes.land(arrival(state("1", 1)))
    (health,) = await declared.reads.source_health()
    assert (health.last_error, health.last_error_at) == (None, None)


async def test_why_a_run_failed_is_shown_where_no_push_was_refused(declared):
    await declared.lanes.fail(await claimed(declared), datetime.now(UTC), "away")

    (health,) = await declared.reads.source_health()

    assert health.last_error == "away"
