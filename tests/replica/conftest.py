"""A clock that is moved by hand, and a replica that runs by it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from replica import Replica

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)


class Clock:
    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def replica(clock: Clock) -> AsyncIterator[Replica]:
    """The web systems alone: files take their time to write."""
    async with Replica(files=None, clock=clock) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def ask(replica: Replica, http: aiohttp.ClientSession) -> Any:
    """Ask one system of the replica: the status, the headers and the body."""

    async def answer(path: str, **request: Any) -> tuple[int, Any, Any]:
        method = "POST" if {"json", "data"} & request.keys() else "GET"
        async with http.request(method, replica.url + path, **request) as response:
            is_json = response.content_type == "application/json"
            body = await response.json() if is_json else await response.read()
            return response.status, response.headers, body

    return answer
