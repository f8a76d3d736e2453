"""What must hold when processes die: kill -9 in ingest, take-over of a lane, a paused worker that comes back.

    python -m bench.chaos [--kills 200] [--seed 1] [--only r1|r4|r5]

R1: workers are killed while they pull; afterwards every ticket is landed and served once a version, and each appeal
    has its changes without a gap. R4: three workers, one source: never two runs at once, and after a kill the next run
    begins within lease + 1 s. R5: a worker stopped past its lease writes nothing when it goes on.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

from hub.config import Config, load
from hub.store.database import Database
from hub.store.embedded import EmbeddedPostgres
from hub.store.store import Store
from hub.worker import Worker

SOURCES, TICKETS, PAGE = 6, 400, 25
ENTRY = """
  s{n}:
    title: 混乱 {n}
    class: hotline
    connector: rest
    url: http://127.0.0.1:{port}/tickets/{n}
    limits: {{rate: 100000/s, timeout: 60s}}
    retry: {{attempts: 3, wait: 1ms..5ms}}
    records: items
    page: {{by: cursor, send: cursor, next: next_cursor, size: {{send: limit, value: {page}}}}}
    schedule: {{every: 1s}}
    map:
      external_id: id
      title: title
      status: {{from: status, map: {{a: RECEIVED, b: IN_PROGRESS, c: CLOSED}}, else: reject}}
      created_at: {{from: at, date: iso}}
"""


class Upstream:
    """Sources on loopback. Every ticket of generation g has the g-th status; faults and delays are set from outside."""

    def __init__(self, seed: int) -> None:
        self.state: dict[str, Any] = {"generation": 0, "faults": 0.1, "delay": 0.0}
        self.stats: dict[str, Any] = {"most_under_way": 0, "newest": 0.0, "requests": 0}
        self._under_way = 0
        self._draw = random.Random(seed)

    async def tickets(self, request: web.Request) -> web.Response:
        self._under_way += 1
        self.stats["most_under_way"] = max(self.stats["most_under_way"], self._under_way)
        self.stats["newest"] = time.time()
        self.stats["requests"] += 1
        try:
            return await self._page(request)
        finally:
            self._under_way -= 1

    async def _page(self, request: web.Request) -> web.Response:
        status = "abc"[self.state["generation"] % 3]
        await asyncio.sleep(self.state["delay"] or self._draw.uniform(0, 0.004))
        if self._draw.random() < self.state["faults"]:
            return web.Response(status=500)
        low = int(request.query.get("cursor") or 0)
        items = [
            {"id": f"T{k}", "title": f"第{k}件", "status": status, "at": "2026-03-01T08:00:00+08:00"}
            for k in range(low, min(low + PAGE, TICKETS))
        ]
        return web.json_response({"items": items, "next_cursor": str(low + PAGE) if low + PAGE < TICKETS else None})

    async def control(self, request: web.Request) -> web.Response:
        self.state.update(await request.json())
        answer = dict(self.stats)
        self.stats.update(most_under_way=self._under_way, newest=0.0, requests=0)
        return web.json_response(answer)

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/tickets/{n}", self.tickets), web.post("/control", self.control)])
        return app


class Scene:
    """One upstream, one database, and workers that can be killed. Forked, not started: starts would dominate."""

    def __init__(self, folder: Path, url: str, seed: int, sources: int, lease: timedelta) -> None:
        self._folder, self._url, self._lease = folder, url, lease
        read, write = os.pipe()
        self._upstream = self._fork(lambda: _serve(seed, write))
        self._port = int(os.read(read, 16))
        path = folder / f"connectors-{self._port}.yaml"
        entries = "".join(ENTRY.format(n=n, port=self._port, page=PAGE) for n in range(sources))
        path.write_text(f"version: 1\nsources:{entries}")
        self._config: Config = load(path, {})
        asyncio.run(self._declare())

    def set(self, **state: object) -> dict[str, Any]:
        """Change the upstream; returns what it saw since the last call."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/control", json.dumps(state).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def worker(self) -> int:
        return self._fork(lambda: asyncio.run(self._work()))

    def query(self, statement: str) -> Any:
        return asyncio.run(self._query(statement))

    @property
    def log(self) -> str:
        return (self._folder / "workers.log").read_text()

    def close(self) -> None:
        kill(self._upstream)

    def _fork(self, child: Callable[[], object]) -> int:
        if pid := os.fork():
            return pid
        with (self._folder / "workers.log").open("ab") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        try:
            child()
        finally:
            os._exit(0)

    async def _work(self) -> None:
        store = Store(Database(self._url))
        sources = list(self._config.sources.values())
        await Worker(store, sources, lease=self._lease, idle=timedelta(milliseconds=20)).run_forever()

    async def _declare(self) -> None:
        store = await Store.open(self._url)
        await store.lanes.declare([source.record for source in self._config.sources.values()])
        await store.close()

    async def _query(self, statement: str) -> Any:
        connection = await asyncpg.connect(self._url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


def _serve(seed: int, write: int) -> None:
    async def main() -> None:
        runner = web.AppRunner(Upstream(seed).application(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        os.write(write, str(runner.addresses[0][1]).encode())
        await asyncio.Event().wait()

    asyncio.run(main())


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def until(what: str, holds: Callable[[], bool], within: float) -> float:
    """Wait until it holds; returns how long that took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > within:
            sys.exit(f"gave up after {within:.0f} s waiting for {what}")
        time.sleep(0.02)
    return time.monotonic() - began


def report(name: str, **figures: float) -> bool:
    """Print the figures; those that must be 0 say so by their value."""
    print(f"{name}  " + "  ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in figures.items()), flush=True)
    return all(not value for key, value in figures.items() if not key.startswith("of_"))


def r1(scene: Scene, kills: int, seed: int) -> bool:
    """Workers killed at random moments, while tickets change under them; then one may finish its work."""
    draw = random.Random(seed)
    generation = 0
    for round_ in range(kills):
        if round_ % 10 == 9:
            generation += 1
            scene.set(generation=generation)
        worker = scene.worker()
        time.sleep(draw.uniform(0.03, 0.25))
        kill(worker)
    scene.set(faults=0)
    final = ["RECEIVED", "IN_PROGRESS", "CLOSED"][generation % 3]
    worker = scene.worker()
    settled = f"select count(*) = {SOURCES * TICKETS} from appeal where status = '{final}'"
    until("every ticket to be served", lambda: scene.query(settled), 120)
    kill(worker)
    numbers = "select appeal_id, count(*) n, count(distinct version) d, max(version) m from change group by appeal_id"
    return report(
        f"R1  {kills} kills, seed {seed}:",
        of_changes=scene.query("select count(*) from change"),
        lost=SOURCES * TICKETS - scene.query("select count(*) from ticket where state = 'served'"),
        duplicated=scene.query("select count(*) from appeal") - SOURCES * TICKETS,
        changes_duplicated_or_missing=scene.query(f"select count(*) from ({numbers}) c where n <> d or n <> m"),
        appeals_without_their_change=scene.query(
            "select count(*) from appeal a where not exists "
            "(select from change c where c.appeal_id = a.id and c.version = a.version)"
        ),
        changes_without_their_appeal=scene.query(
            "select count(*) from change c where not exists "
            "(select from appeal a where a.id = c.appeal_id and a.version >= c.version)"
        ),
    )


def r4(scene: Scene, lease: float) -> bool:
    """Three workers, one source, its holder killed again and again."""
    scene.set(faults=0, delay=0.05)
    workers = {scene.worker() for _ in range(3)}
    longest, kills = 0.0, 10
    for _ in range(kills):
        until("a run", lambda: scene.set()["requests"] > 0, 10)
        time.sleep(0.3)
        holder = int(until_value(lambda: scene.query("select holder from lane where holder is not null")).split(":")[1])
        kill(holder)
        workers.remove(holder)
        began = time.time()
        scene.set()
        time.sleep(0.1)  # What the dead worker had asked is not a new run.
        scene.set()
        heir = f"select count(*) from lane where holder is not null and holder not like '%:{holder}'"
        until("take-over", partial(_positive, scene, heir), 30)
        longest = max(longest, time.time() - began)
        workers.add(scene.worker())
    overlaps = max(0, scene.set()["most_under_way"] - 1)
    for worker in workers:
        kill(worker)
    late = max(0.0, longest - (lease + 1))
    return report(
        f"R4  {kills} kills of the holder, lease {lease:g} s:",
        of_longest_take_over_s=round(longest, 2),
        overlapping_requests=overlaps,
        seconds_too_late=late,
    )


def _positive(scene: Scene, statement: str) -> bool:
    return bool(scene.query(statement))


def until_value(ask: Callable[[], Any]) -> Any:
    found: list[Any] = []

    def holds() -> bool:
        found.append(ask())
        return found[-1] is not None

    until("an answer", holds, 10)
    return found[-1]


def r5(scene: Scene, lease: float) -> bool:
    """The owner is stopped while a page is on its way, past three leases; another works on; then the owner goes on."""
    scene.set(faults=0, delay=0.3, generation=0)
    stale = scene.worker()
    until("the first page", lambda: scene.query("select count(*) from ticket") > 0, 20)
    os.kill(stale, signal.SIGSTOP)
    scene.set(delay=0.0, generation=1)
    heir = scene.worker()
    settled = f"select count(*) = {TICKETS} from appeal where status = 'IN_PROGRESS'"
    until("the heir to finish", lambda: scene.query(settled), 60)
    time.sleep(max(0.0, 3 * lease - 1))
    kill(heir)
    before = scene.query("select count(*) from change")
    fence = scene.query("select fence from lane")
    scene.set(delay=5.0)  # From here on the stale worker can only write what it had already asked for.
    os.kill(stale, signal.SIGCONT)
    time.sleep(1.5)
    written = scene.query("select count(*) from change") - before
    old = scene.query("select count(*) from appeal where status = 'RECEIVED'")
    kill(stale)
    return report(
        f"R5  SIGSTOP for 3 leases of {lease:g} s:",
        of_fence=fence,
        writes_after_losing_the_lane=written,
        appeals_gone_back=old,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["r1", "r4", "r5"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = EmbeddedPostgres(folder / "data")
        server.open()
        try:
            fine = [_play(which, folder, server, given) for which in ("r1", "r4", "r5") if given.only in (None, which)]
        finally:
            server.close()
    sys.exit(not all(fine))


def _play(which: str, folder: Path, server: EmbeddedPostgres, given: argparse.Namespace) -> bool:
    lease = {"r1": 0.5, "r4": 2.0, "r5": 1.0}[which]
    url = server.url.replace("/postgres?", f"/{which}?")
    asyncio.run(_create(server.url, which))
    scene = Scene(folder, url, given.seed, SOURCES if which == "r1" else 1, timedelta(seconds=lease))
    try:
        if which == "r1":
            return r1(scene, given.kills, given.seed)
        return r4(scene, lease) if which == "r4" else r5(scene, lease)
    finally:
        scene.close()


async def _create(url: str, name: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(f"create database {name}")
    await connection.close()


if __name__ == "__main__":
    main()
