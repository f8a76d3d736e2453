"""Send one answer after the other over HTTP: as server-sent events, or as the parts of a multipart answer.

The events are those of the protocol graphql-sse, in its mode of distinct connections
(https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md), the parts those of Apollo's multipart protocol for
subscriptions, version 1.0.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from starlette.types import Receive, Scope, Send

from hub.errors import QueryError, StoreUnavailable
from hub.schema import problems
from hub.schema.execution import Answer
from hub.schema.negotiation import EVENTS, PARTS

HEARTBEAT = timedelta(seconds=12)
_HEADERS = {
    "cache-control": "no-store",
    "vary": "accept",
    "x-content-type-options": "nosniff",
    "x-accel-buffering": "no",  # proxies of the nginx family would keep answers until their buffers are full
}


class Framing(NamedTuple):
    """How answers follow each other on one line."""

    media: str
    opening: bytes
    frame: Callable[[Answer], bytes]
    heartbeat: bytes
    ending: bytes


class Stream:
    """An ASGI application that sends answers as they come, until they end or the client goes."""

    def __init__(
        self,
        answers: AsyncGenerator[Answer, None],
        framing: Framing,
        *,
        heartbeat: timedelta = HEARTBEAT,
        check: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Ask `check` whenever nothing came for a heartbeat: it raises QueryError where the stream has to end."""
        self._answers = answers
        self._check = check
        self._framing = framing
        self._heartbeat = heartbeat.total_seconds()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        headers = _HEADERS | {"content-type": self._framing.media}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        gone = asyncio.create_task(_gone(receive))
        chunks = self._chunks(gone)
        try:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"" if gone.done() else self._framing.ending})
        finally:
            gone.cancel()
            await chunks.aclose()
            await self._answers.aclose()

    async def _chunks(self, gone: "asyncio.Task[None]") -> AsyncGenerator[bytes, None]:
        yield self._framing.opening
        following: asyncio.Task[Answer | None] | None = None
        try:
            while True:
                following = following or asyncio.create_task(_following(self._answers))
                await asyncio.wait({following, gone}, timeout=self._heartbeat, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return
                if not following.done():
                    if refused := await self._refused():
                        yield self._framing.frame(refused)
                        return
                    yield self._framing.heartbeat
                    continue
                answer, following = following.result(), None
                if answer is None:
                    return
                yield self._framing.frame(answer)
                if answer.refused:
                    return
        finally:
            if following is not None:
                following.cancel()
                await asyncio.wait({following})

    async def _refused(self) -> Answer | None:
        try:
            if self._check is not None:
                await self._check()
        except QueryError as error:
            return Answer([problems.refusal(error)], refused=True)
        except StoreUnavailable:
            pass  # Whoever was known stays known while nobody can be asked.
        return None


async def single(answer: Answer) -> AsyncGenerator[Answer, None]:
    """A stream of a single answer."""
    yield answer


async def _following(answers: AsyncIterator[Answer]) -> Answer | None:
    try:
        return await anext(answers, None)
    except Exception as error:  # noqa: BLE001  # the last resort: the client gets an id, the log the rest
        return Answer([problems.masked(error)], refused=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(answer: Answer) -> bytes:
    # A line ends in LF alone: urql cuts events at two of them.
    return b"event: next\ndata: " + orjson.dumps(answer.body) + b"\n\n"


def _part(answer: Answer) -> bytes:
    return _json_part({"payload": None, "errors": answer.errors} if answer.refused else {"payload": answer.body})


def _json_part(payload: Mapping[str, Any]) -> bytes:
    # The line that ends a part comes with it, and not before the next: only then does a client read it.
    return b"\r\ncontent-type: application/json\r\n\r\n" + orjson.dumps(payload) + b"\r\n---"


FRAMINGS = {
    EVENTS: Framing(f"{EVENTS}; charset=utf-8", b":\n\n", _event, b":\n\n", b"event: complete\ndata:\n\n"),
    PARTS: Framing(f'{PARTS}; boundary="-"; subscriptionSpec="1.0"', b"\r\n---", _part, _json_part({}), b"--\r\n"),
}
