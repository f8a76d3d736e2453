"""Take in what systems push: `POST /in/{source}` is verified, read, landed, and only then answered.

A sender learns what it needs to mend its push and, where its proof fails, nothing at all. The hub's people learn the
reason from the log and from `hub sources`. What a push holds, neither of them shows.
"""

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import uuid4
from weakref import WeakKeyDictionary

import orjson
import structlog
from aiolimiter import AsyncLimiter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hub.config import Source
from hub.connectors.base import Limits, Push, Pushed, Receiver, Terms
from hub.connectors.formats import NotReadable
from hub.connectors.inbound import TooLong, WrongMedia
from hub.connectors.masking import excerpt
from hub.connectors.versions import version_of
from hub.errors import HubError, KeyReused, NotGenuine, StoreError, Unstorable
from hub.store.pushes import Arrival, Receipt
from hub.store.store import Store
from hub.sync import landed

Take: TypeAlias = Callable[[int], None]
"""Counts so many bytes more as held in memory. Raises Refused when they are too many."""

_NOTE_EVERY = timedelta(seconds=10)
_MOST_HELD = 256 * 1024**2  # bytes of bodies in memory, of all sources together
_DRAINED, _DRAINING = 2**20, 1.0  # bytes, seconds
_LONGEST_ECHO = 1024
_QUIET = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_PATIENCE = {"retry-after": "5"}
_CLOSING = {"connection": "close"}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a push is not taken. The sender is told `message` and `hint`; the hub's people `noted`, or else the same."""

    status: int
    code: str
    message: str
    hint: str = ""
    noted: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        told = {"code": self.code, "message": self.message, **({"hint": self.hint} if self.hint else {})}
        return _json(self.status, {"error": told}, self.headers)


class Refused(Exception):
    """What HTTP itself says against a push."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Intake:
    """An ASGI application for `/in/{source}`. Each request looks `sources` up anew, so they may change meanwhile."""

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        *,
        note_every: timedelta = _NOTE_EVERY,
        most_held: int = _MOST_HELD,
    ) -> None:
        self._store = store
        self._sources = sources
        self._notes = _Notes(store, note_every)
        self._gates: WeakKeyDictionary[Receiver, _Gate] = WeakKeyDictionary()
        self._room = _Room(most_held)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        with suppress(ClientDisconnect):  # Nobody is left to be answered.
            response = await self._respond(request, request.path_params["source"])
            await response(scope, receive, send)

    async def close(self) -> None:
        """Stop telling of what was refused."""
        await self._notes.close()

    async def _respond(self, request: Request, name: str) -> Response:
        source = self._sources.get(name)
        if source is None or not source.enabled or not isinstance(source.connector, Receiver):
            return Refusal(404, "UNKNOWN_SOURCE", "no system pushes to this address").response()
        try:
            return await self._answer(request, source, source.connector)
        except Refused as refused:
            refusal = refused.refusal
        except HubError as error:
            refusal = _refusal(error, source.connector.terms.challenge)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001  # the last resort: the sender gets an id, the log the rest
            return _mistake(name, error)
        self._notes.note(name, refusal)
        return refusal.response()

    async def _answer(self, request: Request, source: Source, receiver: Receiver) -> Response:
        """The whole way of a push: proven, read, landed, answered."""
        terms, gate, push = receiver.terms, self._gate(receiver), _head(request)
        if request.method == "GET" and terms.echo:
            return _echoed(push, receiver, terms.echo)
        if request.method != "POST":
            raise Refused(_wrong_method(request.method, terms))
        with self._room.place() as take:
            try:
                proven = None if terms.signs_body else receiver.verify(push)
                push = replace(push, body=await _body(request, terms.limits, take))
            except (HubError, Refused):
                await _drain(request.receive)
                raise
            proven = receiver.verify(push) if terms.signs_body else proven
            # Only now, so that strangers cannot use up what the source may send.
            await gate.pass_one()
            async with gate.turns:
                arrival = await asyncio.to_thread(_arrival, source, receiver, push, proven)
                receipt = await self._store.pushes.land(arrival)
        self._notes.forget(source.name)
        return _taken(terms, receipt)

    def _gate(self, receiver: Receiver) -> "_Gate":
        if (gate := self._gates.get(receiver)) is None:
            gate = self._gates[receiver] = _Gate(receiver.terms.limits)
        return gate


def _head(request: Request) -> Push:
    """What is known of a push before its body is read."""
    names = dict.fromkeys(request.headers.keys())
    headers = {name: ", ".join(request.headers.getlist(name)) for name in names}
    return Push(headers, dict(request.query_params), b"", datetime.now(UTC))


async def _body(request: Request, limits: Limits, take: Take) -> bytes:
    """Read the body, as long as it keeps within its limits: what it says of its length is only a hint."""
    too_long = Refused(
        Refusal(
            413,
            "BODY_LIMIT",
            f"the push is larger than {limits.max_body} bytes",
            hint="send fewer tickets at once",
            headers=_CLOSING,
        )
    )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > limits.max_body):
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(limits.timeout.total_seconds()):
            async for piece in _pieces(request.receive):
                take(len(piece))
                body += piece
                if len(body) > limits.max_body:
                    raise too_long
    except TimeoutError:
        seconds = f"{limits.timeout.total_seconds():g} s"
        raise Refused(Refusal(408, "TIMEOUT", f"the push did not arrive within {seconds}", headers=_CLOSING)) from None
    return bytes(body)


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _drain(receive: Receive) -> None:
    """Read a little of what is still on its way: a sender whose connection breaks while it writes sees no answer."""
    drained = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAINING):
            async for piece in _pieces(receive):
                drained += len(piece)
                if drained > _DRAINED:
                    break


def _arrival(source: Source, receiver: Receiver, push: Push, proven: str | None) -> Arrival:
    """Make a push ready to land. Takes a thread of its own: a large one must not keep others waiting."""
    pushed = receiver.read(push)
    versions, ordered = _versions(source, pushed, push.at)
    keys = [key for key in (proven, pushed.key and f"key:{pushed.key}") if key]
    return Arrival(
        source.name,
        [
            landed(source, ticket)._replace(version=version)
            for ticket, version in zip(pushed.tickets, versions, strict=True)
            if source.holds(ticket)
        ],
        ordered=ordered,
        keys=[_digest(key.encode("utf-8", "surrogatepass")) for key in keys],
        body=_digest(push.body),
        keep=receiver.terms.keep,
    )


def _versions(source: Source, pushed: Pushed, now: datetime) -> tuple[list[Decimal | None], bool]:
    """How new each ticket is, by the options or else by the map; and whether anything says so at all."""
    if pushed.versions is not None:
        return list(pushed.versions), True
    changed_at = source.mapping.changed_at
    return [version_of(changed_at(ticket), now) for ticket in pushed.tickets], source.mapping.tells_changes


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _taken(terms: Terms, receipt: Receipt) -> Response:
    reply = terms.reply
    if reply.body is None:
        return _json(reply.status, {"accepted": receipt.accepted, "repeated": receipt.repeated})
    return Response(reply.body, reply.status, {**_QUIET, "content-type": reply.content_type})


def _echoed(push: Push, receiver: Receiver, name: str) -> Response:
    """Give a system that tries the address out what it wants back."""
    receiver.verify(push)
    return Response(push.query.get(name, "")[:_LONGEST_ECHO], 200, {**_QUIET, "content-type": "text/plain"})


def _json(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, {**_QUIET, **(headers or {}), "content-type": "application/json"})


def _wrong_method(method: str, terms: Terms) -> Refusal:
    allowed = {"allow": "GET, POST" if terms.echo else "POST"}
    return Refusal(405, "METHOD_NOT_ALLOWED", f"{method[:20]} is not answered here", hint="use POST", headers=allowed)


def _refusal(error: HubError, challenge: str) -> Refusal:
    """What the hub's own errors are in HTTP's words."""
    if isinstance(error, NotGenuine):
        wanted = {"www-authenticate": challenge}
        return Refusal(401, error.code, "the push does not prove whose it is", noted=error.message, headers=wanted)
    if isinstance(error, StoreError) and not isinstance(error, Unstorable):
        # Its message may name hosts.
        told = "the hub cannot keep anything now"
        return Refusal(503, "STORE_UNAVAILABLE", told, "send it again", noted=error.message, headers=_PATIENCE)
    status, code = next((said for kind, said in _SAID.items() if isinstance(error, kind)), (400, "BAD_INPUT"))
    headers = {"accept-encoding": "gzip"} if status == 415 else {}
    fact = error.fact if isinstance(error, NotReadable) else error.message
    return Refusal(status, code, error.message, error.hint, noted=fact, headers=headers)


_SAID: Mapping[type[HubError], tuple[int, str]] = {
    TooLong: (413, "BODY_LIMIT"),
    WrongMedia: (415, "UNSUPPORTED_MEDIA_TYPE"),
    KeyReused: (422, KeyReused.code),
}


def _mistake(name: str, error: Exception) -> Response:
    reference = uuid4().hex[:12]
    _log.error("push failed by a mistake of the hub's", source=name, id=reference, exc_info=error)
    return Refusal(500, HubError.code, f"internal error {reference}").response()


class _Gate:
    """How fast one source may push, and how many of its pushes are landed at once."""

    def __init__(self, limits: Limits) -> None:
        self.turns = asyncio.Semaphore(limits.concurrency)
        self._rate = limits.rate
        self._limiter = AsyncLimiter(limits.rate.count, limits.rate.per.total_seconds())

    async def pass_one(self) -> None:
        """Let one more push pass. Raises Refused, with the time to wait, for one too many."""
        if not self._limiter.has_capacity():
            wait = math.ceil(self._rate.per.total_seconds() / self._rate.count)
            told = f"more than {self._rate.count} pushes in {self._rate.per.total_seconds():g} s"
            raise Refused(Refusal(429, "RATE_LIMIT", told, "send it again later", headers={"retry-after": str(wait)}))
        await self._limiter.acquire()


class _Room:
    """How many bytes of bodies are in memory: senders that are slow, or many, cannot fill it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    @contextmanager
    def place(self) -> Iterator[Take]:
        """Count the bytes of one push until the block ends."""
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            mine += count
            self._held += count
            if self._held > self._most:
                told = "too many pushes are on their way"
                raise Refused(Refusal(503, "BUSY", told, "send it again", headers={**_PATIENCE, **_CLOSING}))

        try:
            yield take
        finally:
            self._held -= mine


class _Notes:
    """Tells the log and the store why pushes are refused: the first at once, the last for sure, and few in between."""

    def __init__(self, store: Store, every: timedelta) -> None:
        self._store = store
        self._every = every.total_seconds()
        self._last: dict[str, Refusal] = {}
        self._count: dict[str, int] = {}
        self._telling: dict[str, asyncio.Task[None]] = {}

    def note(self, source: str, refusal: Refusal) -> None:
        self._last[source] = refusal
        self._count[source] = self._count.get(source, 0) + 1
        if source not in self._telling:
            self._telling[source] = asyncio.create_task(self._tell(source))

    def forget(self, source: str) -> None:
        """Drop what is not told yet: a push was taken since."""
        self._last.pop(source, None)

    async def close(self) -> None:
        for task in self._telling.values():
            task.cancel()
        await asyncio.gather(*self._telling.values(), return_exceptions=True)

    async def _tell(self, source: str) -> None:
        try:
            while (refusal := self._last.pop(source, None)) is not None:
                reason = excerpt(refusal.noted or refusal.message)
                _log.warning(
                    "push refused", source=source, status=refusal.status, reason=reason, pushes=self._count.pop(source)
                )
                with suppress(StoreError):
                    await self._store.pushes.refused(source, f"push refused ({refusal.status}): {reason}")
                await asyncio.sleep(self._every)
        finally:
            del self._telling[source]
