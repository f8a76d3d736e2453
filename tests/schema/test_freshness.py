"""Which sources may be behind: told by what their lanes say, without a clock of our own."""

import pytest
import sqlalchemy as sa

from hub.app import create_app
from hub.model import Degradation, SourceClass, SourceRecord
from tests.schema.conftest import SOURCES, appeal, running, serve

ALL = """query D($f: AppealFilter) { appeals(filter: $f) { degradedSources { code since source { name } } }
  appealStatistics(filter: $f) { degradedSources { code } } }"""


async def lane(store, sets, name="housing"):
    async with store._database.begin() as connection:
        await connection.execute(sa.text(f"update lane set {sets} where name = 'source:{name}'"))


async def why(store):
    return {one.record.name: one.why for one in await store.reads.degraded_sources(["housing"])}.get("housing")


@pytest.fixture
async def pulled(own_store):
    await serve(own_store, [appeal(1), appeal(4)])
    return own_store


async def test_a_source_that_was_just_pulled_is_not_behind(pulled):
    assert await pulled.reads.degraded_sources() == []


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ("failures = 1", Degradation.FAILING),
        ("paused = true", Degradation.PAUSED),
        ("paused = true, failures = 3", Degradation.PAUSED),
        ("last_success_at = null", Degradation.NEVER_PULLED),
        # Due five minutes after its last success, and that is long ago, or not so long.
        ("last_success_at = now() - interval '16 minutes', due_at = now() - interval '11 minutes'", Degradation.LATE),
        ("last_success_at = now() - interval '14 minutes', due_at = now() - interval '9 minutes'", None),
        ("last_success_at = now() - interval '20 seconds', due_at = now() - interval '19 seconds'", None),
        ("last_success_at = now() - interval '9 days', due_at = now() + interval '1 minute'", None),
    ],
)
async def test_what_its_lane_says_tells_whether_a_source_is_behind(pulled, sets, expected):
    await lane(pulled, sets)

    assert await why(pulled) == expected


async def test_a_source_that_never_worked_because_of_its_entry_says_so(own_store):
    await own_store.lanes.declare(SOURCES, {"housing": "line 3"})

    assert await why(own_store) == Degradation.MISCONFIGURED


async def test_registers_the_hub_itself_and_sources_that_were_dropped_are_never_behind(own_store):
    await own_store.lanes.declare(
        [SourceRecord("orgs", "组织", SourceClass.REGISTER), SourceRecord("hub", "平台", SourceClass.HUB)]
    )

    assert await own_store.reads.degraded_sources() == []


async def test_lists_and_counts_name_the_sources_that_may_be_behind(pulled):
    await lane(pulled, "failures = 2, last_error = 'password=secret', last_success_at = '2026-03-01T08:00:00+08:00'")
    async with running(create_app(pulled)) as client:
        every = await client.ask(ALL)
        other = await client.ask(ALL, f={"source": ["lift"]})

    assert every.data == {
        "appeals": {
            "degradedSources": [{"code": "FAILING", "since": "2026-03-01T00:00:00Z", "source": {"name": "housing"}}]
        },
        "appealStatistics": {"degradedSources": [{"code": "FAILING"}]},
    }
    assert other.data["appeals"] == {"degradedSources": []}
    assert "secret" not in every.text
