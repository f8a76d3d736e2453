"""Talk HTTP to a source: the one place that signs, waits its turn, retries, caps, and says what went wrong."""

import asyncio
import ipaddress
import math
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiolimiter import AsyncLimiter
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from yarl import URL

from hub.connectors.auth import Credentials, Request
from hub.connectors.base import Limits, Options, Retry
from hub.connectors.formats import NotReadable, looks_like_xml, parse_json, parse_xml, readable
from hub.connectors.masking import excerpt, hide
from hub.connectors.urls import bare
from hub.errors import SourceError, SourceRefused, SourceUnavailable

T = TypeVar("T")
AnswerFormat: TypeAlias = Literal["auto", "json", "xml"]

_WORTH_ANOTHER_TRY = frozenset({408, 425, 429})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_CHUNK = 2**18
_HTML = re.compile(rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html\b)")

# Where clouds keep their credentials. Private ranges stay open: that is where legacy systems live.
_FORBIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in ("169.254.0.0/16", "100.100.100.200/32", "0.0.0.0/32", "::/128", "fe80::/10", "fd00:ec2::254/128")
)


class Tls(Options):
    ca: str | None = None
    """A file of certificates (PEM) to trust beside the system's own; relative to connectors.yaml."""


class LoginExpired(SourceRefused):
    """The source no longer takes our token: a new one may help, once."""


class NotThere(SourceRefused):
    """The source has nothing at this address (404, 410): an error for a list, an answer for one ticket's detail."""


class NotAgain(SourceUnavailable):
    """The source is in trouble, and asking again in this run could do harm: a login, asked often, locks an account."""


class SourceBusy(SourceUnavailable):
    """The source asks for patience; `retry_after` is for how many seconds, where it says so."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole. `links` are its Link headers, `location` where a redirect points."""

    status: int
    reason: str
    content_type: str
    charset: str | None
    body: bytes
    links: list[str]
    cookies: Mapping[str, str]
    retry_after: str | None = None
    location: str | None = None

    @property
    def text(self) -> str:
        """The beginning of the body, for messages: never read as data."""
        return readable(self.body[:8192], self.charset)


Explain: TypeAlias = Callable[[Request, Answer], None]
"""Raise what the body of an answer that is no success says, where it says more than its status; or return."""


class Web:
    """The way to one source. Lives as long as its connector; a session of it, as long as a run."""

    def __init__(
        self,
        limits: Limits,
        retry: Retry,
        signer: Credentials,
        *,
        ca: Path | None = None,
        secrets: Iterable[str] = (),
        explain: Explain | None = None,
    ) -> None:
        self._limits = limits
        self._retry = retry
        self._signer = signer
        self._ca = ca
        self._secrets = list(secrets)
        self._explain = explain
        self._tls: ssl.SSLContext | None = None
        self._pace: tuple[asyncio.AbstractEventLoop, AsyncLimiter] | None = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator["Session"]:
        """Open connections for one run."""
        connector = aiohttp.TCPConnector(
            limit=self._limits.concurrency, socket_factory=_guarded_socket, ssl=self._trust(), ttl_dns_cache=60
        )
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._limits.timeout.total_seconds()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "appeal-hub"},
            read_bufsize=_CHUNK,
            trust_env=False,
        ) as http:
            yield Session(
                http,
                self._limits,
                self._retry,
                signer=self._signer,
                limiter=self._limiter(),
                secrets=self._secrets,
                explain=self._explain,
            )

    def _trust(self) -> ssl.SSLContext | Literal[True]:
        if self._ca is None:
            return True  # aiohttp has the system's certificates read already, which takes longer than a page.
        if self._tls is None:
            context = ssl.create_default_context()
            try:
                context.load_verify_locations(self._ca)
            except OSError as error:
                raise SourceRefused(f"tls.ca: {error.strerror or 'no certificates in it'}: {self._ca}") from None
            self._tls = context
        return self._tls

    def _limiter(self) -> AsyncLimiter:
        # Kept between runs, so that two runs in a row keep the rate too; a limiter belongs to one event loop.
        loop = asyncio.get_running_loop()
        if self._pace is None or self._pace[0] is not loop:
            rate = self._limits.rate
            self._pace = (loop, AsyncLimiter(rate.count, rate.per.total_seconds()))
        return self._pace[1]


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

    def quote(self, text: str) -> str:
        """Quote a source's words so that they can stand in an error."""
        return excerpt(text, self._hidden())

    def _hidden(self) -> list[str]:
        return [*self._secrets, *self._signer.secrets()]

    def _wait(self, state: RetryCallState) -> float:
        drawn = float(self._jitter(state))
        error = state.outcome.exception() if state.outcome else None
        told = error.retry_after if isinstance(error, SourceBusy) else None
        return drawn if told is None else max(drawn, min(told, self._retry.retry_after_max.total_seconds()))

    async def _attempt(self, request: Request, read: Callable[[Answer], T]) -> T:
        login = self._logins
        try:
            return await self._ask_and_read(request, read)
        except LoginExpired:
            if not self._may_renew(login):
                raise
        return await self._ask_and_read(request, read)

    def _may_renew(self, login: int) -> bool:
        """Forget the token at most once a run: a source that takes no token at all must not be asked for ever."""
        if login != self._logins:
            return True  # another request has renewed it while this one was under way
        if self._renewed or not self._signer.renew():
            return False
        self._renewed = True
        self._logins += 1
        return True

    async def _ask_and_read(self, request: Request, read: Callable[[Answer], T]) -> T:
        signed = await self._signer.sign(request, self._ask_unsigned)
        return await self._ask(signed, read)

    async def _ask_unsigned(self, request: Request, read: Callable[[Answer], Any] | None = None) -> Any:
        read = read or (lambda answer: (parse(answer) if answer.body else None, answer.cookies))
        try:
            return await self._ask(request, read)
        except LoginExpired as error:
            # Asking twice with the same password could lock the account.
            raise SourceRefused(error.message, hint="check the credentials under `auth`") from None

    async def _ask(self, request: Request, read: Callable[[Answer], T]) -> T:
        place = f"{request.method} {hide(bare(request.url), self._hidden())}"
        async with self._at_once, self._limiter:
            try:
                answer = await self._send(request)
            # `from None` below: aiohttp's own words hold the URL with its query, and so perhaps a key.
            except TimeoutError:
                seconds = f"{self._limits.timeout.total_seconds():g} s"
                raise SourceUnavailable(f"{place} gave no whole answer within {seconds}") from None
            except (aiohttp.ClientError, OSError) as error:
                raise _connection_error(place, error) from None
        try:
            if self._explain is not None and not 200 <= answer.status < 300:
                self._explain(request, answer)
            self._judge(answer)
            return read(answer)
        except SourceError as error:
            error.message = f"{place} {hide(error.message, self._hidden())}"
            error.args = (error.message,)
            raise

    async def _send(self, request: Request) -> Answer:
        url = URL(request.url).extend_query(request.query) if request.query else URL(request.url)
        for _ in range(_MOST_REDIRECTS):
            answer = await self._exchange(request, url)
            if answer.status not in _REDIRECTS or answer.location is None or request.method != "GET":
                return answer
            there = url.join(URL(answer.location))
            if there.origin() != url.origin():
                return answer
            url = there
        return answer

    async def _exchange(self, request: Request, url: URL) -> Answer:
        headers = dict(request.headers)
        content: Any = request.form
        if request.text is not None:
            content = request.text.encode(request.encoding)
            headers["Content-Type"] = request.kind
        elif request.body is not None:
            content = orjson.dumps(request.body)
            headers.setdefault("Content-Type", "application/json")
        async with self._http.request(
            request.method, url, headers=headers, data=content, allow_redirects=False
        ) as response:
            return Answer(
                status=response.status,
                reason=response.reason or "",
                content_type=response.content_type,
                charset=response.charset,
                body=await self._body(response),
                links=response.headers.getall("Link", []),
                cookies={name: morsel.value for name, morsel in response.cookies.items()},
                retry_after=response.headers.get("Retry-After"),
                location=response.headers.get("Location"),
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
        if 200 <= status < 300:
            return
        if status in _REDIRECTS:
            host = urlsplit(answer.location or "").netloc.rpartition("@")[2] or "another path"
            raise SourceRefused(
                f"answered {status}, a redirect to {host}", hint="set `url` to where it went, if you trust it"
            )
        said = f"answered {status} {answer.reason}: {self.quote(answer.text)!r}"
        if status == 401:
            raise LoginExpired(said, hint="check `auth`")
        if status >= 500 or status in _WORTH_ANOTHER_TRY:
            raise SourceBusy(said, retry_after(answer.retry_after))
        if status in {406, 415}:
            raise NotReadable(said)
        raise NotThere(said) if status in {404, 410} else SourceRefused(said)


def parse(answer: Answer, *, answer_format: AnswerFormat = "auto", encoding: str | None = None) -> Any:
    """Parse an answer as what it says, or looks like; None for 204.

    An HTML page is an error whatever its status: read as no tickets, it would hide an outage.
    """
    if answer.status == 204:
        return None
    if not answer.body.strip():
        raise NotReadable("answered 200 with an empty body", hint="an empty list would be []")
    markup = looks_like_xml(answer.body)
    if markup and (answer_format == "json" or looks_like_html(answer.body) or "html" in answer.content_type):
        wanted = "XML" if answer_format == "xml" else "JSON"
        raise NotReadable(f"answered not {wanted} but {answer.content_type}: {excerpt(answer.text)!r}")
    read = parse_xml if markup or answer_format == "xml" else parse_json
    return read(answer.body, charset=answer.charset, encoding=encoding)


def looks_like_html(body: bytes) -> bool:
    """Tell a page for people, such as a login form, by how it begins."""
    return _HTML.match(body) is not None


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
    if isinstance(cause, _Forbidden) or "is never asked" in str(cause):
        return SourceRefused(f"{place}: {cause}")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "it does not fit the host"
        return SourceRefused(
            f"{place}: the certificate of the source is not to be trusted: {reason}",
            hint="if the source has its own authority, name its certificate under tls.ca",
        )
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return SourceRefused(f"{place}: not a URL that can be asked")
    if isinstance(error, aiohttp.ClientPayloadError):
        return SourceUnavailable(f"{place}: the connection broke off in the middle of the answer")
    if isinstance(cause, OSError):
        return SourceUnavailable(f"{place}: no connection ({cause.strerror or type(cause).__name__})")
    return SourceUnavailable(f"{place}: no answer ({type(error).__name__})")


class _Forbidden(OSError):
    """A name resolved to an address that is never asked."""


def _guarded_socket(address: Any) -> socket.socket:
    """Open a socket, after resolution, so that no name can lead to where clouds keep their credentials."""
    family, kind, protocol, _, where = address
    host = ipaddress.ip_address(str(where[0]).partition("%")[0])
    plain = getattr(host, "ipv4_mapped", None) or host
    if any(plain in network for network in _FORBIDDEN if network.version == plain.version):
        raise _Forbidden(f"{plain} is never asked: cloud metadata lives there")
    return socket.socket(family=family, type=kind, proto=protocol)
