"""Places of a worker beside sources that hang: real servers, which take a request and never answer it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from aiohttp import web

from hub.config import load
from hub.store import tables
from hub.store.store import Store
from hub.worker import Worker

HANGING = 70
ENTRY = """
  {name}:
    title: {name}
    class: hotline
    connector: rest
    url: http://127.0.0.1:{port}/{name}
    schedule: {{every: 1h}}
    map: {{external_id: id, title: title, status: status, created_at: {{from: at, date: iso}}}}
"""
TICKET = {"id": "1", "title": "路灯不亮", "status": "RECEIVED", "at": "2026-03-01T08:00:00+08:00"}


class Upstream:
    """Answers at /good, hangs at any other path until all is over, and counts the requests that do."""

    def __init__(self) -> None:
        self.hanging = 0
        self.over = asyncio.Event()
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        if request.path != "/good":
            self.hanging += 1
            await self.over.wait()
        return web.json_response([TICKET])


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    served = Upstream()
    app = web.Application()
    app.add_routes([web.get("/{name}", served.answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.port = runner.addresses[0][1]
    try:
        yield served
    finally:
        served.over.set()
        await runner.cleanup()


def configured(folder: Path, port: int, names: list[str]) -> Path:
    path = folder / "connectors.yaml"
    path.write_text("version: 1\nsources:" + "".join(ENTRY.format(name=name, port=port) for name in names))
    return path


async def served(store: Store) -> int:
    async with store._database.begin() as connection:
        return (await connection.execute(sa.select(sa.func.count()).select_from(tables.appeal))).scalar_one()


async def test_more_sources_than_places_that_hang_for_the_first_time_keep_no_other_waiting(store, tmp_path):
    """All are new, so none is known to hang; each of them would hold a place for five tries of 30 seconds."""
    async with upstream() as far:
        names = [*(f"hanging-{number:02}" for number in range(HANGING)), "good"]
        sources = list(load(configured(tmp_path, far.port, names), {}).sources.values())
        await store.lanes.declare([source.record for source in sources[:-1]])
        await store.lanes.declare([source.record for source in sources])  # The good one has been due for the least.
        worker = Worker(
            store, sources, concurrency=8, idle=timedelta(milliseconds=10), patience=timedelta(milliseconds=100)
        )
        working = asyncio.create_task(worker.run_forever())

        async with asyncio.timeout(60):
            while not await served(store):
                await asyncio.sleep(0.05)
        hanging = far.hanging
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    assert hanging == HANGING
