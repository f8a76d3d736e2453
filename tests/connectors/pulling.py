"""Build a connector from options as connectors.yaml writes them, and pull it to the end."""

from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from hub.connectors import REGISTRY
from hub.connectors.base import Connector, Place
from hub.errors import SourceError
from hub.model import Cursor, Page, Ticket

SHANGHAI = ZoneInfo("Asia/Shanghai")
QUICK = {"retry": {"attempts": 3, "wait": "1ms..5ms", "retry_after_max": "20ms"}, "limits": {"rate": "10000/s"}}


def build(name: str, options: Mapping[str, Any], folder: Path = Path()) -> Connector:
    connector = REGISTRY[name]
    return connector(connector.options_type.model_validate(dict(options)), Place("housing", SHANGHAI, folder))


def rest(url: str, **options: Any) -> Connector:
    return build("rest", {**QUICK, "url": url, **options})


async def pages(connector: Connector, cursor: Cursor | None = None) -> list[Page]:
    """Pull one whole run."""
    async with aclosing(connector.pull(cursor)) as stream:
        return [page async for page in stream]


async def broken_off(connector: Connector, cursor: Cursor | None = None) -> tuple[list[Page], SourceError]:
    """Pull until the source refuses or is away: what came before, and the error."""
    found: list[Page] = []
    with pytest.raises(SourceError) as caught:
        await _gather(connector, cursor, found)
    return found, caught.value


async def _gather(connector: Connector, cursor: Cursor | None, found: list[Page]) -> None:
    async with aclosing(connector.pull(cursor)) as stream:
        async for page in stream:
            found.append(page)  # noqa: PERF401  what came before an error is wanted too


async def tickets(connector: Connector, cursor: Cursor | None = None) -> list[Ticket]:
    return [ticket for page in await pages(connector, cursor) for ticket in page.tickets]


def stored(cursor: Cursor) -> Cursor:
    """Give the cursor as it comes back from the store."""
    return orjson.loads(orjson.dumps(cursor))


def ids(found: list[Ticket], field: str = "id") -> list[Any]:
    return [ticket[field] for ticket in found]
