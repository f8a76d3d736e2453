"""The whole city through connectors.yaml alone: every ticket ends as an appeal, or rejected for a true reason."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import cos, hypot, radians
from pathlib import Path

import pytest

from hub.app import create_app
from hub.config import Source, load
from hub.model import Appeal, Channel, Integration, SourceClass, Status, Tally
from hub.store.lanes import source_lane
from hub.store.reads import AppealQuery
from hub.store.store import Store
from hub.sync import run
from hub.wanted import AppealFilter
from replica import Replica
from replica.city import Flaw, Snapshot, Stage
from replica.columns import write
from replica.counters.folders import Folder
from replica.counters.graphql import Graphql
from replica.counters.lists import Listing
from replica.counters.open311 import Open311
from replica.counters.soap import Soap
from replica.systems import SYSTEMS
from replica.systems.absorbed import ABSORBED
from replica.systems.dual_numbers import DUAL_NUMBERS
from tests.conftest import _database
from tests.replica.conftest import Clock
from tests.schema.conftest import running

NAMES = list(SYSTEMS)
ON_THE_WEB = [
    name for name, system in SYSTEMS.items() if isinstance(system.counter, Listing | Open311 | Soap | Graphql)
]
FIELD = {Flaw.UNKNOWN_STATUS: "status", Flaw.NO_ID: "external_id", Flaw.NO_SUCH_DAY: "created_at"}
STATUSES = {
    Stage.RECEIVED: {Status.RECEIVED},
    Stage.ACCEPTED: {Status.ACCEPTED, Status.IN_PROGRESS, Status.RECEIVED},
    Stage.DECLINED: {Status.REJECTED},
    Stage.DISPATCHED: {Status.DISPATCHED, Status.IN_PROGRESS},
    Stage.WORKING: {Status.IN_PROGRESS},
    Stage.RETURNED: {Status.RETURNED},
    Stage.DONE: {Status.RESOLVED},
    Stage.AGAIN: {Status.REWORK, Status.IN_PROGRESS},
    Stage.CLOSED: {Status.CLOSED},
}
"""What each stage may read as: not every system tells a case that is dispatched from one that is worked on."""
COARSE = {"petition": timedelta(days=1), "hotline-12301": timedelta(minutes=1), "hotline-12358": timedelta(minutes=1)}
"""How much of a time a system leaves out; the others leave out less than a second."""
ON_A_MAP = {f"hotline-{line}" for line in (12315, 12319, 12328, 12336, 12345, 12348, 12369)} | {"gaopinban", "zongzhi"}
WITH_STEPS = {"hotline-12349", "zongzhi"}
"""Those that tell every step of a case."""
CHOSEN = {"hotline-12319"}
"""Where a whole sentence is said, of which the first word counts."""
CONFIDENTIAL = {"hotline-12356", "hotline-12338", "hotline-12355"}
RESTING = 2.1  # seconds until a workbook without a marker counts as whole


@dataclass
class Pulled:
    """A city that stands still, pulled twice."""

    city: Replica
    store: Store
    sources: dict[str, Source]
    first: dict[str, Tally]
    second: dict[str, Tally]
    changes: tuple[int, int]
    """The number of the last change after each."""
    appeals: dict[str, dict[str, Appeal]]
    """By source, and by the id there."""

    def flaws(self, name: str) -> Counter[str]:
        found = Counter(FIELD[case.flaw] for case in self.city.desks[name].cases() if case.flaw)
        # What is not numbered yet is no mistake of the system's, but no appeal yet either.
        return found + Counter({"external_id": self.waiting(name)})

    def waiting(self, name: str) -> int:
        rows = [SYSTEMS[name].columns["token"](seen) for seen in self.seen(name)] if name == "hotline-12328" else []
        return len(list(filter(None, rows)))

    def pairs(self, name: str) -> Iterator[tuple[Snapshot, Appeal]]:
        """Every case that was written down well and has a number, as it stands, and the appeal of it."""
        for seen in self.seen(name):
            if seen.case.flaw is None and (number := self.number(name, seen)):
                yield seen, self.appeals[name][number]

    def quoted(self, order: Appeal) -> Appeal | None:
        """Find the appeal of the other system that knows the same call."""
        return self.appeals[f"hotline-{order.origin_hotline}"].get(order.attributes["来源系统工单号"])

    def number(self, name: str, seen: Snapshot) -> str | None:
        """Read the id of a case out of what its system writes."""
        return self.sources[name].mapping.identify(write(SYSTEMS[name].columns, seen))

    def seen(self, name: str) -> list[Snapshot]:
        return self.city.desks[name].snapshots()


@pytest.fixture(scope="module")
async def pulled(tmp_path_factory: pytest.TempPathFactory, server_url: str, template: str) -> AsyncIterator[Pulled]:
    folder = tmp_path_factory.mktemp("city")
    async with (
        Replica(files=folder / "drop", clock=Clock()) as city,
        _database(server_url, template) as url,
    ):
        store = await Store.open(url)
        sources = sources_of(city, folder)
        await store.lanes.declare([source.record for source in sources.values()])
        async with running(create_app(store, sources=sources)) as hub:
            city.hub = hub.url
            await city.tell()
        await asyncio.sleep(RESTING)
        first = await all_run(sources.values(), store)
        before = await store.reads.last_change_number()
        second = await all_run(sources.values(), store)
        after = await store.reads.last_change_number()
        appeals = {name: await appeals_of(store, name) for name in sources}
        yield Pulled(city, store, sources, first, second, (before, after), appeals)
        await store.close()


def sources_of(city: Replica, folder: Path) -> dict[str, Source]:
    """Read the repository's own connectors.yaml, changed in nothing but its patience."""
    text = Path("connectors.yaml").read_text("utf-8")
    assert "attempts: 5, wait: 1s..30s" in text
    hurried = text.replace("attempts: 5, wait: 1s..30s", "attempts: 9, wait: 1ms..5ms")
    (folder / "connectors.yaml").write_text(hurried, "utf-8")
    (folder / "wsdl").symlink_to(Path("wsdl").resolve())
    return load(folder / "connectors.yaml", city.surroundings).sources


async def all_run(sources: Iterable[Source], store: Store) -> dict[str, Tally]:
    sources = list(sources)
    await store.lanes.declare([source.record for source in sources])
    # In a group: where one run fails the others end with it, and do not trouble the tests that follow.
    async with asyncio.TaskGroup() as group:
        runs = {source.name: group.create_task(one_run(source, store)) for source in sources}
    return {name: done.result() for name, done in runs.items()}


async def one_run(source: Source, store: Store) -> Tally:
    lane = await store.lanes.claim_named(source_lane(source.name), "journey", timedelta(seconds=60))
    assert lane is not None
    return await run(source, store, lane)


async def appeals_of(store: Store, name: str) -> dict[str, Appeal]:
    page = await store.reads.appeals(AppealQuery(AppealFilter(source=(name,)), size=5000))
    return {stored.appeal.external_id: stored.appeal for stored in page.appeals}


async def served(store: Store, name: str) -> int:
    return await store.reads.count(AppealFilter(source=(name,)))


async def test_connectors_yaml_describes_the_whole_city_and_nothing_else(pulled):
    assert set(pulled.first) == set(NAMES) == set(pulled.city.desks)


async def test_the_register_counts_35_hotlines_and_8_platforms_and_each_has_given_something(pulled):
    """F01, F02 and F03 of the article; an alias is a hotline too."""
    records = (await pulled.store.reads.source_records()).values()

    hotlines = [record for record in records if record.source_class is SourceClass.HOTLINE]
    platforms = [record for record in records if record.source_class is SourceClass.PLATFORM]

    assert len(hotlines) == 35
    assert all(record.integration for record in hotlines)
    assert len(platforms) == 8
    assert len(pulled.appeals) == 43
    assert all(pulled.appeals.values())


async def test_four_numbers_that_were_given_up_are_answered_by_12315(pulled):
    aliases = {name: source.record.alias_of for name, source in pulled.sources.items() if source.record.alias_of}

    assert aliases == {f"hotline-{line}": "hotline-12315" for line in (12330, 12331, 12358, 12365)}


async def test_every_way_of_joining_is_said_as_the_city_knows_it(pulled):
    records = [source.record for source in pulled.sources.values()]

    modes = {mode: {record.name for record in records if record.integration is mode} for mode in Integration}

    assert modes[Integration.INTEGRATOR] == {"hotline-12345"}
    assert modes[Integration.DUAL_NUMBER] == {system.name for system in DUAL_NUMBERS}
    assert modes[Integration.ABSORBED] == {system.name for system in ABSORBED}
    assert all(record.department for record in records)


@pytest.mark.parametrize("name", NAMES)
async def test_every_case_without_a_flaw_is_an_appeal(pulled, name):
    flaws = pulled.flaws(name)

    assert await served(pulled.store, name) == len(pulled.city.desks[name].cases()) - flaws.total() > 100


@pytest.mark.parametrize("name", NAMES)
async def test_every_flawed_case_is_rejected_at_the_field_that_is_wrong(pulled, name):
    flaws = pulled.flaws(name)

    rejected = await pulled.store.reads.rejected_tickets(name, size=100)

    fields = Counter(ticket.field for ticket in rejected.tickets)
    if isinstance(SYSTEMS[name].counter, Folder) and fields["external_id"]:
        # Without an id, each file that holds the case makes it another ticket.
        fields["external_id"] = flaws["external_id"]
    assert fields == flaws
    assert flaws.total() > 0


@pytest.mark.parametrize("name", NAMES)
async def test_a_second_run_over_a_city_that_stands_still_changes_nothing(pulled, name):
    again = pulled.second[name]

    assert (again.landed, again.served, again.rejected) == (0, 0, 0)
    assert pulled.changes[0] == pulled.changes[1] > 4000


@pytest.mark.parametrize("name", NAMES)
async def test_no_word_of_a_system_is_left_unread(pulled, name):
    """Whatever a system says, a map knows it: nothing ends as UNKNOWN."""
    for appeal in pulled.appeals[name].values():
        read = (appeal.status, appeal.kind, appeal.urgency, appeal.satisfaction)
        assert "UNKNOWN" not in read
        assert appeal.channel is not Channel.UNKNOWN


@pytest.mark.parametrize("name", NAMES)
async def test_an_appeal_says_what_the_city_knows_of_the_case(pulled, name):
    """Whatever the codes, and the habits with dates: epochs, bare digits, offsets, Excel serials, two fields."""
    coarse = COARSE.get(name, timedelta(seconds=1))
    for seen, appeal in pulled.pairs(name):
        assert appeal.status in STATUSES[seen.stage]
        assert timedelta() <= seen.case.created_at - appeal.created_at < coarse
        # 12319 dates only what is over.
        assert seen.updated_at - appeal.updated_at < coarse or appeal.updated_at == appeal.created_at
        assert appeal.title in (seen.case.title, seen.case.scene.topic, f"{seen.case.title}。{seen.case.content}"[:40])
        assert appeal.area == seen.case.place.area or appeal.area is None


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_that_takes_a_second_question_is_missing(pulled, name):
    """Contents, histories and replies that a list leaves out, and other tables, mails and archives hold."""
    for seen, appeal in pulled.pairs(name):
        assert appeal.content or name == "hotline-12319"
        taken = [step for step in seen.case.steps if step.at <= seen.updated_at]
        assert name not in WITH_STEPS or len(appeal.events) == len(taken)
        answered = appeal.result or appeal.public_reply
        assert bool(answered) == bool(seen.result) or name in ("hotline-12319", "hotline-12328", "huiqi", "zongzhi")


@pytest.mark.parametrize("name", sorted(ON_A_MAP))
async def test_whatever_datum_a_system_speaks_a_point_ends_where_it_truly_is(pulled, name):
    for seen, appeal in pulled.pairs(name):
        if appeal.location_point is not None:
            longitude, latitude = appeal.location_point
            east = (longitude - seen.case.longitude) * 111_320 * cos(radians(seen.case.latitude))
            north = (latitude - seen.case.latitude) * 111_320
            assert hypot(east, north) < 1


async def test_whoever_gives_points_is_known_to(pulled):
    with_points = {
        name for name, appeals in pulled.appeals.items() if any(each.location_point for each in appeals.values())
    }

    assert with_points == ON_A_MAP


async def test_full_width_digits_and_spaces_come_out_as_one_kind_of_number(pulled):
    for name in ("hotline-12317", "gaopinban"):
        assert all(appeal.reporter_phone == f"+86{seen.case.phone}" for seen, appeal in pulled.pairs(name))


async def test_a_call_that_two_systems_hold_carries_the_number_of_the_other(pulled):
    """双号并行: 12345 quotes the number by which the hotline that was dialled knows the same call."""
    quoting = [appeal for _, appeal in pulled.pairs("hotline-12345") if "来源系统工单号" in appeal.attributes]

    pairs = [(here, pulled.quoted(here)) for here in quoting]

    # The other system may have written its own ticket badly, or not numbered it yet.
    assert sum(other is None for _, other in pairs) < 0.1 * len(pairs)
    assert all(other is None or here.created_at == other.created_at for here, other in pairs)
    assert {here.origin_hotline for here, _ in pairs} == {system.line for system in DUAL_NUMBERS}


async def test_what_absorbed_hotlines_were_called_for_arrives_inside_12345(pulled):
    origins = {appeal.origin_hotline for appeal in pulled.appeals["hotline-12345"].values()}

    assert {system.line for system in ABSORBED} <= origins


async def test_what_the_hub_would_say_to_a_source_is_what_the_source_says_itself(pulled):
    """Where one word means a status, it is the word that came with an appeal of that status."""
    for name, source in pulled.sources.items():
        said = source.outward.words["status"]
        heard = {appeal.status: appeal.status_text for appeal in pulled.appeals[name].values()}
        assert len(said) >= 6
        assert all(said[status] == heard[status] or name in CHOSEN for status in said.keys() & heard.keys()), name


async def test_what_is_confidential_is_secret_unless_the_system_says_otherwise(pulled):
    for name in CONFIDENTIAL:
        secrets = Counter(appeal.is_secret for appeal in pulled.appeals[name].values())

        assert secrets[True] > secrets[False] > 0, name


async def test_nothing_is_lost_to_systems_that_misbehave(pulled, store, tmp_path):
    """Late, busy, broken and cut answers, shuffled rows, and tokens that last a moment: the same appeals."""
    faults = pulled.city.faults
    sources = {name: source for name, source in sources_of(pulled.city, tmp_path).items() if name in ON_THE_WEB}
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
    async with Replica(files=tmp_path / "drop", pace=timedelta(milliseconds=25)) as city:
        sources = sources_of(city, tmp_path)
        chosen = [sources[name] for name in ("hotline-12315", "mashangyi", "mayor-mailbox")]
        await all_run(chosen, store)
        before = await store.reads.last_change_number()

        await asyncio.sleep(3.5)
        second = await all_run(chosen, store)

    assert all(tally.served > 0 for tally in second.values()), second
    changes = await store.reads.changes(before, 1000)
    assert {change.type for change in changes} >= {"appeal.created", "appeal.status_changed"}
