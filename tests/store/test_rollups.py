"""What rollups answer is what counting the appeals answers, whatever became of them, at every moment."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.model import Appeal, Kind, Status, Urgency
from hub.store import counting, rollups
from hub.store.counting import Statistics
from hub.store.store import Store
from hub.store.tickets import Served
from hub.wanted import AppealFilter, Bucket, Dimension, Measure, Moment, StatisticsQuery, TimeRange
from tests.store.test_tickets import landed, lane  # noqa: F401  # a fixture

START = datetime(2026, 1, 30, 16, tzinfo=UTC)  # midnight in Shanghai, the day before the last of a month
TOPICS, AREAS = [None, "", "城市管理", "城市管理/路灯", "交通"], [None, "4208", "420802", "420804"]
WHEN = st.integers(0, 40 * 24).map(lambda hours: START + timedelta(hours=hours)) | st.sampled_from(
    [
        START,
        START - timedelta(microseconds=1),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1986, 9, 14, 15, 30, tzinfo=UTC),  # when the clocks of Shanghai went back
        datetime(9998, 1, 1, tzinfo=UTC),
    ]
)
ROWS = st.fixed_dictionaries(
    {
        "created_at": WHEN,
        "status": st.sampled_from(list(Status)[:4]),
        "source": st.sampled_from(["lift", "housing"]),
        "kind": st.sampled_from(list(Kind)[:3]),
        "urgency": st.sampled_from(list(Urgency)),
        "topic": st.sampled_from(TOPICS),
        "area": st.sampled_from(AREAS),
    }
)
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
TOLD = (Measure.OPEN, Measure.RESOLVED, Measure.CLOSED)
QUERIES = st.builds(
    StatisticsQuery,
    FILTERS,
    st.lists(st.sampled_from(list(Dimension)), max_size=2, unique=True).map(tuple),
    st.none() | st.sampled_from(list(Bucket)),
    measures=st.sets(st.sampled_from(TOLD)).map(frozenset),
)


@pytest.fixture(scope="session")
async def shared(server_url: str, template: str) -> Any:
    """One store for all examples: what earlier ones left behind must be counted as well."""
    url = sa.make_url(server_url)
    admin = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    name = f"hub_rollups_{uuid.uuid4().hex[:12]}"
    await admin.execute(f'create database {name} template "{template}"')
    opened = await Store.open(url.set(database=name).render_as_string(hide_password=False))
    yield opened
    await opened.close()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, queries=st.lists(QUERIES, min_size=6, max_size=6))
@example(steps=[], queries=[StatisticsQuery(by=(one,), measures=frozenset(TOLD)) for one in Dimension])
@example(steps=[], queries=[StatisticsQuery(bucket=one) for one in Bucket])
async def test_rollups_are_exact_whatever_happens_to_appeals(shared, steps, queries):
    for step, given_ in steps:
        await _STEPS[step](shared, given_)

    for query in queries:
        counted = await shared.reads.statistics(query)
        assert await from_rollups(shared, query) in (None, counted)


async def from_rollups(store: Store, query: StatisticsQuery) -> Statistics | None:
    async def ask(one: StatisticsQuery) -> Any:
        found = rollups.statement(one)
        assert found is not None
        return await store.quick.rows(*found)

    return await counting.count(query, ask) if rollups.statement(query) else None


INSERT = """
insert into appeal (source, external_id, title, updated_at, channel, is_secret, co_orgs, satisfaction,
  attachments, attributes, search, created_at, status, kind, urgency, topic, area)
select source, gen_random_uuid(), 't', now(), 'PHONE', false, '[]', 'NONE', '[]', '{}', '',
  created_at, status, kind, urgency, topic, area
from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
  new (created_at, source, status, kind, urgency, topic, area)
"""


def _columns(rows: list[dict[str, Any]]) -> list[list[Any]]:
    names = ("created_at", "source", "status", "kind", "urgency", "topic", "area")
    return [[_plain(row[name]) for row in rows] for name in names]


async def _insert(store: Store, rows: list[dict[str, Any]]) -> None:
    await store.quick.rows(INSERT, _columns(rows))


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


SHORT = TimeRange(START + timedelta(hours=1), START + timedelta(hours=20))
LONG = TimeRange(START + timedelta(hours=3), START + timedelta(days=90))


@pytest.mark.parametrize(
    "query",
    [
        StatisticsQuery(AppealFilter(text="路灯")),
        StatisticsQuery(AppealFilter(kind=(Kind.HELP,)), (Dimension.TOPIC,)),
        StatisticsQuery(AppealFilter(updated=TimeRange(since=START)), (Dimension.TOPIC,)),
        StatisticsQuery(AppealFilter(none_of=(AppealFilter(source=("lift",)),))),
        StatisticsQuery(bucket=Bucket.DAY, timezone="UTC"),
        StatisticsQuery(bucket=Bucket.DAY, moment=Moment.CLOSED),
        StatisticsQuery(bucket=Bucket.HOUR),
        StatisticsQuery(by=(Dimension.SOURCE, Dimension.TOPIC)),
        StatisticsQuery(by=(Dimension.SATISFACTION,)),
        StatisticsQuery(measures=frozenset({Measure.SOLVED})),
        StatisticsQuery(AppealFilter(created=SHORT)),
    ],
)
def test_what_rollups_cannot_tell_is_left_to_counting(query):
    assert rollups.statement(query) is None


@pytest.mark.parametrize(
    "query",
    [
        StatisticsQuery(),
        StatisticsQuery(AppealFilter(status=(Status.CLOSED,), area=("4208",)), (Dimension.STATUS,)),
        StatisticsQuery(AppealFilter(topic=("交通",)), (Dimension.TOPIC,), Bucket.WEEK),
        StatisticsQuery(AppealFilter(created=LONG), (Dimension.SOURCE, Dimension.STATUS), measures=frozenset(TOLD)),
        StatisticsQuery(by=(Dimension.TOPIC,), timezone="UTC"),
    ],
)
def test_what_a_dashboard_asks_is_told_by_rollups(query):
    assert rollups.statement(query) is not None


BY_STATUS = StatisticsQuery(by=(Dimension.STATUS,))


async def test_a_change_counts_where_the_appeal_came_to_and_no_longer_where_it_was(store, lane):  # noqa: F811
    ticket = landed("1")
    await store.tickets.land(lane, "housing", [ticket], {})
    await store.tickets.put(lane, "housing", [Served(ticket.hash, created(1))], [])

    before = await from_rollups(store, BY_STATUS)
    await store.tickets.put(lane, "housing", [Served(ticket.hash, created(1, status=Status.CLOSED))], [])
    after = await from_rollups(store, BY_STATUS)

    assert [group.key[Dimension.STATUS] for group in before.groups] == [Status.RECEIVED]
    assert [group.key[Dimension.STATUS] for group in after.groups] == [Status.CLOSED]
    assert before.count == after.count == 1


async def test_what_is_not_committed_counts_for_nobody(store):
    connection = await store._database.connect()
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(INSERT, *_columns([ROW]))
    inside = await connection.fetch(*_unpacked(StatisticsQuery()))

    outside = await from_rollups(store, StatisticsQuery())
    connection.terminate()  # as one that is killed

    assert inside[0][0] == 1
    assert outside.count == 0
    assert (await from_rollups(store, StatisticsQuery())).count == 0


async def test_those_who_add_up_at_once_add_up_once(store):
    """Many writers, each of whom finds thousands noted: nothing is lost, nothing counted twice."""
    rows = [{**ROW, "topic": str(number % 7)} for number in range(20)]

    async def write() -> None:
        for _ in range(5):
            await _add_up(store, None)
            await _insert(store, rows)

    await asyncio.gather(*(write() for _ in range(8)))

    by_topic = StatisticsQuery(by=(Dimension.TOPIC,))
    assert (await from_rollups(store, by_topic)).count == 8 * 5 * 20
    assert await from_rollups(store, by_topic) == await store.reads.statistics(by_topic)


ROW = {
    "created_at": START, "status": "CLOSED", "source": "lift", "kind": "HELP", "urgency": "NORMAL", "topic": None,
    "area": None,
}  # fmt: skip


def _unpacked(query: StatisticsQuery) -> tuple[Any, ...]:
    found = rollups.statement(query)
    assert found is not None
    return found[0], *found[1]
