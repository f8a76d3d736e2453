"""Take from a queue of an AMQP 0-9-1 broker, such as RabbitMQ.

Messages are asked for one at a time (`basic.get`), not pushed: so the broker never sends more than there is room for,
and says by itself when the queue is empty. What was taken and not acknowledged goes back when the channel closes.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiormq import exceptions, spec
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from aiormq.connection import Connection, SSLContextProvider, TransportFactory
from pamqp import constants
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from yarl import URL

from hub.connectors.brokers.base import Message, Passing
from hub.connectors.brokers.options import BrokerOptions
from hub.connectors.brokers.wire import Site, asking, part
from hub.connectors.guard import refuse_forbidden
from hub.errors import SourceError, SourceRefused, SourceUnavailable

# What it has to say, its exceptions say as well.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)

_LARGEST_FRAME = 4 * 2**20  # RabbitMQ's are of 128 KB
_LOOK_AGAIN = 0.1  # seconds between two looks into an empty queue
_PER_DELIVERY = frozenset({"x-delivery-count", "x-acquired-count", "x-delivery-limit"})
_GET_OK = spec.Basic.GetOk.index.to_bytes(4, "big")
_PROPERTIES = ("type", "app_id", "user_id", "correlation_id", "reply_to")


@asynccontextmanager
async def open_queue(options: BrokerOptions, site: Site) -> AsyncIterator["AmqpQueue"]:
    connection = Connection(_url(options, site), context=site.tls, transport_factory=_Transport())
    try:
        async with asking(site, _explain):
            await refuse_forbidden(site.host)
            await connection.connect()
            channel = await _declared(connection, options, site)
        yield AmqpQueue(channel, options.queue or "", site)
    finally:
        await part(connection.close())


class AmqpQueue:
    def __init__(self, channel: Channel, queue: str, site: Site) -> None:
        self._channel = channel
        self._queue = queue
        self._site = site

    async def take(self, most: int, wait: float) -> list[Message]:
        taken: list[Message] = []
        size, until = 0, time.monotonic() + wait
        while len(taken) < most and size < self._site.most:
            async with asking(self._site, _explain):
                delivered = await self._channel.basic_get(self._queue)
            if isinstance(delivered.delivery, spec.Basic.GetEmpty):
                if taken or time.monotonic() >= until:
                    break
                await asyncio.sleep(min(_LOOK_AGAIN, max(0.0, until - time.monotonic())))
            else:
                taken.append(_message(delivered))
                size += len(delivered.body)
        return taken

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        async with asking(self._site, _explain):
            # One by one: `multiple` would acknowledge what was taken and not yet given as well.
            for message in messages:
                await self._channel.basic_ack(message.mark, wait=message is messages[-1])


def _url(options: BrokerOptions, site: Site) -> URL:
    auth, secure = options.auth, site.tls is not None
    external = secure and auth is None and options.tls.certificate is not None
    return URL.build(
        scheme="amqps" if secure else "amqp",
        user=auth.username if auth else None,
        password=auth.password.get_secret_value() if auth and auth.password else None,
        host=site.host,
        port=site.port,
        path=f"/{site.path}",
        query={"name": "appeal-hub", "auth": "external" if external else "plain"},
    )


async def _declared(connection: Connection, options: BrokerOptions, site: Site) -> Channel:
    """Open a channel on which the queue was seen; make the queue only where that is allowed and there is none."""
    queue = options.queue or ""
    channel = await _channel(connection, site)
    try:
        await channel.queue_declare(queue, passive=True)
    except exceptions.ChannelNotFoundEntity:
        if not options.declare:
            raise SourceRefused(f"has no queue {queue!r}", hint="create it, or set `declare: true`") from None
        channel = await _channel(connection, site)  # the broker closed the one that asked in vain
        await channel.queue_declare(queue, durable=True)
    return channel


async def _channel(connection: Connection, site: Site) -> Channel:
    number = max(connection.channels, default=0) + 1
    channel = _SparingChannel(connection, number, publisher_confirms=False, frame_buffer=4)
    channel.most = site.most
    connection.channels[number] = channel
    await channel.open()
    return channel


class _SparingChannel(Channel):
    """A channel that reads past a body which is larger than allowed, and keeps what tells what it was."""

    most: int

    async def _read_content(self, frame: Any, header: ContentHeader) -> DeliveredMessage:
        left = header.body_size or 0
        if left <= self.most:
            return await super()._read_content(frame, header)
        passing = Passing()
        while left > 0:
            content = await self._get_frame()
            if not isinstance(content, ContentBody):
                raise exceptions.InvalidFrameError(content)
            passing.by(content.value)
            left -= len(content.value)
        return DeliveredMessage(delivery=frame, header=header, body=passing.told(), channel=self)


class _Transport(TransportFactory):
    """Connections whose frames have a largest size, whatever a broker says of them."""

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        provider: SSLContextProvider = kwargs["ssl_context_provider"]
        loop = asyncio.get_running_loop()
        reader = _FrameReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        trust = await provider.get_context() if url.scheme == "amqps" else None
        transport, _ = await loop.create_connection(lambda: protocol, url.host or "", url.port or 0, ssl=trust)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


class _FrameReader(asyncio.StreamReader):
    """Reads frames as aiormq does, in three steps: the kind, the rest of the head, and the payload with its end."""

    def __init__(self) -> None:
        super().__init__()
        self._step = 0
        self._kind = 0

    async def readexactly(self, n: int) -> bytes:
        if n > _LARGEST_FRAME:
            raise exceptions.InvalidFrameError(f"a frame of {n} bytes")
        read = await super().readexactly(n)
        step, self._step = self._step, (self._step + 1) % 3
        if step == 0:
            self._kind = read[0]
        return _decodable(self._kind, read) if step == 2 else read


def _decodable(kind: int, payload: bytes) -> bytes:
    """Take out of a frame what could not be decoded, as publishers write it: names in GBK, a time in microseconds.

    The broker would hand over that very frame in every run, and aiormq close the connection over it in each.
    """
    try:
        if kind == constants.FRAME_HEADER:
            ContentHeader().unmarshal(payload[:-1])
        elif kind == constants.FRAME_METHOD and payload.startswith(_GET_OK):
            spec.Basic.GetOk().unmarshal(payload[4:-1])
    except Exception:  # noqa: BLE001  # whatever it is that cannot be decoded, the message has to come through
        if kind == constants.FRAME_HEADER:
            return payload[:12] + bytes(len(payload) - 13) + payload[-1:]  # no properties at all
        return payload[:13] + bytes(min(byte, 0x7F) for byte in payload[13:-5]) + payload[-5:]
    return payload


def _message(delivered: DeliveredMessage) -> Message:
    properties = delivered.header.properties
    named = {name: value for name in _PROPERTIES if (value := getattr(properties, name, None)) is not None}
    headers = {key: value for key, value in (properties.headers or {}).items() if key not in _PER_DELIVERY}
    return Message(
        mark=delivered.delivery_tag,
        body=delivered.body,
        topic=delivered.routing_key or "",
        headers=named | headers,
        id=properties.message_id,
        at=properties.timestamp,
        content_type=properties.content_type or "",
        content_encoding=properties.content_encoding or "",
    )


def _explain(error: Exception) -> SourceError | None:
    said = str(error.args[-1]) if error.args else ""
    if isinstance(error, exceptions.AuthenticationError | exceptions.ProbableAuthenticationError):
        return SourceRefused("does not let the hub in", hint="check `auth`")
    # While a connection is opened, aiormq takes the broker's no for a frame out of place.
    if isinstance(error, exceptions.ConnectionNotAllowed) or "Connection.Close" in said:
        return SourceRefused("does not let the hub in there", hint="the path of `url` is the virtual host")
    if isinstance(error, exceptions.ChannelAccessRefused):
        return SourceRefused(f"does not allow that: {said}", hint="let the user of `auth` read the queue")
    if isinstance(error, exceptions.ConnectionNotImplemented):
        return SourceRefused(f"cannot give messages one at a time: {said}", hint="take from a queue, not a stream")
    if isinstance(error, exceptions.ProtocolSyntaxError | exceptions.IncompatibleProtocolError):
        return SourceRefused("does not speak AMQP 0-9-1", hint="check the host and port of `url`")
    if isinstance(error, exceptions.AMQPError | exceptions.ChannelInvalidStateError):
        return SourceUnavailable(f"closed the connection: {said}" if said else "closed the connection")
    return None
