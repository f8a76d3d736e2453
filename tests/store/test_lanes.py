"""Lanes: one holder at a time, by the database's clock, and a fence for the one that comes back too late."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hub.errors import LaneLost
from hub.model import SourceClass, SourceRecord, Tally
from hub.store.store import Store

LEASE = timedelta(seconds=30)
SHORT = timedelta(milliseconds=50)
NAMES = ["source:housing", "source:water"]


@pytest.fixture
async def declared(store: Store) -> Store:
    await store.lanes.declare([SourceRecord(name, name.title(), SourceClass.HOTLINE) for name in ("housing", "water")])
    return store


async def test_a_lane_is_claimed_by_one_worker_only(declared):
    first = await declared.lanes.claim_named("source:housing", "a", LEASE)

    second = await declared.lanes.claim_named("source:housing", "b", LEASE)

    assert first is not None
    assert second is None
    assert await declared.lanes.holder("source:housing") == "a"


async def test_forty_claims_at_once_never_share_a_lane(declared):
    claims = await asyncio.gather(*(declared.lanes.claim(f"w{n}", LEASE, NAMES) for n in range(40)))

    assert sorted(lane.name for lane in claims if lane) == NAMES


async def test_a_lane_whose_lease_ran_out_is_taken_over_with_a_higher_fence(declared):
    dead = await declared.lanes.claim_named("source:housing", "dead", SHORT)
    await asyncio.sleep(0.1)

    heir = await declared.lanes.claim_named("source:housing", "heir", LEASE)

    assert heir.fence == dead.fence + 1


async def test_a_worker_that_lost_its_lane_cannot_write(declared):
    late = await declared.lanes.claim_named("source:housing", "late", SHORT)
    await asyncio.sleep(0.1)
    await declared.lanes.claim_named("source:housing", "heir", LEASE)

    for write in (
        declared.lanes.renew(late, LEASE),
        declared.lanes.finish(late, datetime.now(UTC), Tally()),
        declared.lanes.fail(late, datetime.now(UTC), "x"),
        declared.tickets.land(late, "housing", [], {"page": 2}),
        declared.tickets.put(late, "housing", [], []),
    ):
        with pytest.raises(LaneLost):
            await write


async def test_a_finished_lane_is_not_due_before_its_time(declared):
    lane = await declared.lanes.claim("a", LEASE, ["source:housing"])
    await declared.lanes.finish(lane, datetime.now(UTC) + timedelta(hours=1), Tally(landed=3))

    assert await declared.lanes.claim("a", LEASE, ["source:housing"]) is None


async def test_a_released_lane_is_due_at_once(declared):
    lane = await declared.lanes.claim("a", LEASE, ["source:housing"])
    await declared.lanes.release(lane)

    again = await declared.lanes.claim("b", LEASE, ["source:housing"])

    assert again.fence == lane.fence + 1


async def test_failures_are_counted_until_a_run_goes_well(declared):
    for _ in range(2):
        lane = await declared.lanes.claim_named("source:housing", "a", LEASE)
        await declared.lanes.fail(lane, datetime.now(UTC), "away")

    third = await declared.lanes.claim_named("source:housing", "a", LEASE)
    assert third.failures == 2
    await declared.lanes.finish(third, datetime.now(UTC), Tally())
    assert (await declared.lanes.claim_named("source:housing", "a", LEASE)).failures == 0


async def test_the_lane_due_longest_comes_first(declared):
    for name, ago in (("source:housing", 10), ("source:water", 20)):
        lane = await declared.lanes.claim_named(name, "a", LEASE)
        await declared.lanes.finish(lane, datetime.now(UTC) - timedelta(minutes=ago), Tally())

    assert (await declared.lanes.claim("a", LEASE, NAMES)).name == "source:water"


async def test_declaring_again_keeps_cursors(declared):
    lane = await declared.lanes.claim_named("source:housing", "a", LEASE)
    await declared.tickets.land(lane, "housing", [], {"page": 7})
    await declared.lanes.release(lane)

    await declared.lanes.declare([SourceRecord("housing", "Renamed", SourceClass.PLATFORM)])

    assert (await declared.lanes.claim_named("source:housing", "a", LEASE)).cursor == {"page": 7}
