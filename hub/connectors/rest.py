"""Pull tickets from a JSON or XML web service, described entirely by its options."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr, model_validator

from hub.connectors.auth import Auth, Request, credentials
from hub.connectors.base import Limits, Options, Place, Retry
from hub.connectors.details import Detail, DetailCalls
from hub.connectors.formats import NotReadable, looks_like_xml
from hub.connectors.http import Answer, AnswerFormat, LoginExpired, Tls, Web, parse
from hub.connectors.loops import LoopGuard
from hub.connectors.masking import excerpt
from hub.connectors.paging import At, ByCursor, ByLink, ByNextUrl, OnePage, Paging, Turn, next_link, parameters_of
from hub.connectors.paths import Path, is_plain, missing, reader
from hub.connectors.since import (
    Mark,
    Since,
    Walk,
    advance,
    begin,
    from_cursor,
    newest_of,
    read_time,
    to_cursor,
    window_parameters,
)
from hub.connectors.tables import CsvOptions, csv_rows, jsonl_rows
from hub.connectors.urls import Url, same_host
from hub.errors import SourceRefused, SourceUnavailable
from hub.model import Cursor, Page, Ticket

_ROWS = frozenset({"csv", "jsonl"})


class ErrorEnvelope(Options):
    """How a source that always answers 200 says that something went wrong."""

    path: Path
    """Where the answer holds its code, such as `code`."""
    ok: Sequence[int | str | bool | None] = Field(min_length=1)
    """The codes that mean success; `null` where the field is missing then."""
    message: Path | None = None
    """Where the answer says what went wrong."""
    retry: Sequence[int | str] = ()
    """Codes worth asking again for, such as "busy"."""
    expired: Sequence[int | str] = ()
    """Codes that say the token is no longer good: logs in again, once a run."""


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


@dataclass(frozen=True, slots=True)
class _Part:
    """One answer, read."""

    payload: Any
    tickets: list[Ticket]
    link: str | None


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
        self._records = reader(options.records)
        self._newest_field = reader(options.since.field) if options.since else None
        self._details = (
            DetailCalls(options.detail, options.url, self._headers, self._opened) if options.detail else None
        )

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Walk window by window, page by page; each page's cursor goes on after it, also in the middle of a run."""
        options = self._options
        now, first = datetime.now(UTC), options.page.first()
        mark = from_cursor(cursor, options.page.by)
        mark = begin(mark, options.since, now=now, zone=self._zone, first=first)
        guard = LoopGuard(options.limits.max_pages)
        async with self._web.session() as session:
            while mark.walk is not None:
                part = await session.fetch(self._question(mark.walk), self._read)
                tickets = await self._details.join(session, part.tickets) if self._details else part.tickets
                total = options.page.total(part.payload)
                try:
                    mark = self._past(mark, mark.walk, part, guard)
                except SourceRefused:
                    # What came is good, whatever the source says of its next page: keep it, and stay where we are.
                    yield Page(tickets, to_cursor(mark), total)
                    raise
                yield Page(tickets, to_cursor(mark), total)

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

    def _read(self, answer: Answer) -> _Part:
        payload = self._opened(answer)
        return _Part(payload, self._tickets(payload, looks_like_xml(answer.body)), next_link(answer.links))

    def _opened(self, answer: Answer) -> Any:
        """Parse an answer and look into its envelope."""
        options = self._options
        if options.format == "csv":
            return list(csv_rows(_no_markup(answer, "CSV"), options.csv))
        if options.format == "jsonl":
            return list(jsonl_rows(_no_markup(answer, "JSONL"), options.encoding))
        payload = parse(answer, answer_format=options.format, encoding=options.encoding)
        if options.error is not None:
            _judge(payload, options.error)
        return payload

    def _tickets(self, payload: Any, markup: bool) -> list[Ticket]:
        """Find the tickets: one alone is a list of one; a path that leads nowhere is an error, not an empty list."""
        found = self._records(payload)
        if found is None:
            self._must_be_there(payload, markup)
            return []
        rows = found if isinstance(found, list) else [found]
        return [row if isinstance(row, dict) else {"value": row} for row in rows]

    def _must_be_there(self, payload: Any, markup: bool) -> None:
        path = self._options.records
        if payload is None or path == "":
            return
        if not is_plain(path):
            raise SourceRefused(
                f"holds nothing at `records: {path}`", hint="end the path with || `[]` if that is usual"
            )
        # XML leaves out an element that would be empty, so only its root must be there.
        absent = missing(path.split(".")[0] if markup else path, payload)
        if absent is not None:
            keys = ", ".join(list(payload)[:12]) if isinstance(payload, dict) else f"a {type(payload).__name__}"
            raise SourceRefused(f"holds no `{absent}` of `records: {path}`; it holds {keys}")

    def _past(self, mark: Mark, walk: Walk, part: _Part, guard: LoopGuard) -> Mark:
        """Move the mark past a page that was read."""
        page, since = self._options.page, self._options.since
        turn = Turn(
            at=walk.at,
            payload=part.payload,
            tickets=len(part.tickets),
            seen=walk.seen + len(part.tickets),
            link=part.link,
            stale=self._is_stale(part.tickets, walk),
        )
        at = self._at_home(page.after(turn), walk)
        at = guard.next(at, turn, part.tickets, page, walk.window)
        newest = self._newest(part.tickets)
        if isinstance(page, ByCursor) and page.keep:
            mark = replace(mark, kept=_first_of(page.following(turn), walk.at, mark.kept))
        return advance(mark, since, newest=newest, at=at, seen=turn.seen, first=page.first())

    def _at_home(self, at: At | None, walk: Walk) -> At | None:
        if at is None or not isinstance(self._options.page, ByLink | ByNextUrl):
            return at
        asked = self._options.url if walk.at is None else str(walk.at)
        # The cursor is stored: a key that the source echoes in its links must not be stored with it.
        return self._signer.strip(same_host(asked, str(at)))

    def _newest(self, tickets: list[Ticket]) -> datetime | None:
        since = self._options.since
        if since is None or self._newest_field is None:
            return None
        return newest_of(tickets, self._newest_field, since.read or since.format, self._zone)

    def _is_stale(self, tickets: list[Ticket], walk: Walk) -> bool:
        since, start = self._options.since, walk.window.start
        if since is None or self._newest_field is None or start is None:
            return False
        if getattr(self._options.page, "until", "") != "seen":
            return False
        written = since.read or since.format
        times = [read_time(self._newest_field(ticket), written, self._zone) for ticket in tickets]
        return all(time is not None and time < start for time in times)


def _no_markup(answer: Answer, wanted: str) -> bytes:
    """Return the body of an answer that is a table; a page of markup is an error, as everywhere."""
    if looks_like_xml(answer.body):
        raise NotReadable(f"answered not {wanted} but {answer.content_type}: {excerpt(answer.text)!r}")
    return answer.body


def _judge(payload: Any, envelope: ErrorEnvelope) -> None:
    """Raise what the envelope of an answer says: nothing, ask again, log in again, or an error."""
    code = reader(envelope.path)(payload)
    if _among(code, envelope.ok):
        return
    message = reader(envelope.message)(payload) if envelope.message else None
    said = f"answered {envelope.path}={excerpt(str(code))}: {excerpt(str(message or ''))!r}"
    if _among(code, envelope.retry):
        raise SourceUnavailable(said)
    if _among(code, envelope.expired):
        raise LoginExpired(said, hint="check `auth`")
    raise SourceRefused(said)


def _among(code: Any, codes: Iterable[Any]) -> bool:
    """Compare codes as text as well: sources say 0 one day and "0" the next."""
    return any((type(code) is type(known) and code == known) or str(code) == str(known) for known in codes)


def _first_of(*found: At | None) -> At | None:
    return next((at for at in found if at is not None), None)
