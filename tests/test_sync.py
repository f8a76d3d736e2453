"""One source, one run: what is landed, served and rejected, and what is left when something breaks in the middle."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import LaneLost, SourceRefused, SourceUnavailable
from hub.model import Event, Status, Tally
from hub.store import tables
from hub.store.store import Store
from hub.sync import landed, run, sync
from hub.worker import Worker
from tests.scripted import MAP, claimed, scripted, ticket


async def rows(store: Store, statement: sa.Select[Any]) -> list[Any]:
    async with store._database.begin() as connection:
        return list((await connection.execute(statement)).all())


async def appeals(store: Store) -> dict[str, str]:
    return {row.external_id: row.status for row in await rows(store, sa.select(tables.appeal))}


async def test_new_tickets_become_appeals(store):
    source = scripted([ticket(1), ticket("2", status="done")], [ticket("3")])

    tally = await sync(source, store, await claimed(store, source))

    assert tally == Tally(landed=3, served=3)
    assert await appeals(store) == {"1": "RECEIVED", "2": "RESOLVED", "3": "RECEIVED"}


async def test_a_second_run_changes_nothing(store):
    source = scripted([ticket(1), ticket(2, status="?")])
    await sync(source, store, await claimed(store, source))
    again = scripted([ticket(1), ticket(2, status="?")])
    lane = await claimed_again(store)

    tally = await sync(again, store, lane)

    assert tally == Tally(unchanged=2)
    assert len(await rows(store, sa.select(tables.change))) == 1


async def test_a_ticket_that_is_nested_too_deep_to_keep_is_rejected_and_the_others_go_on(store):
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    source = scripted([ticket(1), ticket(2, more=deep), ticket(3)])

    tally = await sync(source, store, await claimed(store, source))

    assert tally == Tally(landed=3, served=2, rejected=1)
    (rejected,) = await rows(store, sa.select(tables.ticket).where(tables.ticket.c.state == "rejected"))
    assert (rejected.external_id, "recursion limit" in rejected.reason) == ("2", True)


async def test_a_ticket_whose_keys_come_in_another_order_is_unchanged(store):
    source = scripted([ticket(1)])
    await sync(source, store, await claimed(store, source))
    again = scripted([dict(reversed(ticket(1).items()))])

    assert await sync(again, store, await claimed_again(store)) == Tally(unchanged=1)


async def claimed_again(store: Store):
    """The lane anew, its cursor forgotten: as a source that can only be read from the start."""
    async with store._database.begin() as connection:
        await connection.execute(sa.text("update lane set leased_until = '-infinity', cursor = null"))
    return await store.lanes.claim_named("source:housing", "test", timedelta(minutes=1))


async def test_a_bad_ticket_is_rejected_and_the_batch_goes_on(store):
    source = scripted([ticket(1, status="转办中"), ticket(2, at="2026-02-30"), ticket(None), ticket(4)])

    tally = await sync(source, store, await claimed(store, source))

    assert tally == Tally(landed=4, served=1, rejected=3)
    rejected = await rows(store, sa.select(tables.ticket).where(tables.ticket.c.state == "rejected"))
    assert {row.field for row in rejected} == {"status", "created_at", "external_id"}
    assert all(row.reason and row.raw for row in rejected)


async def test_an_id_is_opaque_text(store):
    """Ids that differ only by case or by a blank inside are different tickets; what looks like a path is no path."""
    ids = ["a1", "A1", "a 1", "../../etc/passwd", "'; drop table ticket; --", "%", "１"]
    source = scripted([ticket(each) for each in ids])

    await sync(source, store, await claimed(store, source))

    assert set(await appeals(store)) == set(ids)


async def test_a_ticket_that_postgresql_cannot_hold_does_not_block_the_others(store):
    rules = {**MAP, "support_count": "votes"}
    source = scripted([ticket(1), ticket(2, votes=10**12), ticket(3, status="?"), ticket(4)], rules=rules)

    tally = await sync(source, store, await claimed(store, source))

    assert tally == Tally(landed=4, served=2, rejected=2)
    assert set(await appeals(store)) == {"1", "4"}


async def test_replay_after_the_mapping_is_mended_serves_what_was_rejected(store):
    source = scripted([ticket(1, status="转办中")])
    await sync(source, store, await claimed(store, source))
    mended = scripted(rules={**MAP, "status": {"from": "status", "map": {"转办中": "DISPATCHED"}, "else": "reject"}})

    await store.tickets.replay("housing")
    tally = await sync(mended, store, await claimed_again(store))

    assert tally == Tally(served=1)
    assert await appeals(store) == {"1": "DISPATCHED"}


async def test_what_was_landed_stays_when_the_source_breaks_in_the_middle(store):
    source = scripted([ticket(1)], SourceUnavailable("away"))
    lane = await claimed(store, source)

    with pytest.raises(SourceUnavailable):
        await run(source, store, lane)

    assert await appeals(store) == {"1": "RECEIVED"}
    (state,) = await rows(store, sa.select(tables.lane))
    assert (state.failures, state.last_error, state.cursor) == (1, "away", {"next": 1})


async def test_the_next_run_goes_on_after_the_last_landed_page(store):
    broken = scripted([ticket(1)], SourceUnavailable("away"))
    with pytest.raises(SourceUnavailable):
        await run(broken, store, await claimed(store, broken))
    whole = scripted([ticket(1)], [ticket(2)])

    tally = await run(whole, store, await store.lanes.claim_named("source:housing", "t", timedelta(minutes=1)))

    assert whole.connector.asked == [{"next": 1}]
    assert tally == Tally(landed=1, served=1)


async def test_a_ticket_that_was_landed_but_not_served_is_served_first(store):
    """A crash between landing and serving leaves a pending ticket; the next run serves it, whatever the source says."""
    source = scripted([ticket(1)])
    lane = await claimed(store, source)
    await store.tickets.land(lane, "housing", [landed(source, ticket(7))], {"next": 1})

    tally = await sync(source, store, await claimed_again(store))

    assert tally == Tally(landed=1, served=2)


async def test_a_mistake_of_the_hub_is_told_on_the_lane_and_raised(store):
    source = scripted([["not a ticket at all"]], ValueError("boom"))

    with pytest.raises(ValueError, match="boom"):
        await run(source, store, await claimed(store, source))

    (state,) = await rows(store, sa.select(tables.lane))
    assert state.last_error == "internal error: ValueError"


async def test_a_run_that_is_told_to_stop_gives_its_lane_back(store):
    source = scripted([ticket(1)])
    stuck = asyncio.Event()
    source.connector.pull = lambda _cursor: _never(stuck)
    task = asyncio.create_task(run(source, store, await claimed(store, source)))
    await stuck.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await store.lanes.claim("next", timedelta(minutes=1), ["source:housing"]) is not None


async def _never(stuck: asyncio.Event):
    stuck.set()
    await asyncio.sleep(60)
    yield


async def test_a_run_whose_lane_is_lost_is_stopped(store):
    source = scripted([ticket(1)])
    stuck = asyncio.Event()
    source.connector.pull = lambda _cursor: _never(stuck)
    task = asyncio.create_task(run(source, store, await claimed(store, source), lease=timedelta(seconds=0.3)))
    await stuck.wait()

    await claimed_again(store)

    with pytest.raises(LaneLost):
        await asyncio.wait_for(task, 5)


async def test_a_worker_pulls_what_is_due_and_survives_a_source_that_fails(store):
    good = scripted([ticket(1)], name="good")
    bad = scripted(SourceRefused("403 forbidden"), name="bad")
    await store.lanes.declare([good.record, bad.record])
    worker = asyncio.create_task(Worker(store, [good, bad], idle=timedelta(milliseconds=10)).run_forever())

    async with asyncio.timeout(10):
        while not all(row.last_error or row.last_success_at for row in await rows(store, sa.select(tables.lane))):
            await asyncio.sleep(0.05)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)

    state = {row.name: row for row in await rows(store, sa.select(tables.lane))}
    assert await appeals(store) == {"1": "RECEIVED"}
    assert state["source:bad"].last_error == "403 forbidden"
    assert state["source:good"].due_at > datetime.now(UTC)


async def test_sources_that_hang_do_not_keep_the_others_waiting(store):
    stuck = asyncio.Event()
    hanging = [scripted(name=f"hanging-{number:02}") for number in range(42)]
    for source in hanging:
        source.connector.pull = lambda _cursor: _never(stuck)
    good = scripted([ticket(1)], name="good")
    await store.lanes.declare([source.record for source in (*hanging, good)])
    worker = asyncio.create_task(Worker(store, [*hanging, good], idle=timedelta(milliseconds=10)).run_forever())

    async with asyncio.timeout(10):
        while not await appeals(store):
            await asyncio.sleep(0.05)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)

    assert await appeals(store) == {"1": "RECEIVED"}


async def test_an_idle_worker_wakes_when_the_next_lane_is_due(store):
    source = scripted([ticket(1)])
    lane = await claimed(store, source)
    await store.lanes.finish(lane, datetime.now(UTC) + timedelta(seconds=0.5), Tally())
    working = asyncio.create_task(Worker(store, [source], idle=timedelta(hours=1)).run_forever())

    async with asyncio.timeout(20):
        while not await appeals(store):
            await asyncio.sleep(0.05)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)

    assert await appeals(store) == {"1": "RECEIVED"}


async def test_sources_that_hang_again_and_again_leave_half_of_the_places_to_the_others(store):
    stuck = asyncio.Event()
    hanging = [scripted(name=f"hanging-{number:02}") for number in range(10)]
    good = scripted([ticket(1)], name="good")
    await store.lanes.declare([source.record for source in (*hanging, good)])
    for source in hanging:
        lane = await claimed(store, source)
        await store.lanes.fail(lane, datetime.now(UTC) - timedelta(hours=1), "gave no whole answer within 30 s")
        source.connector.pull = lambda _cursor: _never(stuck)
    patience = timedelta(hours=1)
    worker = Worker(store, [*hanging, good], concurrency=4, idle=timedelta(milliseconds=10), patience=patience)
    working = asyncio.create_task(worker.run_forever())

    async with asyncio.timeout(10):
        while not await appeals(store):
            await asyncio.sleep(0.05)
    held = [row.name for row in await rows(store, sa.select(tables.lane)) if row.holder is not None]
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)

    assert await appeals(store) == {"1": "RECEIVED"}
    assert len([name for name in held if name != "source:good"]) == 2


async def test_the_events_of_an_appeal_are_stored_and_read_again(store):
    rules = {
        **MAP,
        "events": {"from": "history", "each": {"at": "time", "text": "note", "status": {"value": "ACCEPTED"}}},
    }
    source = scripted([ticket(1, history=[{"time": "2026-03-01 09:00:00", "note": "受理"}])], rules=rules)

    await sync(source, store, await claimed(store, source))

    stored = await store.reads.appeal_of("housing", "1")
    assert stored is not None
    assert stored.appeal.events == [Event(datetime(2026, 3, 1, 1, tzinfo=UTC), "受理", None, Status.ACCEPTED)]


async def test_a_new_event_is_a_change_that_does_not_tell_what_was_said(store):
    rules = {**MAP, "events": {"from": "history", "each": {"text": "note"}}}
    first, second = ([ticket(1, history=[{"note": note} for note in notes])] for notes in (["受理"], ["受理", "办结"]))
    lane = await claimed(store, scripted(rules=rules))
    await sync(scripted(first, rules=rules), store, lane)

    await sync(scripted(second, rules=rules), store, lane)

    (_, change) = await rows(store, sa.select(tables.change).order_by(tables.change.c.number))
    assert change.fields == {"events": [None, None]}
