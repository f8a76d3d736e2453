"""START HERE: the made-up city, running: its web systems behind one loopback port, its files in one folder."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from replica.city import CHINA, Clock, Desk, Relay
from replica.counters.base import Batch, Feed, Ledger, System
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

    `async with Replica(files=folder) as replica:` serves at `replica.url` and drops into `replica.files` until it is
    left. `faults` may be changed meanwhile. Without a folder only the systems that are asked over HTTP are open.
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
    ) -> None:
        self.files = files
        self.clock = clock
        self.faults = faults or Faults()
        self.url = ""
        self.desks: dict[str, Desk] = {}
        self._port = port
        self._pace = pace
        self._seed = seed
        self._app = web.Application(middlewares=[fault_middleware(self.faults, seed)])
        self._tellers: list[_Teller] = []
        for system in SYSTEMS.values():
            system.counter.open(Ledger(self._desk(system), system.columns), self)

    def _desk(self, system: System) -> Desk:
        relays = [
            Relay(each.line, self.desks[each.name], each.quoted)
            for each in SYSTEMS.values()
            if each.quoted and system.name == INTEGRATOR
        ]
        live = self._pace * len(SYSTEMS)
        desk = Desk(system.name, self._seed, self.clock, remit=system.remit, live=live, relays=relays)
        return self.desks.setdefault(system.name, desk)

    def mount(self, name: str, routes: Sequence[web.RouteDef]) -> None:
        """Answer these addresses below the path of that name."""
        below = web.Application()
        below.add_routes(routes)
        self._app.add_subapp(f"/{name}", below)

    def feed(self, ledger: Ledger, feed: Feed) -> None:
        """Tell the feed what moves, from the beginning on."""
        self._tellers.append(_Teller(ledger, feed))

    @property
    def surroundings(self) -> Mapping[str, str]:
        """The environment in which connectors.yaml finds the city."""
        return {"REPLICA_URL": self.url, "REPLICA_FILES": str(self.files)}

    async def tell(self) -> None:
        """Let every system that speaks by itself tell what moved since it last did."""
        for teller in self._tellers:
            await teller.tell()

    async def __aenter__(self) -> Self:
        """Start. Raises OSError when the port is taken."""
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, HOST, self._port)
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.url = f"http://{HOST}:{self._runner.addresses[0][1]}"
        await self.tell()
        self._telling = asyncio.create_task(self._keep_telling())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._telling.cancel()
        with suppress(asyncio.CancelledError):
            await self._telling
        await self._runner.cleanup()

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(self._pace.total_seconds() * _TELL_EVERY)
            await self.tell()


class _Teller:
    """One system that tells a feed, batch by batch, what moved since the day its history begins."""

    def __init__(self, ledger: Ledger, feed: Feed) -> None:
        self._ledger = ledger
        self._feed = feed
        first = ledger.desk.started.astimezone(CHINA).date()
        self._until = datetime(first.year, first.month, first.day, tzinfo=CHINA)

    async def tell(self) -> None:
        # The second under way is left for the next batch: more may move in it.
        now = self._ledger.desk.now().replace(microsecond=0)
        while self._until < now:
            until = min(self._feed.ends(self._until) or now, now)
            await self._feed.take(Batch(self._ledger, self._until, until))
            self._until = until
