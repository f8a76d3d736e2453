"""The loop over lanes: claim the one that is due, run its source, again. As many processes as one likes."""

import asyncio
import random
from collections.abc import Iterable
from datetime import timedelta

import structlog

from hub.config import Source
from hub.errors import LaneLost, SourceError, StoreError
from hub.lanes import LEASE, holder
from hub.model import Lane
from hub.store.lanes import source_lane
from hub.store.store import Store
from hub.sync import run

_log = structlog.get_logger()


class Worker:
    """Pulls every enabled source on its schedule until cancelled. At most `concurrency` sources at once.

    A source that hangs holds its place until its timeouts end the run: have more places than a city has sources. Where
    there are fewer, those that failed last time get half of them, and the others never wait for more.
    """

    def __init__(
        self,
        store: Store,
        sources: Iterable[Source],
        *,
        concurrency: int = 64,
        lease: timedelta = LEASE,
        idle: timedelta = timedelta(seconds=0.5),
    ) -> None:
        self._store = store
        self.take(sources)
        self._free = asyncio.Semaphore(concurrency)
        self._most_failing = max(1, concurrency // 2)
        self._failing = 0
        self._lease = lease
        self._idle = idle.total_seconds()
        self._holder = holder()
        self._away = False

    def take(self, sources: Iterable[Source]) -> None:
        """Work on these from now on; a run under way goes on to its end with what it began with."""
        self._sources = {source_lane(source.name): source for source in sources if source.enabled}

    async def run_forever(self) -> None:
        """Work until cancelled; lanes held then are given back in the middle of their run."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._free.acquire()
                if (lane := await self._claim()) is None:
                    self._free.release()
                    await asyncio.sleep(await self._pause())
                    continue
                self._failing += lane.failures > 0
                task = asyncio.create_task(self._work(lane))
                running.add(task)
                task.add_done_callback(running.discard)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _claim(self) -> Lane | None:
        """The next lane that is due. While the database is away there is none, which is told once."""
        try:
            lane = await self._store.lanes.claim(
                self._holder, self._lease, list(self._sources), failing=self._failing < self._most_failing
            )
        except StoreError as error:
            if not self._away:
                _log.warning("cannot claim, and tries until it can", reason=str(error))
            self._away = True
            return None
        if self._away:
            _log.info("can claim again")
            self._away = False
        return lane

    async def _pause(self) -> float:
        """How long to wait before the next claim, in seconds: until a lane is due, or for a while."""
        # By chance, so that many workers do not ask in step.
        pause = self._idle * random.uniform(0.5, 1.5)  # noqa: S311  # not a secret
        try:
            due = await self._store.lanes.next_due(list(self._sources))
        except StoreError:
            return pause
        return pause if due is None else min(pause, due.total_seconds())

    async def _work(self, lane: Lane) -> None:
        """One run. A source that fails, a lane that is lost or a database that is away ends this run and no other."""
        source = self._sources[lane.name]
        try:
            await run(source, self._store, lane, lease=self._lease)
        except (SourceError, LaneLost, StoreError) as error:
            _log.warning("run failed", source=source.name, reason=str(error), failures=lane.failures + 1)
        except Exception:  # noqa: BLE001  # a mistake of ours in one source must not stop the others
            _log.exception("run failed by a mistake of the hub's", source=source.name)
        finally:
            self._failing -= lane.failures > 0
            self._free.release()
