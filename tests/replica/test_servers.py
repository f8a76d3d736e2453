"""The systems that are not asked over HTTP: servers of other protocols, a database, and pushes."""

import asyncio
import ftplib
import imaplib
import io
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import asyncssh
import nats
import orjson
import pytest
import python_calamine
import redis
import standardwebhooks
from aiohttp import web
from amqtt.mqtt.protocol.handler import ProtocolHandler

from replica import Replica
from replica.city import Flaw
from replica.counters.brokers import RedisServer, _but_for_amqtt
from replica.systems import SYSTEMS
from tests.replica.conftest import Clock

ROOT = Path(__file__).resolve().parents[2]
FAR_SIDES = ("hotline-12305", "hotline-12313", "hotline-12316", "hotline-12318", "hotline-12325", "hotline-12360")
TABLES = ("hotline-12348", "hotline-12349", "hotline-12363", "hotline-12367")


@pytest.fixture(scope="module")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replica]:
    """Those of the city's systems that speak something else than HTTP."""
    systems = [SYSTEMS[name] for name in (*FAR_SIDES, *TABLES)]
    async with Replica(files=tmp_path_factory.mktemp("city"), clock=Clock(), systems=systems) as running:
        yield running


def address(city: Replica, variable: str) -> tuple[str, int]:
    host, _, port = city.surroundings[variable].partition(":")
    return host, int(port)


def well_written(city: Replica, name: str) -> int:
    """How many cases of a system have a number."""
    return sum(case.flaw is not Flaw.NO_ID for case in city.desks[name].cases())


async def test_every_server_listens_where_the_surroundings_say(city):
    named = {"SFTP", "FTP", "IMAP", "MQTT", "NATS", "REDIS"}

    assert {f"REPLICA_{name}" for name in named} <= city.surroundings.keys()
    assert len({city.surroundings[f"REPLICA_{name}"] for name in named}) == 6


async def test_a_port_that_is_taken_gives_way_to_another(tmp_path):
    """Beside the web systems' port where that is free, anywhere else where it is not."""
    with taken_beside() as (port, taken):
        async with Replica(files=tmp_path, port=port, clock=Clock(), systems=[SYSTEMS["hotline-12313"]]) as city:
            assert city.url.endswith(f":{port}")
            assert address(city, "REPLICA_REDIS")[1] != taken


@contextmanager
def taken_beside() -> Iterator[tuple[int, int]]:
    """A free port, and the one beside it where Redis would listen, which is not free."""
    while True:
        with suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", 0)) as web_port:
            port = web_port.getsockname()[1]
            with socket.create_server(("127.0.0.1", port + RedisServer.place)):
                web_port.close()
                yield port, port + RedisServer.place
                return


async def test_sftp_shows_a_system_its_own_folder_under_a_key_that_is_always_the_same(city):
    host, port = address(city, "REPLICA_SFTP")
    options = {"username": "hub", "known_hosts": None}

    async with asyncssh.connect(host, port, password="demo-files", **options) as connection:
        key = connection.get_server_host_key().get_fingerprint()
        async with connection.start_sftp_client() as client:
            names = await client.listdir("/hotline-12325")

    assert {name for name in names if name.endswith(".jsonl")} == {
        "grain_20211130_235959.jsonl",
        "grain_20211231_175959.jsonl",
    }
    assert key in (ROOT / "connectors.yaml").read_text("utf-8")
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(host, port, password="guess", **options)


async def test_ftp_shows_files_without_a_line_of_names(city):
    def listed() -> tuple[list[str], list[bytes]]:
        with ftplib.FTP() as ftp:
            ftp.connect(*address(city, "REPLICA_FTP"))
            ftp.login("hub", "demo-files")
            lines: list[bytes] = []
            ftp.retrbinary("RETR hotline-12318/wh_20211231_175959.txt", lines.append)
            names = [name for name, _ in ftp.mlsd("hotline-12318")]
            return names, b"".join(lines).split(b"\r\n")

    names, lines = await asyncio.to_thread(listed)

    assert len(names) == 4
    assert lines[0].decode("gb18030").startswith("WH")
    assert all(line.count(b"\t") == 12 for line in lines if line)


async def test_a_mailbox_holds_a_mail_a_month_with_a_workbook(city):
    def fetched() -> list[bytes]:
        with imaplib.IMAP4(*address(city, "REPLICA_IMAP")) as imap:
            imap.login("12316@jingmen.example", "demo-mail")
            imap.select("INBOX", readonly=True)
            _, (found,) = imap.uid("SEARCH", "UID 1:*")
            return [imap.uid("FETCH", uid.decode(), "(BODY.PEEK[])")[1][0][1] for uid in found.split()]

    mails = [message_from_bytes(mail, policy=default) for mail in await asyncio.to_thread(fetched)]

    assert [mail["Subject"] for mail in mails] == ["12316三农服务台账（2021年11月）", "12316三农服务台账（2021年12月）"]
    (attachment,) = mails[0].iter_attachments()
    sheet = python_calamine.load_workbook(io.BytesIO(attachment.get_content())).get_sheet_by_index(0)
    assert sheet.to_python()[0][0] == "工单号"


async def test_a_mailbox_opens_to_its_password_only(city):
    def guessed() -> None:
        with imaplib.IMAP4(*address(city, "REPLICA_IMAP")) as imap:
            imap.login("12316@jingmen.example", "guess")

    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        await asyncio.to_thread(guessed)


async def test_jetstream_keeps_a_cloud_event_for_each_case_that_moved(city):
    client = await nats.connect(f"nats://{city.surroundings['REPLICA_NATS']}")
    stream = client.jetstream()

    info = await stream.stream_info("CUSTOMS")
    last = orjson.loads((await stream.get_msg("CUSTOMS", info.state.last_seq)).data)

    await client.close()
    assert info.state.messages == len(city.desks["hotline-12360"].cases())
    assert (last["specversion"], last["type"]) == ("1.0", "cn.customs.appeal.changed")
    assert last["data"]["caseNo"] is None or last["data"]["caseNo"].startswith("HG4208")


async def test_a_redis_stream_holds_flat_texts(city):
    def read() -> list[Any]:
        client = redis.Redis.from_url(f"redis://{city.surroundings['REPLICA_REDIS']}/0")
        with closing(client):
            return client.xrange("ycgd:12313")

    entries = await asyncio.to_thread(read)

    assert len(entries) == len(city.desks["hotline-12313"].cases())
    assert set(entries[0][1]) == {name.encode() for name in SYSTEMS["hotline-12313"].columns}


async def test_a_database_has_a_view_and_a_table_of_steps(city):
    files = city.files
    with closing(sqlite3.connect(files / "hotline-12348" / "flfw.db")) as legal:
        rows = legal.execute("select count(bh) from v_hub_gd").fetchone()
    with closing(sqlite3.connect(files / "hotline-12349" / "minzheng.db")) as civil:
        steps = civil.execute("select count(distinct 工单ID) from 办理过程").fetchone()

    assert rows == (well_written(city, "hotline-12348"),)
    assert steps == (len(city.desks["hotline-12349"].cases()),)


async def test_a_database_changes_in_place(tmp_path):
    clock = Clock()
    async with Replica(files=tmp_path, clock=clock, systems=[SYSTEMS["hotline-12348"]]) as city:
        with closing(sqlite3.connect(tmp_path / "hotline-12348" / "flfw.db")) as legal:
            clock.forward(minutes=2)
            await city.tell()
            before = dict(legal.execute("select id, xgsj from t_gd").fetchall())
            clock.forward(minutes=2)
            await city.tell()
            after = dict(legal.execute("select id, xgsj from t_gd").fetchall())

    assert before.keys() < after.keys()
    assert any(after[number] != changed for number, changed in before.items())


@asynccontextmanager
async def hub(*answers: int) -> AsyncIterator[tuple[str, list[tuple[str, Any, bytes]]]]:
    """A hub that answers pushes one after the other, the last answer ever after, and what it was sent."""
    came: list[tuple[str, Any, bytes]] = []
    left = list(answers)

    async def take(request: web.Request) -> web.Response:
        came.append((request.path, request.headers.copy(), await request.read()))
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0])

    app = web.Application()
    app.add_routes([web.post("/in/{name}", take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", came
    finally:
        await runner.cleanup()


async def test_what_is_pushed_is_sealed_as_standard_webhooks_says(tmp_path):
    async with (
        hub(202) as (url, came),
        Replica(files=tmp_path, clock=Clock(), systems=[SYSTEMS["hotline-12367"]]) as city,
    ):
        assert came == []
        city.hub = url
        await city.tell()

    seal = standardwebhooks.Webhook("whsec_ZGVtby0xMjM2Ny1tYWRlLXVwLXNlY3JldA==")
    events = [seal.verify(body, headers) for _, headers, body in came]
    assert {path for path, _, _ in came} == {"/in/hotline-12367"}
    assert sum(len(event["data"]) for event in events) == len(city.desks["hotline-12367"].cases())


async def test_what_the_hub_does_not_take_comes_again(tmp_path):
    """A 503 is tried again at once, and what is given up on is told again with what moved until then."""
    async with (
        hub(503, 503, 503, 202) as (url, came),
        Replica(files=tmp_path, clock=Clock(), systems=[SYSTEMS["hotline-12363"]]) as city,
    ):
        city.hub = url
        await city.tell()
        given_up = len(came)
        await city.tell()

    bodies = [body for _, _, body in came]
    assert given_up == 3
    assert bodies[0] == bodies[1] == bodies[3]
    told = [row for body in bodies[given_up:] for row in orjson.loads(body)["complaints"]]
    assert len(told) == len(city.desks["hotline-12363"].cases())


async def test_only_what_amqtt_forgets_to_look_after_goes_untold(caplog: pytest.LogCaptureFixture):
    async def ours() -> None:
        raise ValueError("ours")

    left = ProtocolHandler.__new__(ProtocolHandler)
    left.session = None  # as that of somebody who has just left
    tasks = [asyncio.create_task(left.mqtt_publish("a", b"", 0, False)), asyncio.create_task(ours())]
    await asyncio.wait(tasks)

    loop = asyncio.get_running_loop()
    for task in tasks:
        _but_for_amqtt(loop, {"message": "never retrieved", "exception": task.exception(), "future": task})

    assert [record.exc_info[1].args for record in caplog.records if record.exc_info] == [("ours",)]
