"""How often and how much at a time one caller may ask. What is remembered is bounded, however many come."""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any, TypeVar

from starlette.types import Scope

from hub.errors import QueryError
from hub.schema.limits import RATED, Limits
from hub.schema.viewers import ANYBODY, Viewer

T = TypeVar("T")
_REMEMBERED = 10_000


class Callers:
    """Counts what callers do in this process."""

    def __init__(
        self, limits: Limits, *, clock: Callable[[], float] = time.monotonic, remembered: int = _REMEMBERED
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._remembered = remembered
        # When each would have been due, had all kept the same distance (the generic cell rate algorithm): one number
        # does for a count that slides.
        self._due: OrderedDict[str, float] = OrderedDict()
        self._asking: Counter[str] = Counter()
        self._following: Counter[str] = Counter()
        self._connected: Counter[str] = Counter()

    def enter(self, caller: str) -> None:
        """Begin an operation, which `leave` ends. Raises QueryError RATE_LIMIT or CONCURRENCY_LIMIT."""
        asking, limit = self._asking[caller], self._limits.concurrent
        if asking >= limit > 0:
            raise _too_many("CONCURRENCY_LIMIT", "operations of this caller are under way", asking + 1, limit)
        self._count(caller)
        self._asking[caller] = asking + 1

    def leave(self, caller: str) -> None:
        """End what `enter` began."""
        _one_less(self._asking, caller)

    def _count(self, caller: str) -> None:
        limit = self._limits.rate
        if limit <= 0:
            return
        now = self._clock()
        due = max(self._due.get(caller, now), now) + RATED.total_seconds() / limit
        late = due - now - RATED.total_seconds()
        if late > 1e-9:
            raise QueryError(
                "RATE_LIMIT",
                f"this caller asked more than {limit} times within {RATED.total_seconds():g} s",
                hint=f"ask again in {math.ceil(late)} s",
                limit=limit,
                value=limit + 1,
                retryAfter=math.ceil(late),
            )
        self._due[caller] = due
        self._due.move_to_end(caller)
        if len(self._due) > self._remembered:
            self._due.popitem(last=False)

    def check_following(self, caller: str) -> None:
        """Raise QueryError STREAM_LIMIT when the caller follows as much as it may."""
        following, limit = self._following[caller], self._limits.streams
        if following >= limit > 0:
            raise _too_many("STREAM_LIMIT", "subscriptions of this caller are under way", following + 1, limit)

    async def following(self, caller: str, answers: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The same answers, counted as long as they come."""
        self._following[caller] += 1
        try:
            async for answer in answers:
                yield answer
        finally:
            _one_less(self._following, caller)
            await answers.aclose()

    @contextmanager
    def connected(self, caller: str) -> Iterator[None]:
        """Count a socket. Raises QueryError SOCKET_LIMIT."""
        connected, limit = self._connected[caller], self._limits.sockets
        if connected >= limit > 0:
            raise _too_many("SOCKET_LIMIT", "sockets of this caller are open", connected + 1, limit)
        self._connected[caller] = connected + 1
        try:
            yield
        finally:
            _one_less(self._connected, caller)


def caller_of(scope: Scope, viewer: Viewer = ANYBODY) -> str:
    """Who asks: a key that holds, or else the address that a connection comes from, as a trusted proxy says."""
    if viewer.key is not None:
        return f"key {viewer.key.id}"
    client = scope.get("client")
    return _network(client[0]) if client else ""


@lru_cache
def _network(host: str) -> str:
    """An IPv4 address, or the network of an IPv6 one: the rest of it, its owner may choose anew for every request."""
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    return str(address.ipv4_mapped or address.exploded[:19])


def _too_many(code: str, what: str, value: int, limit: int) -> QueryError:
    return QueryError(code, f"{value} {what}; the limit is {limit}", limit=limit, value=value)


def _one_less(counter: "Counter[Any]", caller: str) -> None:
    counter[caller] -= 1
    if counter[caller] <= 0:
        del counter[caller]
