"""A real PostgreSQL: both kinds of timestamps, its own types, and its ways to say no."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from pulling import ids, pages, stored, tickets

from hub.connectors import REGISTRY
from hub.connectors.base import Connector, Place
from hub.errors import SourceRefused, SourceUnavailable
from tests.services import port_of

PAGE = {"keys": ["xgsj", "id"], "size": 3}
BY_ID = {"keys": ["id"], "size": 3}


class Legacy:
    """A database of its own on the server, and the ways to read it."""

    def __init__(self, port: int, admin: asyncpg.Connection) -> None:
        self.name = f"hub_test_{uuid.uuid4().hex[:12]}"
        self.dsn = f"postgresql://postgres@127.0.0.1:{port}/{self.name}"
        self.server = admin
        self.admin: Any = None

    async def run(self, *statements: str) -> list[Any]:
        for statement in statements[:-1]:
            await self.admin.execute(statement)
        return [tuple(row) for row in await self.admin.fetch(statements[-1])]

    def sql(self, dsn: str | None = None, *, zone: str = "Asia/Shanghai", **options: Any) -> Connector:
        since = {"since": {"field": "xgsj"}} if options.get("page", PAGE)["keys"][0] == "xgsj" else {}
        merged = {"dsn": dsn or self.dsn, "limits": {"rate": "10000/s"}, "page": PAGE, **since, **options}
        kind = REGISTRY["sql"]
        return kind(kind.options_type.model_validate(merged), Place("legacy", ZoneInfo(zone), Path()))


@pytest.fixture
async def legacy() -> AsyncIterator[Legacy]:
    port = port_of("postgresql")
    server = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres")
    made = Legacy(port, server)
    await server.execute(f"create database {made.name} template template0 encoding 'UTF8'")
    made.admin = await asyncpg.connect(made.dsn)
    yield made
    await made.admin.close()
    await server.execute(f"drop database {made.name} with (force)")
    await server.close()


def seen(found: Iterable[Any]) -> list[Any]:
    return ids([ticket for page in found for ticket in page.tickets])


# ── values and keys ──


async def test_every_kind_of_column_becomes_json(legacy):
    await legacy.run(
        "create type kind as enum ('咨询', '投诉')",
        """create table gd (
            id uuid primary key, n numeric(30, 2), big bigint, f double precision, ok boolean, b bytea, d date, t time,
            ts timestamp, tz timestamptz, i interval, j json, jb jsonb, arr text[], k kind, p point,
            bits bit(3), x xml)""",
        """insert into gd values (
            '00000000-0000-0000-0000-000000000001', 12345678901234567890.10, 9007199254740993, 'NaN', true, '\\x00ff',
            '2026-03-01', '08:05', '2026-03-01 08:00:00.123456', '2026-03-01 08:00:00+08', '1 day 02:00', '{"a": [1]}',
            '{"b": null}', '{甲,null}', '投诉', '(112.2,31.03)', '101', '<a/>')""",
    )

    (ticket,) = await tickets(legacy.sql(table="gd", page=BY_ID))

    assert ticket == {
        "id": "00000000-0000-0000-0000-000000000001",
        "n": "12345678901234567890.10",
        "big": 9007199254740993,
        "f": "NaN",
        "ok": True,
        "b": "AP8=",
        "d": "2026-03-01",
        "t": "08:05:00",
        "ts": "2026-03-01T08:00:00.123456",
        "tz": "2026-03-01T00:00:00+00:00",
        "i": "26:00:00",
        "j": {"a": [1]},
        "jb": {"b": None},
        "arr": ["甲", None],
        "k": "投诉",
        "p": [112.2, 31.03],
        "bits": "101",
        "x": "<a/>",
    }


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "timestamp(0)"])
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
async def test_both_kinds_of_timestamps_start_where_they_are_told(legacy, kind, zone):
    await legacy.run(
        f"create table gd (id int primary key, xgsj {kind})",
        f"set timezone = '{zone}'",
        "insert into gd select n, timestamp '2026-03-01 00:00' + n * interval '1 hour' from generate_series(0, 9) n",
    )
    since = {"field": "xgsj", "start": "2026-03-01T03:00:00", "overlap": "1h"}
    connector = legacy.sql(table="gd", since=since, zone=zone)

    first = await pages(connector)
    again = await tickets(connector, stored(first[-1].cursor))

    assert seen(first) == [3, 4, 5, 6, 7, 8, 9]
    assert ids(again) == [8, 9]


async def test_clocks_that_are_set_back_lose_no_row(legacy):
    await legacy.run(
        "create table gd (id int primary key, xgsj timestamp)",
        "insert into gd select n, timestamp '2026-10-25 00:30' + n * interval '15 minutes' "
        "from generate_series(0, 15) n",
    )

    found = await pages(legacy.sql(table="gd", zone="Europe/Berlin", since={"field": "xgsj", "start": "2026-10-25"}))

    assert seen(found) == list(range(16))


async def test_microseconds_are_paged_by_without_loss(legacy):
    await legacy.run(
        "create table gd (id int primary key, xgsj timestamptz)",
        "insert into gd select n, timestamptz '2026-03-01 08:00:00.999998+08' + (n / 2) * interval '1 microsecond' "
        "from generate_series(0, 9) n",
    )

    found = await pages(legacy.sql(table="gd"))

    assert seen(found) == list(range(10))
    assert seen(await pages(legacy.sql(table="gd"), stored(found[0].cursor))) == list(range(3, 10))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uuid", "('00000000-0000-0000-0000-0000000000' || lpad(n::text, 2, '0'))::uuid"),
        ("numeric(30)", "12345678901234567890 + n"),
        ("varchar(20)", "'工单' || lpad(n::text, 2, '0')"),
        ("char(6)", "'GD' || lpad(n::text, 2, '0')"),
        ("bigint", "9223372036854775000 + n"),
        ("date", "date '2026-03-01' + n"),
        ("bytea", "decode(lpad(n::text, 2, '0'), 'hex')"),
        ("double precision", "n / 3.0"),
        ("time", "time '08:00' + n * interval '1 minute'"),
    ],
)
async def test_keys_of_any_kind_are_compared_as_their_own_kind(legacy, kind, value):
    await legacy.run(
        f"create table gd (id {kind} primary key, n int)",
        f"insert into gd select {value}, n from generate_series(0, 9) n",
    )

    found = await pages(legacy.sql(table="gd", page=BY_ID))
    rest = await pages(legacy.sql(table="gd", page=BY_ID), stored(found[1].cursor))

    assert [ticket["n"] for page in found for ticket in page.tickets] == list(range(10))
    assert [ticket["n"] for page in rest for ticket in page.tickets] == list(range(6, 10))


async def test_names_in_capitals_and_in_chinese_are_quoted(legacy):
    await legacy.run(
        'create schema "工单库"',
        """create view "工单库"."V工单"
            as select 1 as "编号", 'x'::text as "BT", timestamp '2026-03-01' as "更新时间" """,
    )

    found = await tickets(
        legacy.sql(
            table="工单库.V工单",
            columns=["BT"],
            page={"keys": ["更新时间", "编号"]},
            since={"field": "更新时间", "start": "2026-01-01"},
        )
    )

    assert found == [{"BT": "x", "更新时间": "2026-03-01T00:00:00", "编号": 1}]


async def test_a_query_may_do_its_own_paging(legacy):
    await legacy.run(
        "create table gd (id int primary key, xgsj timestamp)",
        "insert into gd select n, '2026-03-01 08:00' from generate_series(1, 5) n",
    )
    query = "select id, xgsj from gd where (xgsj, id) > (:since, :after) order by xgsj, id limit :size"

    found = await pages(legacy.sql(query=query, since={"field": "xgsj", "start": "2026-03-01"}))

    assert [ids(page.tickets) for page in found] == [[1, 2, 3], [4, 5]]


async def test_children_are_found_whatever_the_kind_of_their_key(legacy):
    await legacy.run(
        "create table gd (id numeric(20) primary key)",
        "create table log (gd_id numeric(20, 2), note text)",
        "insert into gd select n from generate_series(1, 3) n",
        "insert into log values (1, '一'), (3.00, '三')",
    )

    child = {"table": "log", "parent": "id", "key": "gd_id"}
    found = await tickets(legacy.sql(table="gd", page=BY_ID, children={"log": child}))

    assert [[each["note"] for each in ticket["log"]] for ticket in found] == [["一"], [], ["三"]]


# ── bounds ──


@pytest.fixture
async def role(legacy: Legacy) -> AsyncIterator[str]:
    """A role that may log in and nothing more, and is gone afterwards."""
    name = f"hub_{uuid.uuid4().hex[:8]}"
    await legacy.run(f"create role {name} login", "select 1")
    yield name
    await legacy.run(f"drop role {name}", "select 1")


@pytest.fixture
async def gd(legacy: Legacy) -> Legacy:
    await legacy.run(
        "create table gd (id int primary key, bt text, xgsj timestamp)",
        "insert into gd select n, '', '2026-03-01 08:00' from generate_series(1, 5) n",
    )
    return legacy


async def test_a_page_ends_before_it_grows_too_large(gd):
    await gd.run("update gd set bt = repeat('x', 400000)")

    found = await pages(gd.sql(table="gd", page={**PAGE, "size": 100}, limits={"max_body": "1MB"}))

    assert [ids(page.tickets) for page in found] == [[1, 2], [3, 4], [5]]


async def test_the_server_stops_a_statement_that_takes_too_long(gd):
    with pytest.raises(SourceUnavailable, match=r"gave no whole page within 0.3 s; an index over page.keys"):
        await pages(gd.sql(query="select id, xgsj from gd where pg_sleep(30) is null", limits={"timeout": "300ms"}))

    assert await running(gd, "pg_sleep(30)") == []


async def running(legacy: Legacy, text: str) -> list[tuple[Any, ...]]:
    found = await legacy.run(
        f"select pid, query from pg_stat_activity where datname = '{legacy.name}' and state = 'active'"
    )
    return [row for row in found if text in row[1] and "pg_stat_activity" not in row[1]]


async def test_a_run_that_is_cancelled_cancels_its_query(gd):
    pull = asyncio.create_task(pages(gd.sql(query="select id, xgsj from gd where pg_sleep(20) is null")))
    while not await running(gd, "pg_sleep(20)"):
        await asyncio.sleep(0.05)

    pull.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pull

    while await running(gd, "pg_sleep(20)"):
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "body",
    [
        "insert into gd values (99); select 1",
        "set transaction read write; insert into gd values (99); select 1",
        "set default_transaction_read_only = off; insert into gd values (99); select 1",
    ],
)
async def test_nothing_can_be_written_even_by_a_function(gd, body):
    await gd.run(f"create function bump() returns int language sql as $$ {body} $$", "select 1")

    with pytest.raises(SourceRefused, match="transaction"):
        await pages(gd.sql(query="select id, xgsj, bump() as b from gd"))

    assert await gd.run("select id from gd where id = 99") == []


async def test_what_belongs_to_a_page_is_read_as_of_its_beginning(gd):
    await gd.run("create table log (gd_id int, note text)", "insert into log values (1, '早')", "select 1")
    child = {"table": "log", "parent": "id", "key": "gd_id"}
    connector = gd.sql(query="select id, xgsj from gd where pg_sleep(0.2) is not null", children={"log": child})
    pull = asyncio.create_task(tickets(connector))
    while not await running(gd, "pg_sleep(0.2)"):
        await asyncio.sleep(0.02)
    await gd.run("insert into log values (1, '晚')", "select 1")

    found = await pull

    assert [each["note"] for each in found[0]["log"]] == ["早"]


async def test_no_connection_is_left_behind(gd):
    await pages(gd.sql(table="gd"))

    while len(await gd.run(f"select pid from pg_stat_activity where datname = '{gd.name}'")) > 1:
        await asyncio.sleep(0.05)


# ── trouble ──


async def kick(legacy: Legacy) -> None:
    await legacy.run(
        f"select pg_terminate_backend(pid) from pg_stat_activity "
        f"where datname = '{legacy.name}' and pid <> pg_backend_pid()"
    )


async def test_a_connection_that_the_server_closed_between_pages_is_opened_again(gd):
    found = []

    async for page in gd.sql(table="gd").pull(None):
        found += page.tickets
        await kick(gd)

    assert ids(found) == [1, 2, 3, 4, 5]


async def test_a_connection_that_dies_under_a_query_is_worth_another_try(gd):
    pull = asyncio.create_task(pages(gd.sql(query="select id, xgsj from gd where pg_sleep(20) is null")))
    while not await running(gd, "pg_sleep(20)"):
        await asyncio.sleep(0.05)

    await kick(gd)

    with pytest.raises(SourceUnavailable, match=f"postgresql://127.0.0.1:\\d+/{gd.name}: fails with"):
        await pull


async def test_a_server_with_no_connection_to_spare_is_busy(gd, role):
    await gd.run(f"alter role {role} connection limit 0", "select 1")

    with pytest.raises(SourceUnavailable, match="53300"):
        await pages(gd.sql(gd.dsn.replace("postgres@", f"{role}@"), table="gd"))


async def test_a_table_that_somebody_locks_is_not_waited_for_without_end(gd):
    async with gd.admin.transaction():
        await gd.admin.execute("lock table gd in access exclusive mode")

        with pytest.raises(SourceUnavailable, match=r"no whole page within 0.5 s"):
            await pages(gd.sql(table="gd", limits={"timeout": "500ms"}))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"table": "gb"}, 'relation "gb" does not exist .*42P01'),
        ({"table": "gd", "columns": ["bd"]}, 'column "bd" does not exist'),
        ({"query": "select id, xgsj frm gd"}, "column .* does not exist|syntax error"),
        ({"query": "select nofun(id) id, xgsj from gd"}, r"function nofun\(integer\) does not exist"),
        (
            {"table": "gd", "page": {"keys": ["bt", "id"]}, "since": {"field": "bt", "start": "2026-01-01"}},
            "since.format",
        ),
    ],
)
async def test_what_the_database_does_not_know_is_named(gd, options, told):
    with pytest.raises(SourceRefused, match=told):
        await pages(gd.sql(**options))


async def test_a_table_that_may_not_be_read_is_named(gd, role):
    with pytest.raises(SourceRefused, match="permission denied for table gd"):
        await pages(gd.sql(gd.dsn.replace("postgres@", f"{role}@"), table="gd"))


async def test_a_user_or_a_database_that_is_not_there_is_refused_without_the_password(gd):
    dsn = gd.dsn.replace("postgres@", "nobody_at_all:s3cr3tw0rt@")

    with pytest.raises(SourceRefused, match='role "nobody_at_all" does not exist') as caught:
        await pages(gd.sql(dsn, table="gd"))
    with pytest.raises(SourceRefused, match='database "nowhere" does not exist'):
        await pages(gd.sql(gd.dsn.replace(gd.name, "nowhere"), table="gd"))

    assert "s3cr3t" not in str(caught.value) + repr(caught.value.__context__)


async def test_a_mistake_in_the_rows_is_told_without_them(gd):
    await gd.run("update gd set bt = '张三 13900000001'")

    with pytest.raises(SourceRefused, match="22P02") as caught:
        await pages(gd.sql(query="select id, xgsj, bt::int as n from gd"))

    assert "张三" not in str(caught.value)


async def test_nobody_at_the_port_is_worth_another_try():
    connector = Legacy(9, None).sql(table="gd")  # type: ignore[arg-type]  # it is never asked

    with pytest.raises(SourceUnavailable, match=r"postgresql://127.0.0.1:9/hub_test_\w+: no connection"):
        await pages(connector)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "2852039166", "0.0.0.0"],
)
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
async def test_no_database_is_looked_for_where_clouds_keep_their_credentials(host, kind):
    with pytest.raises(SourceRefused, match="is never asked: cloud metadata lives there"):
        await pages(Legacy(9, None).sql(f"{kind}://hub@{host}/gd", table="gd"))  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    "hosts",
    [
        "host=127.0.0.1:5432&host=169.254.169.254:5432",
        "host=127.0.0.1,169.254.169.254",
        "host=[fd00:ec2::254]:5432",
        "host=fd00:ec2::254",
    ],
)
async def test_neither_is_it_behind_the_question_mark(hosts):
    with pytest.raises(SourceRefused, match="is never asked"):
        await pages(Legacy(9, None).sql(f"postgresql://hub@/gd?{hosts}", table="gd"))  # type: ignore[arg-type]  # as above


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A wire to a port of this machine, which swallows everything once the event is set."""
    cut = asyncio.Event()
    ends: list[asyncio.StreamWriter] = []
    joined = 0

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while some := await source.read(2**16):
                if not cut.is_set():
                    sink.write(some)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal joined
        joined += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        ends.extend([writer, far_writer])
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        joined -= 1

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], cut
    finally:
        server.close()
        for end in ends:
            end.transport.abort()
        while joined:
            await asyncio.sleep(0.01)


async def swallowed(dsn: str, port: int, query: str) -> None:
    async with wire(port) as (here, cut):
        connector = Legacy(9, None).sql(  # type: ignore[arg-type]  # it only knows how to build one
            dsn.format(here),
            query=query,
            page={"keys": ["id"], "size": 3},
            limits={"timeout": "500ms", "rate": "9999/s"},
        )
        async with aclosing(connector.pull(None)) as stream:
            assert len((await anext(stream)).tickets) == 3
            cut.set()

            await anext(stream)


async def test_a_network_that_swallows_postgresql_is_not_waited_for_without_end():
    port = port_of("postgresql")

    with pytest.raises(SourceUnavailable, match=r"no whole page within 0.5 s"):
        await swallowed("postgresql://postgres@127.0.0.1:{}/postgres", port, "select id from generate_series(1, 9) id")


async def test_a_network_that_swallows_mariadb_is_not_waited_for_without_end():
    port = port_of("mariadb")

    with pytest.raises(SourceUnavailable, match=r"no whole page within 0.5 s|2013"):
        await swallowed("mysql://root@127.0.0.1:{}/test", port, "select seq as id from seq_1_to_9")


async def test_a_server_that_speaks_nonsense_wastes_its_own_run_only():
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x52\xff\xff\xff\xff" * 20_000)
        await writer.drain()
        writer.close()

    for kind in ("postgresql", "mysql"):
        async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises((SourceUnavailable, SourceRefused), match=f"{kind}://127.0.0.1:{port}/gd: "):
                await pages(Legacy(9, None).sql(f"{kind}://hub@127.0.0.1:{port}/gd", table="gd"))  # type: ignore[arg-type]


async def test_a_server_that_says_nothing_is_not_waited_for_without_end():
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    for kind in ("postgresql", "mysql"):
        async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            connector = Legacy(9, None).sql(  # type: ignore[arg-type]  # as above
                f"{kind}://hub@127.0.0.1:{port}/gd", table="gd", limits={"timeout": "500ms"}
            )
            with pytest.raises(SourceUnavailable):
                await pages(connector)
