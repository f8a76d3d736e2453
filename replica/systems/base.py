"""The face of a made-up system: it answers under its own path, or drops files into its own folder."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Protocol

import orjson
from aiohttp import web

from replica.city import Desk, Remit


class System(Protocol):
    """What every system says of itself."""

    remit: ClassVar[Remit]

    def __init__(self, desk: Desk) -> None: ...


class WebSystem(System, Protocol):
    """A system that is asked over HTTP."""

    def routes(self) -> list[web.RouteDef]:
        """Return its addresses, below its own path."""


class DropSystem(System, Protocol):
    """A system that writes files, each with the cases that moved in a stretch of time."""

    marked: ClassVar[bool]
    """Whether an empty file beside it, named NAME.ok, says that a file is complete."""

    def file_name(self, stamp: str) -> str: ...

    def export(self, since: datetime, until: datetime) -> bytes | None:
        """Write the cases that moved from `since` until before `until`; None when none did."""


def whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Read a count from a query, between 0 and `most`; raises HTTPBadRequest for anything else."""
    text = query.get(name, str(default))
    if not text.isdecimal() or int(text) > most:
        raise web.HTTPBadRequest(text=f"{name}={text}")
    return int(text)


def json_answer(payload: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer in JSON whose Chinese can be read."""
    return web.Response(
        body=orjson.dumps(payload), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )
