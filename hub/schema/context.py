"""What a resolver reaches: the store's reads, the live log, and loaders that ask once for what many fields want."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import strawberry
from strawberry.dataloader import DataLoader

from hub.model import Drift, Entry, SourceHealth, SourceRecord, StoredAppeal
from hub.schema.live import Live
from hub.schema.tracing import Trace
from hub.schema.viewers import ANYBODY, Viewer
from hub.store.reads import ChangePage, Reads
from hub.store.store import Store


class ChangesWanted(NamedTuple):
    """A page of one appeal's changes."""

    appeal_id: int
    size: int
    after: int


class Context:
    """One for every operation, so that nothing loaded for one client is seen by another.

    The loaders gather what fields ask for in the same turn of the event loop; they remember nothing, because a
    subscription lives for days and must see each appeal as it is. Each is made when the first field asks.
    """

    def __init__(
        self, reads: Reads, live: Live, compiler: Any, *, viewer: Viewer = ANYBODY, store: Store | None = None
    ) -> None:
        self.reads = reads
        self.viewer = viewer
        self.store = store
        self.live = live
        self.compiler = compiler
        self.plans: list[dict[str, Any]] | None = None
        """How each field was answered; None when nobody wants to know."""
        self.trace: Trace | None = None
        """How long each field took; None when nobody wants to know."""
        self._last_change: asyncio.Future[int] | None = None

    async def last_change(self, ask: Callable[[], Coroutine[Any, Any, int]]) -> int:
        """The number of the newest change; the fields that need it at the same moment ask for it once."""
        if self._last_change is None or self._last_change.done():
            self._last_change = asyncio.ensure_future(ask())
        return await self._last_change

    @cached_property
    def records(self) -> "DataLoader[str, SourceRecord]":
        async def records(names: list[str]) -> Sequence[SourceRecord]:
            known = await self.reads.source_records()
            return [known[name] for name in names]

        return DataLoader(records, cache=False)

    @cached_property
    def health(self) -> "DataLoader[str, SourceHealth]":
        async def health(names: list[str]) -> Sequence[SourceHealth]:
            known = {one.record.name: one for one in await self.reads.source_health()}
            return [known[name] for name in names]

        return DataLoader(health, cache=False)

    @cached_property
    def drift(self) -> "DataLoader[str, list[Drift]]":
        async def drift(names: list[str]) -> Sequence[list[Drift]]:
            known = await self.reads.drift()
            return [[one for one in known if one.source == name] for name in names]

        return DataLoader(drift, cache=False)

    @cached_property
    def appeals(self) -> "DataLoader[int, StoredAppeal | None]":
        async def appeals(ids: list[int]) -> Sequence[StoredAppeal | None]:
            known = await self.reads.appeals_by_id(set(ids))
            return [known.get(one) for one in ids]

        return DataLoader(appeals, cache=False)

    @cached_property
    def appeals_by_source(self) -> "DataLoader[tuple[str, str], StoredAppeal | None]":
        """By their sources and the ids that they have there."""

        async def appeals(keys: list[tuple[str, str]]) -> Sequence[StoredAppeal | None]:
            known = await self.reads.appeals_of(set(keys))
            return [known.get(key) for key in keys]

        return DataLoader(appeals, cache=False)

    @cached_property
    def entries_named(self) -> "DataLoader[str, Entry | None]":
        async def entries(names: list[str]) -> Sequence[Entry | None]:
            known = await self.reads.entries_named(set(names))
            return [known.get(name) for name in names]

        return DataLoader(entries, cache=False)

    @cached_property
    def entries(self) -> "DataLoader[tuple[str, str], Entry | None]":
        """By their registers and the ids that they have there."""

        async def entries(keys: list[tuple[str, str]]) -> Sequence[Entry | None]:
            known = await self.reads.entries_of(set(keys))
            return [known.get(key) for key in keys]

        return DataLoader(entries, cache=False)

    @cached_property
    def changes(self) -> "DataLoader[ChangesWanted, ChangePage]":
        async def changes(wanted: list[ChangesWanted]) -> list[ChangePage]:
            known: dict[ChangesWanted, ChangePage] = {}
            for size, after in {(one.size, one.after) for one in wanted}:
                ids = {one.appeal_id for one in wanted if (one.size, one.after) == (size, after)}
                pages = await self.reads.changes_of(ids, size=size, after=after)
                known |= {ChangesWanted(key, size, after): page for key, page in pages.items()}
            return [known[one] for one in wanted]

        return DataLoader(changes, cache=False)


Info: TypeAlias = "strawberry.Info[Context, None]"
