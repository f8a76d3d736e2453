"""The whole city through connectors.yaml alone: every ticket ends as an appeal, or rejected for a true reason."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import cos, hypot, radians
from pathlib import Path

import pytest

from hub.config import Source, load
from hub.model import AppealFilter, Tally
from hub.store.lanes import source_lane
from hub.store.store import Store
from hub.sync import run
from replica import Replica
from replica.city import Flaw
from replica.systems import DROP_SYSTEMS, WEB_SYSTEMS
from tests.conftest import _database
from tests.replica.conftest import Clock

NAMES = [*WEB_SYSTEMS, *DROP_SYSTEMS]
FIELD = {Flaw.UNKNOWN_STATUS: "status", Flaw.NO_ID: "external_id", Flaw.NO_SUCH_DAY: "created_at"}
RESTING = 2.1  # seconds until a workbook without a marker counts as whole


@dataclass
class Pulled:
    """A city that stands still, pulled twice."""

    city: Replica
    store: Store
    first: dict[str, Tally]
    second: dict[str, Tally]
    changes: tuple[int, int]
    """The number of the last change after each."""

    def flaws(self, name: str) -> Counter[str]:
        return Counter(FIELD[case.flaw] for case in self.city.desks[name].cases() if case.flaw)


@pytest.fixture(scope="module")
async def pulled(tmp_path_factory: pytest.TempPathFactory, server_url: str, template: str) -> AsyncIterator[Pulled]:
    folder = tmp_path_factory.mktemp("city")
    async with (
        Replica(files=folder / "drop", clock=Clock()) as city,
        _database(server_url, template) as url,
    ):
        store = await Store.open(url)
        sources = sources_of(city, folder)
        await asyncio.sleep(RESTING)
        first = await all_run(sources.values(), store)
        before = await store.reads.last_change_number()
        second = await all_run(sources.values(), store)
        after = await store.reads.last_change_number()
        yield Pulled(city, store, first, second, (before, after))
        await store.close()


def sources_of(city: Replica, folder: Path) -> dict[str, Source]:
    """Read the repository's own connectors.yaml, changed in nothing but its patience."""
    text = Path("connectors.yaml").read_text("utf-8")
    assert "attempts: 5, wait: 1s..30s" in text
    hurried = text.replace("attempts: 5, wait: 1s..30s", "attempts: 9, wait: 1ms..5ms")
    (folder / "connectors.yaml").write_text(hurried, "utf-8")
    environ = {"REPLICA_URL": city.url, "REPLICA_FILES": str(city.files)}
    return load(folder / "connectors.yaml", environ).sources


async def all_run(sources: Iterable[Source], store: Store) -> dict[str, Tally]:
    sources = list(sources)
    await store.lanes.declare([source.record for source in sources])
    tallies = await asyncio.gather(*(one_run(source, store) for source in sources))
    return {source.name: tally for source, tally in zip(sources, tallies, strict=True)}


async def one_run(source: Source, store: Store) -> Tally:
    lane = await store.lanes.claim_named(source_lane(source.name), "journey", timedelta(seconds=60))
    assert lane is not None
    return await run(source, store, lane)


async def served(store: Store, name: str) -> int:
    return await store.reads.count(AppealFilter(source=(name,)))


async def test_connectors_yaml_describes_the_whole_city_and_nothing_else(pulled):
    assert set(pulled.first) == set(NAMES) == set(pulled.city.desks)


@pytest.mark.parametrize("name", NAMES)
async def test_every_case_without_a_flaw_is_an_appeal(pulled, name):
    flaws = pulled.flaws(name)

    assert await served(pulled.store, name) == len(pulled.city.desks[name].cases()) - flaws.total()


@pytest.mark.parametrize("name", NAMES)
async def test_every_flawed_case_is_rejected_at_the_field_that_is_wrong(pulled, name):
    flaws = pulled.flaws(name)

    rejected = await pulled.store.reads.rejected_tickets(name, size=100)

    fields = Counter(ticket.field for ticket in rejected.tickets)
    if name in DROP_SYSTEMS and fields["external_id"]:
        # Without an id, each file that holds the case makes it another ticket.
        fields["external_id"] = flaws["external_id"]
    assert fields == flaws
    assert flaws.total() > 0


@pytest.mark.parametrize("name", NAMES)
async def test_a_second_run_over_a_city_that_stands_still_changes_nothing(pulled, name):
    again = pulled.second[name]

    assert (again.landed, again.served, again.rejected) == (0, 0, 0)
    assert pulled.changes[0] == pulled.changes[1] > 2000


@pytest.mark.parametrize(
    ("name", "external_id"),
    [
        ("hotline-12345", "{}"),
        ("gaopinban", "GPB-{}"),
        ("hotline-12319", "1010{:08d}"),
        ("shuzi-chengguan", "{}"),
    ],
)
async def test_whatever_datum_a_system_speaks_a_point_ends_where_it_truly_is(pulled, name, external_id):
    cases = [case for case in pulled.city.desks[name].cases() if not case.flaw][:20]

    for case in cases:
        stored = await pulled.store.reads.appeal_of(name, external_id.format(case.number))
        longitude, latitude = stored.appeal.location_point
        east = (longitude - case.longitude) * 111_320 * cos(radians(case.latitude))
        north = (latitude - case.latitude) * 111_320
        assert hypot(east, north) < 1


@pytest.mark.parametrize(("name", "external_id"), [("hotline-12345-jingshan", "JS{:010d}"), ("gaopinban", "GPB-{}")])
async def test_full_width_digits_and_spaces_come_out_as_one_kind_of_number(pulled, name, external_id):
    case = next(case for case in pulled.city.desks[name].cases() if case.number % 3 == 0 and not case.flaw)

    stored = await pulled.store.reads.appeal_of(name, external_id.format(case.number))

    assert stored.appeal.reporter_phone == f"+86{case.phone}"


async def test_times_of_every_habit_name_the_same_moment(pulled):
    """Epochs, bare digits, offsets, Excel serials and times in two fields."""
    id_of = {
        "hotline-12345": "{}",
        "hotline-12315": "12315-{}",
        "gaopinban": "GPB-{}",
        "mashangyi": "{}",
        "huiqi": "{}",
        "mayor-mailbox": "SZXX-{}",
        "petition": "XF2026{:08d}",
    }
    for name, external_id in id_of.items():
        seen = next(each for each in reversed(pulled.city.desks[name].snapshots()) if not each.case.flaw)

        stored = await pulled.store.reads.appeal_of(name, external_id.format(seen.case.number))

        assert stored.appeal.updated_at == seen.updated_at, name


async def test_nothing_is_lost_to_systems_that_misbehave(pulled, store, tmp_path):
    """Late, busy, broken and cut answers, shuffled rows, and tokens that last a moment: the same appeals."""
    faults = pulled.city.faults
    sources = {name: source for name, source in sources_of(pulled.city, tmp_path).items() if name in WEB_SYSTEMS}
    faults.latency, faults.reorder, faults.retry_after = timedelta(milliseconds=1), True, 0
    faults.too_many = faults.broken = faults.cut = 0.05
    try:
        await all_run(sources.values(), store)
    finally:
        faults.latency, faults.reorder, faults.retry_after = timedelta(), False, 1
        faults.too_many = faults.broken = faults.cut = 0.0

    for name in sources:
        assert await served(store, name) == await served(pulled.store, name), name


async def test_new_tickets_and_changes_reach_the_appeals_while_the_city_runs(store, tmp_path):
    """A city in a hurry: every system has a new case each second, and every case moves on about as fast."""
    async with Replica(files=tmp_path / "drop", pace=timedelta(milliseconds=100)) as city:
        sources = sources_of(city, tmp_path)
        chosen = [sources[name] for name in ("hotline-12315", "mashangyi", "hotline-12345-jingshan")]
        await all_run(chosen, store)
        before = await store.reads.last_change_number()

        await asyncio.sleep(3.5)
        second = await all_run(chosen, store)

    assert all(tally.served > 0 for tally in second.values()), second
    changes = await store.reads.changes(before, 1000)
    assert {change.type for change in changes} >= {"appeal.created", "appeal.status_changed"}
