from contextlib import AsyncExitStack
from pathlib import Path

import nats
import orjson
from far_brokers import QUICK, NatsServer, fresh
from pulling import build

from worlds.base import CANARY, ROWS, World


async def broker_world(stack: AsyncExitStack, folder: Path) -> World:
    server = await stack.enter_async_context(NatsServer(folder, _login(CANARY)))
    client = await stack.enter_async_context(await nats.connect(server.url, user="hub", password=CANARY))
    name = fresh().replace("-", "_")
    stream = client.jetstream()
    await stream.add_stream(name=name, subjects=[name])
    for row in ROWS:
        await stream.publish(name, orjson.dumps(row))

    def say_no() -> None:
        server.stop()
        server.start(_login("another"))

    options = {"stream": name, "declare": True, "size": 3, "auth": {"username": "hub", "password": CANARY}}
    return World(build("broker", {**QUICK, "url": server.url, **options}), server.stop, say_no)


def _login(password: str) -> str:
    return f'authorization {{user: hub, password: "{password}"}}'
