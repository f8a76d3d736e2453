"""The ASGI application: composes, decides nothing."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from hub.config import Source
from hub.errors import StoreError
from hub.intake import Intake
from hub.schema.callers import Callers
from hub.schema.documents import Documents
from hub.schema.endpoint import Endpoint
from hub.schema.execution import Execution
from hub.schema.executor import Compiler
from hub.schema.ide import Ide
from hub.schema.limits import Limits
from hub.schema.live import Live
from hub.schema.schema import schema_sdl
from hub.schema.socket import Sockets
from hub.schema.viewers import ANYBODY, Viewer
from hub.store.store import Store


def create_app(
    store: Store,
    *,
    sources: Mapping[str, Source] | None = None,
    production: bool = False,
    subgraph: bool = False,
    origins: Collection[str] = (),
    limits: Limits | None = None,
    documents: Documents | None = None,
    compiled: bool = True,
    anybody: Viewer = ANYBODY,
) -> Starlette:
    """Serve the API over a store, and take what `sources` push.

    `origins` are foreign pages that may open a socket, `documents` what clients may name instead of sending it.
    `anybody` is whoever brings no key. A `subgraph` tells a gateway its schema in production too.
    Without `compiled`, every field is resolved by itself: the same answers, slowly.
    """
    intake = Intake(store, sources or {})
    live = Live(store.reads)
    compiler = Compiler(store.quick, store.counted) if compiled else None
    execution = Execution(
        store.reads,
        live,
        limits or Limits(),
        production=production,
        subgraph=subgraph,
        compiler=compiler,
        store=store,
        anybody=anybody,
    )

    async def home(_: Request) -> Response:
        return PlainTextResponse("appeal hub: POST /graphql\n") if production else RedirectResponse("/graphql")

    async def sdl(_: Request) -> Response:
        return PlainTextResponse(schema_sdl())

    async def alive(_: Request) -> Response:
        return JSONResponse({"alive": True})

    async def ready(_: Request) -> Response:
        try:
            await store.reads.ping()
        except StoreError:
            return JSONResponse({"ready": False, "problem": "the database does not answer"}, 503)
        return JSONResponse({"ready": True})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        poller = asyncio.create_task(live.run())
        yield
        await intake.close()
        poller.cancel()
        with suppress(asyncio.CancelledError):
            await poller

    documents = documents or Documents()
    callers = Callers(execution.limits)
    endpoint = Endpoint(execution, documents, callers)
    routes: list[BaseRoute] = [
        Route("/graphql", endpoint),
        WebSocketRoute("/graphql", Sockets(execution, documents, callers, origins=origins)),
        Route("/in/{source}", intake),
        Route("/", home),
        Route("/healthz", alive),
        Route("/readyz", ready),
    ]
    if not production:
        routes += [Route("/schema.graphql", sdl), Mount("/graphiql", Ide())]
    return _Straight(endpoint, routes=routes, lifespan=lifespan)


class _Straight(Starlette):
    """Starlette, but what is asked of the API goes to it straight: middleware and routes cost half a small query.

    The endpoint answers whatever comes, errors included. Once somebody adds middleware, all goes through it again.
    """

    def __init__(self, endpoint: Endpoint, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/graphql" and not self.user_middleware:
            await self._endpoint(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
