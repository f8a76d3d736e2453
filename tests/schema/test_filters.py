"""Filters: whatever is asked, in whatever order and pages, exactly the appeals come that it says."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hub.app import create_app
from hub.store.store import Store
from hub.wanted import AppealFilter, AppealOrder, StatisticsQuery
from tests.schema.conftest import SOURCES, UNRATED, Client, appeal, running, serve
from tests.schema.varied import FILTERS, VARIED, holds

EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a filter this wide shrinks for minutes
)
PAGE = """query Q($f: AppealFilter, $o: AppealOrder!, $first: Int, $last: Int, $after: String, $before: String) {
  appeals(filter: $f, orderBy: $o, first: $first, last: $last, after: $after, before: $before) {
    nodes { externalId } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
COUNTED = """query Q($f: AppealFilter) {
  appeals(filter: $f) { totalCount } appealStatistics(filter: $f, groupBy: [SOURCE]) { count groups { count } } }"""


@pytest.fixture(scope="session")
async def varied_store(server_url: str) -> AsyncIterator[Store]:
    url = sa.make_url(server_url)
    admin = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    await admin.execute("drop database if exists hub_varied with (force)")
    await admin.execute("create database hub_varied")
    store = await Store.open(url.set(database="hub_varied").render_as_string(hide_password=False))
    await store.lanes.declare(SOURCES)
    await serve(store, VARIED)
    yield store
    await store.close()
    await admin.execute("drop database hub_varied with (force)")
    await admin.close()


@pytest.fixture(scope="session")
async def varied(varied_store: Store) -> AsyncIterator[Client]:
    async with running(create_app(varied_store, limits=UNRATED)) as client:
        yield client


@pytest.fixture(scope="session")
async def varied_walked(varied_store: Store) -> AsyncIterator[Client]:
    async with running(create_app(varied_store, compiled=False, limits=UNRATED)) as client:
        yield client


async def walk(client: Client, size: int, *, backward: bool, **wanted) -> list[str]:
    """Every page, one after the other, as one list."""
    found: list[str] = []
    cursor, more = None, True
    while more:
        given = {"last": size, "before": cursor} if backward else {"first": size, "after": cursor}
        page = (await client.ask(PAGE, **wanted, **given)).data["appeals"]
        names = [node["externalId"] for node in page["nodes"]]
        found = names + found if backward else found + names
        said = page["pageInfo"]
        cursor, more = (
            (said["startCursor"], said["hasPreviousPage"]) if backward else (said["endCursor"], said["hasNextPage"])
        )
    return found


@EXAMPLES
@given(wanted=FILTERS, order=st.sampled_from(list(AppealOrder)), size=st.sampled_from([2, 7, 60]))
async def test_every_page_forward_and_backward_holds_exactly_what_the_filter_says(
    varied, varied_walked, wanted, order, size
):
    expected = {one.external_id for one in VARIED if holds(one, wanted)}

    forward = await walk(varied, size, backward=False, f=wanted, o=order)
    backward = await walk(varied, size, backward=True, f=wanted, o=order)
    plain = await walk(varied_walked, size, backward=False, f=wanted, o=order)

    assert set(forward) == expected
    assert len(forward) == len(expected)
    assert backward == forward == plain


@EXAMPLES
@given(wanted=FILTERS)
async def test_lists_and_counts_mean_the_same_by_a_filter(varied, wanted):
    expected = sum(holds(one, wanted) for one in VARIED)

    reply = await varied.ask(COUNTED, f=wanted)

    assert reply.data["appeals"]["totalCount"] == expected
    assert reply.data["appealStatistics"]["count"] == expected
    assert sum(group["count"] for group in reply.data["appealStatistics"]["groups"]) == expected


def nested(depth: int) -> dict:
    return {"not": nested(depth - 1)} if depth else {"status": ["CLOSED"]}


async def test_filters_lie_three_deep_within_each_other_and_no_deeper(varied):
    deep = await varied.ask(COUNTED, f=nested(3))
    deeper = await varied.ask(COUNTED, f=nested(4))

    assert "errors" not in deep.body
    assert set(deeper.codes) == {"FILTER_LIMIT"}


async def test_a_filter_of_too_many_parts_is_refused(varied):
    many = await varied.ask(COUNTED, f={"or": [{"source": ["lift"]}] * 50})
    more = await varied.ask(COUNTED, f={"or": [{"source": ["lift"]}] * 51})
    within = await varied.ask(COUNTED, f={"or": [{"and": [{}] * 17}] * 3})

    assert "errors" not in many.body
    assert set(more.codes) == {"FILTER_LIMIT"}
    assert set(within.codes) == {"FILTER_LIMIT"}


@pytest.mark.parametrize(
    "box",
    [
        {"west": 1, "south": 1, "east": 2},
        {"west": -181, "south": 1, "east": 2, "north": 2},
        {"west": 1, "south": -91, "east": 2, "north": 2},
        {"west": 1, "south": 3, "east": 2, "north": 2},
    ],
)
async def test_a_box_that_cannot_be_is_refused(varied, box):
    assert set((await varied.ask(COUNTED, f={"within": box})).codes) == {"BAD_INPUT"}


async def test_a_cursor_is_bound_to_its_filter_however_deep_the_difference_lies(varied):
    wanted = {"or": [{"status": ["CLOSED"]}, {"not": {"kind": ["HELP"]}}]}
    other = {"or": [{"status": ["CLOSED"]}, {"not": {"kind": ["PRAISE"]}}]}
    turned = {"or": [{"not": {"kind": ["HELP"]}}, {"status": ["CLOSED"]}]}
    first = (await varied.ask(PAGE, f=wanted, o="CREATED_ASC", first=2)).data["appeals"]["pageInfo"]["endCursor"]

    refused = await varied.ask(PAGE, f=other, o="CREATED_ASC", first=2, after=first)
    same = await varied.ask(PAGE, f=turned, o="CREATED_ASC", first=2, after=first)

    assert refused.codes == ["BAD_CURSOR"]
    assert len(same.data["appeals"]["nodes"]) == 2


async def test_counts_that_depend_on_the_clock_are_not_remembered(own_store):
    """An appeal becomes overdue without being changed."""
    await serve(own_store, [appeal(1, due_at=datetime.now(UTC) + timedelta(seconds=1))])
    query = StatisticsQuery(AppealFilter(overdue=True))

    counts = []
    while counts[-1:] != [1]:
        counts.append((await own_store.counted.statistics(query, 1)).count)

    assert set(counts[:-1]) == {0}
