from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web
from pulling import QUICK, build
from upstream import json, serving

from worlds.base import CANARY, ROWS, World, breakable


def listed(request: web.Request) -> web.Response:
    start = int(request.query.get("offset", 0))
    return json({"rows": ROWS[start : start + 4]})


async def rest_world(stack: AsyncExitStack, folder: Path) -> World:
    upstream = await stack.enter_async_context(serving(listed))
    options = {
        "url": f"{upstream.url}/tickets?legacy={CANARY}",
        "records": "rows",
        "page": {"by": "offset", "until": "empty"},
        "headers": {"X-Key": CANARY},
        "auth": {"api_key": {"query": "key", "value": CANARY}},
    }
    return breakable(upstream, build("rest", {**QUICK, **options}))
