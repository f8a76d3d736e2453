"""Follow changes with many subscribers: how long from a commit to each, and what reconnects and deaf readers do.

    python -m bench.live [--processes 3] [--subscribers 300] [--changes 40] [--reconnects 1000]

Serves one database by several API processes, each with as many sockets as it is told, and writes changes one by one.
Each line `RATIO what value target ok|short` is a promise; times are in milliseconds, memory in MiB.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import asyncpg
import orjson
import psutil
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.costs import cpu_of, ratio
from hub.app import create_app
from hub.cli.serving import _Server
from hub.model import Appeal, LandedTicket, SourceClass, SourceRecord, Status
from hub.store.embedded import EmbeddedPostgres
from hub.store.store import Store
from hub.store.tickets import Served

OUT = Path(__file__).parent / "out"
P99, GROWTH = 500, 32
QUERY = "subscription ($after: ChangeNumber) { appealChanged(after: $after) { number appeal { title status } } }"
LONG = "居民反映该处情况多次出现" * 400
PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Api:
    """One process that serves the API."""

    port: int
    process: psutil.Process

    @property
    def memory(self) -> float:
        return self.process.memory_info().rss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--subscribers", type=int, default=300)
    parser.add_argument("--changes", type=int, default=40)
    parser.add_argument("--reconnects", type=int, default=1_000)
    parser.add_argument("--role", choices=["api", "subscribers"])
    parser.add_argument("--port", type=int)
    given = parser.parse_args()
    if given.role == "api":
        asyncio.run(_serve(given.port))
    elif given.role == "subscribers":
        asyncio.run(_subscribe(given.port, given.subscribers, given.changes))
    else:
        database = EmbeddedPostgres(OUT / "live")
        database.open()
        try:
            fine = asyncio.run(_measured(database.url, given))
        finally:
            database.close()
        sys.exit(not fine)


# ── the parts that run in processes of their own ─────────────────────────────────────────────────────────────────────


async def _serve(port: int) -> None:
    listener = socket.create_server(("127.0.0.1", port), backlog=2_048)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await _Server(_Opened(), lambda: None).until_told(listener)


class _Opened:
    """The API over a store, opened as the server starts."""

    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is None:
            self.app = create_app(await Store.open(os.environ["DATABASE_URL"]), production=True)
        await self.app(scope, receive, send)


async def _subscribe(port: int, subscribers: int, changes: int) -> None:
    """Say "ready", then when each change came to each subscriber."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(_following(session, port, 0)) for _ in range(subscribers)]
        print("ready", flush=True)
        came = await asyncio.gather(*(_came(one, changes) for one in sockets))
    print(json.dumps([pair for pairs in came for pair in pairs]), flush=True)


async def _came(following: aiohttp.ClientWebSocketResponse, changes: int) -> list[tuple[int, float]]:
    found = []
    for _ in range(changes):
        number = orjson.loads(await following.receive_str(timeout=60))["payload"]["data"]["appealChanged"]["number"]
        found.append((number, time.time()))
    return found


@asynccontextmanager
async def _following(
    session: aiohttp.ClientSession, port: int, after: int, query: str = QUERY
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url = f"http://127.0.0.1:{port}/graphql"
    async with session.ws_connect(url, protocols=["graphql-transport-ws"], max_msg_size=0) as following:
        await following.send_json({"type": "connection_init"})
        await following.receive_json(timeout=30)
        payload = {"query": query, "variables": {"after": after}}
        await following.send_json({"id": "1", "type": "subscribe", "payload": payload})
        yield following


# ── what is measured ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _measured(admin: str, given: argparse.Namespace) -> bool:
    url = await _database(admin)
    store = await Store.open(url)
    await store.lanes.declare([SourceRecord("live", "热线", SourceClass.HOTLINE, connector="rest")])
    apis = [_started(url) for _ in range(given.processes)]
    try:
        for api in apis:
            await _answers(api)
        fine = [
            await _fanned_out(store, apis, given),
            await _reconnected(store, apis, given.reconnects),
            await _unread(store, apis[0]),
        ]
    finally:
        for api in apis:
            api.process.terminate()
            api.process.wait()
        await store.close()
    return all(fine)


async def _fanned_out(store: Store, apis: Sequence[Api], given: argparse.Namespace) -> bool:
    following = [await _subscribers(api, given) for api in apis]
    for one in following:
        assert one.stdout
        await one.stdout.readline()
    before = sum(cpu_of(api.process) for api in apis)
    before = sum(cpu_of(api.process) for api in apis)
    committed: dict[int, float] = {}
    for number in range(given.changes + 1):  # the first one warms up, and is not counted
        last = await _write(store, [f"L{number}"])
        if number:
            committed[last] = time.time()
        await asyncio.sleep(PAUSE)
    waits = []
    for one in following:
        written, _ = await one.communicate()
        waits += [(at - committed[number]) * 1_000 for number, at in json.loads(written) if number in committed]
    waits.sort()
    cpu = (sum(cpu_of(api.process) for api in apis) - before) / len(waits) * 1e6
    cpu = (sum(cpu_of(api.process) for api in apis) - before) / len(waits) * 1e6
    expected = len(apis) * given.subscribers * given.changes
    p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    times = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, last {waits[-1]:.0f} ms"
    print(f"{len(waits)} of {expected} arrived: {times}; {cpu:.0f} us of CPU each", flush=True)
    return ratio("live-p99-ms", p99, P99) and len(waits) == expected


async def _reconnected(store: Store, apis: Sequence[Api], reconnects: int) -> bool:
    """One reader that leaves again and again, in the middle of changes, and goes on at whichever process."""
    chance = random.Random(1)
    first = await store.reads.last_change_number()
    ended = asyncio.Event()
    writing = asyncio.create_task(_keep_writing(store, ended))
    seen = [first]
    async with aiohttp.ClientSession() as session:
        for _ in range(reconnects):
            async with _following(session, chance.choice(apis).port, seen[-1]) as following:
                seen += await _some(following, chance.choice([0, 1, 1, 3]))
        ended.set()
        await writing
        last = await store.reads.last_change_number()
        async with _following(session, apis[0].port, seen[-1]) as following:
            while seen[-1] < last:
                seen += await _some(following, 1)
    written = [change.number for change in await _all_changes(store, first)]
    missed, twice = len(set(written) - set(seen)), len(seen) - len(set(seen))
    print(f"{reconnects} reconnects over {len(written)} changes: {missed} missed, {twice} twice", flush=True)
    return seen[1:] == written


async def _some(following: aiohttp.ClientWebSocketResponse, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        message = orjson.loads(await following.receive_str(timeout=60))
        if message["type"] == "next":
            found.append(message["payload"]["data"]["appealChanged"]["number"])
    return found


async def _keep_writing(store: Store, ended: asyncio.Event) -> None:
    number = 0
    while not ended.is_set():
        await _write(store, [f"R{number + more}" for more in range(4)])
        number += 4
        await asyncio.sleep(0.2)


async def _all_changes(store: Store, after: int) -> list:
    found: list = []
    while page := await store.reads.changes(found[-1].number if found else after, 1_000):
        found += page
    return found


async def _unread(store: Store, api: Api) -> bool:
    """A reader that reads nothing while far more is written than it may keep waiting."""
    before = api.memory
    last = await store.reads.last_change_number()
    query = "subscription ($after: ChangeNumber) { appealChanged(after: $after) { number appeal { content } } }"
    async with aiohttp.ClientSession() as session, _following(session, api.port, last, query):
        for part in range(40):
            await _write(store, [f"U{part * 50 + number}" for number in range(50)], LONG)
        await asyncio.sleep(2)
        after = api.memory
    print(
        f"one deaf reader, 2,000 changes of {len(LONG.encode()) // 1024} KiB: {before:.0f} to {after:.0f} MiB",
        flush=True,
    )
    return ratio("deaf-reader-mib", after - before, GROWTH)


async def _write(store: Store, ids: Sequence[str], content: str = "") -> int:
    """Serve appeals as a sync does; gives the number of the last change."""
    lane = await store.lanes.claim_named("source:live", "bench", timedelta(minutes=1))
    assert lane
    now = datetime.now(UTC)
    tickets = [LandedTicket(one, b"{}", one.encode().ljust(16, b"."), {}) for one in ids]
    appeals = [
        Appeal(
            source="live",
            external_id=one,
            title="路灯不亮",
            status=Status.RECEIVED,
            created_at=now,
            updated_at=now,
            content=content,
        )
        for one in ids
    ]
    await store.tickets.land(lane, "live", tickets, {})
    served = [Served(ticket.hash, appeal) for ticket, appeal in zip(tickets, appeals, strict=True)]
    tally = await store.tickets.put(lane, "live", served, [])
    last = await store.reads.last_change_number()
    await store.lanes.finish(lane, now, tally)
    return last


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _database(admin: str) -> str:
    connection = await asyncpg.connect(admin.replace("+asyncpg", ""))
    await connection.execute("drop database if exists live with (force)")
    await connection.execute("create database live")
    await connection.close()
    return admin.replace("/postgres?", "/live?")


def _started(url: str) -> Api:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "bench.live", "--role", "api", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
    return Api(port, psutil.Process(process.pid))


async def _answers(api: Api) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(300):
            try:
                async with session.get(f"http://127.0.0.1:{api.port}/readyz"):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
    sys.exit("the API does not answer")


async def _subscribers(api: Api, given: argparse.Namespace) -> asyncio.subprocess.Process:
    command = ["-m", "bench.live", "--role", "subscribers", "--port", str(api.port)]
    counts = ["--subscribers", str(given.subscribers), "--changes", str(given.changes + 1)]
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, *counts, stdout=asyncio.subprocess.PIPE, limit=2**26
    )


if __name__ == "__main__":
    main()
