"""A made-up legacy system on loopback: answers from a script, and remembers what it was asked."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

Answerer = Callable[[web.Request], Awaitable[web.StreamResponse] | web.StreamResponse]


class Upstream:
    """Answers every request by `answer`; tests swap it in the middle of a run."""

    def __init__(self, answer: Answerer) -> None:
        self.answer = answer
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.url = ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        answer = self.answer(request)
        return answer if isinstance(answer, web.StreamResponse) else await answer

    def queries(self) -> list[dict[str, str]]:
        return [dict(request.query) for request in self.asked]


@asynccontextmanager
async def serving(answer: Answerer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Serve on a free port of loopback until the block ends."""
    upstream = Upstream(answer)
    runner = web.ServerRunner(web.Server(upstream), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    upstream.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield upstream
    finally:
        await runner.cleanup()


def json(payload: Any, status: int = 200, **headers: str) -> web.Response:
    return web.Response(body=orjson.dumps(payload), status=status, content_type="application/json", headers=headers)


def raw(body: bytes | str, content_type: str = "application/json", status: int = 200, **headers: str) -> web.Response:
    content = body.encode() if isinstance(body, str) else body
    return web.Response(body=content, status=status, headers={"Content-Type": content_type, **headers})


def in_turn(*answers: Any) -> Answerer:
    """Give each answer once, the last one for ever; an answer may be a response maker or a JSON payload."""
    left = list(answers)

    def answer(request: web.Request) -> Any:
        following = left.pop(0) if len(left) > 1 else left[0]
        return following(request) if callable(following) else json(following)

    return answer
