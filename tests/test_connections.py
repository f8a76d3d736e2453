"""Connections on which nothing comes: they end, and those on which something does go on."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from hub.cli.connections import Connection

WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Hasty(Connection):
    patience = 0.2


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(PlainTextResponse("here"), http=Hasty, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await task


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("start", [b"", b"POST /in/wuye HT", b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: "])
async def test_a_request_whose_headers_do_not_come_is_given_up(port, start):
    async with connected(port) as (reader, writer):
        writer.write(start)

        assert await reader.read() == b""


async def test_a_second_request_is_waited_for_no_longer_than_the_first(port):
    async with connected(port) as (reader, writer):
        writer.write(WHOLE)
        assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200 OK")

        writer.write(WHOLE[:9])

        assert await reader.read() == b""


async def test_a_connection_that_is_used_stays(port):
    async with connected(port) as (reader, writer):
        for _ in range(4):
            writer.write(WHOLE)
            await reader.readuntil(b"here")
            await asyncio.sleep(0.1)

        writer.write(WHOLE)
        assert await reader.readuntil(b"here")
