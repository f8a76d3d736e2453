"""What must hold of pushing when all lie and die: nothing lost, nothing overtaken, what comes twice has its id.

    python -m bench.chaos_push [--kills 100] [--seed 7] [--only r2|r3|r16]

R2: 43 sources of whose answers a fifth are faults, 8 endpoints that answer 500 (10 %), take and say 502 (2 %) or
    hang (0.5 %); two workers pull and two push, one of the four is killed every 0.3–0.9 s.
R3: the same with a quarter of the kills, and PostgreSQL stopped with `-m immediate` twice.
R16: one endpoint is down while 10,000 changes come, then is back and drains in order; the others noticed nothing.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

from bench.chaos import _create, kill, report, until
from hub.config import Config, load
from hub.store.database import Database
from hub.store.embedded import EmbeddedPostgres
from hub.store.store import Store
from hub.worker import Worker

SOURCES, TICKETS, PAGE, ENDPOINTS = 43, 100, 50, 8
LEASE = timedelta(seconds=2)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
SOURCE = """
  s{n}:
    title: 混乱 {n}
    class: hotline
    connector: rest
    url: http://127.0.0.1:{port}/tickets/{n}
    limits: {{rate: 100000/s, timeout: 60s}}
    retry: {{attempts: 3, wait: 1ms..5ms}}
    records: items
    page: {{by: cursor, send: cursor, next: next_cursor}}
    schedule: {{every: 1s}}
    map:
      external_id: id
      title: title
      status: {{from: status, map: {{a: RECEIVED, b: IN_PROGRESS, c: CLOSED}}, else: reject}}
      created_at: {{from: at, date: iso}}
"""
ENDPOINT = """
  e{n}:
    url: http://127.0.0.1:{port}/hook/{n}
    insecure: true
    networks: [127.0.0.0/8]
    begin: start
    secrets: [{secret}]
    timeout: 2s
    rate: 100000/s
    concurrency: {concurrency}
    retry: {{attempts: 100, wait: 50ms..1s}}
    breaker: {{failures: 30, wait: 200ms..1s}}
"""


class World:
    """Sources and receivers on loopback, with faults set from outside. Receivers note what came, in order."""

    def __init__(self, seed: int) -> None:
        self.state: dict[str, Any] = {"generation": 0, "faults": 0.2, "lying": True, "down": [], "tickets": TICKETS}
        self._got: dict[str, list[tuple[int, str, int, float]]] = defaultdict(list)
        self._requests = 0
        self._draw = random.Random(seed)

    async def tickets(self, request: web.Request) -> web.Response:
        if self._draw.random() < self.state["faults"]:
            return web.Response(status=500)
        low, status = int(request.query.get("cursor") or 0), "abc"[self.state["generation"] % 3]
        high, name = min(low + PAGE, self.state["tickets"]), request.match_info["n"]
        items = [
            {"id": f"{name}-{k}", "title": f"第{k}件", "status": status, "at": "2026-03-01T08:00:00+08:00"}
            for k in range(low, high)
        ]
        return web.json_response({"items": items, "next_cursor": str(high) if high < self.state["tickets"] else None})

    async def hook(self, request: web.Request) -> web.Response:
        body, name, chance = await request.read(), request.match_info["n"], self._draw.random()
        self._requests += 1
        if name in self.state["down"]:
            return web.Response(status=503)
        if self.state["lying"] and chance < 0.10:
            return web.Response(status=500)
        said = json.loads(body)["data"]
        self._got[name].append((int(request.headers["webhook-id"]), said["external_id"], said["version"], time.time()))
        if self.state["lying"] and chance < 0.12:
            return web.Response(status=502)
        if self.state["lying"] and chance < 0.125:
            await asyncio.sleep(4)
        return web.Response()

    async def control(self, request: web.Request) -> web.Response:
        self.state.update(await request.json())
        return web.json_response({"requests": self._requests, "got": self._got if self.state.get("tell") else {}})

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/tickets/{n}", self.tickets),
                web.post("/hook/{n}", self.hook),
                web.post("/control", self.control),
            ]
        )
        return app


class Scene:
    """One world, one database, and workers that can be killed. Forked, not started: starts would dominate."""

    def __init__(self, folder: Path, url: str, seed: int, sources: int, concurrency: int = 4) -> None:
        self.url = url
        self._folder = folder
        read, write = os.pipe()
        self._world = self._fork(lambda: _serve(seed, write))
        port = int(os.read(read, 16))
        self._control = f"http://127.0.0.1:{port}/control"
        path = folder / f"push-{port}.yaml"
        written = "".join(SOURCE.format(n=n, port=port) for n in range(sources))
        told = "".join(
            ENDPOINT.format(n=n, port=port, secret=SECRET, concurrency=concurrency) for n in range(ENDPOINTS)
        )
        path.write_text(f"version: 1\nsources:{written}\nendpoints:{told}")
        self.config: Config = load(path, {})
        asyncio.run(self._declare())

    def set(self, **state: object) -> dict[str, Any]:
        request = urllib.request.Request(
            self._control, json.dumps(state).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def worker(self, role: str) -> int:
        return self._fork(lambda: asyncio.run(self._work(role)))

    def query(self, statement: str) -> Any:
        return asyncio.run(self._query(statement))

    def close(self) -> None:
        kill(self._world)

    def _fork(self, child: Callable[[], object]) -> int:
        if pid := os.fork():
            return pid
        with (self._folder / "push.log").open("ab") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        try:
            child()
        finally:
            os._exit(0)

    async def _work(self, role: str) -> None:
        store = Store(Database(self.url))
        sources = self.config.sources.values() if role == "pull" else []
        endpoints = self.config.endpoints.values() if role == "push" else []
        await Worker(store, sources, endpoints, lease=LEASE, idle=timedelta(milliseconds=50)).run_forever()

    async def _declare(self) -> None:
        store = await Store.open(self.url)
        await store.lanes.declare([source.record for source in self.config.sources.values()])
        await store.deliveries.declare([endpoint.record for endpoint in self.config.endpoints.values()])
        await store.close()

    async def _query(self, statement: str) -> Any:
        connection = await asyncpg.connect(self.url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


def _serve(seed: int, write: int) -> None:
    async def main() -> None:
        runner = web.AppRunner(World(seed).application(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        os.write(write, str(runner.addresses[0][1]).encode())
        await asyncio.Event().wait()

    asyncio.run(main())


LEFT = """
select (select count(*) from parked) + (select count(*) from lane where name like 'endpoint:%'
  and (cursor->>'after')::bigint < (select max(number) from change))
"""


def judged(scene: Scene, name: str, **more: float) -> bool:
    """Compare what each endpoint got with the log: lost, overtaken, and twice."""
    log = json.loads(
        scene.query("select json_agg(array[number, appeal_id, version] order by number)::text from change")
    )
    numbers = {number for number, _, _ in log}
    got = scene.set(tell=True)["got"]
    lost = overtaken = twice = strange = 0
    for n in range(ENDPOINTS):
        came = got.get(str(n), [])
        first: dict[int, tuple[str, int]] = {}
        newest: dict[str, int] = {}
        for number, appeal, version, _ in came:
            if number in first:
                twice += 1
                strange += first[number] != (appeal, version)
                continue
            first[number] = (appeal, version)
            overtaken += version < newest.get(appeal, 0)
            newest[appeal] = max(version, newest.get(appeal, 0))
        lost += len(numbers - first.keys())
    share = twice / (len(numbers) * ENDPOINTS)
    return report(
        name,
        of_changes=len(numbers),
        of_deliveries=len(numbers) * ENDPOINTS,
        **{f"of_{key}": value for key, value in more.items()},
        of_twice_percent=round(100 * share, 2),
        lost=lost,
        overtaken=overtaken,
        twice_with_another_meaning=strange,
        twice_too_often=share >= 0.10,
    )


def chaos(scene: Scene, kills: int, seed: int, server: EmbeddedPostgres | None = None) -> bool:
    """Kill one of four workers again and again, while tickets change under them; then let two finish."""
    draw, began = random.Random(seed), time.monotonic()
    workers = {f"{role}-{n}": scene.worker(role) for role in ("pull", "push") for n in (0, 1)}
    for round_ in range(kills):
        if round_ in (kills // 3, 2 * kills // 3):
            scene.set(generation=1 + (round_ >= 2 * kills // 3))
            if server is not None:
                server._pg_ctl("stop", "--mode=immediate", "--wait")  # noqa: SLF001  # the hub itself never asks for a crash
                server.revive()
        time.sleep(draw.uniform(0.3, 0.9))
        name = draw.choice(list(workers))
        kill(workers[name])
        workers[name] = scene.worker(name.partition("-")[0])
    scene.set(faults=0)
    settled = f"select count(*) = {SOURCES * TICKETS} from appeal where status = 'CLOSED'"
    until("every ticket to be served", lambda: scene.query(settled), 600)
    until("every endpoint to have everything", lambda: scene.query(LEFT) == 0, 600)
    for pid in workers.values():
        kill(pid)
    crashes = " PostgreSQL stopped twice," if server else ""
    return judged(
        scene,
        f"{'R3' if server else 'R2'}  {kills} kills,{crashes} seed {seed}:",
        seconds=round(time.monotonic() - began),
    )


def r16(scene: Scene) -> bool:
    """One endpoint is down while changes come, then back; the others are measured before and meanwhile."""
    scene.set(faults=0, lying=False, tickets=1250, down=[])
    workers = [scene.worker("pull"), scene.worker("push")]
    count = 8 * 1250
    until(
        "the first round", lambda: scene.query(f"select count(*) = {count} from appeal where status = 'RECEIVED'"), 240
    )
    until("its deliveries", lambda: scene.query(LEFT) == 0, 240)
    calm = _delays(scene, count + 1, {"0"})
    first = scene.query("select max(number) from change")
    scene.set(down=["0"], generation=1)
    until(
        "the second round",
        lambda: scene.query(f"select count(*) = {count} from appeal where status = 'IN_PROGRESS'"),
        240,
    )
    others = LEFT.replace("like 'endpoint:%'", "like 'endpoint:%' and name <> 'endpoint:e0'").replace(
        "from parked)", "from parked where endpoint <> 'e0')"
    )
    until("the others to have everything", lambda: scene.query(others) == 0, 240)
    waited = scene.query(
        "select max(number) - (select (cursor->>'after')::bigint from lane where name = 'endpoint:e0') from change"
    )
    meanwhile = _delays(scene, 2**62, {"0"}, after=first)
    scene.set(down=[])
    back = time.monotonic()
    until("the one to drain", lambda: scene.query(LEFT) == 0, 240)
    drained = time.monotonic() - back
    for pid in workers:
        kill(pid)
    ratio = _p99(meanwhile) / _p99(calm)
    return (
        judged(
            scene,
            "R16  one endpoint down:",
            waited=waited,
            drained_in_s=round(drained, 1),
            others_p99_s=round(_p99(meanwhile), 2),
            others_p99_ratio=round(ratio, 2),
        )
        and ratio < 2
    )


def _delays(scene: Scene, before: int, but: set[str], after: int = 0) -> list[float]:
    """Seconds from a change to its arrival, at all endpoints but some."""
    text = scene.query("select json_object_agg(number, extract(epoch from at))::text from change")
    made = {int(number): float(at) for number, at in json.loads(text).items()}
    got = scene.set(tell=True)["got"]
    scene.set(tell=False)
    return [
        at - made[number]
        for n, came in got.items()
        if n not in but
        for number, _, _, at in came
        if after < number < before
    ]


def _p99(delays: list[float]) -> float:
    return statistics.quantiles(delays, n=100)[98]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=["r2", "r3", "r16"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-chaos-") as name:
        folder = Path(name)
        server = EmbeddedPostgres(folder / "data")
        server.open()
        try:
            wanted = [which for which in ("r2", "r3", "r16") if given.only in (None, which)]
            fine = [_play(which, folder, server, given) for which in wanted]
        finally:
            server.close()
    sys.exit(not all(fine))


def _play(which: str, folder: Path, server: EmbeddedPostgres, given: argparse.Namespace) -> bool:
    url = server.url.replace("/postgres?", f"/{which}?")
    asyncio.run(_create(server.url, which))
    scene = Scene(folder, url, given.seed, 8 if which == "r16" else SOURCES)
    try:
        if which == "r16":
            return r16(scene)
        return chaos(
            scene, given.kills if which == "r2" else given.kills // 4, given.seed, server if which == "r3" else None
        )
    finally:
        scene.close()


if __name__ == "__main__":
    main()
