"""Pull tickets from a JSON or XML web service, described entirely by its options."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field, SecretStr, model_validator

from hub.connectors.archives import opened_body
from hub.connectors.asking import Asked, Manner, Scalar
from hub.connectors.auth import Auth, credentials
from hub.connectors.base import Limits, Options, Place, Retry
from hub.connectors.clocks import must_read
from hub.connectors.details import ASKED, Detail, url_details
from hub.connectors.exchange import Answer, AnswerFormat, WebPage, parse, without_markup
from hub.connectors.formats import NotReadable, encoding_named, known_encoding
from hub.connectors.http import Session, Web
from hub.connectors.lists import Count, PagedList
from hub.connectors.lookups import Lookup, LookupCalls
from hub.connectors.paging import ByOffset, OnePage, Paging
from hub.connectors.paths import Path
from hub.connectors.payloads import judge, opened_inside
from hub.connectors.placeholders import among, base_of, must_know, names_in, needed_in
from hub.connectors.rounds import Choice, Round, RoundList, Rounds, all_at, listed
from hub.connectors.since import Since
from hub.connectors.tables import CsvOptions, HtmlOptions, csv_rows, html_rows, jsonl_rows
from hub.connectors.tls import Tls
from hub.connectors.urls import Url
from hub.connectors.verdicts import ErrorEnvelope
from hub.connectors.walking import Part
from hub.model import Cursor, Page, Ticket

RestFormat: TypeAlias = AnswerFormat | Literal["csv", "jsonl", "html"]

_ROWS = frozenset({"csv", "jsonl", "html"})
_NAMES = frozenset({"since", "until", "page", "to"})
_PLACED = frozenset({"page", "offset", "cursor", "last"})


class RestOptions(Asked):
    url: Url
    """The URL that lists tickets; `{name}` stands for a value, percent-encoded."""
    headers: Mapping[str, SecretStr] = {}
    """Headers that every question carries; never shown."""
    for_each: Mapping[str, Annotated[list[Scalar], Field(min_length=1)] | RoundList] = {}
    """Values to ask for one after the other, as `{name}` in the texts; a ticket tells its own under `asked`."""
    send_in: Literal["query", "body"] | None = None
    """Where the parameters of `page` and `since` go; left out: into the body of a POST, else into the query."""
    send_encoding: Annotated[str, AfterValidator(known_encoding)] = "utf-8"
    """The encoding in which the source reads queries, forms and texts."""
    format: RestFormat = "auto"
    """What the answer is; `auto` tells JSON from XML by itself."""
    csv: CsvOptions = CsvOptions()
    """How a CSV answer is written."""
    html: HtmlOptions = HtmlOptions()
    """Which table of an HTML answer holds the tickets; where a cell is a link, `NAME@href` says where to."""
    inside: str | None = None
    """Where the answer is a zip archive: which of the files in it, such as `*.csv`. Gzip is opened as it is."""
    encoding: str | None = None
    """The encoding of the answer, where the source says none or a wrong one; gb2312 and gbk are read as gb18030."""
    blank: Literal["error", "empty"] = "error"
    """What an answer without any body is: an error, or a list that is empty."""
    lenient: bool = False
    """Mend JSON that is broken in the usual ways: leading zeros, a comma too many, line breaks inside a text."""
    inner: Sequence[str] = ()
    """Fields that hold JSON or XML as a text, such as `data`; dots lead into objects, and through lists."""
    records: Path = ""
    """Where the answer holds the tickets, such as `data.items`; in XML the path begins with the root element."""
    page: Paging = OnePage()
    """How the list is paged."""
    count: Count | None = None
    """Ask how many tickets there are before the first page; one that does not exist is then never asked for."""
    since: Since | None = None
    """How to ask only for what is new; left out, every run reads everything."""
    auth: Auth | None = None
    """How the hub proves who it is."""
    detail: Detail | list[Detail] = Field(default_factory=list)
    """One more call for each ticket, or several, one after the other: each can name what those before have joined."""
    lookups: Mapping[str, Lookup] = {}
    """What tickets name by an id, joined to them under these names."""
    error: ErrorEnvelope | None = None
    """How an error inside a 200 is recognised."""
    tls: Tls = Tls()
    """Whose certificates to trust, and which one to show."""
    limits: Limits = Limits()
    """What the hub allows itself to take."""
    retry: Retry = Retry()
    """How often a question is asked again."""

    @model_validator(mode="after")
    def _consistent(self) -> "RestOptions":
        if self.method == "GET" and self.send_in == "body":
            raise ValueError("a body needs `method: POST`")
        if self.since is not None and self.since.send is None and "since" not in self.names():
            if getattr(self.page, "until", "") != "seen":
                raise ValueError(
                    "`since` without `send` needs {since} in the url, query or body, or `page.until: seen`; "
                    "or it would change nothing"
                )
            if self.since.field is None:
                raise ValueError("`until: seen` needs `since.field`, to tell what was seen")
        if self.format in _ROWS and self.records:
            raise ValueError(f"{self.format} is rows and nothing around them: leave `records` out")
        return self

    @model_validator(mode="after")
    def _known_names(self) -> "RestOptions":
        if taken := [name for name in self.for_each if name in _NAMES or not name.isidentifier()]:
            raise ValueError(f"`for_each.{taken[0]}` has a meaning already, or is no name")
        for part in ("url", "query", "body"):  # Not the headers: a secret may hold braces that name nothing.
            must_know(self._names_in(part), _NAMES | self.for_each.keys(), f"`{part}`: ")
            must_read(names_in(getattr(self, part)), f"`{part}`: ")
        if unused := [name for name in self.for_each if name not in self.names()]:
            raise ValueError(f"`for_each.{unused[0]}` goes nowhere: write {{{unused[0]}}} in the url, query or body")
        return self

    @model_validator(mode="after")
    def _joined_apart(self) -> "RestOptions":
        names = [*(detail.into for detail in self.details), *self.lookups, *([ASKED] if self.for_each else [])]
        if twice := next((name for place, name in enumerate(names) if name in names[:place]), None):
            raise ValueError(f"two things are joined under the name `{twice}`: give each its own")
        return self

    @model_validator(mode="after")
    def _values_to_fill_in(self) -> "RestOptions":
        named = self.names()
        needed = {base_of(name) for name in (*names_in(self.url), *needed_in([self.query, self.body]))}
        if named & {"since", "until"} and self.since is None:
            raise ValueError("{since} and {until} need `since`, which says how times are written")
        if needed & {"since", "until"} and self.since and self.since.start is None:
            raise ValueError("{since} within a text needs `since.start`: the first run must begin somewhere")
        if "page" in named and self.page.by not in _PLACED:
            raise ValueError(f"{{page}} means nothing with `page.by: {self.page.by}`")
        if "to" in named and not (isinstance(self.page, ByOffset) and self.page.size):
            raise ValueError("{to} is the last row of a page: it needs `page.by: offset`, and a `size`")
        if "page" in needed and self.page.first() is None:
            raise ValueError("{page} within a text needs `page.first`, for the first page")
        return self

    @property
    def details(self) -> list[Detail]:
        """The details, however many are written."""
        return [self.detail] if isinstance(self.detail, Detail) else self.detail

    def names(self) -> set[str]:
        """The names that stand in the texts of the question."""
        return {name for part in ("url", "query", "body", "headers") for name in self._names_in(part)}

    def _names_in(self, part: str) -> set[str]:
        texts = getattr(self, part)
        names = names_in([text.get_secret_value() for text in texts.values()] if part == "headers" else texts)
        return {base_of(name) for name in names}


class Rest:
    """One list of tickets behind HTTP."""

    options_type: ClassVar[type[Options]] = RestOptions
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: RestOptions, place: Place) -> None:
        self._options = options
        signer = credentials(options.auth, place.timezone)
        headers = {name: value.get_secret_value() for name, value in options.headers.items()}
        self._web = Web(
            options.limits,
            options.retry,
            signer,
            trust=options.tls.at(place.folder),
            secrets=headers.values(),
        )
        manner = Manner(
            url=options.url,
            opened=partial(self._opened, options.format),
            strip=signer.strip,
            zone=place.timezone,
            max_pages=options.limits.max_pages,
            headers=headers,
            encoding=encoding_named(options.send_encoding),
        )
        self._list = PagedList(
            options,
            options.page,
            options.records,
            manner,
            since=options.since,
            send_in=options.send_in,
            count=options.count,
            # What is asked besides may have changed where the list has not.
            salt=None if options.details or options.lookups or options.for_each else repr(options).encode(),
        )
        # What is asked for besides is hardly a table of CSV, even where the list is one.
        self._beside = replace(manner, opened=partial(self._opened, "auto")) if options.format in _ROWS else manner
        self._details = [url_details(detail, self._beside) for detail in options.details]
        self._lookups = [LookupCalls(name, lookup, self._beside) for name, lookup in options.lookups.items()]

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Return the cursor of a walk over a stretch of the past. Raises SourceRefused."""
        whole = self._list.between(start, end)
        return all_at(whole) if self._options.for_each else whole

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Walk window by window, page by page; each page's cursor goes on after it, also in the middle of a run."""
        async with self._web.session() as session:

            def pages_of(values: Round, start: Cursor | None) -> AsyncGenerator[Page, None]:
                return self._list.pages(session, among(values), start, partial(self._complete, session, values))

            rounds = await self._rounds(session)
            whole = rounds.pages(cursor, pages_of) if rounds else pages_of({}, cursor)
            async with aclosing(whole) as pages:
                async for page in pages:
                    yield page

    async def _rounds(self, session: Session) -> Rounds | None:
        choices = {
            name: await listed(values, self._beside, session)
            if isinstance(values, RoundList)
            else list(map(Choice, values))
            for name, values in self._options.for_each.items()
        }
        return Rounds(choices) if choices else None

    async def _complete(self, session: Session, values: Round, part: Part) -> Part:
        """Join to the tickets of a page what the list leaves out."""
        whole = [{**ticket, ASKED: dict(values)} for ticket in part.tickets] if values else part.tickets
        for detail in self._details:
            whole = await detail.join(session, whole)
        for lookup in self._lookups:
            whole = await lookup.join(session, part, whole)
        return replace(part, whole=whole)

    def _opened(self, written: RestFormat, answer: Answer) -> Any:
        """Parse an answer and look into its envelope; None where there is nothing in it."""
        options = self._options
        answer = replace(answer, body=opened_body(answer.body, options.inside, options.limits.max_body))
        if options.blank == "empty" and not answer.body.strip():
            return None
        if written == "csv":
            return list(csv_rows(without_markup(answer, "CSV"), options.csv))
        if written == "html":
            return _rows_of_page(answer, options)
        if written == "jsonl":
            return list(jsonl_rows(without_markup(answer, "JSONL"), options.encoding))
        payload = parse(answer, answer_format=written, encoding=options.encoding, lenient=options.lenient)
        payload = opened_inside(payload, options.inner, lenient=options.lenient)
        if options.error is not None and not answer.is_nothing:
            judge(payload, options.error)
        return payload


def _rows_of_page(answer: Answer, options: RestOptions) -> list[Ticket]:
    """Read the table of a page for people; one without it may well be the login page of a session that has ended."""
    try:
        return list(html_rows(answer.body, options.html, charset=answer.charset, encoding=options.encoding))
    except NotReadable as error:
        raise WebPage(error.message, hint=error.hint) from None
