"""Registers: pulled, landed and read like sources, into entries that never count as tickets."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hub.config import Source
from hub.connectors.paths import reader
from hub.model import SourceClass, SourceRecord, Tally, Ticket
from hub.normalize import ENTRY, compile_mapping
from hub.store.store import Store
from hub.sync import sync
from tests.scripted import ZONE, claimed, scripted, ticket

MAP = {
    "external_id": "dm",
    "name": "mc",
    "parent": "sj",
    "location.point": {"from": ["x", "y"], "crs": "wgs84"},
    "active": {"from": "zt", "map": {"1": True, "0": False}, "else": "reject", "default": True},
    "attributes.编制": "bz",
}


def register(*pages: Sequence[Ticket], **keys: Any) -> Source:
    record = SourceRecord("organizations", "承办单位", SourceClass.REGISTER, connector="script")
    mapping = compile_mapping("organizations", MAP, maps={}, timezone=ZONE, nulls=[], form=ENTRY)
    return replace(scripted(*pages, name="organizations"), record=record, mapping=mapping, **keys)


async def entries(store: Store) -> dict[str, str]:
    return {entry.external_id: entry.name for entry in (await store.reads.entries("organizations", size=100)).entries}


async def test_rows_become_entries_and_no_appeal(store):
    source = register(
        [{"dm": "1", "mc": "市城管委", "x": 112.2, "y": 31.0, "bz": 12}, {"dm": "2", "mc": "大队", "sj": "1"}]
    )

    tally = await sync(source, store, await claimed(store, source))

    page = await store.reads.entries("organizations", size=100)
    assert tally == Tally(landed=2, served=2)
    assert page.count == 2
    assert (page.entries[0].location_point, page.entries[0].attributes) == ((112.2, 31.0), {"编制": 12})
    assert page.entries[1].parent == "1"
    assert (await store.reads.source_health())[0].served == 2
    assert await store.reads.last_change_number() == 0


async def test_a_row_that_comes_again_changes_its_entry(store):
    source = register([{"dm": "1", "mc": "城管委"}])
    lane = await claimed(store, source)
    await sync(source, store, lane)

    await sync(register([{"dm": "1", "mc": "城市管理执法委员会", "zt": "0"}]), store, lane)

    (entry,) = (await store.reads.entries("organizations", size=100)).entries
    assert (entry.name, entry.active) == ("城市管理执法委员会", False)


async def test_an_entry_that_a_list_no_longer_holds_stays(store):
    lane = await claimed(store, register())
    await sync(register([{"dm": "1", "mc": "甲"}, {"dm": "2", "mc": "乙"}]), store, lane)

    await sync(register([{"dm": "1", "mc": "甲"}]), store, lane)

    assert await entries(store) == {"1": "甲", "2": "乙"}


async def test_a_row_that_does_not_read_is_set_aside_and_replayed_like_a_ticket(store):
    source = register([{"dm": "1", "mc": "甲", "zt": "9"}])
    lane = await claimed(store, source)

    tally = await sync(source, store, lane)

    (set_aside,) = (await store.reads.rejected_tickets("organizations", size=10)).tickets
    assert tally == Tally(landed=1, rejected=1)
    assert "add it under registers.organizations.map.active.map" in set_aside.reason
    assert await store.tickets.replay("organizations") == 1


async def test_rows_that_are_no_tickets_are_left_unread(store):
    source = register([{"dm": "1", "mc": "甲"}, {"dm": "", "mc": "合计"}, {"mc": "合计"}], only_if=reader("dm"))

    tally = await sync(source, store, await claimed(store, source))

    assert tally == Tally(landed=1, served=1)
    assert await entries(store) == {"1": "甲"}


async def test_a_row_that_could_not_be_read_is_a_ticket_whatever_only_if_says(store):
    source = register([{"@broken": "line 3: 2 cells, not 5"}], only_if=reader("dm"))

    assert await sync(source, store, await claimed(store, source)) == Tally(landed=1, rejected=1)


async def test_a_register_has_the_name_of_no_source_and_both_are_healthy(store):
    source, other = scripted([ticket(1)]), register([{"dm": "1", "mc": "甲"}])
    await store.lanes.declare([source.record, other.record])

    found = {health.record.name: health.record.source_class for health in await store.reads.source_health()}

    assert found == {"housing": SourceClass.HOTLINE, "organizations": SourceClass.REGISTER}
