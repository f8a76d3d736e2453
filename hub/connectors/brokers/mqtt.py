"""Take from the topics of an MQTT broker, as the subscriber's half of the protocol.

The session outlives the connection: the broker keeps what comes for the hub while it is away, and gives again what was
not acknowledged. Packets are read when messages are wanted, so a flood waits in the broker. That this is our own code
has its reasons: docs/decisions/0027-the-hub-speaks-mqtt-itself.md.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

from hub.connectors.brokers import mqtt_packets as packets
from hub.connectors.brokers.base import Message, Passing, TooLarge, bounded
from hub.connectors.brokers.mqtt_packets import Malformed, Publication
from hub.connectors.brokers.options import BrokerOptions
from hub.connectors.brokers.wire import Site, asking, part
from hub.connectors.guard import refuse_forbidden
from hub.errors import SourceError, SourceRefused, SourceUnavailable

_AROUND = 128 * 1024  # what a packet may hold beside its body: topic and properties
_CHUNK = 2**16

# Reason codes: of MQTT 3.1.1 the small ones, of MQTT 5 the others.
_WRONG_VERSION = frozenset({0x01, 0x84})
_WRONG_CLIENT = frozenset({0x02, 0x85})
_NOT_NOW = frozenset({0x03, 0x80, 0x83, 0x88, 0x89, 0x8B, 0x8D, 0x8E, 0x97, 0x9F})
_QUOTA = 0x97


@asynccontextmanager
async def open_queue(options: BrokerOptions, site: Site) -> AsyncIterator["MqttQueue"]:
    async with asking(site, _explain):
        await refuse_forbidden(site.host)
        reader, writer = await asyncio.open_connection(site.host, site.port, ssl=site.tls)
    queue = MqttQueue(reader, writer, options, site)
    is_broken = False
    try:
        async with asking(site, _explain):
            await queue.connect()
            await queue.subscribe()
        yield queue
    except SourceError:
        is_broken = True
        raise
    finally:
        writer.write(packets.packet(packets.DISCONNECT))
        if not is_broken:
            # A broker that hangs up has read every acknowledgement; one that is asked again before may not have.
            await part(_end(reader))
        writer.close()
        await part(writer.wait_closed())


async def _end(reader: asyncio.StreamReader) -> None:
    while await reader.read(_CHUNK):
        pass


class _Packet(NamedTuple):
    """One packet; of a publication that is too large, what was read of it instead of its body."""

    kind: int
    flags: int
    body: bytes
    passed: Publication | None = None


class MqttQueue:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        options: BrokerOptions,
        site: Site,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._options = options
        self._site = site
        self._early: deque[Message] = deque()
        self._is_subscribed = False
        self._unacknowledged = 0

    async def connect(self) -> None:
        options, auth = self._options, self._options.auth
        login = (auth.username or "", auth.password.get_secret_value()) if auth and auth.password else None
        self._writer.write(
            packets.connect(
                options.version, self._site.known_as, login, keep=options.keep_session, at_once=options.size
            )
        )
        try:
            head = await self._reader.readexactly(1)
        except EOFError:
            raise SourceUnavailable("hung up", hint="it may speak another MQTT: see `version`") from None
        if head[0] != packets.CONNACK:
            raise Malformed("no answer to a connection")
        _judge((await self._rest(head)).body[1:2], "does not let the hub in")

    async def subscribe(self) -> None:
        """Ask for the topics, without waiting for an answer: some brokers first want what waits to be acknowledged."""
        self._writer.write(packets.subscribe(self._options.version, self._options.topics))
        await self._writer.drain()

    async def take(self, most: int, wait: float) -> list[Message]:
        return await self._arriving(most, wait) or await self._before_a_pong(most)

    async def _arriving(self, most: int, wait: float) -> list[Message]:
        taken: list[Message] = []
        size = 0
        while len(taken) < most and size < self._site.most:
            message = self._early.popleft() if self._early else await self._next(0.0 if taken else wait)
            if message is None:
                break
            taken.append(message)
            size += len(message.body)
        return taken

    async def _before_a_pong(self, most: int) -> list[Message]:
        """Take what came before the answer to a ping: only its coming first tells that there is nothing."""
        await self._ping()
        return await self._arriving(most, 0.0) if self._early else []

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        async with asking(self._site, _explain):
            for one in (message.mark for message in messages):
                # With PUBREC the hub answers for a message of QoS 2; all that follows only frees its number.
                if one.qos:
                    kind = packets.PUBACK if one.qos == 1 else packets.PUBREC
                    self._writer.write(packets.packet(kind, packets.short(one.number)))
                    self._unacknowledged -= 1
            await self._writer.drain()

    async def _ping(self) -> None:
        """Tell a quiet broker from one that is gone, or that never answered what was asked for."""
        async with asking(self._site, _explain):
            self._writer.write(packets.packet(packets.PINGREQ))
            await self._answer(packets.PINGRESP)
            if not self._is_subscribed and not self._unacknowledged:
                self._granted((await self._answer(packets.SUBACK)).body)

    async def _next(self, wait: float) -> Message | None:
        """Read on to the next message; None where none comes for so long."""
        now = asyncio.get_running_loop().time
        until = now() + wait
        while True:
            async with asking(self._site, _explain, wait):
                try:
                    async with asyncio.timeout_at(until):
                        head = await self._reader.readexactly(1)
                except TimeoutError:
                    return None
                message = self._received(await self._rest(head))
            if message or now() > until:
                return message

    async def _answer(self, kind: int) -> _Packet:
        """Read on to the answer of a kind; messages that come before it are kept for later."""
        size = 0
        while size <= self._site.most + _AROUND:
            packet = await self._rest(await self._reader.readexactly(1))
            if packet.kind == kind:
                return packet
            if message := self._received(packet):
                self._early.append(message)
                size += _AROUND // 64 + len(message.body)
        raise SourceUnavailable("sends messages and gives no answer")

    async def _rest(self, head: bytes) -> _Packet:
        """Read a packet to its end; of one that is too large what there is around its body."""
        kind, flags, length = head[0] & 0xF0, head[0] & 0x0F, await self._length()
        if length <= self._site.most + _AROUND:
            return _Packet(kind, flags, await self._reader.readexactly(length))
        if kind != packets.PUBLISH:
            raise Malformed("a packet too large for its kind")
        came = packets.publication(flags, await self._reader.readexactly(_AROUND), self._options.version)
        body = await self._past(came.body, length - _AROUND)
        return _Packet(kind, flags, b"", replace(came, body=body))

    async def _past(self, beginning: bytes, left: int) -> TooLarge:
        """Read past a body that is too large."""
        passing = Passing()
        passing.by(beginning)
        while left > 0:
            if not (piece := await self._reader.read(min(left, _CHUNK))):
                raise EOFError
            passing.by(piece)
            left -= len(piece)
        return passing.told()

    async def _length(self) -> int:
        length = 0
        for place in range(packets.LONGEST_LENGTH):
            byte = (await self._reader.readexactly(1))[0]
            length |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return length
        raise Malformed("a length without an end")

    def _received(self, packet: _Packet) -> Message | None:
        if packet.kind == packets.PUBLISH:
            came = packet.passed or packets.publication(packet.flags, packet.body, self._options.version)
            return self._message(came)
        if packet.kind == packets.PUBREL:
            self._writer.write(packets.packet(packets.PUBCOMP, packet.body[:2]))
        elif packet.kind == packets.SUBACK:
            self._granted(packet.body)
        elif packet.kind == packets.DISCONNECT:
            _judge(packet.body[:1] or b"\x80", "ended the connection")
        return None

    def _granted(self, answer: bytes) -> None:
        topics = self._options.topics
        if len(answer) < len(topics) + 2:
            raise Malformed("an answer to a subscription that is too short")
        for topic, granted in zip(topics, answer[-len(topics) :], strict=True):
            if granted == 0:
                raise SourceRefused(f"gives {topic} with QoS 0 only, which loses messages", hint="allow QoS 1 there")
            if granted == _QUOTA:
                raise SourceUnavailable(f"has no room for a subscription to {topic}")
            if granted >= 0x80:
                said = f"does not let the hub subscribe to {topic} (reason code 0x{granted:02x})"
                raise SourceRefused(said, hint="check `topics`, and what the user of `auth` may read")
        self._is_subscribed = True

    def _message(self, came: Publication) -> Message:
        self._unacknowledged += came.qos > 0
        headers = dict(came.user)
        encoding = next((value for name, value in came.user if name.lower() == "content-encoding"), "")
        return Message(
            mark=came,
            body=bounded(came.body, self._site.most),
            topic=came.topic,
            headers=headers,
            content_type=came.content_type,
            content_encoding=encoding,
        )


def _judge(code: bytes, otherwise: str) -> None:
    """Raise what a reason code says."""
    if not code:
        raise Malformed("an answer without a reason code")
    if code == b"\x00":
        return
    reason, said = code[0], f"{otherwise} (reason code 0x{code.hex()})"
    if reason in _WRONG_VERSION:
        raise SourceRefused(said, hint="it speaks another MQTT: see `version`")
    if reason in _WRONG_CLIENT:
        raise SourceRefused(said, hint="it does not like the client id: see `known_as`")
    if reason in _NOT_NOW:
        raise SourceUnavailable(said)
    raise SourceRefused(said, hint="check `auth`")


def _explain(error: Exception) -> SourceError | None:
    if isinstance(error, EOFError):
        return SourceUnavailable("hung up")
    if isinstance(error, Malformed):
        return SourceRefused("does not speak MQTT", hint="check the host and port of `url`")
    return None
