"""Pull a system of this catalogue by its entry in connectors.yaml and nothing else, and read its tickets as appeals."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from aiohttp import web

from hub.config import Source, load
from hub.errors import TicketRejected
from hub.model import Appeal, Cursor, Ticket
from hub.normalize import normalize

Answer = Callable[["Asked"], Any]
"""What the made-up system answers: a response, or a payload that is sent as JSON."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it came over the wire."""

    request: web.BaseRequest
    body: bytes

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.headers

    @property
    def url(self) -> Any:
        return self.request.url

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(slots=True)
class Pulled:
    """What one run gave: appeals by their ids in the source, and why other tickets were set aside."""

    tickets: list[Ticket] = field(default_factory=list)
    appeals: dict[str, Appeal] = field(default_factory=dict)
    rejected: list[TicketRejected] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """Pulls the source again and again, each time from where the last run ended."""

    source: Source
    asked: list[Asked]
    cursor: Cursor | None = None

    async def __call__(self) -> Pulled:
        self.asked.clear()
        pulled = Pulled()
        async with aclosing(self.source.connector.pull(self.cursor)) as pages:
            async for page in pages:
                # As the store would give it back.
                self.cursor = orjson.loads(orjson.dumps(page.cursor))
                pulled.tickets += filter(self.source.holds, page.tickets)
        for ticket in pulled.tickets:
            try:
                appeal = normalize(ticket, self.source.mapping)
            except TicketRejected as reason:
                pulled.rejected.append(reason)
            else:
                pulled.appeals[appeal.external_id] = appeal
        return pulled


@asynccontextmanager
async def serving(answer: Answer, entry: str, **environ: str) -> AsyncIterator[Run]:
    """Serve a system on loopback, and give what runs its source; `entry` is connectors.yaml, `${AT}` its address."""
    asked: list[Asked] = []
    runner = web.ServerRunner(web.Server(_answering(answer, asked)), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    at = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield Run(source_of(entry, AT=at, **environ), asked)
    finally:
        await runner.cleanup()


def source_of(entry: str, **environ: str) -> Source:
    """Load the one source of a connectors.yaml. Raises ConfigError."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "connectors.yaml")
        path.write_text(entry, encoding="utf-8")
        (source,) = load(path, environ).sources.values()
    return source


def _answering(answer: Answer, asked: list[Asked]) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def answered(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(question := Asked(request, await request.read()))
        try:
            given = answer(question)
        except web.HTTPException as refusal:
            return web.Response(status=refusal.status, text=refusal.text)
        return given if isinstance(given, web.StreamResponse) else web.json_response(given)

    return answered
