"""The example clients against a hub: they page, meet an error, and miss no change over a connection that breaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import yarl

from tests.conformance.conftest import HERE, node_here
from tests.schema.conftest import appeal, serve

EXAMPLES = HERE.parents[1] / "examples"
SCRIPTS = {
    "apollo": ["--import", "tsx", "apollo/main.ts"],
    "urql": ["--import", "tsx", "urql/main.ts"],
    "relay": ["build/relay.js"],
}


class Wire:
    """A wire to the hub that can be cut: every connection over it breaks, and new ones may be made."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.Task[None]] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        except asyncio.CancelledError:
            pass  # It was cut.
        finally:
            self._open.discard(task)
            for one in (writer, far_writer):
                one.transport.abort()

    def cut(self) -> None:
        for task in tuple(self._open):
            task.cancel()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def wire(city) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to the city, and the endpoint at its near end."""
    made = Wire(yarl.URL(city.url).port)
    server = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    yield made, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/graphql"
    server.close()
    made.cut()


@pytest.mark.parametrize("name", SCRIPTS)
async def test_an_example_pages_is_refused_and_misses_no_change(store, wire, name):
    if not (EXAMPLES / "build").is_dir():
        pytest.skip("the examples are not built: run `make examples`")
    made, endpoint = wire
    process = await asyncio.create_subprocess_exec(
        node_here(), *SCRIPTS[name], endpoint, "3", cwd=EXAMPLES, stdout=asyncio.subprocess.PIPE
    )
    lines = Lines(process.stdout)

    assert [await lines.next() for _ in range(5)] == [
        "page 1: 15 appeals",
        "page 2: 15 appeals",
        "page 3: 10 appeals",
        "40 appeals in one list",
        "BAD_CURSOR: beginning again without it",
    ]
    await serve(store, [appeal(8, title="第8件：改了一次")])
    first = await lines.next()
    made.cut()
    await serve(store, [appeal(8, title="第8件：改了两次")])
    await serve(store, [appeal(8, title="第8件：改了三次")])
    rest = [await lines.next() for _ in range(4)]

    assert first == "41 UPDATED 第8件：改了一次"
    assert rest[0] == "interrupted, going on after 41"
    # A change shows its appeal as it is now: after a break that may be further on already.
    assert [line.split(" ")[0] for line in rest[1:3]] == ["42", "43"]
    assert rest[3] == "in the list now: 第8件：改了三次"
    assert await process.wait() == 0


class Lines:
    """What a program prints, line by line."""

    def __init__(self, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        self._stream = stream

    async def next(self) -> str:
        return (await self._stream.readline()).decode().rstrip("\n")


def test_the_lock_file_of_the_examples_names_no_registry():
    assert '"resolved"' not in (EXAMPLES / "package-lock.json").read_text()
