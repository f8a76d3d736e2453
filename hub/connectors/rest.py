"""Pull tickets from a JSON or XML web service, described entirely by its options."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import SecretStr, model_validator

from hub.connectors.auth import Auth, Request, credentials
from hub.connectors.base import Limits, Options, Place, Retry
from hub.connectors.details import Detail, url_details
from hub.connectors.formats import NotReadable, looks_like_xml
from hub.connectors.http import Answer, AnswerFormat, Tls, Web, parse
from hub.connectors.masking import excerpt
from hub.connectors.paging import At, ByLink, ByNextUrl, OnePage, Paging, next_link, parameters_of
from hub.connectors.paths import Path
from hub.connectors.payloads import ErrorEnvelope, Records, judge
from hub.connectors.since import (
    Since,
    Walk,
    window_parameters,
)
from hub.connectors.tables import CsvOptions, csv_rows, jsonl_rows
from hub.connectors.urls import Url, same_host
from hub.connectors.walking import Part, Walker
from hub.model import Cursor, Page

_ROWS = frozenset({"csv", "jsonl"})


class RestOptions(Options):
    url: Url
    """The URL that lists tickets."""
    method: Literal["GET", "POST"] = "GET"
    """How the list is asked for."""
    query: Mapping[str, str | int | float | bool] = {}
    """Parameters that every question carries."""
    headers: Mapping[str, SecretStr] = {}
    """Headers that every question carries; never shown."""
    body: Mapping[str, Any] | None = None
    """The body of a POST."""
    body_type: Literal["json", "form"] = "json"
    """How the body is sent."""
    send_in: Literal["query", "body"] | None = None
    """Where the parameters of `page` and `since` go; left out: into the body of a POST, else into the query."""
    format: AnswerFormat | Literal["csv", "jsonl"] = "auto"
    """What the answer is; `auto` tells JSON from XML by itself."""
    csv: CsvOptions = CsvOptions()
    """How a CSV answer is written."""
    encoding: str | None = None
    """The encoding of the answer, where the source says none or a wrong one; gb2312 and gbk are read as gb18030."""
    records: Path = ""
    """Where the answer holds the tickets, such as `data.items`; in XML the path begins with the root element."""
    page: Paging = OnePage()
    """How the list is paged."""
    since: Since | None = None
    """How to ask only for what is new; left out, every run reads everything."""
    auth: Auth | None = None
    """How the hub proves who it is."""
    detail: Detail | None = None
    """One more call for each ticket."""
    error: ErrorEnvelope | None = None
    """How an error inside a 200 is recognised."""
    tls: Tls = Tls()
    """Whose certificates to trust."""
    limits: Limits = Limits()
    """What the hub allows itself to take."""
    retry: Retry = Retry()
    """How often a question is asked again."""

    @model_validator(mode="after")
    def _consistent(self) -> "RestOptions":
        if self.method == "GET" and (self.body is not None or self.send_in == "body"):
            raise ValueError("a body needs `method: POST`")
        unsent = self.since is not None and self.since.send is None
        if unsent and getattr(self.page, "until", "") != "seen":
            raise ValueError("`since` without `send` needs `page.until: seen`, or it would change nothing")
        if self.format in _ROWS and self.records:
            raise ValueError(f"{self.format} is rows and nothing around them: leave `records` out")
        return self


class Rest:
    """One list of tickets behind HTTP."""

    options_type: ClassVar[type[Options]] = RestOptions
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: RestOptions, place: Place) -> None:
        self._options = options
        self._zone = place.timezone
        self._signer = credentials(options.auth)
        self._headers = {name: value.get_secret_value() for name, value in options.headers.items()}
        self._web = Web(
            options.limits,
            options.retry,
            self._signer,
            ca=place.folder / options.tls.ca if options.tls.ca else None,
            secrets=self._headers.values(),
        )
        self._records = Records(options.records)
        self._walker = Walker(
            options.page,
            options.since,
            place.timezone,
            max_pages=options.limits.max_pages,
            settle=self._at_home,
        )
        self._details = (
            url_details(options.detail, options.url, self._headers, self._opened) if options.detail else None
        )

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Return the cursor of a walk over a stretch of the past. Raises SourceRefused."""
        return self._walker.between(start, end)

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Walk window by window, page by page; each page's cursor goes on after it, also in the middle of a run."""
        async with self._web.session() as session:

            async def ask(walk: Walk) -> Part:
                part = await session.fetch(self._question(walk), self._read)
                if self._details is None:
                    return part
                return replace(part, whole=await self._details.join(session, part.tickets))

            async with aclosing(self._walker.pages(cursor, ask)) as pages:
                async for page in pages:
                    yield page

    def _question(self, walk: Walk) -> Request:
        options, page = self._options, self._options.page
        if isinstance(page, ByLink | ByNextUrl) and walk.at is not None:
            return self._request(str(walk.at), {}, {})
        asked = page.parameters(walk.at)
        if page.sends_since(walk.at):
            asked |= window_parameters(options.since, walk.window, self._zone)
        return self._request(options.url, parameters_of(options.query), asked)

    def _request(self, url: str, query: dict[str, str], asked: dict[str, str]) -> Request:
        options = self._options
        in_body = options.method == "POST" and options.send_in != "query"
        request = Request(options.method, url, query if in_body else query | asked, self._headers)
        if options.method == "GET":
            return request
        body = {**(options.body or {}), **(asked if in_body else {})}
        return (
            replace(request, form=parameters_of(body)) if options.body_type == "form" else replace(request, body=body)
        )

    def _read(self, answer: Answer) -> Part:
        payload = self._opened(answer)
        tickets = self._records.of(payload, markup=looks_like_xml(answer.body))
        return Part(payload, tickets, next_link(answer.links))

    def _opened(self, answer: Answer) -> Any:
        """Parse an answer and look into its envelope."""
        options = self._options
        if options.format == "csv":
            return list(csv_rows(_no_markup(answer, "CSV"), options.csv))
        if options.format == "jsonl":
            return list(jsonl_rows(_no_markup(answer, "JSONL"), options.encoding))
        payload = parse(answer, answer_format=options.format, encoding=options.encoding)
        if options.error is not None:
            judge(payload, options.error)
        return payload

    def _at_home(self, at: At | None, walk: Walk) -> At | None:
        if at is None or not isinstance(self._options.page, ByLink | ByNextUrl):
            return at
        asked = self._options.url if walk.at is None else str(walk.at)
        # The cursor is stored: a key that the source echoes in its links must not be stored with it.
        return self._signer.strip(same_host(asked, str(at)))


def _no_markup(answer: Answer, wanted: str) -> bytes:
    """Return the body of an answer that is a table; a page of markup is an error, as everywhere."""
    if looks_like_xml(answer.body):
        raise NotReadable(f"answered not {wanted} but {answer.content_type}: {excerpt(answer.text)!r}")
    return answer.body
