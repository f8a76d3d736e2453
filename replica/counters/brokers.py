"""Message brokers on this machine, and the systems that publish to them what moves."""

import asyncio
import logging
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

import orjson

from replica import leash
from replica.city import Snapshot
from replica.counters.answers import fill
from replica.counters.base import Batch, House, Ledger
from replica.counters.servers import Server
from replica.writing import OFFSET

_STARTING = 10  # seconds that a server gets to come up


@dataclass(frozen=True, slots=True)
class Message:
    """What is published about one case. `key` tells it from every other case of the system."""

    key: str
    row: dict[str, Any]

    @property
    def body(self) -> bytes:
        return orjson.dumps(self.row)


class Broker(Server, Protocol):
    async def publish(self, name: str, messages: Sequence[Message]) -> None:
        """Publish to the topic, subject or stream of that name."""


class MqttBroker:
    """An MQTT broker; it keeps the last message of each topic, and a case has a topic of its own.

    Messages go out with QoS 0: amqtt takes one back that is not acknowledged within five seconds, and here nothing is
    lost with it, as whoever subscribes again is told anew.
    """

    variable: ClassVar = "REPLICA_MQTT"
    place: ClassVar = 4

    def __init__(self, files: Path) -> None:
        self._broker: Any = None

    async def start(self, host: str, port: int) -> int:
        from amqtt.broker import Broker as Amqtt  # noqa: PLC0415  # where there are systems that publish

        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        asyncio.get_running_loop().set_exception_handler(_but_for_amqtt)
        plugins: dict[str, Any] = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        free = port or free_port(host)
        self._broker = Amqtt({"listeners": {"default": {"type": "tcp", "bind": f"{host}:{free}"}}, "plugins": plugins})
        await self._broker.start()
        return free

    async def publish(self, name: str, messages: Sequence[Message]) -> None:
        for message in messages:
            topic = f"{name}/{message.key}"
            await self._broker.retain_message(None, topic, message.body, 0)
            await self._broker.internal_message_broadcast(topic, message.body, 0)

    async def stop(self) -> None:
        await self._broker.shutdown()


def _but_for_amqtt(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Pass by the tasks in which amqtt publishes to somebody who has just left: it looks after none of them."""
    coroutine = getattr(context.get("future"), "get_coro", lambda: None)()
    written = getattr(getattr(coroutine, "cr_code", None), "co_filename", "")
    if "amqtt" not in Path(written).parts:
        loop.default_exception_handler(context)


class NatsServer:
    """A NATS server with JetStream: a process of its own, on a leash."""

    variable: ClassVar = "REPLICA_NATS"
    place: ClassVar = 5

    def __init__(self, files: Path) -> None:
        self._folder = files / "nats"
        self._process: asyncio.subprocess.Process | None = None
        self._client: Any = None

    async def start(self, host: str, port: int) -> int:
        import nats  # noqa: PLC0415  # where there are systems that publish

        free = port or free_port(host)
        self._folder.mkdir(parents=True, exist_ok=True)
        server = str(Path(sys.executable).with_name("nats-server"))
        words = ("-a", host, "-p", str(free), "-js", "-sd", str(self._folder), "-l", str(self._folder / "log"))
        self._process = await leash.start(server, *words)
        await _answering(host, free)
        self._client = await nats.connect(f"nats://{host}:{free}")
        return free

    async def publish(self, name: str, messages: Sequence[Message]) -> None:
        stream = self._client.jetstream()
        await stream.add_stream(name=name, subjects=[f"{name}.>"], storage="memory")
        for message in messages:
            await stream.publish(f"{name}.{message.key}", message.body)

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.close()
        if self._process is not None:
            await leash.stop(self._process)


class RedisServer:
    """Redis as far as streams go, in a thread of this process."""

    variable: ClassVar = "REPLICA_REDIS"
    place: ClassVar = 6

    def __init__(self, files: Path) -> None:
        self._server: Any = None
        self._redis: Any = None

    async def start(self, host: str, port: int) -> int:
        import fakeredis  # noqa: PLC0415  # where there are systems that publish

        self._server = fakeredis.TcpFakeServer((host, port))
        self._redis = fakeredis.FakeRedis(server=self._server.fake_server)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return int(self._server.server_address[1])

    async def publish(self, name: str, messages: Sequence[Message]) -> None:
        for message in messages:
            # The fields of an entry are flat texts.
            self._redis.xadd(name, {field: "" if value is None else value for field, value in message.row.items()})

    async def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What a system publishes under a name: a message about each case that moves.

    In the envelope `$row` stands for the ticket, `$key` for the case's number and `$time` for when it moved.
    """

    broker: type[MqttBroker] | type[NatsServer] | type[RedisServer]
    name: str
    envelope: Any = "$row"

    def open(self, ledger: Ledger, house: House) -> None:
        if house.files is not None:
            house.feed(ledger, _Publisher(self, house.server(self.broker)))


@dataclass(frozen=True, slots=True)
class _Publisher:
    topic: Topic
    broker: Broker

    def ends(self, since: datetime) -> datetime | None:
        return None

    async def take(self, batch: Batch) -> None:
        messages = [self._message(seen, row) for seen, row in zip(batch.seen, batch.rows, strict=True)]
        if messages:
            await self.broker.publish(self.topic.name, messages)

    def _message(self, seen: Snapshot, row: dict[str, Any]) -> Message:
        key = str(seen.case.number)
        return Message(key, fill(self.topic.envelope, {"row": row, "key": key, "time": OFFSET.write(seen.updated_at)}))


def free_port(host: str) -> int:
    with closing(socket.create_server((host, 0))) as probe:
        return int(probe.getsockname()[1])


async def _answering(host: str, port: int) -> None:
    """Wait until somebody listens. Raises OSError where nobody does in time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _STARTING
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            if loop.time() > until:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
