"""A small city behind a real server: two sources, forty appeals, three rejected tickets; and a client for it."""

import asyncio
import hashlib
import io
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
import sqlalchemy as sa
import uvicorn
from starlette.types import ASGIApp

from hub.app import create_app
from hub.model import (
    Appeal,
    Channel,
    Entry,
    Event,
    Integration,
    Kind,
    LandedTicket,
    Rejection,
    SourceClass,
    SourceRecord,
    Status,
    Urgency,
)
from hub.schema.limits import Limits
from hub.store.store import Store
from hub.store.tickets import Served

NEW = "application/graphql-response+json"
START = datetime(2026, 3, 1, tzinfo=UTC)
SOURCES = [
    SourceRecord("housing", "住房热线", SourceClass.HOTLINE, Integration.DUAL_NUMBER, "住建局", "rest"),
    SourceRecord("lift", "电梯平台", SourceClass.PLATFORM, connector="files"),
]

ORGANIZATIONS = [
    Entry("orgs", "4208", "荆门市人民政府", "政府", area="420800"),
    Entry("orgs", "4208-01", "市城管委", "部门", parent="4208", area="420800", location_address="象山大道1号"),
    Entry("orgs", "4208-05", "市水务集团", "企业", parent="gone", active=False),
]


def appeal(number: int, **fields: Any) -> Appeal:
    """The appeal with this number; equal numbers read the same."""
    defaults: dict[str, Any] = {
        "source": "lift" if number % 4 == 0 else "housing",
        "external_id": f"N{number}",
        "appeal_no": f"20260301-{number:04}",
        "title": f"第{number}件：路灯不亮" if number % 5 == 0 else f"第{number}件：电梯停运",
        "content": "居民反映100%_\\*很急",
        "status": [Status.RECEIVED, Status.IN_PROGRESS, Status.CLOSED][number % 3],
        "status_text": "处理中",
        "kind": Kind.COMPLAINT if number % 2 else Kind.HELP,
        "urgency": Urgency.CRITICAL if number == 7 else Urgency.NORMAL,
        "urgency_text": "急" if number == 7 else None,
        "channel": Channel.PHONE,
        "topic": "城市管理/路灯" if number % 5 == 0 else "物业与住房/电梯",
        "area": ["420802", "420804", "420881"][number % 3],
        # Three appeals share each moment, so that pages must be told apart by id.
        "created_at": START + timedelta(hours=number // 3, milliseconds=500 if number % 9 < 3 else 0),
        "updated_at": START + timedelta(days=1, minutes=number),
        "due_at": None if number % 3 == 0 else START + timedelta(days=10, hours=number // 4),
        "reporter_name": "张小明",
        "reporter_phone": "13812341234",
        "location_address": f"象山大道{number}号",
        "location_point": (112.2, 31.03),
        "lead_org": "市城管委" if number % 6 == 0 else None,
        "co_orgs": ["市水务集团", "无名单位"] if number % 6 == 0 else [],
        "duplicate_of": {6: "N3", 12: "nobody"}.get(number),
        "attachments": ["https://photos.example/a/%E8%B7%AF.JPG?x=1", "javascript:alert(1)"] if number == 6 else [],
        "attributes": {"floor": number},
        "events": [Event(START, "受理", "甲科", Status.ACCEPTED, "1"), Event(None, "备注")] if number % 5 == 0 else [],
    }
    return Appeal(**{**defaults, **fields})


async def serve(store: Store, appeals: Sequence[Appeal], rejected: Sequence[str] = ()) -> None:
    """Land and settle these appeals, and these tickets that nothing can be read from, as a sync does."""
    for source in sorted({one.source for one in appeals}):
        mine = [one for one in appeals if one.source == source]
        lane = await store.lanes.claim_named(f"source:{source}", "test", timedelta(minutes=1))
        assert lane is not None
        tickets = [_landed(one.external_id, repr(one)) for one in mine]
        bad = [_landed(external_id, "?") for external_id in rejected if source == "housing"]
        await store.tickets.land(lane, source, [*tickets, *bad], {"seen": True})
        tally = await store.tickets.put(
            lane,
            source,
            [Served(ticket.hash, one) for ticket, one in zip(tickets, mine, strict=True)],
            [Rejection(ticket.external_id, ticket.hash, "unknown status '?'", "status") for ticket in bad],
        )
        await store.lanes.finish(lane, START + timedelta(days=400), tally)


async def serve_entries(store: Store, entries: Sequence[Entry]) -> None:
    """Land and settle these entries of one register."""
    register = entries[0].register
    lane = await store.lanes.claim_named(f"source:{register}", "test", timedelta(minutes=1))
    assert lane is not None
    tickets = [_landed(one.external_id, repr(one)) for one in entries]
    await store.tickets.land(lane, register, tickets, {"seen": True})
    served = [Served(ticket.hash, one) for ticket, one in zip(tickets, entries, strict=True)]
    await store.lanes.finish(lane, START, await store.tickets.put(lane, register, served, []))


def _landed(external_id: str, text: str) -> LandedTicket:
    ticket = {"id": external_id, "text": text}
    raw = orjson.dumps(ticket)
    return LandedTicket(external_id, raw, hashlib.blake2b(raw, digest_size=16).digest(), ticket)


UNRATED = Limits(rate=0)
"""Tests ask more often than clients may."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Any
    text: str

    @property
    def body(self) -> Any:
        return orjson.loads(self.text)

    @property
    def data(self) -> Any:
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]


@dataclass(frozen=True, slots=True)
class Client:
    """Talks to one server; asks for the newer media type, whose status tells a refusal."""

    url: str
    session: aiohttp.ClientSession

    async def send(self, method: str, path: str = "/graphql", **arguments: Any) -> Reply:
        async with self.session.request(method, self.url + path, **arguments) as response:
            return Reply(response.status, response.headers, await response.text())

    async def ask(self, query: str, **variables: Any) -> Reply:
        return await self.send(
            "POST", data=orjson.dumps({"query": query, "variables": variables}), headers=_headers(NEW)
        )

    async def post(self, body: bytes, content: str = "application/json", accept: str = NEW) -> Reply:
        return await self.send("POST", data=io.BytesIO(body), headers=_headers(accept) | {"content-type": content})

    async def socket(
        self, *, protocol: str = "graphql-transport-ws", **arguments: Any
    ) -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(self.url + "/graphql", protocols=(protocol,), **arguments)


def _headers(accept: str) -> dict[str, str]:
    return {"accept": accept, "content-type": "application/json"}


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[Client]:
    """The application behind a real server on loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    # asyncio turns Nagle's algorithm off only for sockets it made itself; with it each answer waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app, log_level="warning", lifespan="on", ws="websockets-sansio", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    async with aiohttp.ClientSession() as session:
        yield Client(f"http://127.0.0.1:{listener.getsockname()[1]}", session)
    server.should_exit = True
    await task


@pytest.fixture(scope="session")
async def city_store(server_url: str) -> AsyncIterator[Store]:
    """The city's store, shared by all tests that only read."""
    url = sa.make_url(server_url)
    admin = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    await admin.execute("drop database if exists hub_city with (force)")
    await admin.execute("create database hub_city")
    store = await Store.open(url.set(database="hub_city").render_as_string(hide_password=False))
    await store.lanes.declare([*SOURCES, SourceRecord("orgs", "组织机构", SourceClass.REGISTER, connector="files")])
    await serve(store, [appeal(number) for number in range(1, 41)], ["R1", "R2", "R3"])
    await serve_entries(store, ORGANIZATIONS)
    await serve(store, [appeal(7, status=Status.RESOLVED, reporter_phone="13900000000")])
    yield store
    await store.close()
    await admin.execute("drop database hub_city with (force)")
    await admin.close()


@pytest.fixture(scope="session")
async def city(city_store: Store) -> AsyncIterator[Client]:
    async with running(create_app(city_store, limits=UNRATED)) as client:
        yield client


@pytest.fixture(scope="session")
async def production(city_store: Store) -> AsyncIterator[Client]:
    async with running(create_app(city_store, production=True, limits=UNRATED)) as client:
        yield client


@pytest.fixture
async def own_store(store: Store) -> Store:
    """A store to write to, with the sources declared."""
    await store.lanes.declare(SOURCES)
    return store


Ask = Callable[..., Awaitable[Reply]]
