"""Talk HTTP to a source: the one place that signs, waits its turn, retries, caps, and says what went wrong."""

import asyncio
import math
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

import aiohttp
from aiolimiter import AsyncLimiter
from multidict import CIMultiDict
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from yarl import URL

from hub.connectors.auth import Credentials
from hub.connectors.base import Limits, Retry
from hub.connectors.exchange import Answer, AnswerFormat, Request, WebPage, parse
from hub.connectors.formats import NotReadable
from hub.connectors.guard import Forbidden, guarded_socket
from hub.connectors.masking import excerpt, hide
from hub.connectors.tls import TOO_OLD, Tls, Trust
from hub.connectors.urls import bare
from hub.errors import SourceError, SourceRefused, SourceUnavailable

__all__ = [
    "Answer",
    "AnswerFormat",
    "Gone",
    "LoginExpired",
    "NotThere",
    "Session",
    "Tls",
    "Web",
    "parse",
    "retry_after",
]

T = TypeVar("T")

_WORTH_ANOTHER_TRY = frozenset({408, 425, 429})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_CHUNK = 2**18
_MOST_REMEMBERED = 4096
_SHORTEST_SESSION = 12  # characters; shorter cookies say things like `true`


class LoginExpired(SourceRefused):
    """The source no longer takes our token: a new one may help, once."""


class SentElsewhere(SourceRefused):
    """The source answered with a redirect that is not followed: perhaps to its login page."""


class NotThere(SourceRefused):
    """The source has nothing at this address (404, 410): an error for a list, an answer for one ticket's detail."""


class Gone(NotThere):
    """What was at this address is there no more, and will not be again (410): a place kept from an earlier run."""


class NotAgain(SourceUnavailable):
    """The source is in trouble, and asking again in this run could do harm: a login, asked often, locks an account."""


class SourceBusy(SourceUnavailable):
    """The source asks for patience; `retry_after` is for how many seconds, where it says so."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


Explain: TypeAlias = Callable[[Request, Answer], None]
"""Raise what the body of an answer that is no success says, where it says more than its status; or return."""


OpenSocket: TypeAlias = Callable[[Any], socket.socket]
"""Open a socket to an address, or raise Forbidden: asked after resolution, for every connection."""


class Web:
    """The way to one source. Lives as long as its connector; a session of it, as long as a run."""

    def __init__(
        self,
        limits: Limits,
        retry: Retry,
        signer: Credentials,
        *,
        trust: Trust | None = None,
        secrets: Iterable[str] = (),
        explain: Explain | None = None,
        open_socket: OpenSocket = guarded_socket,
    ) -> None:
        self._limits = limits
        self._retry = retry
        self._signer = signer
        self._open_socket = open_socket
        self._trust = trust or Trust()
        self._secrets = list(secrets)
        self._explain = explain
        self._tls: ssl.SSLContext | Literal[True] | None = None
        self._kept: _Kept | None = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator["Session"]:
        """Open connections for one run."""
        connector = aiohttp.TCPConnector(
            limit=self._limits.concurrency, socket_factory=self._open_socket, ssl=self._context(), ttl_dns_cache=60
        )
        kept = self._kept_between_runs()
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._limits.timeout.total_seconds()),
            cookie_jar=kept.jar,
            headers={"User-Agent": "appeal-hub"},
            read_bufsize=_CHUNK,
            trust_env=False,
        ) as http:
            yield Session(
                http,
                self._limits,
                self._retry,
                signer=self._signer,
                limiter=kept.limiter,
                secrets=self._secrets,
                explain=self._explain,
            )

    def _context(self) -> ssl.SSLContext | Literal[True]:
        if self._tls is None:
            self._tls = self._trust.context()
        return self._tls

    def _kept_between_runs(self) -> "_Kept":
        loop = asyncio.get_running_loop()
        if self._kept is None or self._kept.loop is not loop:
            rate = self._limits.rate
            # Cookies go back to the host that set them only; the jar holds so many and no more.
            jar = aiohttp.CookieJar(unsafe=True)
            self._kept = _Kept(loop, AsyncLimiter(rate.count, rate.per.total_seconds()), jar)
        return self._kept


@dataclass(frozen=True, slots=True)
class _Kept:
    """What outlives a run: its pace, so that two runs in a row keep the rate too, and the source's cookies."""

    loop: asyncio.AbstractEventLoop
    limiter: AsyncLimiter
    jar: aiohttp.CookieJar


class Session:
    """Open connections to one source, for one run."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        limits: Limits,
        retry: Retry,
        *,
        signer: Credentials,
        limiter: AsyncLimiter,
        secrets: list[str],
        explain: Explain | None = None,
    ) -> None:
        self._http = http
        self._limits = limits
        self._retry = retry
        self._signer = signer
        self._limiter = limiter
        self._secrets = secrets
        self._explain = explain
        self._at_once = asyncio.Semaphore(limits.concurrency)
        self._logins = 0
        self._renewed = False
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._jitter = wait_random_exponential(
            multiplier=2 * retry.wait.shortest.total_seconds(),
            min=retry.wait.shortest.total_seconds(),
            max=retry.wait.longest.total_seconds(),
        )

    async def fetch(self, request: Request, read: Callable[[Answer], T]) -> T:
        """Ask until an answer reads, or the tries are used up.

        `read` makes sense of an answer, and may raise SourceUnavailable to have it asked again, or LoginExpired.
        Raises SourceUnavailable after the last try, and SourceRefused at once.
        """
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._retry.attempts),
            wait=self._wait,
            retry=retry_if_exception_type(SourceUnavailable) & retry_if_not_exception_type(NotAgain),
            reraise=True,
        )
        return await retrying(self._attempt, request, read)

    async def once(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the first time in this run only; beyond so many answers, the one unused for longest is forgotten."""
        if key not in self._answers:
            self._answers[key] = await ask()
        self._answers.move_to_end(key)
        if len(self._answers) > _MOST_REMEMBERED:
            self._answers.popitem(last=False)
        answer: T = self._answers[key]
        return answer

    def quote(self, text: str) -> str:
        """Quote a source's words so that they can stand in an error."""
        return excerpt(text, self._hidden())

    def _hidden(self) -> list[str]:
        cookies = [cookie.value for cookie in self._http.cookie_jar if len(cookie.value) >= _SHORTEST_SESSION]
        return [*self._secrets, *self._signer.secrets(), *cookies]

    def _wait(self, state: RetryCallState) -> float:
        drawn = float(self._jitter(state))
        error = state.outcome.exception() if state.outcome else None
        told = error.retry_after if isinstance(error, SourceBusy) else None
        return drawn if told is None else max(drawn, min(told, self._retry.retry_after_max.total_seconds()))

    async def _attempt(self, request: Request, read: Callable[[Answer], T]) -> T:
        login = self._logins
        try:
            return await self._ask_and_read(request, read)
        except (LoginExpired, SentElsewhere, WebPage):
            # A session that has ended is told by a code, by a redirect to the login page, or by that page itself.
            if not self._may_renew(login):
                raise
        return await self._ask_and_read(request, read)

    def _may_renew(self, login: int) -> bool:
        """Forget the token at most once a run: a source that takes no token at all must not be asked for ever."""
        if login != self._logins:
            return True  # another request has renewed it while this one was under way
        if self._renewed or not self._signer.renew():
            return False
        self._http.cookie_jar.clear()
        self._renewed = True
        self._logins += 1
        return True

    async def _ask_and_read(self, request: Request, read: Callable[[Answer], T]) -> T:
        signed = await self._signer.sign(request, self.log_in)
        return await self._ask(signed, read)

    async def log_in(self, request: Request, read: Callable[[Answer], T]) -> T:
        """Ask for what proves who is asking: unsigned, and once."""
        try:
            return await self._ask(request, read, self._visit)
        except LoginExpired as error:
            # Asking twice with the same password could lock the account.
            raise SourceRefused(error.message, hint="check the credentials under `auth`") from None

    async def _ask(
        self,
        request: Request,
        read: Callable[[Answer], T],
        send: Callable[[Request], Awaitable[Answer]] | None = None,
    ) -> T:
        place = f"{request.method} {hide(bare(request.url), self._hidden())}"
        async with self._at_once, self._limiter:
            try:
                answer = await (send or self._send)(request)
            # `from None` below: aiohttp's own words hold the URL with its query, and so perhaps a key.
            except TimeoutError:
                seconds = f"{self._limits.timeout.total_seconds():g} s"
                raise SourceUnavailable(f"{place} gave no whole answer within {seconds}") from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise _connection_error(place, error) from None
        try:
            if send is None or answer.status not in _REDIRECTS:
                if self._explain is not None and not 200 <= answer.status < 300:
                    self._explain(request, answer)
                self._judge(answer)
            return read(answer)
        except SourceError as error:
            error.message = f"{place} {hide(error.message, self._hidden())}"
            error.args = (error.message,)
            raise

    async def _visit(self, request: Request) -> Answer:
        """Ask as a browser does: after a form was posted, go where the source sends us, on its own host.

        Where that fails, what the form was answered counts: its cookies are what a login is for.
        """
        answer, url = await self._send(request), request.target()
        for _ in range(_MOST_REDIRECTS):
            if (there := _next_stop(url, answer)) is None:
                break
            following = await self._send(Request("GET", str(there)))
            if following.status >= 400:
                break
            answer, url = replace(following, cookies={**answer.cookies, **following.cookies}), there
        return answer

    async def _send(self, request: Request) -> Answer:
        url = request.target()
        for _ in range(_MOST_REDIRECTS):
            answer = await self._exchange(request, url)
            there = _next_stop(url, answer) if request.method == "GET" else None
            if there is None:
                return answer
            url = there
        return answer

    async def _exchange(self, request: Request, url: URL) -> Answer:
        body, kind = request.content() or (None, "")
        headers = CIMultiDict({"Content-Type": kind} if kind else {})
        headers.update(request.headers)
        async with self._http.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as response:
            return Answer(
                status=response.status,
                reason=response.reason or "",
                content_type=response.content_type,
                charset=response.charset,
                body=await self._body(response),
                headers=response.headers,
                cookies={name: morsel.value for name, morsel in response.cookies.items()},
            )

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the body piece by piece, so that neither a long one nor one that inflates can fill the memory."""
        pieces: list[bytes] = []
        size = 0
        while piece := await response.content.readany():
            size += len(piece)
            if size > self._limits.max_body:
                response.close()
                raise SourceRefused(
                    f"{response.method} {hide(bare(str(response.url)), self._hidden())} answered more than "
                    f"limits.max_body ({self._limits.max_body // 1024} KB)",
                    hint="ask for smaller pages, or raise limits.max_body",
                )
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _judge(self, answer: Answer) -> None:
        status = answer.status
        if 200 <= status < 300 or answer.is_nothing:
            return
        if status in _REDIRECTS:
            raise SentElsewhere(
                f"answered {status}, a redirect to {_host_of(answer.location)}",
                hint="set `url` to where it went, if you trust it",
            )
        said = f"answered {status} {answer.reason}: {self.quote(answer.text)!r}"
        if status == 401:
            raise LoginExpired(said, hint="check `auth`")
        if status >= 500 or status in _WORTH_ANOTHER_TRY:
            raise SourceBusy(said, retry_after(answer.retry_after))
        if status in {406, 415}:
            raise NotReadable(said)
        if status == 410:
            raise Gone(said)
        raise NotThere(said) if status == 404 else SourceRefused(said)


def _next_stop(url: URL, answer: Answer) -> URL | None:
    """Where a redirect leads, as long as that is on the same host by the same scheme."""
    if answer.status not in _REDIRECTS or answer.location is None:
        return None
    try:
        there = url.join(URL(answer.location))
        return there if there.origin() == url.origin() else None
    except ValueError:
        return None


def _host_of(location: str | None) -> str:
    try:
        return urlsplit(location or "").netloc.rpartition("@")[2] or "another path"
    except ValueError:
        return "what is no URL"


def retry_after(header: str | None) -> float | None:
    """Read Retry-After, seconds or a date; what is neither says nothing, what is past says now."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = _until(header)
    return None if math.isnan(seconds) else max(0.0, seconds)


def _until(text: str) -> float:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def _connection_error(place: str, error: Exception) -> SourceError:
    """Say what broke, without aiohttp's words."""
    if isinstance(error, SourceError):
        return error
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, Forbidden) or "is never asked" in str(cause):
        return SourceRefused(f"{place}: {cause}")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "it does not fit the host"
        return SourceRefused(
            f"{place}: the certificate of the source is not to be trusted: {reason}",
            hint="if the source has its own authority, name its certificate under tls.ca",
        )
    if isinstance(cause, ssl.SSLError) and cause.reason in TOO_OLD:
        return SourceRefused(
            f"{place}: no TLS that both sides know ({cause.reason})",
            hint="where the server cannot be renewed, write `tls: {legacy: true}`",
        )
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return SourceRefused(f"{place}: not a URL that can be asked")
    if isinstance(error, ValueError):
        return SourceRefused(f"{place}: cannot be asked: a header would hold a line break or another control character")
    if isinstance(error, aiohttp.ClientResponseError) and "content-encoding" in error.message:
        return SourceRefused(f"{place}: packs its answer in a way that was not asked for: {excerpt(error.message)}")
    if isinstance(error, aiohttp.ClientPayloadError):
        return SourceUnavailable(f"{place}: the connection broke off in the middle of the answer")
    if isinstance(cause, OSError):
        return SourceUnavailable(f"{place}: no connection ({cause.strerror or type(cause).__name__})")
    return SourceUnavailable(f"{place}: no answer ({type(error).__name__})")
