"""A real MariaDB as legacy systems run it: GBK connections, tables that lie about their encoding, limits and faults."""

import asyncio
import os
import uuid
from collections.abc import Iterator
from typing import Any

import psutil
import pymysql
import pytest
from pulling import build, ids, pages, stored, tickets

from hub.connectors.base import Connector
from hub.connectors.sql import Sql
from hub.errors import SourceRefused, SourceUnavailable
from hub.model import BROKEN
from tests.services import port_of

PAGE = {"keys": ["xgsj", "id"], "size": 3}


class Legacy:
    """A database of its own on the server, and the ways to read it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.name = f"hub_test_{uuid.uuid4().hex[:12]}"
        self.admin = pymysql.connect(host="127.0.0.1", port=port, user="root", charset="utf8mb4", autocommit=True)
        self.run(f"create database {self.name} character set gbk", f"use {self.name}")

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        with self.admin.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def dsn(self, **query: str) -> str:
        named = "&".join(f"{key}={value}" for key, value in query.items())
        return f"mysql://root@127.0.0.1:{self.port}/{self.name}" + (f"?{named}" if named else "")

    def sql(self, dsn: str | None = None, **options: Any) -> Connector:
        since = {"since": {"field": "xgsj"}} if options.get("page", PAGE)["keys"][0] == "xgsj" else {}
        merged = {"dsn": dsn or self.dsn(), "limits": {"rate": "10000/s"}, "page": PAGE, **since, **options}
        return build("sql", {key: value for key, value in merged.items() if value is not None})


@pytest.fixture
def legacy() -> Iterator[Legacy]:
    made = Legacy(port_of("mariadb"))
    yield made
    made.run(f"drop database {made.name}")
    made.admin.close()


@pytest.fixture
def user(legacy: Legacy) -> Iterator[str]:
    """A user who may read the database, and is gone afterwards."""
    name = f"hub_{uuid.uuid4().hex[:8]}"
    legacy.run(f"create user {name}@'127.0.0.1'", f"grant select on {legacy.name}.* to {name}@'127.0.0.1'")
    yield name
    legacy.run(f"drop user {name}@'127.0.0.1'")


@pytest.fixture
def gd(legacy: Legacy) -> Legacy:
    legacy.run("create table gd (id int primary key, bt varchar(200), xgsj datetime, key (xgsj, id))")
    return legacy


BY_ID = {"keys": ["id"], "size": 3}


# ── encodings ──


async def test_a_gbk_table_is_read_over_a_gbk_connection(gd):
    gd.run("insert into gd values (1, '井盖缺失，铁路灯', '2026-03-01 08:00:00'), (2, '镕', '2026-03-02 08:00:00')")

    found = await tickets(gd.sql(gd.dsn(charset="gbk"), table="gd", where="bt <> '电灯'"))

    assert [ticket["bt"] for ticket in found] == ["井盖缺失，铁路灯", "镕"]
    assert found[0]["xgsj"] == "2026-03-01T08:00:00"


@pytest.mark.parametrize("charset", ["gbk", "gb2312"])
async def test_what_only_gb18030_knows_is_read_from_a_gbk_table(legacy, charset):
    # As the bytes stand in the table: the euro sign, ǹ and ⺁, which Python's gbk refuses.
    legacy.run(
        f"create table gd (id int primary key, bt varchar(20) character set {charset})",
        f"insert into gd values (1, convert(unhex('B5C6A3BA') using {charset}))",
    )
    if charset == "gbk":
        legacy.run(
            "create table raw (id int, bt varbinary(20)) character set gbk",
            "insert into raw values (2, unhex('A2E3')), (3, unhex('A8BF')), (4, unhex('FE50'))",
            "alter table raw modify bt varchar(20) character set gbk",
            "insert into gd select * from raw",
        )

    found = await tickets(legacy.sql(legacy.dsn(charset=charset), table="gd", page={"keys": ["id"]}))

    assert [ticket["bt"] for ticket in found] == ["灯：", "€", "ǹ", "⺁"][: 4 if charset == "gbk" else 1]


async def test_the_euro_of_windows_is_read_from_bytes(legacy):
    legacy.run(
        "create table gd (id int primary key, bt varbinary(50), pic blob, nr varchar(50)) character set utf8mb4",
        "insert into gd values (1, unhex('B7D1D3C380B5CD'), unhex('FFD8FFE0'), '路灯😀')",
    )

    (ticket,) = await tickets(legacy.sql(legacy.dsn(charset="utf8mb4"), table="gd", page=BY_ID, encoding="gbk"))

    assert (ticket["bt"], ticket["pic"], ticket["nr"]) == ("费用€低", "/9j/4A==", "路灯😀")


@pytest.fixture
def lying(legacy: Legacy) -> Legacy:
    """A table of latin1, as old programs made it, with GBK in it; the second character ends in a backslash."""
    legacy.run(
        "create table gd (bh varchar(50) character set latin1 collate latin1_bin primary key, bt varchar(50)) "
        "character set latin1",
        "insert into gd values (unhex('B9A431'), unhex('D55CC2B780')), (unhex('D55C'), unhex('B5C6FF')), "
        "(unhex('D55C27'), unhex('616263'))",
    )
    return legacy


async def test_gbk_in_a_table_that_calls_itself_latin1_is_read_and_paged_by(lying):
    connector = lying.sql(
        lying.dsn(charset="latin1"),
        table="gd",
        encoding="gbk",
        page={"keys": ["bh"], "size": 1},
        where="bt <> '誠' AND bh <> :nobody",
        parameters={"nobody": "誠' OR 1 = 1 -- "},
    )

    found = await tickets(connector)

    assert [(ticket["bh"], ticket["bt"]) for ticket in found] == [
        ("工1", "誠路€"),
        ("誠", "灯\\udcff"),
        ("誠'", "abc"),
    ]
    assert [ticket.get(BROKEN) for ticket in found] == [
        None,
        "the column bt holds bytes that are not text in its encoding",
        None,
    ]


async def test_children_are_found_by_keys_whose_last_byte_is_a_backslash(lying):
    lying.run("create table log (bh varchar(50), n int) character set latin1", "insert into log select bh, 7 from gd")
    child = {"table": "log", "parent": "bh", "key": "bh"}

    found = await tickets(
        lying.sql(
            lying.dsn(charset="latin1"), table="gd", encoding="gbk", page={"keys": ["bh"]}, children={"log": child}
        )
    )

    assert [len(ticket["log"]) for ticket in found] == [1, 1, 1]


# ── values and keys ──


async def test_every_kind_of_column_becomes_json(legacy):
    legacy.run(
        """create table gd (
            id decimal(20, 0) primary key, flag bit(1), flags bit(12), tiny tinyint(1), big bigint unsigned,
            money decimal(12, 2), half double, d date, t time(3), y year, dt datetime(6), ts timestamp null,
            j json, p point, e enum('甲', '乙'), s set('a', 'b'), b blob) character set utf8mb4""",
        """insert into gd values (
            12345678901234567890, b'1', b'100000000001', 1, 18446744073709551615,
            '1234.50', 0.5, '2026-03-01', '-30:15:00.5', 2026, '2026-03-01 08:00:00.123456', null,
            '{"a": 1}', ST_GeomFromText('POINT(112.2 31.03)'), '乙', 'a,b', x'00ff')""",
    )

    (ticket,) = await tickets(legacy.sql(legacy.dsn(charset="utf8mb4"), table="gd", page=BY_ID, json=["j"]))

    assert ticket == {
        "id": "12345678901234567890",
        "flag": 1,
        "flags": 2049,
        "tiny": 1,
        "big": "18446744073709551615",
        "money": "1234.50",
        "half": 0.5,
        "d": "2026-03-01",
        "t": "-30:15:00.500000",
        "y": 2026,
        "dt": "2026-03-01T08:00:00.123456",
        "ts": None,
        "j": {"a": 1},
        "p": "POINT(112.2 31.03)",
        "e": "乙",
        "s": "a,b",
        "b": "AP8=",
    }


async def test_a_time_that_is_none_stays_the_text_that_it_is(gd):
    gd.run("set sql_mode = ''", "insert into gd values (1, '', '0000-00-00 00:00:00'), (2, '', '2026-03-01 00:00:00')")

    found = await tickets(gd.sql(table="gd"))

    assert [ticket["xgsj"] for ticket in found] == ["0000-00-00 00:00:00", "2026-03-01T00:00:00"]


async def test_whole_seconds_and_microseconds_are_paged_by_without_loss(legacy):
    legacy.run(
        "create table gd (id int primary key, xgsj datetime, ts timestamp(6))",
        "insert into gd select seq, '2026-03-01 08:00:00', "
        "timestampadd(microsecond, seq div 2, '2026-03-01 08:00:00.999990') from seq_1_to_10",
    )

    whole = await tickets(legacy.sql(table="gd", page={"keys": ["xgsj", "id"], "size": 3}))
    fine = await pages(legacy.sql(table="gd", page={"keys": ["ts", "id"], "size": 3}, since={"field": "ts"}))

    assert ids(whole) == list(range(1, 11))
    assert ids([ticket for page in fine for ticket in page.tickets]) == list(range(1, 11))
    again = await tickets(legacy.sql(table="gd", page={"keys": ["ts", "id"]}, since={"field": "ts"}), fine[0].cursor)
    assert ids(again) == list(range(4, 11))


async def test_long_decimal_ids_are_compared_digit_by_digit(legacy):
    start = 12345678901234567890
    legacy.run(
        "create table gd (id decimal(30, 0) primary key)",
        *(f"insert into gd values ({start + n})" for n in range(7)),
    )

    found = await pages(legacy.sql(table="gd", page=BY_ID))
    rest = await tickets(legacy.sql(table="gd", page=BY_ID), stored(found[0].cursor))

    assert ids([ticket for page in found for ticket in page.tickets]) == [str(start + n) for n in range(7)]
    assert ids(rest) == [str(start + n) for n in range(3, 7)]


async def test_text_ids_follow_a_collation_that_ignores_case(legacy):
    legacy.run(
        "create table gd (bh varchar(20) character set utf8mb4 collate utf8mb4_general_ci primary key)",
        "insert into gd values ('b2'), ('A1'), ('B10'), ('a9'), ('中'), ('É'), ('f')",
    )

    found = await tickets(legacy.sql(legacy.dsn(charset="gbk"), table="gd", page={"keys": ["bh"], "size": 2}))

    assert len(found) == 7
    assert ids(found, "bh")[:2] == ["A1", "a9"]


async def test_times_kept_as_text_are_compared_as_text(legacy):
    legacy.run(
        "create table gd (id int primary key, t varchar(14) character set gbk)",
        *(f"insert into gd values ({n}, '202603{n:02}080000')" for n in range(1, 6)),
    )
    since = {"field": "t", "format": "%Y%m%d%H%M%S", "start": "2026-03-03"}

    assert ids(await tickets(legacy.sql(table="gd", page={"keys": ["t", "id"]}, since=since))) == [3, 4, 5]


async def test_the_draft_of_the_handbook_reads_as_it_stands(gd):
    gd.run("insert into gd select seq, seq, '2026-03-01 08:00:00' from seq_1_to_5")
    query = """
      SELECT id, bt, xgsj
        FROM gd
       WHERE (xgsj, id) > (:since, :after) ORDER BY xgsj, id LIMIT :size
    """
    since = {"field": "xgsj", "format": "%Y-%m-%d %H:%M:%S", "overlap": "30m", "start": "2020-01-01"}

    found = await pages(gd.sql(gd.dsn(charset="gbk"), query=query, since=since))

    assert [ids(page.tickets) for page in found] == [[1, 2, 3], [4, 5]]


async def test_what_belongs_to_a_page_is_read_in_its_transaction(gd):
    gd.run(
        "insert into gd select seq, '', '2026-03-01 08:00:00' from seq_1_to_3",
        "create table log (gd_id int, note varchar(20)) engine = innodb",
        "insert into log values (1, '早')",
        f"create function {gd.name}.late(n int) returns int not deterministic return n + sleep(0.3)",
    )
    slow = "select id, xgsj from gd where late(id) > 0"
    connector = gd.sql(query=slow, children={"log": {"table": "log", "parent": "id", "key": "gd_id"}})
    pull = asyncio.create_task(tickets(connector))
    await asyncio.sleep(0.4)
    gd.run("insert into log values (1, '晚')")

    found = await pull

    assert [[each["note"] for each in ticket["log"]] for ticket in found] == [["早"], [], []]


# ── bounds ──


async def test_large_values_do_not_fill_the_memory(legacy):
    legacy.run(
        "create table gd (id int primary key, nr longtext character set latin1)",
        "insert into gd select seq, repeat('x', 6 * 1024 * 1024) from seq_1_to_40",
    )
    me, before = psutil.Process(os.getpid()), psutil.Process(os.getpid()).memory_info().rss
    connector = legacy.sql(table="gd", page={"keys": ["id"], "size": 1000}, limits={"max_body": "16MB"})
    counts, highest = [], before

    async for page in connector.pull(None):
        counts.append(len(page.tickets))
        highest = max(highest, me.memory_info().rss)

    assert counts == [2] * 20
    assert highest - before < 120 * 1024**2


async def test_a_value_that_is_too_large_costs_its_row_only(legacy):
    legacy.run(
        "create table gd (id int primary key, nr longtext)",
        "insert into gd values (1, 'a'), (2, repeat('x', 3000000)), (3, 'c')",
    )

    found = await tickets(legacy.sql(table="gd", page=BY_ID, limits={"max_body": "1MB"}))

    assert [ticket.get(BROKEN) for ticket in found] == [
        None,
        "the column nr holds 2929 KB, more than limits.max_body",
        None,
    ]


async def test_the_server_stops_a_statement_that_takes_too_long(gd):
    slow = "select id, xgsj from gd where sleep(30) = 0"
    gd.run("insert into gd values (1, '', '2026-03-01 08:00:00')")

    with pytest.raises(SourceUnavailable, match=r"gave no whole page within 0.3 s"):
        await pages(gd.sql(query=slow, limits={"timeout": "300ms"}))

    assert running(gd, "sleep(30)") == []


def running(legacy: Legacy, text: str) -> list[tuple[Any, ...]]:
    found = legacy.run("select id, info from information_schema.processlist where command = 'Query'")
    return [row for row in found if text in str(row[1]) and "processlist" not in str(row[1])]


async def test_a_run_that_is_cancelled_lets_go_of_its_connection(gd):
    gd.run("insert into gd values (1, '', '2026-03-01 08:00:00')")
    pull = asyncio.create_task(pages(gd.sql(query="select id, xgsj from gd where sleep(5) = 0")))
    while not running(gd, "sleep(5)"):
        await asyncio.sleep(0.05)

    pull.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pull

    while running(gd, "sleep(5)"):
        await asyncio.sleep(0.05)


async def test_nothing_can_be_written_even_by_a_function(gd):
    gd.run(
        "insert into gd values (1, '', '2026-03-01 08:00:00')",
        "create table trace (n int)",
        "create function bump() returns int begin insert into trace values (1); return 1; end",
    )

    with pytest.raises(SourceRefused, match=r"READ ONLY transaction.*1792.*the hub only reads"):
        await pages(gd.sql(query="select id, xgsj, bump() b from gd"))

    assert gd.run("select * from trace") == []


async def test_no_connection_is_left_behind(gd):
    gd.run("insert into gd select seq, '', '2026-03-01 08:00:00' from seq_1_to_9")

    await pages(gd.sql(table="gd"))

    mine = gd.run(f"select count(*) from information_schema.processlist where db = '{gd.name}'")
    assert mine == [(1,)]


# ── trouble ──


async def test_a_connection_that_the_server_closed_between_pages_is_opened_again(gd):
    gd.run("insert into gd select seq, '', '2026-03-01 08:00:00' from seq_1_to_5")
    found = []

    async for page in gd.sql(table="gd").pull(None):
        found += page.tickets
        for (connection,) in gd.run(
            f"select id from information_schema.processlist where db = '{gd.name}' and id <> connection_id()"
        ):
            gd.run(f"kill {connection}")

    assert ids(found) == [1, 2, 3, 4, 5]


async def test_a_connection_that_dies_under_a_query_is_worth_another_try(gd):
    gd.run("insert into gd values (1, '', '2026-03-01 08:00:00')")
    pull = asyncio.create_task(pages(gd.sql(query="select id, xgsj from gd where sleep(20) = 0")))
    while not (found := running(gd, "sleep(20)")):
        await asyncio.sleep(0.05)

    gd.run(f"kill {found[0][0]}")

    with pytest.raises(SourceUnavailable, match=f"mysql://127.0.0.1:{gd.port}/{gd.name}: "):
        await pull


async def test_a_table_that_somebody_alters_is_not_waited_for_without_end(gd):
    blocker = pymysql.connect(host="127.0.0.1", port=gd.port, user="root", database=gd.name)
    with blocker.cursor() as cursor:
        cursor.execute("lock tables gd write")

        with pytest.raises(SourceUnavailable):
            await pages(gd.sql(table="gd", limits={"timeout": "1s"}))
    blocker.close()


async def test_a_server_with_no_connection_to_spare_is_busy(gd, user):
    gd.run(f"alter user {user}@'127.0.0.1' with max_user_connections 1")
    taken = pymysql.connect(host="127.0.0.1", port=gd.port, user=user)

    with pytest.raises(SourceUnavailable, match="OperationalError 1226"):
        await pages(gd.sql(gd.dsn().replace("root@", f"{user}@"), table="gd"))
    taken.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"table": "gb"}, r"Table '.*gb' doesn't exist \(ProgrammingError 1146\)"),
        ({"table": "gd", "columns": ["bd"]}, r"Unknown column 'bd' in 'SELECT'"),
        ({"query": "select id, xgsj frm gd"}, r"error in your SQL syntax.*near 'gd"),
        ({"query": "select id, xgsj, id from gd"}, r"Duplicate column name 'id'"),
        ({"query": "select nofun(id) id, xgsj from gd"}, r"FUNCTION .*nofun does not exist"),
        ({"table": "gd", "children": {"x": {"table": "nox", "parent": "id", "key": "gd"}}}, r"nox' doesn't exist"),
    ],
)
async def test_what_the_database_does_not_know_is_named(gd, options, told):
    gd.run("insert into gd values (1, '', '2026-03-01 08:00:00')")

    with pytest.raises(SourceRefused, match=told):
        await pages(gd.sql(**options))


@pytest.mark.parametrize("separate", [True, False])
async def test_a_wrong_password_is_refused_and_never_told(gd, user, separate):
    gd.run(f"set password for {user}@'127.0.0.1' = password('right')")
    secret = "s3cr3t@/:wort"
    given = "" if separate else ":s3cr3t%40%2F%3Awort"
    options = {"password": secret} if separate else {}

    with pytest.raises(SourceRefused, match=r"Access denied.*1045.*check the user and password of `dsn`") as caught:
        await pages(gd.sql(gd.dsn().replace("root@", f"{user}{given}@"), table="gd", **options))

    assert "s3cr3t" not in str(caught.value) + repr(caught.value.__context__) + repr(caught.value.__cause__)


async def test_a_database_that_is_not_there_is_refused(legacy):
    with pytest.raises(SourceRefused, match=r"Unknown database 'nowhere'"):
        await pages(legacy.sql(legacy.dsn().replace(legacy.name, "nowhere"), table="gd"))


async def test_a_mistake_in_the_rows_is_told_without_them(gd):
    gd.run("insert into gd values (1, '张三 13900000001', '2026-03-01 08:00:00')")
    query = "select id, xgsj, extractvalue(1, concat(0x7e, bt)) from gd"

    with pytest.raises(SourceRefused) as caught:
        await pages(gd.sql(query=query))

    assert "张三" not in str(caught.value)
    assert "139" not in str(caught.value)


def test_the_usual_driver_is_chosen_and_any_other_may_be_named(legacy):
    for dsn in (
        legacy.dsn(),
        legacy.dsn().replace("mysql:", "mariadb:"),
        legacy.dsn().replace("mysql:", "mysql+pymysql:"),
    ):
        assert isinstance(legacy.sql(dsn, table="gd"), Sql)
