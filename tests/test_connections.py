"""Connections on which nothing comes: they end, and those on which something does go on."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket

from hub.cli.connections import Connection, Socket
from hub.cli.serving import _Server

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


class Impatient(Connection):
    unread = 0.2


class ImpatientSocket(Socket):
    unread = 0.2


PIECE = b"x" * 100_000
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)


class Endless:
    """Says the same for ever, to whoever reads it or not."""

    def __init__(self) -> None:
        self.said = 0
        self.ended = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        try:
            if scope["type"] == "websocket":
                await WebSocket(scope, receive, send).accept()
                await self._say(send, {"type": "websocket.send", "bytes": PIECE})
            else:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await self._say(send, {"type": "http.response.body", "body": PIECE, "more_body": True}, receive)
        finally:
            self.ended.set()

    async def _say(self, send, message, receive=None) -> None:
        gone = asyncio.ensure_future(self._gone(receive)) if receive else None
        while gone is None or not gone.done():
            await send(message)
            self.said += 1

    @staticmethod
    async def _gone(receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


@pytest.mark.parametrize("asked", [WHOLE, HANDSHAKE], ids=["http", "websocket"])
async def test_a_client_that_does_not_read_is_cut_off_and_little_is_kept_for_it(asked):
    listener = socket.create_server(("127.0.0.1", 0))
    app = Endless()
    config = uvicorn.Config(
        app, http=Impatient, ws=ImpatientSocket, log_level="critical", lifespan="off", ws_per_message_deflate=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    deaf = socket.create_connection(listener.getsockname())
    deaf.sendall(asked)

    await asyncio.wait_for(app.ended.wait(), 20)

    # What the two ends of a line hold on loopback, and not what an endless sender would have put there.
    assert app.said * len(PIECE) < 32_000_000
    deaf.close()
    server.should_exit = True
    await task


def test_the_command_serves_by_connections_that_end():
    config = _Server(Endless(), lambda: None).config

    assert (config.http, config.ws) == (Connection, Socket)
