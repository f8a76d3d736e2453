"""The API killed in the middle of a mutation, whose client asks again: it is done once."""

import asyncio
import os
import random
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime

import aiohttp

from hub.keys import new_key
from hub.model import Scope
from tests.schema.conftest import appeal, serve

SERVER = """
import asyncio, sys, uvicorn
from hub.app import create_app
from hub.store.store import Store

async def main():
    config = uvicorn.Config(create_app(await Store.open(sys.argv[1])), port=int(sys.argv[2]), log_level="warning")
    await uvicorn.Server(config).serve()

asyncio.run(main())
"""
QUERY = """mutation ($id: ID!, $key: String!) {
  commentOnAppeal(input: {id: $id, clientMutationId: $key, note: "已致电"}) {
    ... on AppealActed { change { number } } ... on UserError { message }
  }
}"""
KILLS = int(os.environ.get("KILLS", "4"))  # `make chaos` asks for more


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def started(url: str, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, url, str(port))


async def answered(http: aiohttp.ClientSession, url: str, variables: dict) -> int:
    """Ask until the API answers; gives the number of the change."""
    while True:
        with suppress(aiohttp.ClientError):
            async with http.post(url, json={"query": QUERY, "variables": variables}) as response:
                if response.status == 200:
                    return (await response.json(content_type=None))["data"]["commentOnAppeal"]["change"]["number"]
        await asyncio.sleep(0.05)


async def test_a_mutation_is_done_once_however_often_the_api_is_killed_meanwhile(own_store, database_url):
    await serve(own_store, [appeal(1)])
    (stored,) = (await own_store.reads.appeals_by_id(range(1, 10))).values()
    written, record = new_key("desk", [Scope.APPEALS_WRITE], datetime.now(UTC))
    await own_store.keys.add(record)
    chance, port = random.Random(22), free_port()  # which moment, not which secret
    server = await started(database_url, port)
    numbers = []

    async with (
        asyncio.timeout(60 * KILLS),
        aiohttp.ClientSession(headers={"authorization": f"Bearer {written}"}) as http,
    ):
        url = f"http://127.0.0.1:{port}/graphql"
        await answered(http, url, {"id": f"Appeal:{stored.id}", "key": "first"})
        for turn in range(KILLS):
            asking = asyncio.create_task(answered(http, url, {"id": f"Appeal:{stored.id}", "key": f"k{turn}"}))
            await asyncio.sleep(chance.uniform(0, 0.02))
            server.kill()
            await server.wait()
            server = await started(database_url, port)
            numbers.append(await asking)
    server.kill()
    await server.wait()

    page = (await own_store.reads.changes_of([stored.id], size=KILLS + 2))[stored.id]
    commented = [change.number for change in page.changes if change.note == "已致电"]
    lost, twice = len(set(numbers) - set(commented)), len(set(commented[1:]) - set(numbers))
    print(f"R22  of kills {KILLS}  lost {lost}  done twice {twice}")  # noqa: T201  # the figure of `make chaos`
    assert sorted(numbers) == commented[1:]
    assert len(set(numbers)) == KILLS
