"""Databases read in the order of keys, shown on SQLite: pages, runs, what belongs to a row, and trouble."""

import asyncio
import codecs
import importlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pulling import SHANGHAI, build, ids, pages, stored, tickets

from hub.config import load
from hub.connectors.base import Connector, Limits
from hub.connectors.databases.dsn import address
from hub.connectors.databases.opening import Database
from hub.errors import SourceRefused, SourceUnavailable
from hub.lanes import LEASE
from hub.model import BROKEN, Page
from hub.store.lanes import source_lane
from hub.sync import run

PLAIN = "create table gd (id integer primary key, bt text, xgsj text, zt integer default 0)"
DAY = "2026-03-{:02} 08:00:00"


class Old:
    """A legacy database in a file, and the ways to read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run(PLAIN)

    def run(self, script: str, *rows: tuple[Any, ...]) -> None:
        database = sqlite3.connect(self.folder / "old.db")
        if rows:
            database.executemany(script, rows)
        else:
            database.executescript(script)
        database.commit()
        database.close()

    def add(self, *rows: tuple[Any, ...]) -> None:
        """Add rows of id, title and time."""
        self.run("insert or replace into gd (id, bt, xgsj) values (?, ?, ?)", *rows)

    def sql(self, **options: Any) -> Connector:
        given = {"table": "gd", "page": {"keys": ["xgsj", "id"], "size": 3}, "since": {"field": "xgsj"}}
        merged = {"dsn": "sqlite:///old.db", "limits": {"rate": "10000/s"}, **given, **options}
        if "query" in options:
            del merged["table"]
        return build("sql", {key: value for key, value in merged.items() if value is not None}, self.folder)


@pytest.fixture
def old(tmp_path: Path) -> Old:
    return Old(tmp_path)


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is sent to any database meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def by_page(found: list[Page]) -> list[list[int]]:
    return [ids(page.tickets) for page in found]


# ── pages ──


async def test_rows_come_in_the_order_of_their_keys(old):
    old.add(*((n, f"工单{n}", DAY.format(20 - n)) for n in range(1, 8)))

    assert by_page(await pages(old.sql())) == [[7, 6, 5], [4, 3, 2], [1]]


async def test_equal_times_at_the_edge_of_a_page_lose_nothing(old):
    old.add(*((n, "", DAY.format(1)) for n in range(1, 8)))

    assert by_page(await pages(old.sql())) == [[1, 2, 3], [4, 5, 6], [7]]


async def test_a_full_last_page_is_not_followed_by_an_empty_one(old):
    old.add(*((n, "", DAY.format(1)) for n in range(1, 7)))

    assert by_page(await pages(old.sql())) == [[1, 2, 3], [4, 5, 6]]


async def test_an_empty_table_gives_nothing_and_is_asked_again_from_the_start(old):
    found = await pages(old.sql())
    old.add((1, "", DAY.format(1)))

    assert [page.tickets for page in found] == [[]]
    assert ids(await tickets(old.sql(), stored(found[-1].cursor))) == [1]


async def test_rows_without_a_time_are_read_in_every_run_before_the_others(old):
    old.add(*((n, "", None) for n in range(1, 6)), *((n, "", DAY.format(n)) for n in range(6, 9)))
    connector = old.sql()

    first = await pages(connector)
    again = await pages(connector, stored(first[-1].cursor))

    assert by_page(first) == [[1, 2, 3], [4, 5], [6, 7, 8]]
    assert by_page(again) == [[1, 2, 3], [4, 5], [8]]


async def test_keys_that_are_not_unique_are_never_cut_in_two(old):
    old.add(*((n, "", DAY.format((n + 1) // 2)) for n in range(1, 9)))

    found = await pages(old.sql(page={"keys": ["xgsj"], "size": 3}))

    assert by_page(found) == [[1, 2], [3, 4], [5, 6], [7, 8]]


async def test_more_rows_of_one_key_than_a_page_holds_are_refused(old):
    old.add(*((n, "", DAY.format(1)) for n in range(1, 9)))

    with pytest.raises(SourceRefused, match=r"more than 3 rows with the same xgsj; the last of page.keys"):
        await pages(old.sql(page={"keys": ["xgsj"], "size": 3}))


async def test_text_keys_follow_the_collation_of_their_column(old):
    old.run("create table t (bh text primary key collate nocase, xgsj text)")
    old.run("insert into t values (?, ?)", *((bh, "") for bh in ("b2", "A1", "c3", "B10", "a9", "中1", "x ")))

    found = await tickets(old.sql(table="t", page={"keys": ["bh"], "size": 2}, since=None))

    assert ids(found, "bh") == ["A1", "a9", "B10", "b2", "c3", "x ", "中1"]


async def test_keys_that_differ_only_in_case_are_not_cut_in_two(old):
    old.run("create table t (bh text collate nocase, n integer)")
    old.run("insert into t values (?, ?)", *((bh, n) for n, bh in enumerate(["a1", "A1", "b1", "B1", "c1"])))

    found = await pages(old.sql(table="t", page={"keys": ["bh"], "size": 3}, since=None))

    assert [sorted(ids(page.tickets, "n")) for page in found] == [[0, 1], [2, 3, 4]]


async def test_a_key_that_is_empty_cannot_be_paged_by(old):
    old.run("create table t (bh text, n integer)")
    old.run("insert into t values (?, ?)", *((None, n) for n in range(5)))

    with pytest.raises(SourceRefused, match=r"more than 3 rows with the same bh|has a row without bh"):
        await pages(old.sql(table="t", page={"keys": ["bh"], "size": 3}, since=None))


async def test_names_in_chinese_with_blanks_and_quotes_are_quoted(old):
    old.run("""create table "工单 ""a"" 表" ("编 号" integer primary key, "order" text, "更新.时间" text)""")
    old.run("""insert into "工单 ""a"" 表" values (?, ?, ?)""", *((n, "x", DAY.format(n)) for n in range(1, 5)))

    connector = old.sql(
        table='工单 "a" 表',
        columns=["order"],
        page={"keys": ["更新.时间", "编 号"], "size": 3},
        since={"field": "更新.时间"},
    )

    assert await tickets(connector) == [{"order": "x", "更新.时间": DAY.format(n), "编 号": n} for n in range(1, 5)]
    assert (await pages(connector))[-1].cursor["since"] == "2026-03-04T00:00:00+00:00"


async def test_what_stands_at_a_place_is_asked_again_when_keys_were_changed(old):
    old.add(*((n, "", DAY.format(n)) for n in range(1, 8)))
    first = await pages(old.sql())

    found = await pages(old.sql(page={"keys": ["id"], "size": 4}), stored(first[0].cursor))

    assert by_page(found) == [[1, 2, 3, 4], [5, 6, 7]]


# ── runs ──


async def test_a_row_that_is_committed_late_is_seen_by_the_next_run(old):
    old.add((1, "", "2026-03-01 08:00:00"), (3, "", "2026-03-01 08:10:00"))
    connector = old.sql(since={"field": "xgsj", "overlap": "5m"})
    first = await pages(connector)
    old.add((2, "", "2026-03-01 08:06:00"), (4, "", "2026-03-01 08:04:00"))

    again = await tickets(connector, stored(first[-1].cursor))

    assert ids(again) == [2, 3]


async def test_the_first_run_starts_where_it_is_told(old):
    old.add(*((n, "", f"2026-03-{n:02} 00:00:00") for n in range(1, 5)))

    assert ids(await tickets(old.sql(since={"field": "xgsj", "start": "2026-03-03"}))) == [3, 4]


async def test_a_time_in_the_future_hides_nothing(old):
    old.add((1, "", "2026-03-01 08:00:00"), (2, "", "2099-01-01 00:00:00"))
    connector = old.sql()
    first = await pages(connector)
    now = datetime.now(SHANGHAI).isoformat(" ", "seconds")[:19]
    old.add((3, "", now))

    again = await tickets(connector, stored(first[-1].cursor))

    assert ids(again) == [3, 2]


@pytest.mark.parametrize(
    ("written", "write"),
    [
        ("%Y%m%d%H%M%S", lambda n: f"202603{n:02}080000"),
        ("%Y-%m-%d %H:%M:%S", DAY.format),
        ("native", lambda n: f"2026-03-{n:02}T08:00:00"),
        ("iso", lambda n: f"2026-03-{n:02}T00:00:00Z"),
        ("epoch_s", lambda n: 1772323200 + 86400 * (n - 1)),
        ("epoch_ms", lambda n: 1000 * (1772323200 + 86400 * (n - 1))),
        ("%Y-%m-%d", lambda n: f"2026-03-{n:02}"),
    ],
)
async def test_times_are_compared_as_their_column_holds_them(old, written, write):
    old.run("create table t (id integer primary key, t)")
    old.run("insert into t values (?, ?)", *((n, write(n)) for n in range(1, 6)))
    page = {"keys": ["t", "id"], "size": 3}
    since = {"field": "t", "format": written, "start": "2026-03-02", "overlap": "0s"}
    connector = old.sql(table="t", page=page, since=since)

    first = await pages(connector)
    again = await tickets(connector, stored(first[-1].cursor))

    assert by_page(first) == [[2, 3, 4], [5]]
    assert ids(again) == [5]
    assert first[-1].cursor["since"][:10] in {"2026-03-05", "2026-03-04"}  # a day without a clock begins in Shanghai


async def test_a_table_without_times_is_read_whole_in_every_run(old):
    old.add(*((n, "", None) for n in range(1, 6)))
    connector = old.sql(page={"keys": ["id"], "size": 3}, since=None)

    first = await pages(connector)
    again = await pages(connector, stored(first[-1].cursor))

    assert by_page(first) == by_page(again) == [[1, 2, 3], [4, 5]]


async def test_a_table_that_only_grows_is_read_on_from_its_last_row(old):
    old.add(*((n, "", None) for n in range(1, 8)))
    connector = old.sql(page={"keys": ["id"], "size": 3, "keep": True, "overlap": 2}, since=None)
    first = await pages(connector)
    nothing = await pages(connector, stored(first[-1].cursor))
    old.add((9, "", None))

    later = await pages(connector, stored(nothing[-1].cursor))

    assert by_page(first) == [[1, 2, 3], [4, 5, 6], [7]]
    assert by_page(nothing) == [[6, 7]]
    assert by_page(later) == [[6, 7, 9]]


async def test_a_table_that_only_grows_may_start_in_its_middle(old):
    old.add(*((n, "", None) for n in range(1, 8)))

    connector = old.sql(page={"keys": ["id"], "start": [5], "keep": True, "overlap": 0}, since=None)
    first = await pages(connector)

    assert by_page(first) == [[6, 7]]
    assert by_page(await pages(connector, stored(first[-1].cursor))) == [[]]


async def test_changes_can_be_picked_by_time_and_paged_by_id(old):
    old.add((1, "", DAY.format(9)), (2, "", DAY.format(1)), (3, "", None))
    old.add((4, "", DAY.format(8)), (5, "", DAY.format(7)))
    since = {"field": "xgsj", "start": "2026-03-05", "overlap": "0s"}
    connector = old.sql(page={"keys": ["id"], "size": 3}, since=since)

    first = await pages(connector)
    again = await pages(connector, stored(first[-1].cursor))

    assert by_page(first) == [[1, 3, 4], [5]]
    assert by_page(again) == [[1, 3]]


async def test_a_row_that_was_deleted_softly_comes_as_a_change(old):
    old.add((1, "", DAY.format(1)), (2, "", DAY.format(2)))
    connector = old.sql()
    first = await pages(connector)
    old.run("update gd set zt = 9, xgsj = '2026-03-05 08:00:00' where id = 1")

    again = await tickets(connector, stored(first[-1].cursor))

    assert [(ticket["id"], ticket["zt"]) for ticket in again] == [(2, 0), (1, 9)]


async def test_a_stretch_of_the_past_can_be_asked_for(old):
    old.add(*((n, "", DAY.format(n)) for n in range(1, 8)))
    connector = old.sql()

    cursor = connector.between(datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC))  # type: ignore[attr-defined]

    assert ids(await tickets(connector, stored(cursor))) == [4, 5, 6, 7]


async def test_the_rate_is_kept_from_page_to_page(old):
    old.add(*((n, "", DAY.format(n)) for n in range(1, 8)))

    async with aclosing(old.sql(limits={"rate": "1/h"}).pull(None)) as stream:
        assert ids((await anext(stream)).tickets) == [1, 2, 3]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.2)


LEGAL = """
version: 1
sources:
  legal:
    title: 12348法律服务热线
    class: hotline
    connector: sql
    dsn: sqlite:///old.db
    table: gd
    page: {keys: [xgsj, id], size: 3}
    since: {field: xgsj}
    map:
      external_id: id
      title: bt
      status: {from: zt, map: {"0": RECEIVED, "9": WITHDRAWN}, else: reject}
      created_at: xgsj
"""


async def test_a_second_run_over_the_same_rows_changes_nothing(old, store):
    old.add(*((n, f"工单{n}", DAY.format(n)) for n in range(1, 8)))
    (old.folder / "connectors.yaml").write_text(LEGAL)
    source = load(old.folder / "connectors.yaml", {}).sources["legal"]
    await store.lanes.declare([source.record])

    tallies = []
    for _ in range(2):
        lane = await store.lanes.claim_named(source_lane("legal"), "test", LEASE)
        tallies.append(await run(source, store, lane))

    assert [(tally.landed, tally.served, tally.unchanged) for tally in tallies] == [(7, 7, 0), (0, 0, 1)]


async def test_more_pages_than_are_allowed_are_refused(old):
    old.add(*((n, "", DAY.format(1)) for n in range(1, 9)))

    with pytest.raises(SourceRefused, match="max_pages"):
        await pages(old.sql(limits={"max_pages": 2}))


# ── queries ──


async def test_a_query_is_paged_from_without(old):
    old.add(*((n, "", DAY.format(n)) for n in range(1, 8)))
    query = """
        WITH g AS (SELECT id, COALESCE(xgsj, '2026-01-01 00:00:00') AS changed, zt FROM gd)
        SELECT id, changed FROM g WHERE zt <> :deleted  -- 已删除
        ;
    """

    connector = old.sql(
        query=query,
        parameters={"deleted": 9},
        page={"keys": ["changed", "id"], "size": 3},
        since={"field": "changed", "start": "2026-03-03"},
    )

    assert by_page(await pages(connector)) == [[3, 4, 5], [6, 7]]


async def test_a_query_may_do_its_own_paging(old):
    old.add(*((n, "", "2026-03-01 00:00:00" if n < 5 else DAY.format(n)) for n in range(1, 8)))
    query = "select id, xgsj from gd where (xgsj, id) > (:since, :after) order by xgsj, id limit :size"
    connector = old.sql(query=query, since={"field": "xgsj", "start": "2026-03-01"})

    first = await pages(connector)
    again = await pages(connector, stored(first[-1].cursor))

    assert by_page(first) == [[1, 2, 3], [4, 5, 6], [7]]
    assert by_page(again) == [[7]]


async def test_a_query_of_its_own_paging_may_know_only_ids(old):
    old.add(*((n, "", None) for n in range(1, 6)))
    query = "select id from gd where id > :id order by id limit :size"

    found = await pages(old.sql(query=query, page={"keys": ["id"], "size": 3, "start": [0]}, since=None))

    assert by_page(found) == [[1, 2, 3], [4, 5]]


async def test_the_query_may_stand_in_a_file(old):
    old.add((1, "", DAY.format(1)))
    (old.folder / "gd.sql").write_text("SELECT id, xgsj\n  FROM gd;\n")

    assert ids(await tickets(old.sql(query="file:gd.sql"))) == [1]


async def test_a_condition_and_its_parameters_are_bound(old):
    old.add((1, "a'b", DAY.format(1)), (2, "50%", DAY.format(2)), (3, "c", DAY.format(3)))

    found = await tickets(old.sql(where="bt = :bt OR bt LIKE '5_%' -- ':no'", parameters={"bt": "a'b"}))

    assert ids(found) == [1, 2]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"page": {"keys": ["xgjs", "id"]}, "since": None}, "no such column: xgjs"),
        ({"table": "gb"}, "no such table: gb"),
        ({"query": "select id, xgsj frm gd"}, 'near "gd": syntax error|near "frm"'),
        ({"query": "select id from gd"}, "no such column: xgsj"),
        (
            {
                "query": "select 1 id, xgsj, id from gd where id > :id limit :size",
                "page": {"keys": ["id"], "start": [0]},
            },
            "two columns called 'id'; name them apart with AS",
        ),
        ({"columns": ["bt"], "children": {"x": {"table": "gd", "parent": "idd", "key": "id"}}}, "no such column: idd"),
        (
            {"children": {"x": {"table": "gd", "parent": "idd", "key": "id"}}},
            "no column 'idd' of children.x.parent; did",
        ),
        ({"children": {"x": {"table": "gx", "parent": "id", "key": "id"}}}, "no such table: gx"),
        ({"children": {"x": {"query": "select bt from gd where id in :ids", "parent": "id", "key": "gd_id"}}}, "gd_id"),
    ],
)
async def test_what_the_database_does_not_know_is_named(old, options, told):
    old.add((1, "", DAY.format(1)))

    with pytest.raises(SourceRefused, match=told):
        await pages(old.sql(**options))


# ── what belongs to a row ──


@pytest.fixture
def family(old: Old) -> Old:
    old.add(*((n, "", DAY.format(n)) for n in range(1, 6)))
    old.run("create table log (gd_id text, at text, note text); create table dm (code text, name text)")
    old.run("insert into log values (?, ?, ?)", ("1", "b", "二"), ("1", "a", "一"), ("3 ", "a", "三"), ("99", "a", "x"))
    old.run("insert into dm values (?, ?)", ("0", "待受理"), ("9", "已删除"))
    return old


LOG = {"table": "log", "columns": ["at", "note"], "parent": "id", "key": "gd_id", "order": ["at"]}


async def test_rows_of_another_table_are_joined_as_lists(family):
    found = await tickets(family.sql(children={"events": {**LOG, "where": "gd_id <> '3 '"}}))

    assert [ticket["events"] for ticket in found] == [
        [{"at": "a", "note": "一", "gd_id": "1"}, {"at": "b", "note": "二", "gd_id": "1"}],
        *([] for _ in range(4)),
    ]


@pytest.mark.parametrize("ids_written", [":ids", "(:ids)", "( :ids )"])
async def test_a_query_of_its_own_picks_them_by_ids(family, ids_written):
    query = f"select cast(gd_id as integer) as g, note from log where gd_id + 0 in {ids_written} order by at"

    found = await tickets(family.sql(children={"events": {"query": query, "parent": "id", "key": "g"}}))

    assert [[event["note"] for event in ticket["events"]] for ticket in found] == [["一", "二"], [], ["三"], [], []]


async def test_a_code_is_looked_up_once_a_page(family):
    lookup = {"query": "select code, name from dm", "parent": "zt", "key": "code", "one": True}

    with statements() as sent:
        found = await tickets(
            family.sql(children={"zt_name": {**lookup, "query": "select code + 0 c, name from dm", "key": "c"}})
        )

    assert [ticket["zt_name"] for ticket in found] == [{"c": 0, "name": "待受理"}] * 5
    assert len([statement for statement in sent if "dm" in statement]) == 2


async def test_what_has_no_partner_is_null_or_an_empty_list(family):
    family.run("update gd set zt = 7 where id = 2; update gd set zt = null where id = 3")
    query = "select code + 0 c, name from dm"
    children = {kind: {"query": query, "parent": "zt", "key": "c", "one": kind == "one"} for kind in ("one", "all")}

    found = await tickets(family.sql(children=children))

    assert [(ticket["one"], ticket["all"]) for ticket in found][1:3] == [(None, []), (None, [])]


async def test_many_parents_are_asked_for_in_pieces(old):
    old.add(*((n, "", DAY.format(1)) for n in range(1, 1204)))
    child = {"table": "gd", "columns": ["bt"], "parent": "id", "key": "id"}

    with statements() as sent:
        found = await tickets(old.sql(page={"keys": ["id"], "size": 5000}, since=None, children={"self": child}))

    assert [ticket["self"][0]["id"] for ticket in found] == list(range(1, 1204))
    assert len([statement for statement in sent if " IN (" in statement]) == 3


async def test_a_pair_of_attribute_and_value_is_a_row_of_its_own(old):
    old.add((1, "", DAY.format(1)))
    old.run("create table gd_ext (gd_id integer, name text, value text)")
    old.run("insert into gd_ext values (?, ?, ?)", (1, "涉及人数", "12"), (1, "是否重复", "否"))

    (ticket,) = await tickets(old.sql(children={"ext": {"table": "gd_ext", "parent": "id", "key": "gd_id"}}))

    assert {each["name"]: each["value"] for each in ticket["ext"]} == {"涉及人数": "12", "是否重复": "否"}


async def test_changes_can_be_told_by_a_log_of_states_beside_the_tickets(old):
    old.add(*((n, "", None) for n in range(1, 4)))
    old.run("create table zt_log (gd_id integer, at text, zt integer)")
    old.run("insert into zt_log values (?, ?, ?)", *((n, DAY.format(n), 1) for n in range(1, 4)))
    query = """
        SELECT g.id, g.bt, c.changed, c.zt
          FROM gd g
          JOIN (SELECT gd_id, MAX(at) AS changed, MAX(zt) AS zt FROM zt_log GROUP BY gd_id) c ON c.gd_id = g.id
    """
    connector = old.sql(query=query, page={"keys": ["changed", "id"]}, since={"field": "changed"})
    first = await pages(connector)
    old.run("insert into zt_log values (?, ?, ?)", (1, DAY.format(9), 4))

    again = await tickets(connector, stored(first[-1].cursor))

    assert [(ticket["id"], ticket["zt"]) for ticket in again] == [(3, 1), (1, 4)]


async def test_rows_are_given_to_the_parent_that_the_database_took_them_for(old):
    old.run("create table t (bh text primary key collate nocase); create table c (bh text collate nocase, n integer)")
    old.run("insert into t values (?)", ("A1",), ("b2",))
    old.run("insert into c values (?, ?)", ("a1", 1), ("B2", 2))

    child = {"table": "c", "parent": "bh", "key": "bh"}
    found = await tickets(old.sql(table="t", page={"keys": ["bh"]}, since=None, children={"c": child}))

    assert [[each["n"] for each in ticket["c"]] for ticket in found] == [[1], [2]]


async def test_rows_of_others_are_never_given_to_anybody(family):
    child = {"query": "select gd_id, note from log where gd_id = '99' or gd_id in :ids", "parent": "id", "key": "gd_id"}

    with pytest.raises(SourceRefused, match=r"children\.events: gives rows of tickets that were not asked for"):
        await pages(family.sql(children={"events": child}))


async def test_a_family_too_large_for_a_page_is_refused(family):
    family.run("insert into log select 1, at, hex(zeroblob(30000)) from log, gd")
    child = {"query": "select gd_id + 0 g, note from log where g in :ids", "parent": "id", "key": "g"}

    with pytest.raises(SourceRefused, match=r"children\.events: holds more for one page.*smaller page\.size"):
        await pages(family.sql(children={"events": child}, limits={"max_body": "200KB"}))


# ── values ──


async def test_a_page_ends_before_it_grows_too_large_and_nothing_is_lost(old):
    old.add(*((n, "x" * 40_000, DAY.format(n)) for n in range(1, 8)))

    found = await pages(old.sql(page={"keys": ["xgsj", "id"], "size": 100}, limits={"max_body": "100KB"}))

    assert by_page(found) == [[1, 2], [3, 4], [5, 6], [7]]


async def test_a_value_that_is_too_large_costs_its_row_only_and_is_named(old):
    old.add((1, "a", DAY.format(1)), (2, "x" * 150_000, DAY.format(2)), (3, "c", DAY.format(3)))

    found = await tickets(old.sql(limits={"max_body": "100KB"}))

    assert ids(found) == [1, 2, 3]
    assert found[1]["bt"] is None
    assert found[1][BROKEN] == "the column bt holds 146 KB, more than limits.max_body"


async def test_a_value_beyond_all_measure_is_not_even_read(old):
    old.run("insert into gd (id, bt, xgsj) values (1, zeroblob(300000000), '2026-03-01 08:00:00')")

    with pytest.raises(SourceRefused, match=r"too big.*leave the column out that holds it, or raise limits.max_body"):
        await pages(old.sql(limits={"max_body": "1MB"}))


async def test_bytes_that_are_no_text_cost_their_row_only(old):
    old.run("insert into gd values (1, cast(x'C2B7B5C6FF' as text), '2026-03-01 08:00:00', 0)")
    old.run("insert into gd values (2, '路灯', '2026-03-02 08:00:00', 0)")

    broken, good = await tickets(old.sql())

    assert broken[BROKEN] == "the column bt holds bytes that are not text in its encoding"
    assert (broken["id"], good["bt"]) == (1, "路灯")


async def test_text_in_another_encoding_than_its_database_believes_is_read(old):
    old.run("insert into gd values (1, cast(x'C2B7B5C680' as text), '2026-03-01 08:00:00', 0)")

    (ticket,) = await tickets(old.sql(encoding="gbk"))

    assert ticket["bt"] == "路灯€"


async def test_a_column_of_json_is_read_as_what_it_holds(old):
    old.add((1, json.dumps({"人数": 12}), DAY.format(1)), (2, "{", DAY.format(2)), (3, None, DAY.format(3)))

    found = await tickets(old.sql(json=["bt"]))

    assert [ticket["bt"] for ticket in found] == [{"人数": 12}, "{", None]
    assert found[1][BROKEN] == "the column bt is not JSON"


# ── trouble ──


async def test_a_file_that_is_not_there_may_come(old):
    with pytest.raises(SourceUnavailable, match=r"sqlite:///new.db: there is no such file"):
        await pages(old.sql(dsn="sqlite:///new.db"))

    assert not (old.folder / "new.db").exists()


async def test_a_file_that_is_no_database_is_refused(old):
    (old.folder / "new.db").write_text("工单编号,标题\n" * 100)

    with pytest.raises(SourceRefused, match="not a database"):
        await pages(old.sql(dsn="sqlite:///new.db"))


async def test_a_database_that_somebody_locks_is_busy(old):
    writer = sqlite3.connect(old.folder / "old.db", isolation_level=None)
    writer.execute("begin exclusive")

    with pytest.raises(SourceUnavailable, match="SQLITE_BUSY"):
        await pages(old.sql())
    writer.close()


ENDLESS = """
with recursive r(id, xgsj) as (select 1, 'x' union all select id + 1, xgsj from r) select * from r where id < 0
"""


async def test_a_query_without_end_is_stopped(old):
    with pytest.raises(SourceUnavailable, match=r"gave no whole page within 0.5 s; an index over page.keys helps"):
        await pages(old.sql(query=ENDLESS, limits={"timeout": "500ms"}))


async def test_a_run_that_is_cancelled_leaves_no_query_behind(old):
    pull = asyncio.create_task(pages(old.sql(query=ENDLESS)))
    while not (asking := [thread for thread in threading.enumerate() if thread.name == "hub-database"]):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)

    pull.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pull
    await asyncio.to_thread(asking[0].join, 60)

    assert not asking[0].is_alive()


async def test_a_run_that_is_left_in_the_middle_leaves_nothing_open(old):
    old.add(*((n, "", DAY.format(n)) for n in range(1, 8)))

    async with aclosing(old.sql().pull(None)) as stream:
        await anext(stream)

    old.run("drop table gd")


def database(folder: Path) -> Database:
    return Database(address("sqlite:///old.db", None), Limits(), SHANGHAI, folder=folder)


@pytest.mark.parametrize("statement", ["delete from gd", "create table x (y)", "insert into gd values (9, '', '', 0)"])
async def test_what_got_past_every_check_still_cannot_write(old, statement):
    work: Callable[[sa.Connection], Any] = lambda connection: connection.exec_driver_sql(statement)  # noqa: E731

    async with database(old.folder).opened() as opened:
        with pytest.raises(SourceRefused, match=r"readonly database.*the hub only reads"):
            await opened.run(work)


async def test_a_driver_that_stumbles_is_told_by_its_error_alone(old):
    def stumble(_: sa.Connection) -> None:
        raise IndexError("张三 13900000001")

    async with database(old.folder).opened() as opened:
        with pytest.raises(SourceRefused, match=r"sqlite:///old.db: fails with IndexError$") as caught:
            await opened.run(stumble)

    assert caught.value.__context__ is None


@pytest.mark.parametrize("cursor", [{"by": "keyset", "walk": {"at": "{"}}, {"by": "keyset", "kept": 7}])
async def test_a_cursor_that_does_not_read_is_refused(old, cursor):
    if "walk" in cursor:
        now = datetime.now(UTC).isoformat()
        cursor["walk"] |= {"started": now, "window": [None, now], "newest": None, "seen": 0}

    with pytest.raises(SourceRefused, match="cursor"):
        await pages(old.sql(page={"keys": ["id"], "keep": True}, since=None), {"since": None, **cursor})


def test_the_codecs_of_databases_answer_to_no_other_name():
    """Other connectors have codecs of their own, whose names begin alike."""
    importlib.import_module("hub.connectors.databases.dialects")

    with pytest.raises(LookupError, match="unknown encoding: hub_bytes_of_another"):
        codecs.lookup("hub_bytes_of_another")
