"""A source whose pages are written in the test: the far side of the wire, faked at the connector's one verb."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from hub.config import Schedule, Source
from hub.connectors.base import Options
from hub.model import Cursor, Lane, Page, SourceClass, SourceRecord, Ticket
from hub.normalize import compile_mapping
from hub.store.store import Store

ZONE = ZoneInfo("Asia/Shanghai")
MAP: dict[str, Any] = {
    "external_id": "id",
    "title": "title",
    "status": {"from": "status", "map": {"open": "RECEIVED", "done": "RESOLVED"}, "else": "reject"},
    "created_at": {"from": "at", "date": "iso"},
}


def ticket(external_id: object, **fields: Any) -> Ticket:
    return {"id": external_id, "title": "电梯停运", "status": "open", "at": "2026-03-01 08:00:00", **fields}


class Script:
    """Yields the pages after the cursor; an exception among them is raised where it stands."""

    options_type: ClassVar[type[Options]] = Options
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, pages: Iterable[Sequence[Ticket] | Exception]) -> None:
        self.pages = list(pages)
        self.asked: list[Cursor | None] = []

    async def pull(self, cursor: Cursor | None) -> AsyncIterator[Page]:
        self.asked.append(cursor)
        for number, page in enumerate(self.pages):
            if number < (cursor or {}).get("next", 0):
                continue
            if isinstance(page, Exception):
                raise page
            yield Page(
                page, {"next": number + 1}, total=sum(len(p) for p in self.pages if not isinstance(p, Exception))
            )


def scripted(
    *pages: Sequence[Ticket] | Exception, rules: dict[str, Any] | None = None, name: str = "housing"
) -> Source:
    return Source(
        record=SourceRecord(name, "住房热线", SourceClass.HOTLINE, connector="script"),
        connector=Script(pages),
        mapping=compile_mapping(name, rules or MAP, maps={}, timezone=ZONE, nulls=[]),
        schedule=Schedule(ZONE, timedelta(hours=1), None),
        enabled=True,
    )


async def claimed(store: Store, source: Source) -> Lane:
    await store.lanes.declare([source.record])
    lane = await store.lanes.claim_named(f"source:{source.name}", "test", timedelta(minutes=1))
    assert lane is not None
    return lane
