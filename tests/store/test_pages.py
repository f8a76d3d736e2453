"""However a page is read, it is the same page."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.model import Kind, Status
from hub.store import pages, search
from hub.store.quick import answered, asked
from hub.store.reads import AppealQuery, Position
from hub.store.store import Store
from hub.wanted import AppealFilter, AppealOrder, TimeRange
from tests.schema.conftest import SOURCES, serve
from tests.schema.varied import START, VARIED


@pytest.fixture(scope="session")
async def varied_pages(server_url: str, template: str) -> AsyncIterator[Store]:
    url = sa.make_url(server_url)
    admin = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    name = f"hub_pages_{uuid.uuid4().hex[:12]}"
    await admin.execute(f'create database {name} template "{template}"')
    store = await Store.open(url.set(database=name).render_as_string(hide_password=False))
    await store.lanes.declare(SOURCES)
    await serve(store, VARIED)
    yield store
    await store.close()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


def _some(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), max_size=2).map(tuple)


FILTERS = st.builds(
    AppealFilter,
    status=_some(Status.CLOSED, Status.RESOLVED),
    area=_some("420802", "4208", "420804", ""),
    kind=_some(Kind.HELP) | st.just(()),
    source=_some("lift") | st.just(()),
    text=st.sampled_from(["", "路灯", "灯", "噪声 路灯", "NO-1", "3", "%", "不亮"]),
    created=st.just(TimeRange()) | st.just(TimeRange(START + timedelta(hours=5))),
)
MOMENTS = st.none() | st.sampled_from([one.created_at for one in VARIED])
QUERIES = st.builds(
    AppealQuery,
    FILTERS,
    st.sampled_from(list(AppealOrder)),
    st.integers(0, 7),
    st.none()
    | st.builds(Position, st.none() | st.sampled_from([one.created_at for one in VARIED]), st.integers(0, 70)),
    st.booleans(),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=QUERIES, frequency=st.sampled_from([0, 0.004, 0.01, 0.1, 1]))
@example(query=AppealQuery(AppealFilter(status=(Status.CLOSED,), area=("420804",))), frequency=0)
@example(query=AppealQuery(AppealFilter(text="路灯"), size=2), frequency=1)
@example(query=AppealQuery(order=AppealOrder.DUE_ASC, size=70), frequency=0)
async def test_every_way_to_read_a_page_reads_the_same(varied_pages, query, frequency):
    if query.start and query.start.at is None and query.order is not AppealOrder.DUE_ASC:
        query = AppealQuery(query.filter, query.order, query.size, None, query.backward)
    expected = await varied_pages.reads.appeals(query)

    tried = pages.attempts(query, ("id",), lambda _: frequency)
    found = [row[0] for row in await answered(query.size, tried, varied_pages.quick._ask)]

    ids = [stored.id for stored in expected.appeals]
    assert found[: query.size] == (ids[::-1] if query.backward else ids)
    assert (len(found) > query.size) is expected.more


def ways(wanted: AppealFilter, frequency: float) -> list[tuple[int, bool]]:
    """How many rows each attempt must find, and whether it is planned anew."""
    query = AppealQuery(wanted, size=50)
    return [(one.enough, one.anew) for one in pages.attempts(query, ("id",), lambda _: frequency)]


def test_an_area_is_read_from_its_index_before_it_is_taken_for_many():
    wanted = AppealFilter(status=(Status.CLOSED,), area=("420802",))

    assert ways(wanted, 0) == [(1, False), (0, True)]


def test_what_many_appeals_hold_is_looked_for_among_the_newest_first():
    wanted = AppealFilter(text="停车")

    assert ways(wanted, 0.001) == [(0, False)]
    assert ways(wanted, 0.1) == [(51, False), (0, False)]


def test_a_number_beside_other_words_makes_them_rare_and_says_nothing_alone():
    gathered, looked_for = [(0, False)], [(51, False), (0, False)]

    assert ways(AppealFilter(text="象山大道123号"), 0.1) == gathered
    assert ways(AppealFilter(text="象山大道 123"), 0.1) == gathered
    assert ways(AppealFilter(text="123"), 0) == looked_for
    assert ways(AppealFilter(text="象山大道"), 0.1) == looked_for


async def test_statistics_of_postgresql_tell_what_is_common(store):
    await store.lanes.declare(SOURCES)
    await serve(store, VARIED)
    await store.quick.rows("analyze appeal", [])

    await store.quick.page(AppealQuery(AppealFilter(text="路灯")), ("id",))

    common, rare = (store.quick._frequency(search.sought(text)[0]) for text in ("路灯", "从未"))
    assert common > 0.3
    assert rare == 0


async def test_those_who_search_at_once_learn_once_what_is_common(store):
    noted: list[str] = []
    asked.set(noted)
    query = AppealQuery(AppealFilter(text="路灯"))

    await asyncio.gather(*(store.quick.page(query, ("id",)) for _ in range(5)))

    assert sum("pg_stats" in statement for statement in noted) == 1
    assert len(noted) == 6
