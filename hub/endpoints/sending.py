"""Carry changes to one endpoint over HTTP: write, connect to where it may be, send, read how the answer begins."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, TypeVar

import aiohttp
from multidict import CIMultiDict

from hub.connectors.auth import Credentials, credentials
from hub.connectors.base import Limits, Retry
from hub.connectors.exchange import Answer, Request
from hub.connectors.formats import readable
from hub.connectors.guard import Forbidden
from hub.connectors.http import LoginExpired, Web, retry_after
from hub.connectors.masking import excerpt, hide
from hub.connectors.pace import Pace
from hub.connectors.tls import Trust
from hub.endpoints.answers import Reply, Verdict
from hub.endpoints.base import Kept, Send
from hub.endpoints.guard import Guard
from hub.errors import SourceError, SourceRefused
from hub.masking import masked_numbers
from hub.model import Attempt, Delivery, Outcome

T = TypeVar("T")
_EXCERPT = 1_000  # characters of a request that are kept for people


class Writer(Protocol):
    """Writes a change as a request of the endpoint's own kind, and reads what its answers say. Pure."""

    def write(self, delivery: Delivery, now: datetime) -> Request:
        """Raises SourceRefused for a change that cannot be said."""

    def judge(self, reply: Reply, text: str, wait: timedelta | None) -> Verdict:
        """Raises SourceError as the source connectors do; LoginExpired where a new login may help."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the requests to one endpoint."""

    timeout: timedelta
    concurrency: int
    max_answer: int
    guard: Guard = field(default_factory=Guard)
    trust: Trust = field(default_factory=Trust)


class HttpCarrier:
    """The way to one endpoint over HTTP. Lives as long as the configuration it was made of."""

    def __init__(
        self,
        terms: Terms,
        writer: Callable[[Kept], Writer],
        credentials: Credentials,
        pace: Pace,
        *,
        secrets: Iterable[str] = (),
        says: Callable[[Delivery], bool] = lambda _: True,
    ) -> None:
        self.says = says
        self._terms = terms
        self._writer = writer
        self._credentials = credentials
        self._pace = pace
        self.secrets = frozenset(secrets)
        self._tls: ssl.SSLContext | Literal[True] | None = None

    def preview(self, kept: Kept, delivery: Delivery) -> Request:
        """Write what would be sent now, without what a login adds. Raises SourceRefused."""
        return self._writer(kept).write(delivery, datetime.now(UTC))

    @asynccontextmanager
    async def open(self, kept: Kept) -> AsyncIterator[Send]:
        """Open connections for one run. Raises SourceRefused where nothing can be sent: no secret, no certificate."""
        writer = self._writer(kept)
        if self._tls is None:
            self._tls = self._terms.trust.context()
        seen = _Seen()
        connector = aiohttp.TCPConnector(
            limit=self._terms.concurrency, socket_factory=self._terms.guard.socket(seen.note), ssl=self._tls
        )
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._terms.timeout.total_seconds()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "appeal-hub"},
            trust_env=False,
        ) as http:
            yield _Sender(self, writer, http, seen).send

    async def signed(self, request: Request) -> Request:
        return await self._credentials.sign(request, self._log_in)

    def renew(self) -> bool:
        """Forget a token that is no longer taken; False where there is none."""
        return self._credentials.renew()

    async def turn(self) -> None:
        await self._pace.wait()

    def hidden(self) -> list[str]:
        return [*self.secrets, *self._credentials.secrets()]

    @property
    def terms(self) -> Terms:
        return self._terms

    async def _log_in(self, request: Request, read: Callable[[Answer], T]) -> T:
        """Ask for a token as sources are asked for theirs, by connections that are guarded like all others."""
        limits = Limits(timeout=self._terms.timeout, concurrency=1)
        open_socket = self._terms.guard.socket(lambda _: None)
        web = Web(limits, Retry(attempts=1), credentials(None), trust=self._terms.trust, open_socket=open_socket)
        async with web.session() as session:
            return await session.log_in(request, read)


@dataclass
class _Seen:
    """Where the last connection went."""

    address: str = ""

    def note(self, address: str) -> None:
        self.address = address


class _Sender:
    """Open connections to one endpoint, for one run."""

    def __init__(self, carrier: HttpCarrier, writer: Writer, http: aiohttp.ClientSession, seen: _Seen) -> None:
        self._carrier = carrier
        self._writer = writer
        self._http = http
        self._seen = seen

    async def send(self, delivery: Delivery) -> Attempt:
        """Try once."""
        await self._carrier.turn()
        at, began = datetime.now(UTC), asyncio.get_running_loop().time()
        shown, status, text = "", None, ""
        try:
            request = self._writer.write(delivery, at)
            shown = self._shown(request)
            reply = await self._exchange(await self._carrier.signed(request))
            if self._is_expired(reply) and self._carrier.renew():
                reply = await self._exchange(await self._carrier.signed(request))
            status, text = reply.status, readable(reply.body, reply.charset)
            verdict = self._writer.judge(reply, text, _wait(reply))
        except SourceError as error:
            is_refused = isinstance(error, SourceRefused) and not isinstance(error, LoginExpired)
            verdict = Verdict(Outcome.REFUSED if is_refused else Outcome.FAILED, str(error))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            verdict = Verdict(Outcome.FAILED, _what_broke(error, self._carrier.terms.timeout))
        hidden = self._carrier.hidden()
        return Attempt(
            delivery.change.number,
            delivery.change.appeal_id,
            delivery.tries + 1,
            at,
            verdict.outcome,
            timedelta(seconds=asyncio.get_running_loop().time() - began),
            status,
            excerpt(verdict.reason, hidden),
            shown,
            excerpt(text, hidden),
            self._seen.address,
            verdict.retry_after,
            verdict.remote_id,
        )

    def _is_expired(self, reply: Reply) -> bool:
        try:
            self._writer.judge(reply, "", None)
        except LoginExpired:
            return True
        except SourceError:
            return False
        return reply.status == 401

    async def _exchange(self, request: Request) -> Reply:
        body, kind = request.content() or (None, "")
        headers = CIMultiDict({"Content-Type": kind} if kind else {})
        headers.update(request.headers)
        async with self._http.request(
            request.method, request.target(), headers=headers, data=body, allow_redirects=False
        ) as response:
            beginning = await _beginning(response, self._carrier.terms.max_answer)
            return Reply(response.status, beginning, response.headers, response.charset)

    def _shown(self, request: Request) -> str:
        """The beginning of a request, for people: nothing by which anybody is known, or could pretend to be us."""
        content = request.content()
        body = content[0][:_EXCERPT].decode(request.encoding, "replace") if content else ""
        return masked_numbers(hide(f"{request.method} {request.url} {body}"[:_EXCERPT], self._carrier.hidden()))


async def _beginning(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read so much of an answer and no more; a connection on which there is more is not used again."""
    beginning = b""
    while len(beginning) < limit and (piece := await response.content.read(limit - len(beginning))):
        beginning += piece
    if not response.content.at_eof():
        response.close()
    return beginning


def _wait(reply: Reply) -> timedelta | None:
    seconds = retry_after(reply.headers.get("Retry-After"))
    return None if seconds is None else timedelta(seconds=min(seconds, 10**7))


def _what_broke(error: BaseException, timeout: timedelta) -> str:
    """Say what broke, without aiohttp's words: they hold the URL, and so perhaps a key."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, Forbidden):
        return str(cause)
    if isinstance(error, TimeoutError):
        return f"no whole answer within {timeout.total_seconds():g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not to be trusted; if it has its own authority, name that under tls.ca"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS that both sides know ({cause.reason})"
    if isinstance(cause, OSError) and cause.strerror:
        return f"no connection ({cause.strerror})"
    return f"no answer ({type(error).__name__})"
