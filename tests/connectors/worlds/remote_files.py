"""The same folder of files on servers."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from fileservers import FileServer, ftp_server, sftp_server
from pulling import QUICK, build
from upstream import raw, serving

from worlds.base import CANARY, ROWS, World, breakable

HALVES = {f"{half}.jsonl": b"\n".join(map(orjson.dumps, rows)) for half, rows in enumerate((ROWS[:7], ROWS[7:]))}
OPTIONS: dict[str, Any] = {"pick": "*.jsonl", "size": 3, "ready": {"unchanged_for": "0s"}}


def filled(folder: Path) -> Path:
    outbox = folder / "outbox"
    outbox.mkdir()
    for name, content in HALVES.items():
        (outbox / name).write_bytes(content)
    return outbox


def world(server: FileServer) -> World:
    options = {**OPTIONS, "at": server.at, "auth": {**server.auth, "password": CANARY}}
    connector = build("files", options)
    server.password = CANARY

    def say_no() -> None:
        server.password = "another"

    return World(connector, server.stop, say_no)


async def sftp_world(stack: AsyncExitStack, folder: Path) -> World:
    return world(await stack.enter_async_context(sftp_server(filled(folder))))


async def ftp_world(stack: AsyncExitStack, folder: Path) -> World:
    return world(await stack.enter_async_context(ftp_server(filled(folder))))


def answered(request: web.Request) -> web.Response:
    if request.path.endswith("/"):
        links = "".join(f'<a href="{name}">{name}</a>  01-Mar-2026 06:3{name[0]}  5\n' for name in HALVES)
        return raw(f"<title>Index of /</title><pre>{links}</pre>", "text/html")
    return raw(HALVES[request.path.rpartition("/")[2]], "text/plain")


async def http_world(stack: AsyncExitStack, folder: Path) -> World:
    upstream = await stack.enter_async_context(serving(answered))
    at = f"{upstream.url}/outbox/".replace("127", "hub@127")
    return breakable(upstream, build("files", {**QUICK, **OPTIONS, "at": at, "auth": {"password": CANARY}}))
