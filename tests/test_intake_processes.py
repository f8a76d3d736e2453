"""Pushes to real processes of the hub: killed in the middle, or several at once over one database."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import sqlalchemy as sa

from hub.config import load
from hub.store import tables
from hub.store.store import Store
from hub.worker import Worker

TOKEN = "a token of sixteen bytes or more"
CONFIG = f"""
version: 1
sources:
  wuye:
    title: 物业投诉平台
    class: platform
    connector: inbound
    verify: {{by: token, secrets: [{TOKEN}]}}
    version: seq
    limits: {{rate: 100000/s}}
    map:
      external_id: id
      title: title
      status: {{value: RECEIVED}}
      created_at: at
"""
HEADERS = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "connectors.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@asynccontextmanager
async def serving(config: Path, database_url: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`hub serve --api-only` as a process of its own, and the address that is pushed to."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.cli", "serve", "--api-only"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "HUB_CONFIG": str(config), "DATABASE_URL": database_url, "HUB_PORT": "0"},
    )
    assert process.stdout
    try:
        announced = (await process.stdout.readline()).decode().split()
        yield process, announced[1].replace("/graphql", "/in/wuye")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # asyncio leaves it to the garbage collector


def ticket(external_id: str, seq: int) -> dict[str, Any]:
    return {"id": external_id, "title": f"第{seq}版", "at": "2026-03-01T08:00:00+08:00", "seq": seq}


async def push(session: aiohttp.ClientSession, url: str, *tickets: dict[str, Any]) -> int:
    async with session.post(url, data=orjson.dumps(tickets), headers=HEADERS) as response:
        await response.read()
        return response.status


async def landed(store: Store) -> dict[str, int]:
    async with store._database.begin() as connection:
        rows = await connection.execute(sa.select(tables.ticket.c.external_id, tables.ticket.c.version))
        return {row.external_id: int(row.version) for row in rows}


async def test_what_was_answered_is_in_the_store_whenever_the_process_is_killed(store, database_url, config):
    draw, numbers, answered = random.Random(3), count(), set()

    async def send(url: str, session: aiohttp.ClientSession) -> None:
        """Push without a pause until the process is gone."""
        while True:
            names = [f"T{next(numbers)}" for _ in range(3)]
            if await push(session, url, *(ticket(name, 1) for name in names)) == 202:
                answered.update(names)

    for _ in range(4):
        before = len(answered)
        async with serving(config, database_url) as (process, url), aiohttp.ClientSession() as session:
            senders = [asyncio.create_task(send(url, session)) for _ in range(12)]
            while len(answered) < before + 30:
                await asyncio.sleep(0.01)
            await asyncio.sleep(draw.uniform(0, 0.05))
            process.kill()
            ended = await asyncio.gather(*senders, return_exceptions=True)
        assert all(isinstance(end, aiohttp.ClientError) for end in ended)

    assert answered <= set(await landed(store))
    assert len(answered) >= 120


async def test_a_secret_that_is_changed_in_the_file_is_good_from_then_on(store, database_url, config):
    newer = {"authorization": "Bearer another token of sixteen bytes", "content-type": "application/json"}

    async with serving(config, database_url) as (_, url), aiohttp.ClientSession(headers=newer) as session:

        async def status() -> int:
            async with session.post(url, data=orjson.dumps([ticket("T1", 1)])) as response:
                return response.status

        assert await status() == 401
        config.write_text(CONFIG.replace(f"[{TOKEN}]", f"[{TOKEN}, another token of sixteen bytes]"))
        while await status() != 202:
            await asyncio.sleep(0.1)
        assert await push(session, url, ticket("T2", 1)) == 202  # By the old one, which is good as well.


async def test_two_processes_that_take_pushes_at_once_end_in_the_newest_states(store, database_url, config):
    """While a worker serves; each state is pushed to both, twice, in an order of its own."""
    draw = random.Random(5)
    pushes = [(name, seq) for name in (f"T{n}" for n in range(20)) for seq in range(6)] * 4
    worker = asyncio.create_task(
        Worker(store, load(config, {}).sources.values(), idle=timedelta(milliseconds=5)).run_forever()
    )
    async with (
        serving(config, database_url) as (_, one),
        serving(config, database_url) as (_, other),
        aiohttp.ClientSession() as session,
    ):
        draw.shuffle(pushes)
        statuses = await asyncio.gather(
            *(
                push(session, draw.choice([one, other]), ticket(name, seq), ticket(f"T{draw.randrange(20)}", 0))
                for name, seq in pushes
            )
        )

    async def titles() -> set[str]:
        async with store._database.begin() as connection:
            return {row.title for row in await connection.execute(sa.select(tables.appeal.c.title))}

    while await titles() != {"第5版"} or await store.tickets.pending("wuye", 1):
        await asyncio.sleep(0.02)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    assert set(statuses) == {202}
    assert await landed(store) == {f"T{n}": 5 for n in range(20)}
