"""Real brokers with a queue of their own each: the services of the machine, and those that pip brings."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import aiomqtt
import aiormq
import nats
import redis.asyncio
from amqtt.broker import Broker as Amqtt
from amqtt.contexts import BrokerConfig, ListenerConfig
from fakeredis import TcpFakeServer
from nats.js.api import AckPolicy, ConsumerConfig
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pamqp.commands import Basic
from pulling import build

from hub.connectors.base import Connector
from tests.services import port_of

QUICK: dict[str, Any] = {"wait": "50ms", "idle": "200ms", "limits": {"timeout": "5s"}}


class Publish(Protocol):
    def __call__(self, body: bytes, /, **headers: str) -> Awaitable[object]: ...


@dataclass
class Far:
    """A queue of a real broker: how the hub takes from it, and how somebody else puts into it."""

    options: Mapping[str, Any]
    publish: Publish
    gives_again: bool = True
    """Whether what was not acknowledged comes again; amqtt forgets it when the connection ends."""

    def connector(self, **more: Any) -> Connector:
        return build("broker", {**QUICK, **self.options, **more})

    async def subscribed(self, **more: Any) -> Connector:
        """The connector, after a first run that found nothing: a topic keeps messages only for whom it knows."""
        connector = self.connector(**more)
        async for _ in connector.pull(None):
            raise AssertionError("the queue was not empty")
        return connector


def fresh(prefix: str = "hub-test") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def rabbitmq(folder: Path) -> AsyncIterator[Far]:
    url, queue = f"amqp://127.0.0.1:{port_of('rabbitmq')}", fresh()
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    await channel.queue_declare(queue, durable=True)

    async def publish(body: bytes, **headers: str) -> None:
        said = Basic.Properties(headers=dict(headers), message_id=fresh("m"), delivery_mode=2)
        await channel.basic_publish(body, routing_key=queue, properties=said)

    try:
        yield Far({"url": url, "queue": queue}, publish)
    finally:
        await channel.queue_delete(queue)
        await connection.close()


@asynccontextmanager
async def mqtt(url: str, version: Any, **login: str) -> AsyncIterator[Far]:
    topic, known_as = fresh("hub/test"), fresh()
    options = {"url": url, "topics": topic, "known_as": known_as, "version": version}
    if login:
        options["auth"] = login
    where = urlsplit(url)
    protocol = aiomqtt.ProtocolVersion.V5 if version == 5 else aiomqtt.ProtocolVersion.V311

    def client(version: aiomqtt.ProtocolVersion | None = None, **more: Any) -> aiomqtt.Client:
        return aiomqtt.Client(where.hostname or "", where.port or 0, protocol=version, **login, **more)

    async with client(protocol) as publisher:

        async def publish(body: bytes, **headers: str) -> None:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = list(headers.items())
            await publisher.publish(topic, body, qos=1, properties=properties if version == 5 else None)

        yield Far(options, publish)
    # Whoever comes with a clean session ends the one that was kept under its name.
    async with client(identifier=known_as, clean_session=True):
        pass


@asynccontextmanager
async def mosquitto(folder: Path) -> AsyncIterator[Far]:
    async with mqtt(f"mqtt://127.0.0.1:{port_of('mqtt')}", 5) as far:
        yield far


@asynccontextmanager
async def mosquitto_3(folder: Path) -> AsyncIterator[Far]:
    async with mqtt(f"mqtt://127.0.0.1:{port_of('mqtt')}", "3.1.1") as far:
        yield far


@asynccontextmanager
async def amqtt(folder: Path) -> AsyncIterator[Far]:
    port = free_port()
    # Any user will do, but one there must be: it keeps nothing for whom it does not know.
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": False}}
    broker = Amqtt(BrokerConfig(listeners={"default": ListenerConfig(bind=f"127.0.0.1:{port}")}, plugins=plugins))
    await broker.start()
    try:
        async with mqtt(f"mqtt://127.0.0.1:{port}", "3.1.1", username="hub", password="hub") as far:
            yield replace(far, gives_again=False)
    finally:
        await broker.shutdown()


@asynccontextmanager
async def jetstream(url: str) -> AsyncIterator[Far]:
    stream, known_as = fresh().replace("-", "_"), fresh()
    client = await nats.connect(url)
    js = client.jetstream()
    await js.add_stream(name=stream, subjects=[f"{stream}.>"])
    # A second only until what a hub that died had taken comes again.
    config = ConsumerConfig(durable_name=known_as, ack_policy=AckPolicy.EXPLICIT, ack_wait=1)
    await js.add_consumer(stream, config)

    async def publish(body: bytes, **headers: str) -> None:
        await js.publish(f"{stream}.tickets", body, headers=headers or None)

    try:
        yield Far({"url": url, "stream": stream, "known_as": known_as}, publish)
    finally:
        await js.delete_stream(stream)
        await client.close()


@asynccontextmanager
async def nats_service(folder: Path) -> AsyncIterator[Far]:
    async with jetstream(f"nats://127.0.0.1:{port_of('nats')}") as far:
        yield far


class NatsServer:
    """The server that pip brings, with JetStream; it can be stopped, and started again with another configuration."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._config = config
        self.url = f"nats://127.0.0.1:{self._port}"

    def start(self, config: str = "") -> None:
        written = self._folder / "nats.conf"
        written.write_text(f"listen: 127.0.0.1:{self._port}\njetstream: {{store_dir: '{self._folder}/js'}}\n{config}")
        binary = Path(sys.executable).parent / "nats-server"
        self._process = subprocess.Popen([binary, "-c", written], stderr=subprocess.DEVNULL)
        wait_for(self._port)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start, self._config)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()


@asynccontextmanager
async def nats_of_pip(folder: Path) -> AsyncIterator[Far]:
    async with NatsServer(folder) as server, jetstream(server.url) as far:
        yield far


@asynccontextmanager
async def redis_stream(url: str) -> AsyncIterator[Far]:
    stream = fresh()
    client = redis.asyncio.Redis.from_url(url)

    async def publish(body: bytes, **headers: str) -> None:
        await client.xadd(stream, {"body": body, **headers})

    try:
        yield Far({"url": url, "stream": stream, "body_field": "body", "known_as": fresh(), "declare": True}, publish)
    finally:
        await client.delete(stream)
        await client.aclose()


@asynccontextmanager
async def redis_service(folder: Path) -> AsyncIterator[Far]:
    async with redis_stream(f"redis://127.0.0.1:{port_of('redis')}") as far:
        yield far


@asynccontextmanager
async def fakeredis(folder: Path) -> AsyncIterator[Far]:
    with fake_redis_server() as port:
        async with redis_stream(f"redis://127.0.0.1:{port}") as far:
            yield far


@contextlib.contextmanager
def fake_redis_server() -> Any:
    server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(500):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise TimeoutError(port)


BROKERS: Mapping[str, Callable[[Path], contextlib.AbstractAsyncContextManager[Far]]] = {
    "rabbitmq": rabbitmq,
    "mosquitto": mosquitto,
    "mosquitto-3.1.1": mosquitto_3,
    "amqtt": amqtt,
    "nats": nats_service,
    "nats-of-pip": nats_of_pip,
    "redis": redis_service,
    "fakeredis": fakeredis,
}
"""Each kind of broker as a service, and but for AMQP one that pip brings."""


class Relay:
    """Stands between the hub and a broker, and can cut the line or let it go silent."""

    def __init__(self, far: Far) -> None:
        self._far = far
        self._there = int(urlsplit(far.options["url"]).port or 0)
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        url = self._far.options["url"].replace(f":{self._there}", f":{port}")
        self.far = replace(self._far, options={**self._far.options, "url": url})
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self._server.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._open.set()

    def fall_silent(self) -> None:
        self._open.clear()

    async def _serve(self, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        far, far_writer = await asyncio.open_connection("127.0.0.1", self._there)
        self._writers += [near_writer, far_writer]
        for reader, writer in ((near, far_writer), (far, near_writer)):
            task = asyncio.create_task(self._pass_on(reader, writer))
            self._tasks.add(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                await self._open.wait()
                writer.write(piece)
                await writer.drain()
        writer.close()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def made_up(serve: Serve) -> AsyncIterator[int]:
    """A server whose words are written in the test; gives its port."""
    tasks: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
