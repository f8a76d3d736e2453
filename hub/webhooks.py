"""One endpoint, one run: read what changed, sign, send, judge the answer and keep it, in that order.

Changes of one appeal go one after another, those of others beside them. What an endpoint does not take is parked with
its appeal and tried again later, by this module alone. How far it got is kept in batches: a crash repeats one at most,
every message with the id that it had.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from hub.endpoints.base import Endpoint, Send
from hub.endpoints.lines import Line, Lines
from hub.endpoints.sealing import Vault
from hub.errors import HubError, LaneLost, StoreError
from hub.lanes import LEASE, hold
from hub.model import Attempt, Lane, Outcome
from hub.store.deliveries import Read, Rest
from hub.store.store import Store
from hub.units import Between

_WINDOW = 400  # changes that are read ahead
_BATCH = 200  # changes whose outcome is kept in one transaction
_SETTLE_EVERY = 0.1  # seconds
_PATIENCE = 1.0  # seconds after which a change that is under way no longer holds the cursor
_LONGEST_RUN = 30.0  # seconds; the next run begins at once, with the configuration as it is then
_NO_MESSAGE = timedelta(minutes=1)  # between tries of what cannot be sent at all

_log = structlog.get_logger()


async def deliver(endpoint: Endpoint, store: Store, lane: Lane, vault: Vault, watch: Callable[[], None]) -> Rest | None:
    """Send what changed since the last run, until nothing is left or a while is over.

    Returns why it left the endpoint alone, if it did. Safe to run again at any point. Raises LaneLost, StoreUnavailable
    or SourceRefused.
    """
    sealed = await store.deliveries.sealed(endpoint.name)
    kept = vault.opened(endpoint.name, sealed.secret, sealed.former)
    async with endpoint.carrier.open(kept) as send:
        return await _Round(endpoint, store, lane, send, watch).run()


async def run(
    endpoint: Endpoint,
    store: Store,
    lane: Lane,
    *,
    vault: Vault | None = None,
    lease: timedelta = LEASE,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Run `deliver` under a claimed lane and give it back, due when something is. Raises what `deliver` raises.

    `watch` is told whenever outcomes were kept.
    """
    try:
        rest = await hold(store.lanes, lane, lease, deliver(endpoint, store, lane, vault or Vault(), watch))
        if rest is None:
            await store.deliveries.finish(lane, endpoint.name)
        else:
            await store.deliveries.rest(lane, endpoint.name, rest)
            _log.warning("endpoint left alone", endpoint=endpoint.name, reason=rest.reason)
    except (LaneLost, StoreError):
        raise
    except HubError as error:
        await store.deliveries.rest(lane, endpoint.name, Rest(str(error), _NO_MESSAGE, lane.failures + 1))
        raise
    except Exception as error:
        reason = f"internal error: {type(error).__name__}"
        await store.deliveries.rest(lane, endpoint.name, Rest(reason, _NO_MESSAGE, lane.failures + 1))
        raise
    except BaseException:  # Told to stop in the middle: whoever comes next goes on from what was kept.
        await store.lanes.release(lane)
        raise


class _Round:
    """One run: what is under way, what came of it, and what the store was not told yet."""

    def __init__(self, endpoint: Endpoint, store: Store, lane: Lane, send: Send, watch: Callable[[], None]) -> None:
        self._watch = watch
        cursor: Any = lane.cursor or {"after": 0}
        self._endpoint = endpoint
        self._store = store
        self._lane = lane
        self._send = send
        self._lines = Lines(cursor["after"])
        self._failing: int = cursor.get("failing", 0)
        # An endpoint that was left alone for its failures is first sent one change, to see whether it is well again.
        self._probing = lane.failures > 0
        self._attempts: list[Attempt] = []
        self._rest: Rest | None = None
        self._over = False
        self._couriers: list[asyncio.Task[None]] = []
        self._ready = asyncio.Event()
        self._told = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._ends_at = self._clock() + _LONGEST_RUN

    async def run(self) -> Rest | None:
        self._hire(1 if self._probing else self._endpoint.concurrency)
        try:
            while await self._read():
                await self._some_came_back()
                await self._settle()
            # What is under way comes to its end: cut off, it would have to be sent again.
            self._over = True
            self._ready.set()
            await asyncio.gather(*self._couriers)
        finally:
            for courier in self._couriers:
                courier.cancel()
            await asyncio.gather(*self._couriers, return_exceptions=True)
            # Also when told to stop: what was taken is not sent again, and what is left over is parked.
            self._lines.park_all()
            await self._settle()
        return self._rest

    async def _read(self) -> bool:
        """Read ahead; False when nothing is left to do, or the endpoint is to be left alone."""
        if self._rest is not None or self._clock() > self._ends_at:
            return False
        if self._lines.unfinished > (0 if self._probing else _WINDOW - _BATCH):
            return True
        limit = 1 if self._probing else _BATCH
        name, deliveries = self._endpoint.name, self._store.deliveries
        fresh = await deliveries.fresh(name, self._lines.read_to, limit)
        self._lines.add_fresh(fresh, self._wanted(fresh))
        more = bool(fresh.deliveries)
        if not (self._probing and self._lines.unfinished):
            due = await deliveries.due(name, self._lines.read_to, self._lines.appeals, limit)
            self._lines.add_due(due, self._wanted(due))
            self._lines.add_again(await deliveries.again(name, self._lines.asked_again, limit))
            more = more or bool(due.deliveries)
        self._ready.set()
        return more or self._lines.unfinished > 0

    def _wanted(self, read: Read) -> frozenset[int]:
        return frozenset(each.change.number for each in read.deliveries if self._endpoint.wants(each))

    async def _some_came_back(self) -> None:
        """Wait until there is a batch to keep, or a while."""
        if self._lines.unfinished:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SETTLE_EVERY):
                    await self._told.wait()
        self._told.clear()
        for courier in self._couriers:
            if courier.done():
                courier.result()  # A mistake of ours ends the run.

    async def _settle(self) -> None:
        progress = self._lines.progress(self._clock(), _PATIENCE)
        attempts, self._attempts = self._attempts, []
        await self._store.deliveries.settle(
            self._lane, self._endpoint.name, replace(progress, failing=self._failing, attempts=attempts)
        )
        if attempts:
            self._watch()

    def _hire(self, count: int) -> None:
        self._couriers += [asyncio.create_task(self._carry()) for _ in range(count - len(self._couriers))]

    async def _carry(self) -> None:
        """Send the first of one line after another, whichever may go."""
        while (line := await self._next()) is not None:
            line.sent_at = self._clock()
            attempt = await self._send(replace(line.waiting[0], tries=line.tries))
            self._attempts.append(attempt)
            self._judge(line, attempt)
            if len(self._attempts) >= _BATCH or not self._lines.unfinished or self._rest:
                self._told.set()

    async def _next(self) -> Line | None:
        while not self._over and self._rest is None:
            if (line := self._lines.next()) is not None:
                return line
            self._ready.clear()
            await self._ready.wait()
        return None

    def _judge(self, line: Line, attempt: Attempt) -> None:
        """Draw the conclusions of one attempt: for its line, and for the endpoint."""
        if attempt.outcome is Outcome.DELIVERED:
            self._failing = 0
            self._lines.delivered(line)
            self._ready.set()
            if self._probing:
                self._probing = False
                self._hire(self._endpoint.concurrency)
        elif attempt.outcome is Outcome.GONE:
            self._lines.failed(line, line.tries, timedelta(), attempt.reason)
            self._leave_alone(Rest(attempt.reason, timedelta(), disabled=True))
        elif attempt.outcome is Outcome.BUSY:
            lasting = self._patience(attempt)
            self._lines.failed(line, line.tries, lasting, attempt.reason)
            self._leave_alone(Rest(attempt.reason, lasting))
        else:
            self._failed(line, attempt)

    def _failed(self, line: Line, attempt: Attempt) -> None:
        retry, breaker = self._endpoint.retry, self._endpoint.breaker
        self._failing += 1
        refused = attempt.outcome is Outcome.REFUSED
        # A probe that finds the endpoint still away uses up no try: that is not the fault of its change.
        tries = line.tries if self._probing and not refused else line.tries + 1
        is_dead = tries >= (retry.refused if refused else retry.attempts)
        self._lines.failed(line, tries, None if is_dead else backoff(retry.wait, tries), attempt.reason)
        if self._probing or self._failing >= breaker.failures:
            failures = self._lane.failures + 1
            self._leave_alone(Rest(attempt.reason, bound(breaker.wait, failures), failures))

    def _patience(self, attempt: Attempt) -> timedelta:
        return min(attempt.retry_after or self._endpoint.breaker.wait.shortest, self._endpoint.retry.retry_after_max)

    def _leave_alone(self, rest: Rest) -> None:
        """Send nothing more; of several reasons the one that lasts counts."""
        if self._rest is None or rest.disabled:
            self._rest = rest
        self._ready.set()


def bound(wait: Between, tries: int) -> timedelta:
    """The longest wait before the next try, doubling from the shortest up to the longest."""
    return min(wait.longest, wait.shortest * float(2 ** min(tries - 1, 30)))


def backoff(wait: Between, tries: int) -> timedelta:
    """Draw a wait below that bound ("full jitter"), so that what failed together does not come back together."""
    return random.random() * bound(wait, tries)  # noqa: S311  # not a secret
