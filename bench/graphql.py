"""Measure the API beside a hand-written endpoint and PostGraphile: the same database, the same facts, one worker each.

    python -m bench.graphql [--appeals 1000000] [--rounds 5] [--seconds 3] [--connections 16]

Fills a database (once, it is kept below bench/out), checks that all servers answer the same facts, and asks them in
turn, A B C A B C. A figure is the median over the rounds. Each line `RATIO what value target ok|short` is a promise.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from starlette.types import ASGIApp, Receive, Scope, Send

from bench import city
from bench.costs import cpu_of
from bench.questions import Question, facts, questions
from hub.app import create_app
from hub.schema.limits import Limits
from hub.store.embedded import EmbeddedPostgres
from hub.store.store import Store

HERE = Path(__file__).parent
OUT = HERE / "out"
SMALL = 10_000
PAGES = ("inbox", "single", "deep")
TO_THEIRS, TO_HAND, DASHBOARD_TO_THEIRS = 3, 0.9, 10
SEARCH_TO_INBOX, GROWTH = 2, 1.3


@dataclass(frozen=True, slots=True)
class Server:
    """One of those that are measured."""

    name: str
    port: int
    process: psutil.Process

    def data(self, body: str) -> Any:
        """The data of an answer. Ends the benchmark on errors."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body.encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)
        if answer.get("errors"):
            sys.exit(f"{self.name}: {body}\n{json.dumps(answer['errors'], ensure_ascii=False)[:1_000]}")
        return answer["data"]

    def ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        return self.data(json.dumps({"query": query, "variables": variables}))


@dataclass(frozen=True, slots=True)
class Speed:
    """Requests a second, milliseconds until an answer, and microseconds of the server's CPU for each."""

    rate: float
    p50: float
    p99: float
    cpu: float


Speeds = dict[tuple[str, str], list[Speed]]
"""By server and question, one for each round."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appeals", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    database = EmbeddedPostgres(OUT / "city")
    database.open()
    try:
        fine = _measured(database.url, given)
    finally:
        database.close()
    sys.exit(not fine)


def _measured(admin: str, given: argparse.Namespace) -> bool:
    large, small = (asyncio.run(_filled(admin, count)) for count in (given.appeals, SMALL))
    theirs = _postgraphile()
    with ExitStack() as running:
        hub = running.enter_context(_serving("hub", _hub(), large))
        hand = running.enter_context(_serving("by-hand", _by_hand(), large))
        on_small = running.enter_context(_serving("hub-small", _hub(), small))
        peer = running.enter_context(_serving("postgraphile", theirs, large)) if theirs else None
        asked = asyncio.run(_questions(large, peer, given.appeals))
        _compare(asked, hub, hand, peer)
        speeds = _rounds(asked, [hub, hand, *([peer] if peer else [])], given)
        latencies = _rounds_alone([one for one in asked if one.name in {"inbox", "search"}], hub, on_small, given)
    return _figures(speeds, latencies, beside=peer is not None)


# ── what is measured ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _filled(admin: str, appeals: int) -> str:
    """The URL of a database with that many appeals; filled when there is none of this very filling."""
    name = f"city_{appeals}_{city.fingerprint()}"
    connection = await asyncpg.connect(admin.replace("+asyncpg", ""))
    url = admin.replace("/postgres?", f"/{name}?")
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
            await _fill(connection, admin, name, appeals)
    finally:
        await connection.close()
    return url


async def _fill(connection: asyncpg.Connection, admin: str, name: str, appeals: int) -> None:
    print(f"filling a database with {appeals} appeals", flush=True)
    began = time.monotonic()
    await connection.execute("drop database if exists city_filling with (force)")
    await connection.execute("create database city_filling")
    url = admin.replace("/postgres?", "/city_filling?")
    await city.fill(url, appeals)
    filled = await asyncpg.connect(url.replace("+asyncpg", ""))
    await city.check(filled)
    await filled.execute((HERE / "postgraphile" / "extra.sql").read_text())
    await filled.close()
    await connection.execute(f"alter database city_filling rename to {name}")
    print(f"filled in {time.monotonic() - began:.0f} s", flush=True)


def _hub() -> Sequence[str]:
    return _uvicorn("bench.graphql:Hub", "--factory")


def _by_hand() -> Sequence[str]:
    return _uvicorn("bench.handwritten:app")


def _uvicorn(*app: str) -> Sequence[str]:
    return (sys.executable, "-m", "uvicorn", "--log-level", "warning", "--no-access-log", "--port", "{port}", *app)


class Hub:
    """The hub's API over a store, which can be opened only once the event loop runs: as uvicorn begins the lifespan."""

    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is None:
            self.app = create_app(
                await Store.open(os.environ["DATABASE_URL"]), production=True, limits=Limits(rate=10_000_000)
            )
        await self.app(scope, receive, send)


def _postgraphile() -> Sequence[str] | None:
    """The command that runs PostGraphile; None, said loudly, when it cannot be installed."""
    folder = OUT / "postgraphile"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "postgraphile" / "package.json").read_text()
    shutil.copy(HERE / "postgraphile" / "server.mjs", folder)
    if not (folder / "installed").exists() or (folder / "installed").read_text() != wanted:
        shutil.copy(HERE / "postgraphile" / "package.json", folder)
        print(f"installing PostGraphile into {folder}", flush=True)
        try:
            subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"PEER MISSING: PostGraphile cannot be installed ({error}); the hub is NOT measured beside it")
            return None
        (folder / "installed").write_text(wanted)
    return (str(folder / "node_modules" / ".bin" / "node"), str(folder / "server.mjs"))


@contextmanager
def _serving(name: str, command: Sequence[str], url: str) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    plain = url.replace("+asyncpg", "")
    environ = {
        **os.environ,
        "DATABASE_URL": plain,
        "PORT": str(port),
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
    }
    with subprocess.Popen([word.format(port=port) for word in command], env=environ) as process:
        try:
            server = Server(name, port, psutil.Process(process.pid))
            _wait_for(server)
            yield server
        finally:
            process.terminate()


def _wait_for(server: Server) -> None:
    for _ in range(300):
        try:
            server.data('{"query": "query Typename { __typename }"}')
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"{server.name} does not answer")


async def _questions(url: str, peer: Server | None, appeals: int) -> list[Question]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await questions(connection, peer.ask if peer else None, appeals=appeals)
    finally:
        await connection.close()


def _compare(asked: Sequence[Question], hub: Server, hand: Server, peer: Server | None) -> None:
    """End the benchmark unless every request is answered with the same facts by all."""
    count = 0
    for question in asked:
        for place, body in enumerate(question.ours):
            ours = facts(question.name, hub.data(body))
            count += 1
            if question.by_hand and facts(question.name, hand.data(body)) != ours:
                sys.exit(f"by hand, other facts are answered: {body}")
            if peer and question.theirs and facts(question.name, peer.data(question.theirs[place])) != ours:
                sys.exit(f"PostGraphile answers other facts: {question.theirs[place]}")
    print(f"SAME FACTS in {count} requests", flush=True)


# ── measuring ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _rounds(asked: Sequence[Question], servers: Sequence[Server], given: argparse.Namespace) -> Speeds:
    speeds: Speeds = {}
    for number in range(-1, given.rounds):  # the first one warms up, and is not counted
        for question in asked:
            for server in servers:
                bodies = question.theirs if server.name == "postgraphile" else question.ours
                if bodies is None or (server.name == "by-hand" and not question.by_hand):
                    continue
                speed = _speed(server, bodies, given.connections, given.seconds if number >= 0 else 1)
                if number >= 0:
                    speeds.setdefault((server.name, question.name), []).append(speed)
    _show(speeds)
    return speeds


def _rounds_alone(asked: Sequence[Question], hub: Server, small: Server, given: argparse.Namespace) -> Speeds:
    """How long one client waits that asks alone: for a page, for a search, and for a page of the small city."""
    speeds: Speeds = {}
    inbox = next(question for question in asked if question.name == "inbox")
    full = [body for body in inbox.ours if len(small.data(body)["appeals"]["edges"]) == 50]
    search = next(question.ours for question in asked if question.name == "search")
    for number in range(-1, given.rounds):
        for server, name, bodies in ((hub, "inbox", full), (small, "inbox", full), (hub, "search", search)):
            speed = _speed(server, bodies, 1, given.seconds if number >= 0 else 1)
            if number >= 0:
                speeds.setdefault((server.name, f"{name}-alone"), []).append(speed)
    _show(speeds)
    return speeds


def _speed(server: Server, bodies: Sequence[str], connections: int, seconds: float) -> Speed:
    asking = {"port": server.port, "bodies": list(bodies), "connections": connections, "seconds": seconds}
    before = cpu_of(server.process)
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=json.dumps(asking), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    if found["errors"]:
        sys.exit(f"{server.name}: {found['errors']} of {found['requests']} requests failed: {bodies[0]}")
    cpu = (cpu_of(server.process) - before) / found["requests"] * 1e6
    return Speed(found["requests"] / found["seconds"], found["p50"], found["p99"], cpu)


def _show(speeds: Speeds) -> None:
    for (server, question), found in sorted(speeds.items(), key=lambda item: item[0][::-1]):
        rate, p50, p99, cpu = (_median(found, name) for name in ("rate", "p50", "p99", "cpu"))
        waits = f"p50 {p50:7.2f} ms   p99 {p99:7.2f} ms"
        print(f"{question:<14} {server:<13} {rate:8.1f} req/s   {waits}   cpu {cpu:7.0f} us", flush=True)


def _median(speeds: Sequence[Speed], name: str) -> float:
    return statistics.median(getattr(speed, name) for speed in speeds)


# ── promises ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _figures(speeds: Speeds, latencies: Speeds, *, beside: bool) -> bool:
    fine = []
    for name in PAGES:
        if beside:
            fine.append(_at_least(f"{name}-to-postgraphile", _faster(speeds, "postgraphile", name), TO_THEIRS))
        fine.append(_at_least(f"{name}-to-by-hand", _faster(speeds, "by-hand", name), TO_HAND))
    if beside:
        faster = _faster(speeds, "postgraphile", "dashboard")
        fine.append(_at_least("dashboard-to-postgraphile", faster, DASHBOARD_TO_THEIRS))
    inbox = _median(latencies["hub", "inbox-alone"], "p50")
    search = _median(latencies["hub", "search-alone"], "p50")
    small = _median(latencies["hub-small", "inbox-alone"], "p50")
    return all(
        [
            *fine,
            _at_most("search-p50-to-inbox", search / inbox, SEARCH_TO_INBOX),
            _at_most("inbox-p50-grown", inbox / small, GROWTH),
        ]
    )


def _faster(speeds: Speeds, other: str, question: str) -> float:
    """Of the ratios within each round: what slows a machine slows all that runs in the same minute."""
    pairs = zip(speeds["hub", question], speeds[other, question], strict=True)
    return statistics.median(ours.rate / theirs.rate for ours, theirs in pairs)


def _at_least(what: str, value: float, target: float) -> bool:
    return _ratio(what, value, target, value >= target)


def _at_most(what: str, value: float, target: float) -> bool:
    return _ratio(what, value, target, value <= target)


def _ratio(what: str, value: float, target: float, fine: bool) -> bool:
    print(f"RATIO {what} {value:.2f} {target:g} {'ok' if fine else 'short'}", flush=True)
    return fine


if __name__ == "__main__":
    main()
