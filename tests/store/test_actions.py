"""What people do to appeals at the hub: done once, logged, and not undone by what a source repeats."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub.errors import ActionRefused
from hub.lifecycle import Wish, act
from hub.model import ONE_STOP, Action, Appeal, ChangeType, SourceClass, SourceRecord, Status
from hub.schema.live import Live
from hub.store.actions import Request
from hub.store.lanes import source_lane
from hub.store.tickets import Served
from tests.store.test_tickets import landed

NOW = datetime.now(UTC)
TOLD = NOW - timedelta(hours=2)


def told(status=Status.RECEIVED, at=TOLD, **fields) -> Appeal:
    kept = {"title": "路灯不亮", "created_at": TOLD - timedelta(days=1)}
    return Appeal(source="housing", external_id="A-1", status=status, updated_at=at, **{**kept, **fields})


@pytest.fixture
async def housing(store):
    await store.lanes.declare([SourceRecord("housing", "住房", SourceClass.HOTLINE)])
    return store


async def serve(store, appeal: Appeal) -> int:
    """Have the source tell an appeal; gives its id."""
    lane = await store.lanes.claim_named(source_lane("housing"), "test", timedelta(seconds=30))
    ticket = landed(appeal.external_id, told=repr(appeal))
    await store.tickets.land(lane, "housing", [ticket], {})
    await store.tickets.put(lane, "housing", [Served(ticket.hash, appeal)], [])
    await store.lanes.release(lane)
    return (await store.reads.appeal_of("housing", "A-1")).id


def request(action=Action.ACCEPT, key="k1", digest=b"accept", **fields) -> Request:
    return Request("desk", key, digest, action, **fields)


def decide(action=Action.ACCEPT, **fields):
    return lambda appeal, other: act(Wish(action, datetime.now(UTC), "desk", into=other, **fields), appeal)


async def standing(store) -> Appeal:
    return (await store.reads.appeal_of("housing", "A-1")).appeal


async def test_an_action_writes_the_appeal_and_the_log_together(housing):
    appeal_id = await serve(housing, told())

    made = await housing.actions.act(request(note="已核实"), appeal_id, decide(note="已核实"), version=1)

    change = (await housing.reads.changes_by_number([made.number]))[made.number]
    stored = await housing.reads.appeal_of("housing", "A-1")
    assert (stored.version, stored.appeal.status, stored.appeal.status_note) == (2, Status.ACCEPTED, "已核实")
    assert (change.type, change.origin, change.version) == (ChangeType.STATUS_CHANGED, ONE_STOP, 2)
    assert (change.action, change.actor, change.note) == (Action.ACCEPT, "desk", "已核实")
    assert change.fields["status"] == ["RECEIVED", "ACCEPTED"]


async def test_the_same_request_is_done_once(housing):
    appeal_id = await serve(housing, told())

    first = await housing.actions.act(request(), appeal_id, decide(), version=1)
    again = await housing.actions.act(request(), appeal_id, decide(), version=1)

    assert again == first._replace(repeated=True)
    assert (await housing.reads.appeal_of("housing", "A-1")).version == 2


async def test_the_same_request_from_many_at_once_is_done_once(housing):
    appeal_id = await serve(housing, told())

    made = await asyncio.gather(*(housing.actions.act(request(), appeal_id, decide()) for _ in range(8)))

    assert len({one.number for one in made}) == 1
    assert sum(not one.repeated for one in made) == 1


async def test_a_key_that_comes_again_with_another_input_is_refused(housing):
    appeal_id = await serve(housing, told())
    await housing.actions.act(request(), appeal_id, decide())

    with pytest.raises(ActionRefused) as caught:
        await housing.actions.act(request(digest=b"withdraw"), appeal_id, decide(Action.WITHDRAW))

    assert caught.value.code == "KEY_REUSED"


async def test_what_was_refused_may_be_asked_for_again_by_the_same_key(housing):
    appeal_id = await serve(housing, told(Status.CLOSED))
    with pytest.raises(ActionRefused):
        await housing.actions.act(request(), appeal_id, decide())
    await serve(housing, told())

    made = await housing.actions.act(request(), appeal_id, decide())

    assert not made.repeated


async def test_of_two_who_change_the_same_version_one_is_told_of_the_other(housing):
    appeal_id = await serve(housing, told())

    made = await asyncio.gather(
        housing.actions.act(request(key="a"), appeal_id, decide(), version=1),
        housing.actions.act(request(key="b"), appeal_id, decide(Action.WITHDRAW), version=1),
        return_exceptions=True,
    )

    refused = [one for one in made if isinstance(one, ActionRefused)]
    assert [(one.code, one.details) for one in refused] == [("VERSION_CONFLICT", {"version": 2})]


async def test_two_who_merge_into_each_other_do_not_both_succeed(housing):
    one = await serve(housing, told())
    made = await housing.actions.submit(request(Action.SUBMIT, key="s"), {}, replace(told(), source=ONE_STOP))

    merges = await asyncio.gather(
        housing.actions.act(request(key="a"), one, decide(Action.MERGE), other=made.appeal_id),
        housing.actions.act(request(key="b"), made.appeal_id, decide(Action.MERGE), other=one),
        return_exceptions=True,
    )

    assert [type(each) for each in merges].count(ActionRefused) == 1


async def test_an_appeal_that_is_not_there_is_not_found(housing):
    with pytest.raises(ActionRefused, match="no such appeal"):
        await housing.actions.act(request(), 10**9, decide())


async def test_what_was_done_here_stands_while_the_source_says_the_same(housing):
    appeal_id = await serve(housing, told())
    await housing.actions.act(request(), appeal_id, decide())

    await serve(housing, told(title="路灯不亮,已三天", at=TOLD + timedelta(minutes=1)))
    await serve(housing, told(title="路灯不亮,已四天", at=NOW + timedelta(hours=1)))

    appeal = await standing(housing)
    assert (appeal.status, appeal.title) == (Status.ACCEPTED, "路灯不亮,已四天")


async def test_what_the_source_says_anew_counts(housing):
    appeal_id = await serve(housing, told())
    await housing.actions.act(request(), appeal_id, decide())

    await serve(housing, told(Status.IN_PROGRESS, at=NOW + timedelta(hours=1)))

    assert (await standing(housing)).status is Status.IN_PROGRESS


async def test_a_source_without_a_clock_is_believed_when_it_says_something_else(housing):
    appeal_id = await serve(housing, told())
    await housing.actions.act(request(), appeal_id, decide())

    await serve(housing, told(Status.IN_PROGRESS))
    await serve(housing, told(Status.RECEIVED, title="又亮了"))

    assert (await standing(housing)).status is Status.RECEIVED


async def test_old_news_never_moves_an_appeal_back(housing):
    appeal_id = await serve(housing, told())
    await housing.actions.act(request(), appeal_id, decide())

    await serve(housing, told(Status.REJECTED, at=TOLD + timedelta(minutes=5)))
    assert (await standing(housing)).status is Status.ACCEPTED

    await serve(housing, told(Status.REJECTED, at=TOLD + timedelta(minutes=6), title="再报"))
    assert (await standing(housing)).status is Status.ACCEPTED


async def test_a_submitted_appeal_is_kept_raw_numbered_and_found(housing):
    appeal = replace(told(), source=ONE_STOP)

    made = await housing.actions.submit(request(Action.SUBMIT), {"title": "路灯不亮"}, appeal)

    stored = (await housing.reads.appeals_by_id([made.appeal_id]))[made.appeal_id].appeal
    change = (await housing.reads.changes_by_number([made.number]))[made.number]
    assert stored.source == ONE_STOP
    assert stored.external_id == stored.appeal_no
    assert (change.type, change.action) == (ChangeType.CREATED, Action.SUBMIT)
    async with housing._database.begin_lean() as connection:
        raw = await connection.fetchval("select raw from ticket where source = $1", ONE_STOP)
    assert raw.decode() == '{"title":"路灯不亮"}'


async def test_requests_are_forgotten_after_two_days(housing):
    appeal_id = await serve(housing, told())
    await housing.actions.act(request(), appeal_id, decide())
    async with housing._database.begin_lean() as connection:
        await connection.execute("update request set at = now() - interval '49 hours'")

    await housing.actions.act(request(Action.COMMENT, key="k2"), appeal_id, decide(Action.COMMENT))

    async with housing._database.begin_lean() as connection:
        assert await connection.fetchval("select array_agg(key) from request") == ["k2"]


async def test_what_is_done_here_is_told_to_those_who_follow_its_source(housing):
    """They ask for the appeals of a source, and not for where somebody changed them."""
    appeal_id = await serve(housing, told())
    made = await housing.actions.act(request(), appeal_id, decide(), version=1)

    of_housing = await housing.reads.changes(0, 10, sources=["housing"])
    followed = await _first_followed(housing, made.number - 1, ["housing"])

    assert [(change.number, change.origin, change.source) for change in of_housing][-1] == (
        made.number,
        ONE_STOP,
        "housing",
    )
    assert followed.number == made.number
    assert await housing.reads.changes(0, 10, sources=[ONE_STOP]) == []


async def _first_followed(store, after, sources):
    live = Live(store.reads)
    running = asyncio.create_task(live.run())
    try:
        async with asyncio.timeout(10), aclosing(live.follow(after, sources)) as changes:
            return await anext(changes)
    finally:
        running.cancel()
