"""The way of a ticket through the store: landed, then served with its change or rejected; again and again."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from hub.model import Appeal, LandedTicket, Lane, Rejection, SourceClass, SourceRecord, Status, Tally
from hub.store import tables
from hub.store.lanes import hold_lane
from hub.store.store import Store
from hub.store.tickets import Served

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
async def lane(store: Store) -> Lane:
    await store.lanes.declare([SourceRecord("housing", "住房", SourceClass.HOTLINE)])
    claimed = await store.lanes.claim_named("source:housing", "test", timedelta(minutes=1))
    assert claimed is not None
    return claimed


def landed(external_id: str, **ticket: Any) -> LandedTicket:
    raw = orjson.dumps({"id": external_id, **ticket})
    return LandedTicket(external_id, raw, hashlib.blake2b(raw, digest_size=16).digest(), orjson.loads(raw))


def appeal(external_id: str, **fields: Any) -> Appeal:
    return Appeal(
        **{
            "source": "housing",
            "external_id": external_id,
            "title": "电梯停运",
            "status": Status.RECEIVED,
            "created_at": AT,
            "updated_at": AT,
            **fields,
        }
    )


async def rows(store: Store, statement: sa.Select[Any]) -> list[Any]:
    async with store._database.begin() as connection:
        return list((await connection.execute(statement)).all())


async def test_a_landed_ticket_waits_raw(store, lane):
    ticket = landed("1", text="\u0000 is kept")

    landing = await store.tickets.land(lane, "housing", [ticket], {"page": 2})

    assert landing.pending == [ticket]
    assert await store.tickets.pending("housing", 10) == [ticket]


async def test_the_cursor_commits_with_its_page(store, lane):
    await store.tickets.land(lane, "housing", [landed("1")], {"page": 2})
    await store.lanes.release(lane)

    assert (await store.lanes.claim_named("source:housing", "b", timedelta(1))).cursor == {"page": 2}


async def test_a_ticket_that_comes_back_unchanged_is_not_pending(store, lane):
    ticket = landed("1")
    await store.tickets.land(lane, "housing", [ticket], {})
    await store.tickets.put(lane, "housing", [Served(ticket.hash, appeal("1"))], [])

    again = await store.tickets.land(lane, "housing", [ticket], {})

    assert (again.pending, again.unchanged) == ([], 1)


async def test_of_two_rows_with_one_id_the_later_wins_and_is_counted(store, lane):
    older, newer = landed("1", v=1), landed("1", v=2)

    landing = await store.tickets.land(lane, "housing", [older, newer], {})

    assert (landing.pending, landing.repeated) == ([newer], 1)


async def test_serving_writes_the_appeal_and_its_change_together(store, lane):
    ticket = landed("1")
    await store.tickets.land(lane, "housing", [ticket], {})

    tally = await store.tickets.put(lane, "housing", [Served(ticket.hash, appeal("1", co_orgs=["物业"]))], [])

    assert tally == Tally(served=1)
    assert [row.co_orgs for row in await rows(store, sa.select(tables.appeal))] == [["物业"]]
    assert [(row.type, row.version, row.origin, row.fields) for row in await rows(store, sa.select(tables.change))] == [
        ("appeal.created", 1, "housing", {})
    ]
    assert await store.tickets.pending("housing", 10) == []


async def test_a_change_names_what_became_different_but_not_who_reported(store, lane):
    first, second = landed("1", v=1), landed("1", v=2)
    await store.tickets.land(lane, "housing", [first], {})
    await store.tickets.put(lane, "housing", [Served(first.hash, appeal("1", reporter_phone="+8613800000000"))], [])
    await store.tickets.land(lane, "housing", [second], {})

    changed = appeal("1", status=Status.RESOLVED, reporter_phone="+8613800000001", closed_at=AT)
    await store.tickets.put(lane, "housing", [Served(second.hash, changed)], [])

    last = (await rows(store, sa.select(tables.change).order_by(tables.change.c.number)))[-1]
    assert (last.type, last.version) == ("appeal.status_changed", 2)
    assert last.fields == {
        "status": ["RECEIVED", "RESOLVED"],
        "closed_at": [None, AT.isoformat()],
        "reporter_phone": [None, None],
    }


async def test_an_appeal_that_reads_as_before_makes_no_change(store, lane):
    first, second = landed("1", v=1), landed("1", v=2)
    same = appeal("1", attributes={"b": 1, "a": [2.5]}, location_point=(112.2, 31.03), due_at=AT)
    await store.tickets.land(lane, "housing", [first], {})
    await store.tickets.put(lane, "housing", [Served(first.hash, same)], [])
    await store.tickets.land(lane, "housing", [second], {})

    await store.tickets.put(lane, "housing", [Served(second.hash, replace(same, attributes={"a": [2.5], "b": 1}))], [])

    assert len(await rows(store, sa.select(tables.change))) == 1
    assert (await rows(store, sa.select(tables.appeal.c.version)))[0].version == 1


async def test_a_rejected_ticket_keeps_raw_reason_and_field(store, lane):
    ticket = landed("1", status="转办中")
    await store.tickets.land(lane, "housing", [ticket], {})

    await store.tickets.put(lane, "housing", [], [Rejection("1", ticket.hash, "unknown status", "status")])

    (row,) = await rows(store, sa.select(tables.ticket))
    assert (row.state, row.reason, row.field, row.raw) == ("rejected", "unknown status", "status", ticket.raw)


async def test_replay_makes_rejected_tickets_pending_and_the_lane_due(store, lane):
    ticket = landed("1")
    await store.tickets.land(lane, "housing", [ticket], {})
    await store.tickets.put(lane, "housing", [], [Rejection("1", ticket.hash, "x", "status")])
    await store.lanes.finish(lane, datetime.now(UTC) + timedelta(hours=1), Tally())

    assert await store.tickets.replay("housing") == 1

    assert await store.tickets.pending("housing", 10) == [ticket]
    assert await store.lanes.claim("w", timedelta(1), ["source:housing"]) is not None


async def test_a_ticket_landed_anew_meanwhile_stays_pending(store, lane):
    older, newer = landed("1", v=1), landed("1", v=2)
    await store.tickets.land(lane, "housing", [older], {})
    await store.tickets.land(lane, "housing", [newer], {})

    await store.tickets.put(lane, "housing", [Served(older.hash, appeal("1"))], [])

    assert await store.tickets.pending("housing", 10) == [newer]


async def test_change_numbers_rise_in_commit_order(store, lane):
    """A second writer of the log waits for the first to commit, so a reader never passes a change it has not seen.

    Without the lock in `_log` this fails: the second writer takes the higher number and commits first.
    """
    first, second = landed("1"), landed("2")
    await store.tickets.land(lane, "housing", [first, second], {})
    numbers = sa.select(tables.change.c.number).order_by(tables.change.c.number)
    slow = store._database.begin_lean()
    connection = await slow.__aenter__()
    await hold_lane(connection, lane)
    written = await store.tickets._write_appeals(connection, "housing", [appeal("1")])
    await store.tickets._log(connection, "housing", written)

    fast = asyncio.create_task(store.tickets.put(lane, "housing", [Served(second.hash, appeal("2"))], []))
    await asyncio.sleep(0.3)
    seen_meanwhile = await rows(store, numbers)
    await slow.__aexit__(None, None, None)
    await fast

    assert seen_meanwhile == []
    assert len(await rows(store, numbers)) == 2
