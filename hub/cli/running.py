"""Answer `hub sync` and `hub replay`: work on sources under their lanes, and show what became of the tickets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Self, TypeAlias

import structlog
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from hub.cli import logs
from hub.cli.asked import Asked, choose, choose_enabled, opened
from hub.cli.failures import FAILED, internal
from hub.cli.stopping import until_stopped
from hub.cli.voice import answer, columns, talk, visible
from hub.config import Config, Source
from hub.errors import HubError
from hub.lanes import LEASE, hold, holder
from hub.model import Lane, Tally
from hub.store.lanes import source_lane
from hub.store.store import Store
from hub.sync import Watch, run, serve_pending

_LOOK_EVERY = 0.3  # seconds between tries for a lane that is held

_log = structlog.get_logger()

_Work: TypeAlias = Callable[[Source, Lane, Watch], Awaitable[Tally]]
"""What is done with one source under its lane."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source: what it did, and the error that ended it early."""

    source: str
    tally: Tally
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Limits:
    """How many sources at once, and how long to wait for a lane that another process holds."""

    concurrency: int
    wait: timedelta


def sync(asked: Asked, names: Sequence[str], concurrency: int, wait: int) -> int:
    """Pull the named sources, or all that are enabled."""
    config = asked.configuration()
    sources = choose_enabled(config, names)
    logs.configure(asked, logging.WARNING, config.secrets)
    return told(asked, until_stopped(_sync(asked, config, sources, _Limits(concurrency, timedelta(seconds=wait)))))


def replay(asked: Asked, name: str | None, every: bool, concurrency: int, wait: int) -> int:
    """Make tickets pending again and serve them at once; of every source where none is named."""
    config = asked.configuration()
    sources = [choose(config, name)] if name else list(config.pulled.values())
    logs.configure(asked, logging.WARNING, config.secrets)
    limits = _Limits(concurrency, timedelta(seconds=wait))
    outcomes = until_stopped(_replay(asked, config, sources, every, limits))
    if not outcomes:
        answer(asked, {"sources": []}, "no rejected tickets" if not every else "no tickets")
        return 0
    return told(asked, outcomes)


async def _sync(asked: Asked, config: Config, sources: Sequence[Source], limits: _Limits) -> list[Outcome]:
    async with opened(config) as store:

        async def pull(source: Source, lane: Lane, watch: Watch) -> Tally:
            return await run(source, store, lane, watch=watch)

        return await _all(asked, store, sources, pull, limits)


async def _replay(
    asked: Asked, config: Config, sources: Sequence[Source], every: bool, limits: _Limits
) -> list[Outcome]:
    async with opened(config) as store:
        health = {each.record.name: each for each in await store.reads.source_health()}

        def concerned(source: Source) -> int:
            found = health[source.name]
            return found.rejected + found.pending + (found.served if every else 0)

        async def again(source: Source, lane: Lane, _watch: Watch) -> Tally:
            # The lane is ours before the tickets are pending, or a worker would serve them and we could not tell.
            try:
                await store.tickets.replay(source.name)
                if every:
                    await store.tickets.replay_served(source.name)
                return await hold(store.lanes, lane, LEASE, serve_pending(source, store, lane))
            finally:
                await store.lanes.release(lane)

        return await _all(asked, store, [source for source in sources if concerned(source)], again, limits)


async def _all(asked: Asked, store: Store, sources: Sequence[Source], work: _Work, limits: _Limits) -> list[Outcome]:
    """Work on every source, a bounded number at once; one that fails ends no other."""
    free = asyncio.Semaphore(limits.concurrency)
    with Bars(asked) as bars:

        async def one(source: Source) -> Outcome:
            async with free:
                bar = bars.add(source.name)
                try:
                    lane = await claimed(store, source_lane(source.name), limits.wait, bar)
                    return Outcome(source.name, await work(source, lane, bar.watch))
                except HubError as error:
                    return Outcome(source.name, bar.tally, error.message, error.hint)
                except Exception as error:  # noqa: BLE001  # one source's surprise must not hide what the others did
                    _log.debug("a mistake of the hub's", source=source.name, exc_info=True)
                    return Outcome(source.name, bar.tally, internal(error))
                finally:
                    bar.close()

        return await asyncio.gather(*map(one, sources))


async def claimed(store: Store, name: str, wait: timedelta, bar: "Bar") -> Lane:
    """Take a lane; where another process works on it, say who, and wait. Raises HubError after that."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait.total_seconds()
    told = ""
    while (lane := await store.lanes.claim_named(name, holder(), LEASE)) is None:
        other = await store.lanes.holder(name)
        if other and loop.time() >= until:
            raise HubError(f"{other} is working on it", hint="try again later, or give --wait more seconds")
        if other and other != told:
            told = other
            bar.say(f"{bar.source}: {other} is working on it; waiting up to {wait.total_seconds():.0f}s")
        await asyncio.sleep(_LOOK_EVERY)
    return lane


class Bars:
    """Progress bars on stderr, where somebody looks at a terminal."""

    def __init__(self, asked: Asked) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[done]}"),
            TimeElapsedColumn(),
            console=talk,
            disable=asked.json or not talk.is_terminal or talk.is_dumb_terminal,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def add(self, source: str) -> "Bar":
        return Bar(source, self._progress, self._progress.add_task(source, total=None, done=""))


class Bar:
    """The progress of one source, and the last that was heard of it."""

    def __init__(self, source: str, progress: Progress, task: TaskID) -> None:
        self.source = source
        self._progress = progress
        self._task = task
        self.tally = Tally()

    def watch(self, tally: Tally, total: int | None) -> None:
        self.tally = tally
        done = tally.landed + tally.unchanged + tally.repeated
        of = f" of {total}" if total else ""
        self._progress.update(self._task, completed=done, total=total, done=f"{done}{of} tickets")

    def say(self, line: str) -> None:
        talk.print(visible(line), soft_wrap=True)

    def close(self) -> None:
        self._progress.remove_task(self._task)


def told(asked: Asked, outcomes: Sequence[Outcome]) -> int:
    answer(asked, {"sources": [_facts(outcome) for outcome in outcomes]}, _table(outcomes), *_next_steps(outcomes))
    return FAILED if any(outcome.error for outcome in outcomes) else 0


def _facts(outcome: Outcome) -> dict[str, Any]:
    error = {"message": outcome.error, "hint": outcome.hint} if outcome.error else None
    return {"source": outcome.source, **asdict(outcome.tally), "error": error}


def _table(outcomes: Sequence[Outcome]) -> Table:
    """One row a source, and their sum where there are several; repeated ids only where there were some."""
    total = sum((outcome.tally for outcome in outcomes), Tally())
    names = ["landed", "served", "unchanged", "rejected", *(["repeated"] if total.repeated else [])]
    rows = [(outcome.source, outcome.tally) for outcome in outcomes]
    if len(rows) > 1:
        rows.append(("total", total))
    return columns(["source", *names], ([source, *(getattr(tally, name) for name in names)] for source, tally in rows))


def _next_steps(outcomes: Sequence[Outcome]) -> list[str]:
    """What went wrong, and for each the command to run next."""
    failed = [outcome for outcome in outcomes if outcome.error]
    lines = [_failure(outcome) for outcome in failed]
    refusing = [outcome for outcome in outcomes if outcome.tally.rejected]
    rejected = sum(outcome.tally.rejected for outcome in refusing)
    if len(refusing) == 1:
        lines.append(f"{rejected} rejected: run `hub rejected {refusing[0].source}`")
    elif refusing:
        lines.append(f"{rejected} rejected in {len(refusing)} sources: run `hub rejected`")
    if len(failed) == 1:
        lines.append(f"1 failed: run `hub try {failed[0].source}` to see what it answers")
    elif failed:
        lines.append(f"{len(failed)} sources failed: run `hub sources`, or `hub try SOURCE` to see what one answers")
    return lines


def _failure(outcome: Outcome) -> str:
    cure = f"; {outcome.hint}" if outcome.hint else ""
    return str(visible(f"{outcome.source} failed: {outcome.error}{cure}"))
