from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import strawberry
from pulling import QUICK, build
from strawberry import relay
from strawberry.aiohttp.views import GraphQLView
from upstream import serving

from worlds.base import CANARY, ROWS, World, breakable

QUERY = """
query Requests($first: Int!, $after: String, $key: String!) {
  requests(first: $first, after: $after, key: $key) {
    pageInfo { hasNextPage endCursor }
    edges { node { service_request_id: number } }
  }
}
"""


@strawberry.type
class Request(relay.Node):
    key: relay.NodeID[str]
    number: str


@strawberry.type
class Query:
    @relay.connection(relay.ListConnection[Request])
    def requests(self, key: str) -> Iterable[Request]:
        assert key == CANARY
        return [Request(key=row["service_request_id"], number=row["service_request_id"]) for row in ROWS]


async def graphql_world(stack: AsyncExitStack, folder: Path) -> World:
    view = GraphQLView(strawberry.Schema(query=Query), graphql_ide=None)
    upstream = await stack.enter_async_context(serving(view))
    options = {
        "url": f"{upstream.url}/graphql?legacy={CANARY}",
        "query": QUERY,
        "variables": {"key": CANARY},
        "page": {"by": "relay", "size": {"value": 4}},
        "headers": {"X-Key": CANARY},
        "auth": {"api_key": {"query": "key", "value": CANARY}},
    }
    return breakable(upstream, build("graphql", {**QUICK, **options}))
