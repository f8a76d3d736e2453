"""How long a source waits for others: 43 sources, 10 of them hanging, one real worker.

    python -m bench.lag [--seconds 60] [--sources 43] [--hanging 10]

Every source is due every two seconds, with the limits that a source has by default: five tries of 30 s. Those that hang
take the connection and never answer, answer one byte a second, or have a dead port. The others have twenty tickets, one
of which is new each time. A run is one request, and the lag is the time from one to the next, taken at the upstream;
the figure is the longest of all as a multiple of the interval, and its target 2.
"""

import argparse
import asyncio
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
from aiohttp import web

from bench.costs import ratio
from hub.store.embedded import EmbeddedPostgres

INTERVAL, TARGET, TICKETS = 2.0, 2.0, 20
ENTRY = """
  {name}:
    title: {name}
    class: hotline
    connector: rest
    url: http://127.0.0.1:{port}/{name}
    schedule: {{every: {interval:g}s}}
    map: {{external_id: id, title: title, status: status, created_at: {{from: at, date: iso}}}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sources", type=int, default=43)
    parser.add_argument("--hanging", type=int, default=10)
    given = parser.parse_args()
    sys.exit(not lag(given.seconds, given.sources, given.hanging))


def lag(seconds: float = 60, sources: int = 43, hanging: int = 10) -> bool:
    """Measure, and print the figure; says whether the target is kept."""
    with tempfile.TemporaryDirectory() as name, _upstream() as (port, dead):
        folder = Path(name)
        (folder / "connectors.yaml").write_text(_configuration(sources, hanging, port, dead))
        server = EmbeddedPostgres(folder / "data")
        server.open()
        try:
            _work(folder, server.url, seconds)
            served = asyncio.run(_served(server.url))
        finally:
            server.close()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/seen", timeout=10) as answer:
            return _figures(json.load(answer), sources - hanging, served)


def _configuration(sources: int, hanging: int, port: int, dead: int) -> str:
    kinds = (("silent", port), ("dripping", port), ("dead", dead))
    slow = [
        ENTRY.format(name=f"{kind}-{n}", port=to, interval=INTERVAL)
        for n in range(hanging)
        for kind, to in [kinds[n % 3]]
    ]
    fine = [ENTRY.format(name=f"fine-{n}", port=port, interval=INTERVAL) for n in range(sources - hanging)]
    return f"version: 1\nsources:{''.join(slow + fine)}"


def _work(folder: Path, url: str, seconds: float) -> None:
    command = [str(Path(sys.executable).parent / "hub"), "--config", str(folder / "connectors.yaml"), "worker"]
    environ = {**os.environ, "DATABASE_URL": url.replace("+asyncpg", "")}
    with (folder / "worker.log").open("w+") as log, subprocess.Popen(command, env=environ, stderr=log) as worker:
        time.sleep(seconds)
        if worker.poll() is not None:
            sys.exit((folder / "worker.log").read_text())
        worker.terminate()


def _figures(seen: dict[str, list[float]], sources: int, served: int) -> bool:
    gaps = [later - one for times in seen.values() for one, later in itertools.pairwise(times)]
    gaps.sort()
    print(
        f"{len(seen)} of {sources} that answer were pulled {len(gaps) + len(seen)} times; {served} tickets were served"
    )
    print(f"lag: median {statistics.median(gaps):.2f} s, 99 % below {gaps[len(gaps) * 99 // 100]:.2f} s")
    return ratio("longest-lag-to-interval", gaps[-1] / INTERVAL, TARGET) and len(seen) == sources


async def _served(url: str) -> int:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return int(await connection.fetchval("select count(*) from appeal"))
    finally:
        await connection.close()


@contextmanager
def _upstream() -> Iterator[tuple[int, int]]:
    """A process of its own that answers, and a port at which nobody listens."""
    with socket.socket() as probe, socket.socket() as dead:
        probe.bind(("127.0.0.1", 0))
        dead.bind(("127.0.0.1", 0))
        read, write = os.pipe()
        if not (child := os.fork()):
            try:
                asyncio.run(_serve(probe, write))
            finally:
                os._exit(0)
        os.read(read, 1)
        try:
            yield probe.getsockname()[1], dead.getsockname()[1]
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)


async def _serve(listening: socket.socket, ready: int) -> None:
    seen: dict[str, list[float]] = defaultdict(list)

    async def fine(request: web.Request) -> web.Response:
        times = seen[request.path]
        times.append(time.monotonic())
        await asyncio.sleep(0.05)
        tickets = range(len(times), len(times) + TICKETS)
        same = {"title": "路灯不亮", "status": "RECEIVED", "at": "2026-03-01T08:00:00+08:00"}
        return web.json_response([{"id": f"T{n}", **same} for n in tickets])

    async def silent(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def dripping(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b"[")
                await asyncio.sleep(1)
        return response

    async def told(_request: web.Request) -> web.Response:
        return web.json_response(seen)

    app = web.Application()
    app.add_routes([web.get("/seen", told), web.get("/fine-{n}", fine)])
    app.add_routes([web.get("/silent-{n}", silent), web.get("/dripping-{n}", dripping)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    os.write(ready, b"!")
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
