from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import web
from pulling import QUICK, build
from upstream import json, serving

from worlds.base import CANARY, NOW, ROWS, World, breakable


def requested(request: web.Request) -> web.Response:
    start, end = (datetime.fromisoformat(request.query[name]) for name in ("start_date", "end_date"))
    return json([row for row in ROWS if start <= datetime.fromisoformat(row["requested_datetime"]) <= end])


async def open311_world(stack: AsyncExitStack, folder: Path) -> World:
    upstream = await stack.enter_async_context(serving(requested))
    options = {
        "url": upstream.url,
        "start": (NOW - timedelta(days=160)).isoformat(),
        "window": "30d",
        "auth": {"api_key": {"query": "api_key", "value": CANARY}},
    }
    return breakable(upstream, build("open311", {**QUICK, **options}))
