"""The loop over lanes: claim the one that is due, run its source or endpoint, again. As many processes as one likes."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

import structlog

from hub import webhooks
from hub.config import Endpoint, Source
from hub.endpoints.sealing import Vault
from hub.errors import HubError, StoreError
from hub.lanes import LEASE, holder
from hub.model import Lane
from hub.store.lanes import endpoint_lane, source_lane
from hub.store.store import Store
from hub.sync import run

_log = structlog.get_logger()

_Run: TypeAlias = Callable[[Lane], Awaitable[Any]]
"""One run of a source or an endpoint under its lane."""


class Worker:
    """Pulls every enabled source on its schedule, and tells every enabled endpoint what changed, until cancelled.

    At most `concurrency` of them at once.

    A source that hangs holds its place until its timeouts end the run: have more places than a city has sources. Where
    there are fewer, those that failed last time get half of them, and the others never wait for more.
    """

    def __init__(
        self,
        store: Store,
        sources: Iterable[Source],
        endpoints: Iterable[Endpoint] = (),
        *,
        vault: Vault | None = None,
        concurrency: int = 64,
        lease: timedelta = LEASE,
        idle: timedelta = timedelta(seconds=0.5),
    ) -> None:
        self._store = store
        self._vault = vault or Vault()
        self._lease = lease
        self.take(sources, endpoints)
        self._free = asyncio.Semaphore(concurrency)
        self._most_failing = max(1, concurrency // 2)
        self._failing = 0
        self._idle = idle.total_seconds()
        self._holder = holder()
        self._away = False

    def take(self, sources: Iterable[Source], endpoints: Iterable[Endpoint] = ()) -> None:
        """Work on these from now on; a run under way goes on to its end with what it began with."""
        pulled: dict[str, _Run] = {
            source_lane(source.name): partial(run, source, self._store, lease=self._lease)
            for source in sources
            if source.enabled
        }
        told: dict[str, _Run] = {
            endpoint_lane(endpoint.name): partial(
                webhooks.run, endpoint, self._store, vault=self._vault, lease=self._lease
            )
            for endpoint in endpoints
            if endpoint.enabled
        }
        self._runs = pulled | told

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
                self._holder, self._lease, list(self._runs), failing=self._failing < self._most_failing
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
            due = await self._store.lanes.next_due(list(self._runs))
        except StoreError:
            return pause
        return pause if due is None else min(pause, due.total_seconds())

    async def _work(self, lane: Lane) -> None:
        """One run. One that fails, a lane that is lost or a database that is away ends this run and no other."""
        kind, _, name = lane.name.partition(":")
        try:
            await self._runs[lane.name](lane)
        except HubError as error:
            _log.warning("run failed", **{kind: name}, reason=str(error), failures=lane.failures + 1)
        except Exception:  # noqa: BLE001  # a mistake of ours in one of them must not stop the others
            _log.exception("run failed by a mistake of the hub's", **{kind: name})
        finally:
            self._failing -= lane.failures > 0
            self._free.release()
