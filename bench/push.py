"""How fast changes are pushed: one endpoint, ordered, signed and kept, beside a bare loop that posts the same bytes.

    python -m bench.push [--changes 10000] [--concurrency 16]

The receiver is a process of its own on the same machine, and reads what comes. Prints a RATIO line; 0.5 is asked for.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import asyncpg
from aiohttp import web

from bench.chaos import _create
from bench.chaos_push import ENDPOINT, SECRET, SOURCE
from hub.config import Endpoint, load
from hub.store.embedded import EmbeddedPostgres
from hub.store.store import Store
from hub.webhooks import run

APPEALS = """
insert into appeal (source, external_id, title, status, created_at, updated_at, kind, urgency, channel, is_secret,
  co_orgs, satisfaction, attachments, attributes, search, content)
select 's0', 'A' || n, '第' || n || '件', 'RECEIVED', now(), now(), 'HELP', 'NORMAL', 'PHONE', false,
  '[]', 'NONE', '[]', '{}', '', repeat('电梯停运，请尽快维修。', 10)
from generate_series(1, $1::int) n
"""
CHANGES = """
insert into change (appeal_id, version, type, origin, fields)
select id, v, 'appeal.status_changed', 's0', '{"status": ["RECEIVED", "IN_PROGRESS"]}'
from appeal, generate_series(1, 4) v order by v, id
"""


@contextmanager
def receiver() -> Iterator[int]:
    """A process that takes whatever is posted; gives its port."""
    read, write = os.pipe()
    if not (pid := os.fork()):
        asyncio.run(_receive(write))
        os._exit(0)
    try:
        yield int(os.read(read, 16))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


async def _receive(write: int) -> None:
    async def take(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response()

    runner = web.ServerRunner(web.Server(take), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    os.write(write, str(runner.addresses[0][1]).encode())
    await asyncio.Event().wait()


async def bare(url: str, body: bytes, count: int, concurrency: int) -> float:
    """Post the same body so often, by so many at once; seconds that takes."""
    left = iter(range(count))
    began = time.perf_counter()
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def post() -> None:
            for _ in left:
                async with http.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                    await answer.read()

        await asyncio.gather(*(post() for _ in range(concurrency)))
    return time.perf_counter() - began


async def pushed(store: Store, endpoint: Endpoint) -> float:
    """Push all changes there are; seconds that takes."""
    await store.deliveries.declare([endpoint.record])
    began = time.perf_counter()
    while True:
        lane = await store.lanes.claim("bench", timedelta(minutes=5), [f"endpoint:{endpoint.name}"])
        if lane is None:
            return time.perf_counter() - began
        await run(endpoint, store, lane)


async def measured(url: str, port: int, folder: Path, given: argparse.Namespace) -> bool:
    path = folder / "bench.yaml"
    told = "".join(ENDPOINT.format(n=n, port=port, secret=SECRET, concurrency=given.concurrency) for n in range(3))
    path.write_text(f"version: 1\nsources:{SOURCE.format(n=0, port=port)}\nendpoints:{told}")
    config = load(path, {})
    store = await Store.open(url)
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(APPEALS, given.changes // 4)
    await connection.execute(CHANGES)
    await connection.execute("analyze")
    await connection.close()
    body = b'{"type":"appeal.status_changed","data":"' + b"x" * 400 + b'"}'
    ratios = []
    for endpoint in config.endpoints.values():
        loop = await bare(f"http://127.0.0.1:{port}/hook", body, given.changes, given.concurrency)
        hub = await pushed(store, endpoint)
        ratios.append(loop / hub)
        print(f"bare loop {given.changes / loop:,.0f}/s   hub {given.changes / hub:,.0f}/s", flush=True)
    await store.close()
    ratio = sorted(ratios)[1]
    print(f"RATIO push {ratio:.2f} of a bare loop (median of 3; asked for: 0.5)")
    return ratio >= 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=16)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name, receiver() as port:
        server = EmbeddedPostgres(Path(name) / "data")
        server.open()
        try:
            asyncio.run(_create(server.url, "push"))
            fine = asyncio.run(measured(server.url.replace("/postgres?", "/push?"), port, Path(name), given))
        finally:
            server.close()
    sys.exit(not fine)


if __name__ == "__main__":
    main()
