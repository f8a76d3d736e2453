"""Systems that push, over real HTTP: what is taken, what is refused and how, and what the hub's people learn of it."""

import asyncio
import gzip
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
import standardwebhooks
from starlette.applications import Starlette
from starlette.routing import Route
from structlog.testing import capture_logs

from hub.app import create_app
from hub.config import Config, load
from hub.intake import Intake
from hub.store import tables
from hub.store.database import Database
from hub.store.store import Store
from hub.worker import Worker
from tests.schema.conftest import Client, Reply, running

TOKEN = "c4n4ry-token-of-32-characters-ok"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
QUICK = timedelta(milliseconds=50)
SOURCE = """
  {name}:
    title: 物业投诉平台
    class: platform
    connector: inbound
    {options}
    map:
      external_id: id
      title: title
      status: {{from: status, map: {{new: RECEIVED, done: CLOSED}}, else: reject}}
      created_at: at
      updated_at: changed
"""
BY_TOKEN = f"verify: {{by: token, secrets: [{TOKEN}]}}"
BY_STANDARD = f"verify: {{by: standard-webhooks, secrets: [{SECRET}]}}"
BEARER = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}


def configured(folder: Path, **options: str) -> Config:
    """Sources by name, each with options of its own beside the usual map."""
    path = folder / "connectors.yaml"
    entries = "".join(SOURCE.format(name=name, options=each) for name, each in options.items())
    path.write_text(f"version: 1\nsources:{entries}", encoding="utf-8")
    return load(path, {})


@asynccontextmanager
async def serving(store: Store, config: Config, worker: bool = False) -> AsyncIterator[Client]:
    """The API as it is served, and a worker beside it."""
    await store.lanes.declare([source.record for source in config.sources.values()])
    working = asyncio.create_task(_work(store, config)) if worker else None
    async with running(create_app(store, sources=config.sources)) as client:
        yield client
    if working:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _work(store: Store, config: Config) -> None:
    await Worker(store, config.sources.values(), idle=timedelta(milliseconds=20)).run_forever()


def ticket(external_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": external_id, "title": "电梯停运", "status": "new", "at": "2026-03-01T08:00:00+08:00", **fields}


async def push(client: Client, body: Any, headers: Mapping[str, str] | None = None, to: str = "/in/wuye") -> Reply:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return await client.send("POST", to, data=content, headers=BEARER if headers is None else headers)


def signed(body: bytes, key: str = "msg_1", at: datetime | None = None, secret: str = SECRET) -> dict[str, str]:
    at = at or datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(secret).sign(key, at, body.decode()),
    }


async def rows(store: Store, statement: sa.Select[Any]) -> list[Any]:
    async with store._database.begin() as connection:
        return list((await connection.execute(statement)).all())


async def landed(store: Store) -> dict[str, Any]:
    return {row.external_id: orjson.loads(row.raw) for row in await rows(store, sa.select(tables.ticket))}


async def until(condition: Any) -> None:
    """Wait for what comes soon; pytest ends the waiting for what never comes."""
    while not await condition():
        await asyncio.sleep(0.02)


async def served(store: Store, count: int) -> list[Any]:
    async def enough() -> bool:
        settled = sa.select(tables.ticket).where(tables.ticket.c.state != "pending")
        return len(await rows(store, settled)) >= count

    await until(enough)
    return await rows(store, sa.select(tables.appeal).order_by(tables.appeal.c.external_id))


# ── what is taken ──


async def test_a_push_is_answered_when_it_is_landed_and_served_at_once(store, tmp_path):
    config = configured(tmp_path, wuye=BY_TOKEN)
    async with serving(store, config, worker=True) as client:
        reply = await push(client, [ticket("A1"), ticket("A2", status="done")])

        assert (reply.status, reply.body) == (202, {"accepted": 2, "repeated": 0})
        assert set(await landed(store)) == {"A1", "A2"}
        appeals = await served(store, 2)
        assert [(each.external_id, each.status) for each in appeals] == [("A1", "RECEIVED"), ("A2", "CLOSED")]
        assert (await push(client, ticket("A3"))).body == {"accepted": 1, "repeated": 0}
        assert len(await served(store, 3)) == 3


async def test_one_bad_record_is_landed_and_rejected_and_the_others_are_served(store, tmp_path):
    config = configured(tmp_path, wuye=BY_TOKEN)
    deep = b"[" * 300 + b"]" * 300
    async with serving(store, config, worker=True) as client:
        batch = [ticket("A1"), ticket("A2", status="?"), {"no": "id"}, "just text", ticket("A3")]
        reply = await push(client, orjson.dumps(batch)[:-1] + b"," + deep + b"]")

        appeals = await served(store, 6)
    assert reply.body == {"accepted": 6, "repeated": 0}
    assert [each.external_id for each in appeals] == ["A1", "A3"]
    refused = await rows(store, sa.select(tables.ticket.c.reason).where(tables.ticket.c.state == "rejected"))
    assert len(refused) == 4
    assert any("status '?' is unknown" in row.reason for row in refused)


async def test_rows_that_are_no_tickets_are_left_out(store, tmp_path):
    config = configured(tmp_path, wuye=f"{BY_TOKEN}\n    only_if: title\n    version: seq")
    async with serving(store, config) as client:
        reply = await push(client, [ticket("A1", seq=1), {"id": "sum", "count": 2}, ticket("A2", seq=7)])

    assert reply.body == {"accepted": 2, "repeated": 0}
    assert {name: each["seq"] for name, each in (await landed(store)).items()} == {"A1": 1, "A2": 7}


async def test_words_that_no_map_knows_are_reported_of_pushed_tickets_too(store, tmp_path):
    async with serving(store, configured(tmp_path, wuye=BY_TOKEN), worker=True) as client:
        await push(client, [ticket("A1"), ticket("A2", status="转办中")])

        await until(store.reads.drift)

    assert [(each.field, each.word, each.tickets) for each in await store.reads.drift()] == [("status", "转办中", 1)]


async def test_what_the_standard_library_signs_is_taken_once(store, tmp_path):
    body = orjson.dumps(ticket("A1"))
    async with serving(store, configured(tmp_path, wuye=BY_STANDARD)) as client:
        first = await push(client, body, signed(body))
        retried = await push(client, body, signed(body, at=datetime.now(UTC) + timedelta(seconds=30)))
        other = await push(client, body, signed(body, key="msg_2"))
        reused = await push(client, orjson.dumps(ticket("A2")), signed(orjson.dumps(ticket("A2"))))

    assert (first.status, first.body) == (202, {"accepted": 1, "repeated": 0})
    assert (retried.status, retried.text) == (202, first.text)
    assert other.body == {"accepted": 0, "repeated": 1}
    assert (reused.status, reused.body["error"]["code"]) == (422, "KEY_REUSED")
    assert set(await landed(store)) == {"A1"}


async def test_a_captured_push_that_is_sent_again_brings_no_old_state_back(store, tmp_path):
    """Also where nothing in the tickets says which is newer."""
    config = configured(tmp_path, wuye=f"{BY_STANDARD}\n    version: nothing")
    old, new = orjson.dumps(ticket("A1")), orjson.dumps(ticket("A1", status="done"))
    captured = signed(old)
    async with serving(store, config) as client:
        await push(client, old, captured)
        await push(client, new, signed(new, key="msg_2"))

        replayed = await push(client, old, captured)

    assert replayed.status == 202
    assert (await landed(store))["A1"]["status"] == "done"


@pytest.mark.parametrize(
    ("idempotency", "body", "headers"),
    [
        ("{header: Idempotency-Key}", [ticket("A1")], {**BEARER, "idempotency-key": "k1"}),
        ("{path: meta.id}", {"meta": {"id": 7}, "rows": [ticket("A1")]}, BEARER),
    ],
)
async def test_a_push_with_a_known_key_is_answered_as_the_first(store, tmp_path, idempotency, body, headers):
    records = "" if isinstance(body, list) else "\n    records: rows"
    config = configured(tmp_path, wuye=f"{BY_TOKEN}\n    idempotency: {idempotency}{records}")
    async with serving(store, config) as client:
        replies = [await push(client, body, headers) for _ in range(3)]

    assert {(reply.status, reply.text) for reply in replies} == {(202, '{"accepted":1,"repeated":0}')}


async def test_an_answer_of_the_senders_own_is_given_whenever_a_push_is_taken(store, tmp_path):
    answer = "answer: {status: 200, body: {code: 0, msg: 成功}}\n    idempotency: {header: X-Id}"
    async with serving(store, configured(tmp_path, wuye=f"{BY_TOKEN}\n    {answer}")) as client:
        first = await push(client, ticket("A1"), {**BEARER, "x-id": "1"})
        again = await push(client, ticket("A1"), {**BEARER, "x-id": "1"})

    assert (first.status, first.body) == (again.status, again.body) == (200, {"code": 0, "msg": "成功"})


WECHAT = """verify:
      by: signature
      algorithm: sha1
      of: ["{{secret}}", "{{timestamp}}", "{{nonce}}"]
      in: {{query: signature}}
      timestamp: {{query: timestamp}}
      nonce: {{query: nonce}}
      secrets: [{secret}]
    challenge: echostr"""


def wechat(**parameters: str) -> str:
    stamp = str(int(time.time()))
    proof = hashlib.sha1("".join(sorted([TOKEN, stamp, "n1"])).encode()).hexdigest()
    query = {"signature": proof, "timestamp": stamp, "nonce": "n1", **parameters}
    return "/in/wuye?" + "&".join(f"{name}={value}" for name, value in query.items())


async def test_an_address_can_be_tried_out_as_wechat_does(store, tmp_path):
    async with serving(store, configured(tmp_path, wuye=WECHAT.format(secret=TOKEN))) as client:
        echoed = await client.send("GET", wechat(echostr="4711%3Cb%3E"))
        forged = await client.send("GET", wechat(echostr="4711", signature="00" * 20))
        captured = wechat()
        taken = await push(client, ticket("A1"), {}, captured)
        replaced = await push(client, ticket("A2"), {}, captured)

    assert (echoed.status, echoed.text) == (200, "4711<b>")
    assert echoed.headers["content-type"].startswith("text/plain")
    assert echoed.headers["x-content-type-options"] == "nosniff"
    assert (forged.status, "4711" in forged.text) == (401, False)
    assert taken.status == 202
    # The body is not signed: whoever captured the address cannot use it for another one.
    assert (replaced.status, set(await landed(store))) == (422, {"A1"})


@pytest.mark.parametrize("coding", ["utf-8", "gb18030"])
async def test_a_compressed_batch_is_taken_in_its_encoding(store, tmp_path, coding):
    body = gzip.compress(orjson.dumps([ticket("A1", title="电梯€")]).decode().encode(coding))
    headers = {**BEARER, "content-type": f"application/json; charset={coding}", "content-encoding": "gzip"}
    async with serving(store, configured(tmp_path, wuye=BY_TOKEN)) as client:
        reply = await push(client, body, headers)

    assert reply.status == 202
    assert (await landed(store))["A1"]["title"] == "电梯€"


# ── in whatever order ──


async def test_six_changes_pushed_in_each_of_720_orders_end_in_the_newest_appeal(store, tmp_path):
    """The time that the map reads as `updated_at` says which is newer."""
    config = configured(tmp_path, wuye=BY_TOKEN)
    states = [{"title": f"第{n}版", "changed": f"2026-03-01T08:00:0{n}+08:00"} for n in range(6)]
    orders = list(permutations(range(6)))
    async with serving(store, config, worker=True) as client:
        for turn in [0, 1, 2, 3, 4, 5, 3, 0]:  # The last two come again.
            reply = await push(client, [ticket(f"T{n}", **states[order[turn]]) for n, order in enumerate(orders)])
            assert reply.status == 202
        await served(store, 720)
        appeals = await served(store, 720)

    assert len(appeals) == 720
    assert {each.title for each in appeals} == {"第5版"}


async def test_a_number_that_rises_says_which_is_newer(store, tmp_path):
    config = configured(tmp_path, wuye=f"{BY_TOKEN}\n    version: meta.seq")
    changed = "2026-03-01T08:00:00+08:00"
    async with serving(store, config) as client:
        await push(client, ticket("A1", meta={"seq": 10}, changed=changed, status="done"))
        late = await push(client, ticket("A1", meta={"seq": "9"}, changed="2026-03-02T08:00:00+08:00"))

    assert late.body == {"accepted": 0, "repeated": 1}
    assert (await landed(store))["A1"]["status"] == "done"


# ── what is refused ──


@pytest.mark.parametrize("path", ["/in/nobody", "/in/files", "/in/off", "/in/WUYE", "/in/%00"])
async def test_an_address_that_no_system_pushes_to_is_not_found(store, tmp_path, path):
    files = "connector: files\n    at: .\n    pick: '*.csv'"
    off = f"{BY_TOKEN}\n    enabled: false"
    config = configured(tmp_path, wuye=BY_TOKEN, off=off)
    text = (tmp_path / "connectors.yaml").read_text()
    other = SOURCE.format(name="files", options="at: x").replace("connector: inbound\n    at: x", files)
    (tmp_path / "connectors.yaml").write_text(text + other)
    config = load(tmp_path / "connectors.yaml", {})
    async with serving(store, config) as client:
        reply = await push(client, ticket("A1"), BEARER, path)

    assert (reply.status, reply.body["error"]["code"]) == (404, "UNKNOWN_SOURCE")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_only_post_is_answered_and_no_page_of_another_origin_may_ask(store, tmp_path, method):
    async with serving(store, configured(tmp_path, wuye=BY_TOKEN)) as client:
        reply = await client.send(method, "/in/wuye", headers={"origin": "https://evil.example"})

    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]


async def test_every_proof_that_fails_is_refused_in_the_same_words(store, tmp_path):
    body = orjson.dumps(ticket("A1"))
    stale = datetime.now(UTC) - timedelta(minutes=6)
    wrong = "whsec_d3Jvbmcgc2VjcmV0IG9mIHR3ZW50eQ=="
    async with serving(store, configured(tmp_path, wuye=BY_STANDARD)) as client:
        replies = [
            await push(client, body, headers)
            for headers in (
                {},
                signed(body, at=stale),
                signed(body, secret=wrong),
                signed(body + b" "),
                {**signed(body), "webhook-signature": " ".join(["v1,AAAA"] * 1000)},
                {**signed(body), "webhook-timestamp": "1.5"},
            )
        ]

    assert {reply.status for reply in replies} == {401}
    assert len({reply.text for reply in replies}) == 1
    assert replies[0].headers["www-authenticate"] == "Signature"
    assert await landed(store) == {}


async def test_a_stranger_is_refused_before_the_body_is_read(store, tmp_path):
    """Where the proof does not cover it: what cannot be read is never looked at."""
    async with serving(store, configured(tmp_path, wuye=BY_TOKEN)) as client:
        reply = await push(client, b"{not json", {"authorization": "Bearer wrong"})

    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "told"),
    [
        (b"", {}, 400, "BAD_INPUT", "the body is empty"),
        (b'[{"id": 1}, {"id"', {}, 400, "BAD_INPUT", "breaks off after"),
        (b'[{"id": 1},, {}]', {}, 400, "BAD_INPUT", "line 1 column 12"),
        (b"[" * 50_000, {}, 400, "BAD_INPUT", "JSON"),
        (b"x", {"content-type": "image/png"}, 415, "UNSUPPORTED_MEDIA_TYPE", "'image/png'; send one of"),
        (b"x", {"content-encoding": "br"}, 415, "UNSUPPORTED_MEDIA_TYPE", "'br'"),
        (b"\x1f\x8b", {"content-encoding": "gzip"}, 400, "BAD_INPUT", "breaks off"),
        (gzip.compress(b" " * 3_000_000), {"content-encoding": "gzip"}, 413, "BODY_LIMIT", "inflates to more than"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_what_and_where(store, tmp_path, body, headers, status, code, told):
    config = configured(tmp_path, wuye=f"{BY_TOKEN}\n    limits: {{max_body: 1MB}}")
    async with serving(store, config) as client:
        reply = await push(client, body, {**BEARER, **headers})

    error = reply.body["error"]
    assert (reply.status, error["code"]) == (status, code)
    assert told in f"{error['message']}; {error.get('hint')}"
    assert await landed(store) == {}


async def test_a_push_that_is_too_large_is_stopped_while_it_comes(store, tmp_path):
    """Whatever it says of its length."""
    config = configured(tmp_path, wuye=f"{BY_TOKEN}\n    limits: {{max_body: 100KB}}")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 10_000

    async with serving(store, config) as client:
        told = await push(client, b" " * 200_000)
        chunked = await client.send("POST", "/in/wuye", data=endless(), headers=BEARER)

    assert [reply.status for reply in (told, chunked)] == [413, 413]
    assert told.body["error"]["message"] == "the push is larger than 102400 bytes"


@asynccontextmanager
async def connected(client: Client) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = client.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    yield reader, writer
    writer.close()
    await writer.wait_closed()


HEAD = f"POST /in/wuye HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n".encode()


@pytest.mark.parametrize(
    "length", [b"content-length: 99999999999999999999999\r\n\r\n", b"content-length: 5000000000\r\n\r\n"]
)
async def test_a_length_beyond_the_limit_is_refused_before_anything_comes(store, tmp_path, length):
    async with serving(store, configured(tmp_path, wuye=BY_TOKEN)) as client, connected(client) as (reader, writer):
        writer.write(HEAD + length)
        answer = await reader.read()

    assert answer.split(b"\r\n")[0].split()[1] in (b"413", b"400")


async def test_a_body_that_never_ends_is_given_up_in_time(store, tmp_path):
    config = configured(tmp_path, wuye=f"{BY_TOKEN}\n    limits: {{timeout: 200ms}}")
    async with serving(store, config) as client, connected(client) as (reader, writer):
        writer.write(HEAD + b"content-length: 100\r\n\r\n[")
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 0.2 s" in answer


async def test_a_sender_that_goes_away_in_the_middle_leaves_nothing(store, tmp_path):
    async with serving(store, configured(tmp_path, wuye=BY_TOKEN)) as client:
        async with connected(client) as (_, writer):
            writer.write(HEAD + b"content-length: 100\r\n\r\n[")
            await writer.drain()
        reply = await push(client, ticket("A1"))

    assert reply.status == 202
    assert set(await landed(store)) == {"A1"}


async def test_pushes_beyond_the_rate_are_told_when_to_come_again(store, tmp_path):
    config = configured(tmp_path, wuye=f"{BY_TOKEN}\n    limits: {{rate: 3/h}}", other=BY_TOKEN)
    async with serving(store, config) as client:
        strangers = [await push(client, ticket("A1"), {"authorization": "Bearer no"}) for _ in range(9)]
        replies = [await push(client, ticket(f"A{n}")) for n in range(5)]
        other = await push(client, ticket("A1"), BEARER, "/in/other")

    assert {reply.status for reply in strangers} == {401}
    assert [reply.status for reply in replies] == [202, 202, 202, 429, 429]
    assert replies[-1].headers["retry-after"] == "1200"
    assert replies[-1].body["error"]["code"] == "RATE_LIMIT"
    assert other.status == 202


async def test_without_a_database_a_push_is_to_come_again(tmp_path):
    store = Store(Database("postgresql://nobody@127.0.0.1:1/secret_name"))
    async with running(create_app(store, sources=configured(tmp_path, wuye=BY_TOKEN).sources)) as client:
        reply = await push(client, ticket("A1"))
    await store.close()

    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert reply.body["error"] == {
        "code": "STORE_UNAVAILABLE",
        "message": "the hub cannot keep anything now",
        "hint": "send it again",
    }


async def test_a_mistake_of_the_hubs_is_an_id_that_is_also_in_the_log(store, tmp_path):
    config = configured(tmp_path, wuye=BY_TOKEN)
    with capture_logs() as logs:
        broken = SimpleNamespace(
            reads=store.reads, quick=store.quick, counted=store.counted, keys=store.keys, pushes=None
        )
        async with running(create_app(broken, sources=config.sources)) as client:
            reply = await push(client, ticket("A1", title="张三"))

    assert reply.status == 500
    (line,) = [each for each in logs if each["event"] == "push failed by a mistake of the hub's"]
    assert reply.body["error"]["message"] == f"internal error {line['id']}"
    assert "张三" not in str(line)


async def test_bodies_that_would_fill_the_memory_wait_outside(store, tmp_path):
    config = configured(tmp_path, wuye=BY_TOKEN)
    await store.lanes.declare([source.record for source in config.sources.values()])
    intake = Intake(store, config.sources, most_held=5000)
    async with running(Starlette(routes=[Route("/in/{source}", intake)])) as client:
        async with connected(client) as (_, slow):
            slow.write(HEAD + b"content-length: 9000\r\n\r\n" + b"[" * 4900)
            await slow.drain()
            busy = await push(client, b" " * 200)
            while busy.status != 503:  # Until the slow one has come so far.
                busy = await push(client, b" " * 200)
        while (later := await push(client, ticket("A1"))).status == 503:
            await asyncio.sleep(0.01)
    await intake.close()

    assert (busy.headers["retry-after"], busy.body["error"]["code"]) == ("5", "BUSY")
    assert later.status == 202


# ── many at once ──


async def test_a_burst_of_200_pushes_neither_deadlocks_nor_loses(store, tmp_path):
    """Each brings some tickets of its own, and some that all bring, each in another order."""
    config = configured(tmp_path, wuye=f"{BY_STANDARD}\n    version: seq\n    limits: {{rate: 10000/s}}")

    async def one(number: int) -> Reply:
        shared = [ticket(f"S{(number * 7 + n) % 10}", seq=number) for n in range(10)]
        body = orjson.dumps([*shared, ticket(f"N{number}", seq=1)])
        return await push(client, body, signed(body, key=f"msg_{number}"))

    async with serving(store, config, worker=True) as client:
        replies = await asyncio.gather(*map(one, range(200)))
        again = await asyncio.gather(*map(one, range(200)))
        await served(store, 210)

    assert {reply.status for reply in replies} == {202}
    assert [reply.text for reply in again] == [reply.text for reply in replies]
    found = await landed(store)
    assert {f"N{n}" for n in range(200)} < set(found)
    assert {found[f"S{n}"]["seq"] for n in range(10)} == {199}


# ── what the hub's people learn ──


@contextmanager
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


async def last_error(store: Store) -> str | None:
    (health,) = await store.reads.source_health()
    return health.last_error


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (
            b"[]",
            {"authorization": "Bearer 13800001234"},
            "push refused (401): Authorization carries none of the tokens",
        ),
        (
            b'{"name": "\xe5\xbc\xa0\xe4\xb8\x89", "phone": 13800001234, "id", 1}',
            BEARER,
            "push refused (400): not JSON: unexpected character, expected ':' after key at line 1 column 42",
        ),
        (
            b"name=%E5%BC%A0%E4%B8%89",
            {**BEARER, "content-type": "text/xml"},
            "push refused (400): not XML: Start tag expected, '<' not found, line 1, column 1",
        ),
        (b" " * 2000, BEARER, "push refused (413): the push is larger than 1024 bytes"),
    ],
)
async def test_why_a_push_was_refused_is_in_the_log_and_in_the_health(store, tmp_path, body, headers, reason):
    """And nothing of what it held, nor of what its sender tried."""
    config = configured(tmp_path, wuye=f"{BY_TOKEN}\n    limits: {{max_body: 1KB}}")
    with logged() as lines:
        async with serving(store, config) as client:
            await push(client, body, headers)
            await until(lambda: last_error(store))

    assert str(await last_error(store)).startswith(reason)
    (line,) = lines
    assert (line["event"], line["source"], line["log_level"]) == ("push refused", "wuye", "warning")
    assert f"push refused ({line['status']}): {line['reason']}".startswith(reason)
    assert "张三" not in str(lines)
    assert "13800001234" not in str(lines)


async def test_a_flood_of_refused_pushes_is_told_once_in_a_while_and_the_last_for_sure(store, tmp_path):
    config = configured(tmp_path, wuye=BY_TOKEN)
    await store.lanes.declare([source.record for source in config.sources.values()])
    intake = Intake(store, config.sources, note_every=timedelta(seconds=0.5))
    with logged() as lines:
        async with running(Starlette(routes=[Route("/in/{source}", intake)])) as client:
            for _ in range(100):
                await push(client, b"[]", {"authorization": "Bearer no"})
            await push(client, b"?")

            async def told_of_the_last() -> bool:
                return "(400)" in str(await last_error(store))

            await until(told_of_the_last)
        await intake.close()

    assert len(lines) < 20
    assert sum(line["pushes"] for line in lines) == 101


async def test_a_push_that_is_taken_ends_what_was_wrong(store, tmp_path):
    async with serving(store, configured(tmp_path, wuye=BY_TOKEN)) as client:
        await push(client, b"[]", {})
        await until(lambda: last_error(store))

        await push(client, ticket("A1"))

        assert await last_error(store) is None


async def test_the_secret_is_nowhere(store, tmp_path):
    config = configured(tmp_path, wuye=f"{BY_TOKEN}\n    error: {{path: code, ok: [0], message: msg}}")
    with logged() as lines:
        async with serving(store, config) as client:
            replies = [
                await push(client, {"code": 5, "msg": f"the token {TOKEN} is old"}, headers)
                for headers in (BEARER, {}, {"authorization": f"Bearer {TOKEN}x"})
            ]
            await until(lambda: last_error(store))

    assert [reply.status for reply in replies] == [400, 401, 401]
    told = str([(reply.text, dict(reply.headers)) for reply in replies]) + str(lines) + str(await last_error(store))
    assert "c4n4ry" not in told + repr(config.sources["wuye"])
    assert config.secrets == {TOKEN}


async def test_the_bytes_that_are_signed_are_those_that_come(store, tmp_path):
    """Compressed as they are, not as they inflate."""
    verify = f"verify: {{by: signature, in: {{header: X-Sign}}, secrets: [{TOKEN}]}}"
    body = gzip.compress(orjson.dumps(ticket("A1")))
    mac = hmac.new(TOKEN.encode(), body, "sha256").hexdigest()
    async with serving(store, configured(tmp_path, wuye=verify)) as client:
        reply = await push(client, body, {"x-sign": mac, "content-encoding": "gzip"})

    assert reply.status == 202
