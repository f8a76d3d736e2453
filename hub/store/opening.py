"""Where the store lives: DATABASE_URL, or the embedded server in HUB_DATA."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from hub.errors import StoreError
from hub.store.store import Store

if TYPE_CHECKING:
    from hub.store.embedded import EmbeddedPostgres

_LOOK_EVERY = 0.5  # seconds between looks at the embedded server

_log = structlog.get_logger()


@asynccontextmanager
async def opened(environ: Mapping[str, str]) -> AsyncIterator[Store]:
    """The store of this environment, its embedded server kept alive meanwhile. Raises StoreError."""
    if url := environ.get("DATABASE_URL"):
        async with _store(url) as store:
            yield store
        return
    # Only here: whoever has a server needs nothing of what starts one.
    from hub.store.embedded import EmbeddedPostgres  # noqa: PLC0415  # lazy on purpose, see above

    server = EmbeddedPostgres(Path(environ.get("HUB_DATA") or ".hub"))
    try:
        await asyncio.to_thread(server.open)
        watch = asyncio.create_task(_keep_alive(server))
        try:
            async with _store(server.url) as store:
                yield store
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
    finally:
        await asyncio.to_thread(server.close)


@asynccontextmanager
async def _store(url: str) -> AsyncIterator[Store]:
    store = await Store.open(url)
    try:
        yield store
    finally:
        await store.close()


async def _keep_alive(server: "EmbeddedPostgres") -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        try:
            if await asyncio.to_thread(server.revive):
                _log.warning("embedded PostgreSQL was gone and is started again")
        except StoreError as error:
            _log.error("embedded PostgreSQL does not start", reason=str(error))
