"""START HERE: the made-up city, running: its web systems behind one loopback port, its files in one folder."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from aiohttp import web

from replica.city import CHINA, Clock, Desk, Relay
from replica.counters.base import Batch, Feed, Ledger, NotNow, S, System
from replica.counters.servers import Server
from replica.faults import Faults, fault_middleware
from replica.systems import INTEGRATOR, SYSTEMS

HOST = "127.0.0.1"
PORT = 8100
SEED = 420800
PACE = timedelta(seconds=1)

_TELL_EVERY = 8
"""New tickets in the whole city from one drop of files to the next."""


class Replica:
    """The 43 legacy systems. The same seed and clock give the same tickets; a new one comes in every `pace`.

    `async with Replica(files=folder) as replica:` serves at `replica.url`, and by whatever else `surroundings` name,
    and drops into `replica.files` until it is left. `faults` may be changed meanwhile. Systems that push wait for
    `push_to`. Whatever there is to tell from the past is told before the city opens; `eager=False` does not wait for
    that. Without a folder only the systems that are asked over HTTP are open. A part of the city has fewer `systems`,
    12345 after those that it hears of.
    """

    def __init__(
        self,
        *,
        files: Path | None,
        port: int = 0,
        seed: int = SEED,
        clock: Clock = lambda: datetime.now(UTC),
        pace: timedelta = PACE,
        faults: Faults | None = None,
        eager: bool = True,
        systems: Collection[System] = SYSTEMS.values(),
    ) -> None:
        self.files = files
        self.hub: str | None = None
        self.clock = clock
        self.faults = faults or Faults()
        self.url = ""
        self.surroundings: Mapping[str, str] = {}
        self.desks: dict[str, Desk] = {}
        self._port = port
        self._pace = pace
        self._eager = eager
        self._seed = seed
        self._app = web.Application(middlewares=[fault_middleware(self.faults, seed)])
        self._tellers: list[_Teller] = []
        self._due = asyncio.Event()
        self._servers: dict[type[Server], Server] = {}
        for system in systems:
            system.counter.open(Ledger(self._desk(system, systems), system.columns), self)

    def _desk(self, system: System, systems: Collection[System]) -> Desk:
        relays = [
            Relay(each.line, self.desks[each.name], each.quoted)
            for each in systems
            if each.quoted and system.name == INTEGRATOR
        ]
        live = self._pace * len(systems)
        desk = Desk(system.name, self._seed, self.clock, remit=system.remit, live=live, relays=relays)
        return self.desks.setdefault(system.name, desk)

    def push_to(self, hub: str) -> None:
        """Tell where the hub is; those who push have waited for it, and begin at once."""
        self.hub = hub
        self._due.set()

    def mount(self, name: str, routes: Sequence[web.RouteDef]) -> None:
        """Answer these addresses below the path of that name."""
        below = web.Application()
        below.add_routes(routes)
        self._app.add_subapp(f"/{name}", below)

    def feed(self, ledger: Ledger, feed: Feed) -> None:
        """Tell the feed what moves, from the beginning on."""
        self._tellers.append(_Teller(ledger, feed))

    def server(self, kind: type[S]) -> S:
        """Return the one server of its kind, which is started with the city."""
        if kind not in self._servers:
            self._servers[kind] = kind(self.files or Path())
        return cast("S", self._servers[kind])

    async def tell(self) -> None:
        """Let every system that speaks by itself tell what moved since it last did."""
        await asyncio.gather(*(teller.tell() for teller in self._tellers))

    async def __aenter__(self) -> Self:
        """Start. Raises OSError when the port is taken."""
        async with AsyncExitStack() as opening:
            self.url = await opening.enter_async_context(self._serving())
            self.surroundings = {"REPLICA_URL": self.url, "REPLICA_FILES": str(self.files)}
            for server in self._servers.values():
                address = await opening.enter_async_context(self._started(server))
                self.surroundings = {**self.surroundings, server.variable: address}
            if self._eager:
                await self.tell()
            await opening.enter_async_context(self._telling())
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[str]:
        """Answer for the systems on the web; gives their common URL."""
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self._port).start()
            yield f"http://{HOST}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    @asynccontextmanager
    async def _started(self, server: Server) -> AsyncIterator[str]:
        """Run a server beside the web systems' port, or on any where that place is taken; gives its address."""
        beside = self._port and self._port + server.place
        try:
            port = await server.start(HOST, beside)
        except OSError:
            port = await server.start(HOST, 0)
        try:
            yield f"{HOST}:{port}"
        finally:
            await server.stop()

    @asynccontextmanager
    async def _telling(self) -> AsyncIterator[None]:
        telling = asyncio.create_task(self._keep_telling())
        try:
            yield
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling

    async def _keep_telling(self) -> None:
        while True:
            await self.tell()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), self._pace.total_seconds() * _TELL_EVERY)
            self._due.clear()


class _Teller:
    """One system that tells a feed, batch by batch, what moved since the day its history begins."""

    def __init__(self, ledger: Ledger, feed: Feed) -> None:
        self._ledger = ledger
        self._feed = feed
        self._telling = asyncio.Lock()
        first = ledger.desk.started.astimezone(CHINA).date()
        self._until = datetime(first.year, first.month, first.day, tzinfo=CHINA)

    async def tell(self) -> None:
        """Tell all that is over. What the feed does not take now, it is told the next time."""
        async with self._telling:
            # The second under way is left for the next batch: more may move in it.
            now = self._ledger.desk.now().replace(microsecond=0)
            with suppress(NotNow):
                while self._until < now:
                    until = min(self._feed.ends(self._until) or now, now)
                    await self._feed.take(Batch(self._ledger, self._until, until))
                    self._until = until
