"""START HERE: the made-up city, running: its web systems behind one loopback port, its files in one folder."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from replica.city import Clock, Desk
from replica.drops import Drops
from replica.faults import Faults, fault_middleware
from replica.systems import DROP_SYSTEMS, WEB_SYSTEMS, System

HOST = "127.0.0.1"
PORT = 8100
SEED = 420800
PACE = timedelta(seconds=1.5)

_DROP_EVERY = 8
"""New tickets in the whole city from one drop of files to the next."""


class Replica:
    """Ten legacy systems. The same seed and clock give the same tickets; a new one comes in every `pace`.

    `async with Replica(files=folder) as replica:` serves at `replica.url` and drops into `replica.files` until it is
    left. `faults` may be changed meanwhile. Without a folder the systems that drop files stay closed.
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
        self.faults = faults or Faults()
        self.url = ""
        self._port = port
        self._pace = pace
        self._app = web.Application(middlewares=[fault_middleware(self.faults, seed)])
        self._drops: list[Drops] = []
        self.desks: dict[str, Desk] = {}
        self._open_web(seed, clock)
        if files is not None:
            self._open_folders(files, seed, clock)

    def _open_web(self, seed: int, clock: Clock) -> None:
        for name, system in WEB_SYSTEMS.items():
            below = web.Application()
            below.add_routes(system(self._desk(name, system, seed, clock)).routes())
            self._app.add_subapp(f"/{name}", below)

    def _open_folders(self, files: Path, seed: int, clock: Clock) -> None:
        for name, system in DROP_SYSTEMS.items():
            desk = self._desk(name, system, seed, clock)
            self._drops.append(Drops(system(desk), desk, files / name))

    def _desk(self, name: str, system: type[System], seed: int, clock: Clock) -> Desk:
        live = self._pace * (len(WEB_SYSTEMS) + len(DROP_SYSTEMS))
        desk = Desk(name, seed, clock, faults=self.faults, remit=system.remit, live=live)
        return self.desks.setdefault(name, desk)

    def drop(self) -> None:
        """Let every system that writes files write what moved since it last did."""
        for drops in self._drops:
            drops.drop()

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
        self.drop()
        self._dropping = asyncio.create_task(self._keep_dropping())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dropping.cancel()
        with suppress(asyncio.CancelledError):
            await self._dropping
        await self._runner.cleanup()

    async def _keep_dropping(self) -> None:
        while True:
            await asyncio.sleep(self._pace.total_seconds() * _DROP_EVERY)
            self.drop()
