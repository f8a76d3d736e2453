"""What a resolver reaches: the store's reads, the live log, and loaders that ask once for what many fields want."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import strawberry
from strawberry.dataloader import DataLoader

from hub.model import Drift, SourceHealth, SourceRecord, StoredAppeal
from hub.schema.live import Live
from hub.store.reads import ChangePage, Reads


class ChangesWanted(NamedTuple):
    """A page of one appeal's changes."""

    appeal_id: int
    size: int
    after: int


@dataclass(frozen=True, slots=True)
class Context:
    """One for every operation, so that nothing loaded for one client is seen by another.

    The loaders gather what fields ask for in the same turn of the event loop; they remember nothing, because a
    subscription lives for days and must see each appeal as it is.
    """

    reads: Reads
    live: Live
    compiler: Any
    records: "DataLoader[str, SourceRecord]"
    health: "DataLoader[str, SourceHealth]"
    drift: "DataLoader[str, list[Drift]]"
    appeals: "DataLoader[int, StoredAppeal | None]"
    changes: "DataLoader[ChangesWanted, ChangePage]"

    @classmethod
    def of(cls, reads: Reads, live: Live, compiler: Any) -> "Context":
        async def records(names: list[str]) -> Sequence[SourceRecord]:
            known = await reads.source_records()
            return [known[name] for name in names]

        async def health(names: list[str]) -> Sequence[SourceHealth]:
            known = {one.record.name: one for one in await reads.source_health()}
            return [known[name] for name in names]

        async def drift(names: list[str]) -> Sequence[list[Drift]]:
            known = await reads.drift()
            return [[one for one in known if one.source == name] for name in names]

        async def appeals(ids: list[int]) -> Sequence[StoredAppeal | None]:
            known = await reads.appeals_by_id(set(ids))
            return [known.get(one) for one in ids]

        async def changes(wanted: list[ChangesWanted]) -> list[ChangePage]:
            known: dict[ChangesWanted, ChangePage] = {}
            for size, after in {(one.size, one.after) for one in wanted}:
                ids = {one.appeal_id for one in wanted if (one.size, one.after) == (size, after)}
                pages = await reads.changes_of(ids, size=size, after=after)
                known |= {ChangesWanted(key, size, after): page for key, page in pages.items()}
            return [known[one] for one in wanted]

        return cls(
            reads=reads,
            live=live,
            compiler=compiler,
            records=DataLoader(records, cache=False),
            health=DataLoader(health, cache=False),
            drift=DataLoader(drift, cache=False),
            appeals=DataLoader(appeals, cache=False),
            changes=DataLoader(changes, cache=False),
        )


Info: TypeAlias = "strawberry.Info[Context, None]"
