"""kill -9 with a page in hand, kept or not, and not yet acknowledged: nothing is lost, and nothing becomes two."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import orjson
import pytest
import sqlalchemy as sa
from far_brokers import BROKERS, QUICK, Far
from taking import lane_of, source_of

from hub.store.store import Store
from hub.sync import sync
from tests.scripted import ticket

TAKING = Path(__file__).with_name("taking.py")


@pytest.fixture(params=["rabbitmq", "mosquitto", "nats-of-pip", "redis"])
async def far(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Far]:
    async with BROKERS[request.param](tmp_path) as far:
        yield far


async def killed_before(moment: str, page: int, far: Far, database: str) -> int | None:
    options = orjson.dumps({**QUICK, **far.options, "size": 5}).decode()
    command = [sys.executable, str(TAKING), database, options, moment, str(page), "broker"]
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


async def test_nothing_is_lost_or_doubled_by_kills_before_a_page_is_kept_or_acknowledged(
    far: Far, store: Store, database_url: str
):
    await far.subscribed()
    for number in range(100):
        await far.publish(orjson.dumps(ticket(number)))

    moments = [("acknowledged", 1), ("kept", 2), ("acknowledged", 3)]
    deaths = [await killed_before(moment, page, far, database_url) for moment, page in moments]
    await asyncio.sleep(2)  # NATS gives again what a dead hub took when its second is over
    await sync(source_of({**QUICK, **far.options}), store, await lane_of(store))

    found = await asyncpg.connect(sa.make_url(database_url).set(drivername="postgresql").render_as_string(False))
    appeals = await found.fetch("select external_id from appeal order by external_id::int")
    created = await found.fetchval("select count(*) from change where type = 'appeal.created'")
    await found.close()
    assert deaths == [-signal.SIGKILL] * 3
    assert [row["external_id"] for row in appeals] == [str(number) for number in range(100)]
    assert created == 100
