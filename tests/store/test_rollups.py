"""What rollups answer is what counting the appeals answers, whatever became of them, at every moment."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.model import Appeal, AppealFilter, Dimension, Kind, Status, TimeRange, Urgency
from hub.store.reads import MAX_GROUPS, Statistics
from hub.store.rollups import ZONE, rolled_up
from hub.store.store import Store
from hub.store.tickets import Served
from tests.store.test_tickets import landed, lane  # noqa: F401  # a fixture

START = datetime(2026, 1, 30, 16, tzinfo=UTC)  # midnight in Shanghai, the day before the last of a month
TOPICS, AREAS = [None, "", "城市管理", "城市管理/路灯", "交通"], [None, "4208", "420802", "420804"]
WHEN = st.integers(0, 40 * 24).map(lambda hours: START + timedelta(hours=hours)) | st.sampled_from([
    START,
    START - timedelta(microseconds=1),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1986, 9, 14, 15, 30, tzinfo=UTC),  # when the clocks of Shanghai went back
    datetime(9999, 12, 30, tzinfo=UTC),
])
ROWS = st.fixed_dictionaries({
    "created_at": WHEN,
    "status": st.sampled_from(list(Status)[:4]),
    "source": st.sampled_from(["lift", "housing"]),
    "kind": st.sampled_from(list(Kind)[:3]),
    "urgency": st.sampled_from(list(Urgency)),
    "topic": st.sampled_from(TOPICS),
    "area": st.sampled_from(AREAS),
})
STEPS = st.lists(
    st.tuples(st.just("insert"), st.lists(ROWS, min_size=1, max_size=8))
    | st.tuples(st.just("update"), st.tuples(st.integers(0, 4), ROWS))
    | st.tuples(st.just("delete"), st.integers(0, 4))
    | st.tuples(st.just("add up"), st.none()),
    min_size=1,
    max_size=6,
)
BOUNDS = st.none() | WHEN.map(lambda time: time.astimezone(timezone(timedelta(hours=5, minutes=30))))
FILTERS = st.builds(
    AppealFilter,
    created=st.builds(TimeRange, BOUNDS, BOUNDS),
    status=st.lists(st.sampled_from(list(Status)[:4]), max_size=2).map(tuple),
    topic=st.just(()) | st.lists(st.sampled_from(["城市管理", "交", ""]), max_size=2).map(tuple),
    area=st.just(()) | st.just(("4208",)),
    kind=st.just(()) | st.just((Kind.HELP, Kind.CONSULT)),
)
BY = st.lists(st.sampled_from(list(Dimension)), max_size=3, unique=True)


@pytest.fixture(scope="session")
async def shared(server_url: str, template: str) -> Any:
    """One store for all examples: what earlier ones left behind must be counted as well."""
    url = sa.make_url(server_url)
    admin = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    await admin.execute(f'create database hub_rollups template "{template}"')
    opened = await Store.open(url.set(database="hub_rollups").render_as_string(hide_password=False))
    yield opened
    await opened.close()
    await admin.execute("drop database hub_rollups with (force)")
    await admin.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, filters=st.lists(st.tuples(FILTERS, BY), min_size=4, max_size=4))
@example(steps=[], filters=[(AppealFilter(), [one]) for one in Dimension])
async def test_rollups_are_exact_whatever_happens_to_appeals(shared, steps, filters):
    for step, given_ in steps:
        await _STEPS[step](shared, given_)

    for wanted, by in filters:
        counted = await shared.reads.statistics(wanted, by, ZONE)
        told = await from_rollups(shared, wanted, by)
        assert told is None or told == counted


async def from_rollups(store: Store, wanted: AppealFilter, by: list[Dimension]) -> Statistics | None:
    found = rolled_up(wanted, by, ZONE, MAX_GROUPS + 1)
    return found and Statistics.of(by, await store.quick.rows(found.text, found.parameters))


async def _insert(store: Store, rows: list[dict[str, Any]]) -> None:
    await store.quick.rows(
        """insert into appeal (source, external_id, title, updated_at, channel, is_secret, co_orgs, satisfaction,
             attachments, attributes, search, created_at, status, kind, urgency, topic, area)
           select source, gen_random_uuid(), 't', now(), 'PHONE', false, '[]', 'NONE', '[]', '{}', '',
             created_at, status, kind, urgency, topic, area
           from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
             new (created_at, source, status, kind, urgency, topic, area)""",
        [
            [_plain(row[name]) for row in rows]
            for name in ("created_at", "source", "status", "kind", "urgency", "topic", "area")
        ],
    )


async def _update(store: Store, given_: tuple[int, dict[str, Any]]) -> None:
    part, row = given_
    values = [_plain(row[name]) for name in ("created_at", "status", "topic", "area", "urgency")]
    await store.quick.rows(
        """update appeal set created_at = $1, status = $2, topic = $3, area = $4, urgency = $5
           where id % 5 = $6 and id % 3 = 1""",
        [*values, part],
    )


async def _delete(store: Store, part: int) -> None:
    await store.quick.rows("delete from appeal where id % 5 = $1 and id % 2 = 1", [part])


async def _add_up(store: Store, _: None) -> None:
    """Let the next change find so many that they are added up."""
    await store.quick.rows(
        "select setval(pg_get_serial_sequence('rollup_delta', 'id'), "
        "nextval(pg_get_serial_sequence('rollup_delta', 'id')) + 10000)",
        [],
    )


_STEPS = {"insert": _insert, "update": _update, "delete": _delete, "add up": _add_up}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Status | Kind | Urgency) else value


def created(number: int, **fields: Any) -> Appeal:
    given_ = {"title": "停电", "status": Status.RECEIVED, "created_at": START, "updated_at": START, **fields}
    return Appeal(source="housing", external_id=f"{number}", **given_)


@pytest.mark.parametrize(
    ("wanted", "by", "zone"),
    [
        (AppealFilter(text="路灯"), [], ZONE),
        (AppealFilter(kind=(Kind.HELP,)), [Dimension.TOPIC], ZONE),
        (AppealFilter(updated=TimeRange(since=START)), [Dimension.TOPIC], ZONE),
        (AppealFilter(), [Dimension.DAY], "UTC"),
        (AppealFilter(), [Dimension.SOURCE, Dimension.TOPIC], ZONE),
        (AppealFilter(created=TimeRange(START, START + timedelta(hours=20))), [], ZONE),
    ],
)
def test_what_rollups_cannot_tell_is_left_to_counting(wanted, by, zone):
    assert rolled_up(wanted, by, zone, 10) is None


@pytest.mark.parametrize(
    ("wanted", "by"),
    [
        (AppealFilter(), []),
        (AppealFilter(status=(Status.CLOSED,), area=("4208",)), [Dimension.STATUS]),
        (AppealFilter(topic=("交通",)), [Dimension.TOPIC, Dimension.DAY]),
        (AppealFilter(created=TimeRange(START + timedelta(hours=3), START + timedelta(days=90))), [Dimension.SOURCE]),
    ],
)
def test_what_a_dashboard_asks_is_told_by_rollups(wanted, by):
    assert rolled_up(wanted, by, ZONE, 10) is not None


async def test_a_change_counts_where_the_appeal_came_to_and_no_longer_where_it_was(store, lane):  # noqa: F811
    by = [Dimension.STATUS]
    ticket = landed("1")
    await store.tickets.land(lane, "housing", [ticket], {})
    await store.tickets.put(lane, "housing", [Served(ticket.hash, created(1))], [])

    before = await from_rollups(store, AppealFilter(), by)
    await store.tickets.put(lane, "housing", [Served(ticket.hash, created(1, status=Status.CLOSED))], [])
    after = await from_rollups(store, AppealFilter(), by)

    assert [group.key[Dimension.STATUS] for group in before.groups] == [Status.RECEIVED]
    assert [group.key[Dimension.STATUS] for group in after.groups] == [Status.CLOSED]
    assert before.count == after.count == 1


async def test_what_is_not_committed_counts_for_nobody(store, lane):  # noqa: F811
    ticket = landed("1")
    await store.tickets.land(lane, "housing", [ticket], {})
    ended = RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        async with store._database.begin() as connection:
            await store.tickets._write_appeals(connection, "housing", [created(1)])
            raise ended

    assert (await from_rollups(store, AppealFilter(), [])).count == 0


async def test_those_who_add_up_at_once_add_up_once(store, database_url):
    """Many writers, each of whom finds thousands noted: nothing is lost, nothing counted twice."""
    row = {"created_at": START, "status": "OPEN", "source": "lift", "kind": "HELP", "urgency": "NORMAL"}
    rows = [{**row, "topic": str(number % 7), "area": None} for number in range(20)]

    async def write() -> None:
        for _ in range(5):
            await _add_up(store, None)
            await _insert(store, rows)

    await asyncio.gather(*(write() for _ in range(8)))

    assert (await from_rollups(store, AppealFilter(), [])).count == 8 * 5 * 20
    by_topic = [Dimension.TOPIC]
    assert await from_rollups(store, AppealFilter(), by_topic) == await store.reads.statistics(
        AppealFilter(), by_topic, ZONE
    )
