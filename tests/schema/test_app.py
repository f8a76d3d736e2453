"""The application goes the short way to the API, and no way around what stands before it."""

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.app import create_app
from tests.schema.conftest import running


class Marking:
    """Middleware that marks every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-marked", b"yes")]
            await send(message)

        await self.app(scope, receive, marked if scope["type"] == "http" else send)


QUERIES = ["{ __typename }", "{ appeals(first: 1) { nodes { id } } }", "{ sources { name } }", "{ nonsense }"]


@pytest.mark.parametrize("query", QUERIES)
async def test_middleware_stands_before_the_api_as_before_all_else(city_store, query):
    plain, guarded = create_app(city_store), create_app(city_store)
    guarded.add_middleware(Marking)

    async with running(plain) as straight, running(guarded) as through:
        short, long = await straight.ask(query), await through.ask(query)

    assert "x-marked" not in short.headers
    assert long.headers["x-marked"] == "yes"
    assert (short.status, short.body) == (long.status, long.body)


async def test_what_is_not_the_api_goes_by_the_routes(city_store):
    async with running(create_app(city_store)) as client:
        assert (await client.send("GET", "/healthz")).body == {"alive": True}
        assert (await client.send("GET", "/graphql/more")).status == 404
        assert (await client.send("DELETE")).status == 405
