"""Answer `hub serve` and `hub worker`: run until a signal comes, then stop everything in good order."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import structlog
import uvicorn

from hub.cli import logs, settings
from hub.cli.asked import Asked, opened
from hub.cli.connections import Connection, Socket
from hub.cli.stopping import Stopped, until_stopped
from hub.cli.voice import answer, counted
from hub.config import Config
from hub.config.watching import News, WatchedFile
from hub.endpoints.sealing import Vault
from hub.errors import HubError, StoreError
from hub.store.store import Store
from hub.wanted import AppealFilter
from hub.worker import Worker

_PATIENCE = 3  # seconds that open requests and subscriptions get to end by themselves
_LOOK_EVERY = 1  # seconds between two looks at connectors.yaml
_LONGEST_MESSAGE = 2**20  # bytes of one WebSocket message, before anything is parsed

_log = structlog.get_logger()

_Take: TypeAlias = Callable[[Config], None]
"""Goes on with what the file says now."""


def serve(asked: Asked, host: str, port: int, concurrency: int | None) -> int:
    """Serve the API, and work on the sources unless `concurrency` is None. Raises HubError when the port is taken."""
    os.environ["HUB_PORT"] = str(port)  # Whoever reads the file learns where the hub itself is.
    config = asked.configuration()
    # What cannot be meant is told before anything is started.
    settings.limits(os.environ)
    settings.documents(os.environ)
    settings.anybody(os.environ)
    logs.configure(asked, logging.INFO, config.secrets)
    # Listening comes first: a port that is taken is told before a database is started.
    with _listening(host, port) as listener:
        return _until_signal(_serve(asked, config, listener, concurrency))


def worker(asked: Asked, concurrency: int) -> int:
    """Work on the sources."""
    config = asked.configuration()
    logs.configure(asked, logging.INFO, config.secrets)
    return _until_signal(_work(asked, config, concurrency))


def _until_signal(work: Coroutine[Any, Any, None]) -> int:
    try:
        until_stopped(work)
    except Stopped:
        _log.info("stopped")
    return 0


async def _serve(asked: Asked, config: Config, listener: socket.socket, concurrency: int | None) -> None:
    from hub.app import create_app

    async with opened(config) as store:
        count = await store.reads.count(AppealFilter())

        def announce() -> None:
            url = f"{_origin(listener)}/graphql"
            facts = {"serving": url, "sources": len(config.sources), "appeals": count}
            held = f"{counted(len(config.sources), 'source')}, {counted(count, 'appeal')}"
            answer(asked, facts, f"serving {url}   ({held})")

        pushing = dict(config.pulled)
        takers: list[_Take] = [lambda now: _replace(pushing, now.pulled)]
        app = create_app(
            store,
            sources=pushing,
            production=os.environ.get("HUB_ENV") == "production",
            subgraph=settings.subgraph(os.environ),
            limits=settings.limits(os.environ),
            documents=settings.documents(os.environ),
            anybody=settings.anybody(os.environ),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(_api(app, listener, announce))
            if concurrency is not None:
                worker = _worker(store, config, concurrency)
                takers.append(_taker(worker))
                group.create_task(worker.run_forever())
            group.create_task(_watch(asked, store, config, takers))


async def _work(asked: Asked, config: Config, concurrency: int) -> None:
    async with opened(config) as store:
        enabled = sum(source.enabled for source in config.pulled.values())
        answer(asked, {"working": enabled}, f"working on {counted(enabled, 'source')}")
        worker = _worker(store, config, concurrency)
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run_forever())
            group.create_task(_watch(asked, store, config, [_taker(worker)]))


def _replace(before: dict[str, Any], now: Mapping[str, Any]) -> None:
    before.clear()
    before.update(now)


def _worker(store: Store, config: Config, concurrency: int) -> Worker:
    return Worker(
        store, config.pulled.values(), config.endpoints.values(), vault=Vault.of(os.environ), concurrency=concurrency
    )


def _taker(worker: Worker) -> _Take:
    return lambda now: worker.take(now.pulled.values(), now.endpoints.values())


async def _watch(asked: Asked, store: Store, config: Config, takers: Sequence[_Take]) -> None:
    """Take what is saved in the file while the hub runs, source by source; a bad save changes nothing but errors."""
    file = WatchedFile(config, os.environ)
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        if news := await asyncio.to_thread(file.look):
            logs.configure(asked, logging.INFO, config.secrets | file.config.secrets)
            await _announce(store, file, news)
            for take in takers:
                take(file.config)


async def _announce(store: Store, file: WatchedFile, news: News) -> None:
    """Say what a save brought, in the log and in the store."""
    for mistake in news.mistakes:
        _log.warning("not in use", mistake=str(mistake))
    if news.changed or news.gone:
        _log.info("configuration taken", changed=sorted(news.changed), gone=sorted(news.gone))
    while True:
        try:
            await store.lanes.declare([source.record for source in file.config.pulled.values()], file.errors)
            await store.deliveries.declare([endpoint.record for endpoint in file.config.endpoints.values()])
            await store.lanes.wake(news.changed)
        except StoreError:
            await asyncio.sleep(_LOOK_EVERY)
        else:
            return


async def _api(app: Any, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Serve until cancelled; then close every connection, within seconds."""
    server = _Server(app, announce)
    serving = asyncio.create_task(server.until_told(listener))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


class _Server(uvicorn.Server):
    """uvicorn without its hands on signals: stopping is ours, for the worker and the database stop as well."""

    def __init__(self, app: Any, announce: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                ws=Socket,
                ws_max_size=_LONGEST_MESSAGE,
                timeout_graceful_shutdown=_PATIENCE,
            )
        )
        self._announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()

    async def until_told(self, listener: socket.socket) -> None:
        try:
            await self.serve([listener])
        except SystemExit as error:  # So uvicorn says that the app did not start; the log has the reason.
            raise HubError("the API did not start") from error


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens. Raises HubError that says in a line why it cannot."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    with listener:
        # asyncio turns Nagle's algorithm off only for sockets it made itself; with it each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setblocking(False)
        yield listener


def _cannot_listen(host: str, port: int, error: OSError) -> HubError:
    if error.errno == errno.EADDRINUSE:
        hint = f"stop what uses it, or run `hub serve --port {port + 1 if port < 65535 else 0}`"
        return HubError(f"port {port} on {host} is taken", hint=hint)
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return HubError(f"{host} is no address of this machine", hint="run `hub serve --host 127.0.0.1`")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return HubError(f"cannot listen on port {port} of {host}: {reason}", hint="run `hub serve --port 8000`")


def _origin(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "localhost"}.get(host, host)  # noqa: S104  # a name to show, not to bind
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
