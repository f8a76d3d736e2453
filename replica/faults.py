"""The ways in which a legacy system lets its clients down, on demand: slow, busy, broken, cut off, out of order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import orjson
from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Faults:
    """What goes wrong, and how often (0 to 1). Not frozen: a test turns a fault on while the replica runs."""

    latency: timedelta = timedelta()
    too_many: float = 0.0
    retry_after: int = 1
    broken: float = 0.0
    cut: float = 0.0
    reorder: bool = False
    token_ttl: timedelta | None = None


def fault_middleware(faults: Faults, seed: int) -> Any:
    """Make the middleware that lets `faults` happen, in an order drawn from `seed`."""
    chance = Random(seed)

    @web.middleware
    async def misbehave(request: web.Request, handler: Answer) -> web.StreamResponse:
        await asyncio.sleep(faults.latency.total_seconds())
        if chance.random() < faults.too_many:
            return web.Response(status=429, headers={"Retry-After": str(faults.retry_after)}, text="请求过于频繁")
        if chance.random() < faults.broken:
            return web.Response(status=500, text="<html><body>java.lang.NullPointerException</body></html>")
        response = await handler(request)
        if faults.reorder:
            _reorder(response, chance)
        if chance.random() < faults.cut:
            return await _cut(request, response)
        return response

    return misbehave


async def _cut(request: web.Request, whole: web.StreamResponse) -> web.StreamResponse:
    body = whole.body if isinstance(whole, web.Response) and isinstance(whole.body, bytes) else b""
    half = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
    half.content_length = len(body) + 1
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half


def _reorder(response: web.StreamResponse, chance: Random) -> None:
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return
    if response.content_type == "application/json":
        response.body = orjson.dumps(_shuffled(orjson.loads(response.body), chance))
    elif response.content_type == "text/xml":
        response.body = _shuffled_xml(response.body, chance)


def _shuffled_xml(body: bytes, chance: Random) -> bytes:
    """Shuffle the elements of a document at every level; its declaration, and the encoding that it means, stay."""
    encoding = "gb18030" if b"GB2312" in body[:60].upper() else "utf-8"
    declaration, end, document = body.decode(encoding).partition("?>")
    root = ET.fromstring(document)  # noqa: S314 - our own answer, written a moment ago
    # The order of what a SOAP message holds is laid down by its schema.
    for element in () if root.tag.endswith("Envelope") else root.iter():
        element[:] = chance.sample(element[:], len(element))
    return (declaration + end + ET.tostring(root, encoding="unicode")).encode(encoding)


def _shuffled(value: Any, chance: Random) -> Any:
    """Shuffle the rows of an answer, and the keys of every object; a list within a row keeps its order."""
    if isinstance(value, dict):
        return {key: _shuffled(value[key], chance) for key in chance.sample(list(value), len(value))}
    if isinstance(value, list):
        return [_row_shuffled(each, chance) for each in chance.sample(value, len(value))]
    return value


def _row_shuffled(value: Any, chance: Random) -> Any:
    if isinstance(value, dict):
        return {key: _row_shuffled(value[key], chance) for key in chance.sample(list(value), len(value))}
    if isinstance(value, list):
        return [_row_shuffled(each, chance) for each in value]
    return value
