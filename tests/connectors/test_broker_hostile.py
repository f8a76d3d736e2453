"""Brokers that hang, flood, lie about length or speak something else: each costs its own lane only, and it says so."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from far_brokers import Serve, made_up
from pamqp import commands, frame, header
from pulling import build, pages

from hub.connectors.base import Connector
from hub.errors import SourceError, SourceRefused, SourceUnavailable
from hub.model import BROKEN

OPTIONS = {
    "amqp": {"queue": "tickets"},
    "mqtt": {"topics": "city/#"},
    "nats": {"stream": "TICKETS"},
    "redis": {"stream": "tickets", "body_field": "body"},
}
MANY = 100 * 2**20
PIECE = b"x" * 2**16


@asynccontextmanager
async def broker(scheme: str, serve: Serve, **more: object) -> AsyncIterator[Connector]:
    """A made-up broker, and the connector that takes from it: 1 MB is the most, half a second the longest."""
    limits = {"max_body": "1MB", "timeout": "500ms", "max_pages": 3}
    async with made_up(serve) as port:
        options = {"url": f"{scheme}://127.0.0.1:{port}", "idle": "100ms", "wait": "10ms", "size": 5, "limits": limits}
        yield build("broker", {**options, **OPTIONS[scheme], **more})


async def trouble(connector: Connector) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await pages(connector)
    return caught.value


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(60)


async def flood(writer: asyncio.StreamWriter, size: int = MANY) -> None:
    for _ in range(size // len(PIECE)):
        writer.write(PIECE)
        await writer.drain()


@pytest.mark.parametrize("scheme", OPTIONS)
async def test_a_broker_that_hangs_is_worth_another_try(scheme: str):
    async with broker(scheme, hang) as connector:
        error = await trouble(connector)

    assert isinstance(error, SourceUnavailable)
    assert "gave no answer within 0.5 s" in str(error)


@pytest.mark.parametrize("scheme", OPTIONS)
async def test_a_broker_that_hangs_up_is_worth_another_try(scheme: str):
    async with broker(scheme, hang_up) as connector:
        assert isinstance(await trouble(connector), SourceUnavailable)


@pytest.mark.parametrize("scheme", OPTIONS)
async def test_nobody_there_is_worth_another_try(scheme: str):
    async with broker(scheme, hang) as connector:
        pass

    error = await trouble(connector)

    assert isinstance(error, SourceUnavailable)
    assert "no connection" in str(error)


@pytest.mark.parametrize("scheme", OPTIONS)
async def test_a_server_of_another_kind_is_told(scheme: str):
    async with broker(scheme, speak_http) as connector:
        error = await trouble(connector)

    assert isinstance(error, SourceRefused)
    assert "does not speak" in str(error)


@pytest.mark.parametrize("scheme", OPTIONS)
async def test_a_name_that_leads_to_cloud_metadata_is_never_asked(scheme: str):
    connector = build("broker", {"url": f"{scheme}://169.254.169.254", **OPTIONS[scheme]})

    error = await trouble(connector)

    assert isinstance(error, SourceRefused)
    assert "never asked" in str(error)


@pytest.mark.parametrize("scheme", OPTIONS)
async def test_noise_without_end_does_not_fill_the_memory(scheme: str):
    async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await flood(writer)
        await asyncio.sleep(60)

    async with broker(scheme, noise) as connector:
        peak = await _peak(connector)

    assert peak < 20 * 2**20


async def _peak(connector: Connector) -> int:
    """The most memory that a run took until it ended, well or not."""
    tracemalloc.start()
    try:
        with suppress(SourceError):
            await pages(connector)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def amqp_up_to_the_queue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as RabbitMQ does until a client has opened its queue, and asks for a message."""

    async def answer(given: commands.Frame, channel: int) -> None:
        writer.write(frame.marshal(given, channel))
        await asyncio.sleep(0.02)

    await reader.readexactly(8)
    await answer(commands.Connection.Start(0, 9, {"capabilities": {}}, "PLAIN", "en_US"), 0)
    await answer(commands.Connection.Tune(0, 131072, 0), 0)
    await answer(commands.Connection.OpenOk(), 0)
    await answer(commands.Channel.OpenOk(), 1)
    await answer(commands.Queue.DeclareOk("tickets", 1, 0), 1)


async def test_an_amqp_message_of_100_mb_is_read_past():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await amqp_up_to_the_queue(reader, writer)
        writer.write(frame.marshal(commands.Basic.GetOk(1, False, "", "tickets", 0), 1))
        writer.write(frame.marshal(header.ContentHeader(body_size=MANY), 1))
        for _ in range(MANY // len(PIECE)):
            writer.write(b"\x03\x00\x01" + len(PIECE).to_bytes(4, "big") + PIECE + b"\xce")
            await writer.drain()
        for _ in range(50):
            writer.write(frame.marshal(commands.Basic.GetEmpty(), 1))
            await asyncio.sleep(0.05)

    async with broker("amqp", serve, limits={"max_body": "1MB", "timeout": "20s"}) as connector:
        peak = await _peak(connector)

    assert peak < 20 * 2**20


async def test_an_amqp_frame_of_100_mb_is_refused():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await amqp_up_to_the_queue(reader, writer)
        writer.write(b"\x03\x00\x01" + MANY.to_bytes(4, "big"))
        await flood(writer)

    async with broker("amqp", serve) as connector:
        assert await _peak(connector) < 20 * 2**20


def mqtt_length(length: int) -> bytes:
    found = bytearray()
    while length >= 0x80:
        found.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*found, length])


async def mqtt_up_to_the_topic(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1024)
    writer.write(b"\x20\x03\x00\x00\x00\x90\x04\x00\x01\x00\x01")


async def test_an_mqtt_packet_of_100_mb_is_read_past():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await mqtt_up_to_the_topic(reader, writer)
        writer.write(b"\x32" + mqtt_length(MANY))
        await flood(writer)
        writer.write(b"\xd0\x00" * 10)
        await asyncio.sleep(60)

    async with broker("mqtt", serve, limits={"max_body": "1MB", "timeout": "20s"}) as connector:
        peak = await _peak(connector)

    assert peak < 20 * 2**20


async def test_an_endless_flood_of_mqtt_messages_ends_with_the_run():
    message = b"\x30" + mqtt_length(3 + 2 + 8) + b"\x00\x02ab\x00" + b'{"id":1}'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await mqtt_up_to_the_topic(reader, writer)
        while True:
            writer.write(message * 1000)
            await writer.drain()

    async with broker("mqtt", serve) as connector:
        found = await pages(connector)

    assert [len(page.tickets) for page in found] == [5, 5, 5]


async def test_an_endless_flood_of_too_large_mqtt_messages_ends_with_the_run():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await mqtt_up_to_the_topic(reader, writer)
        while True:
            writer.write(b"\x32" + mqtt_length(5 + 2**20) + b"\x00\x01a\x00\x01")
            await flood(writer, 2**20)

    limits = {"max_body": "1KB", "timeout": "20s", "max_pages": 2}
    async with broker("mqtt", serve, limits=limits, version="3.1.1") as connector:
        found = await pages(connector)

    assert [ticket["@topic"] for page in found for ticket in page.tickets] == ["a", "a"]
    assert "holds 1,048,576 bytes" in found[0].tickets[0][BROKEN]


async def test_an_endless_flood_of_anything_but_messages_ends_the_run():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await mqtt_up_to_the_topic(reader, writer)
        while True:
            writer.write(b"\x62\x02\x00\x01" * 1000)  # PUBREL, of messages that never were
            await writer.drain()

    async with broker("mqtt", serve) as connector:
        assert isinstance(await trouble(connector), SourceUnavailable)


async def nats_up_to_the_consumer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'INFO {"max_payload": 1048576, "headers": true}\r\n')
    while b"PING" not in await reader.readuntil(b"\r\n"):
        pass
    writer.write(b"PONG\r\n")


async def test_a_nats_message_of_100_mb_is_refused():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await nats_up_to_the_consumer(reader, writer)
        writer.write(b"MSG a 1 %d\r\n" % MANY)
        await flood(writer)

    async with broker("nats", serve) as connector:
        assert await _peak(connector) < 20 * 2**20


async def test_a_nats_line_without_end_is_refused():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await nats_up_to_the_consumer(reader, writer)
        writer.write(b"MSG ")
        await flood(writer)

    async with broker("nats", serve) as connector:
        assert await _peak(connector) < 20 * 2**20


async def redis_answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, read: Serve) -> None:
    """Answer as Redis does, and with `read` once entries are asked for."""
    while words := await _words(reader):
        match words[0]:
            case b"EXISTS":
                writer.write(b":1\r\n")
            case b"XINFO":
                writer.write(b"*1\r\n*2\r\n$4\r\nname\r\n$11\r\nhub-housing\r\n")
            case b"XAUTOCLAIM":
                writer.write(b"*2\r\n$3\r\n0-0\r\n*0\r\n")
            case b"XREADGROUP":
                await read(reader, writer)
            case _:
                writer.write(b"+OK\r\n")


async def _words(reader: asyncio.StreamReader) -> list[bytes]:
    words = []
    for _ in range(int((await reader.readuntil(b"\r\n"))[1:])):
        length = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(length + 2))[:-2])
    return words


async def test_a_redis_value_of_100_mb_is_read_past():
    given = 0

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal given
        given += 1
        if given > 1:
            writer.write(b"*-1\r\n")
            return
        writer.write(b"*1\r\n*2\r\n$7\r\ntickets\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\nbody\r\n$%d\r\n" % MANY)
        await flood(writer)
        writer.write(b"\r\n")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await redis_answering(reader, writer, read)

    async with broker("redis", serve, limits={"max_body": "1MB", "timeout": "20s"}) as connector:
        peak = await _peak(connector)

    assert peak < 20 * 2**20


@pytest.mark.parametrize("endless", [b":1\r\n" * 10_000, b"*1\r\n" * 10_000], ids=["long", "deep"])
async def test_a_redis_list_without_end_is_refused(endless: bytes):
    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"*2000000000\r\n")
        while True:
            writer.write(endless)
            await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await redis_answering(reader, writer, read)

    async with broker("redis", serve) as connector:
        assert isinstance(await trouble(connector), SourceError)
