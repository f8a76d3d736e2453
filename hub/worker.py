"""The loop over lanes: claim the one that is due, run its source or endpoint, again. As many processes as one likes."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import structlog

from hub import sync, webhooks
from hub.config import Endpoint, Source
from hub.endpoints.sealing import Vault
from hub.errors import HubError, StoreError
from hub.lanes import LEASE, holder
from hub.model import Lane
from hub.store.lanes import endpoint_lane, source_lane
from hub.store.store import Store

_log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class _Run:
    """A run under way: when it was last heard of, by the loop's clock, and whether its source failed last time."""

    heard_at: float
    failed_before: bool


_Begin: TypeAlias = Callable[[Lane, Callable[..., None]], Awaitable[Any]]
"""Run a source or an endpoint under its lane; the second is told whenever there is something to be heard of it."""


class Worker:
    """Pulls every enabled source on its schedule, and tells every enabled endpoint what changed, until cancelled.

    At most `concurrency` of them at work at once. A source that hangs does no work: after `patience` without a page its
    run goes on waiting, but holds no place. So however many hang, and whether or not they ever did before, the others
    wait for that long at most. They do not even wait for sources that failed last time, which get half of the places.
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
        patience: timedelta = timedelta(seconds=5),
    ) -> None:
        self._store = store
        self._vault = vault or Vault()
        self._lease = lease
        self.take(sources, endpoints)
        self._concurrency = concurrency
        self._idle = idle.total_seconds()
        self._patience = patience.total_seconds()
        self._runs: set[_Run] = set()
        self._holder = holder()
        self._away = False

    def take(self, sources: Iterable[Source], endpoints: Iterable[Endpoint] = ()) -> None:
        """Work on these from now on; a run under way goes on to its end with what it began with."""
        pulled = {source_lane(source.name): self._pulls(source) for source in sources if source.enabled}
        told = {endpoint_lane(each.name): self._tells(each) for each in endpoints if each.enabled}
        self._lanes = pulled | told

    def _pulls(self, source: Source) -> _Begin:
        return lambda lane, heard: sync.run(source, self._store, lane, lease=self._lease, watch=heard)

    def _tells(self, endpoint: Endpoint) -> _Begin:
        return lambda lane, heard: webhooks.run(
            endpoint, self._store, lane, vault=self._vault, lease=self._lease, watch=heard
        )

    async def run_forever(self) -> None:
        """Work until cancelled; lanes held then are given back in the middle of their run."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                working = self._working()
                if len(working) >= self._concurrency:
                    await asyncio.wait(running, timeout=self._by_chance(), return_when=asyncio.FIRST_COMPLETED)
                elif lane := await self._claim(failing=self._has_place_for_failing(working)):
                    self._runs.add(begun := _Run(asyncio.get_running_loop().time(), lane.failures > 0))
                    task = asyncio.create_task(self._work(lane, begun))
                    running.add(task)
                    task.add_done_callback(running.discard)
                else:
                    await asyncio.sleep(await self._pause())
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _working(self) -> list[_Run]:
        """The runs that hold a place: those that began, or brought a page, not long ago."""
        since = asyncio.get_running_loop().time() - self._patience
        return [run for run in self._runs if run.heard_at > since]

    def _has_place_for_failing(self, working: Sequence[_Run]) -> bool:
        return sum(run.failed_before for run in working) < max(1, self._concurrency // 2)

    async def _claim(self, *, failing: bool) -> Lane | None:
        """The next lane that is due. While the database is away there is none, which is told once."""
        try:
            lane = await self._store.lanes.claim(self._holder, self._lease, list(self._lanes), failing=failing)
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
        pause = self._by_chance()
        try:
            due = await self._store.lanes.next_due(list(self._lanes))
        except StoreError:
            return pause
        return pause if due is None else min(pause, due.total_seconds())

    def _by_chance(self) -> float:
        """A while, so that many workers do not ask in step."""
        return self._idle * random.uniform(0.5, 1.5)  # noqa: S311  # not a secret

    async def _work(self, lane: Lane, begun: _Run) -> None:
        """One run. One that fails, a lane that is lost or a database that is away ends this run and no other."""
        kind, _, name = lane.name.partition(":")

        def heard(*_: object) -> None:
            begun.heard_at = asyncio.get_running_loop().time()

        try:
            await self._lanes[lane.name](lane, heard)
        except HubError as error:
            _log.warning("run failed", **{kind: name}, reason=str(error), failures=lane.failures + 1)
        except Exception:  # noqa: BLE001  # a mistake of ours in one of them must not stop the others
            _log.exception("run failed by a mistake of the hub's", **{kind: name})
        finally:
            self._runs.discard(begun)
