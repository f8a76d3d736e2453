"""Pull tickets from the mails of an IMAP folder: the mails themselves, or the rows of what hangs on them."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema, model_validator

from hub.connectors.base import Limits, Options, Place
from hub.connectors.filerows import Reading, file_rows
from hub.connectors.formats import NotReadable
from hub.connectors.imap import Envelope, Imap, NotGiven, Way, connected
from hub.connectors.mails import Attachment, Mail, addresses, header_text, read_head, read_headers, read_mail
from hub.connectors.tls import Tls
from hub.connectors.workbooks import Workbooks
from hub.errors import SourceError, SourceRefused
from hub.model import BROKEN, Cursor, Page, Ticket

_PORTS = {"imaps": 993, "imap": 143}
_HEAD = 2**16
_FULL = 8 * 2**20  # bytes of mails that make a page, however few they are
_MEMORY = timedelta(days=2)
_MOST_LEFT = 1000
_BODY = frozenset({"text", "html", "attachments"})


def _mail_server(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(char.isspace() for char in url):
        raise ValueError("not a mail server such as imaps://imap.example.gov.cn")
    if parts.username is not None:
        raise ValueError("the URL holds a user; write user and password under `auth`")
    if parts.path.strip("/"):
        raise ValueError("the URL ends with the server; write the folder as `folder`")
    return url


MailUrl = Annotated[
    str, AfterValidator(_mail_server), WithJsonSchema({"type": "string", "pattern": "^imaps?://[^/@]+/?$"})
]
"""The address of a mail server, and nothing but the server."""


class MailAuth(Options):
    """Who reads the mailbox: a user, and a password or a token."""

    user: str
    """The user, most often the address."""
    password: SecretStr | None = None
    """The password; at 163, 126 and QQ the authorization code (授权码) that the settings of the mailbox give out."""
    token: SecretStr | None = None
    """An OAuth 2 access token, sent by XOAUTH2."""

    @model_validator(mode="after")
    def _one_way(self) -> "MailAuth":
        if (self.password is None) == (self.token is None):
            raise ValueError("write either `password` or `token`")
        return self


class MailTls(Tls):
    plain: bool = False
    """true sends everything in clear, the password as well; only for a server that nobody can listen to."""


class Attachments(Reading):
    """Tickets are the rows of attachments: `pick` chooses them by their names."""

    missing: Literal["reject", "ignore"] = "reject"
    """A mail without such an attachment becomes a rejected ticket, or is passed by."""
    mail_into: str | None = None
    """Adds what the headers of the mail say to each ticket under this key, such as `mail`, for `mail.received`."""


class AfterMail(Options):
    move_to: str | None = Field(None, min_length=1)
    """A folder of the mailbox, in its own words, such as `已处理`; it is made where it is missing."""
    flag: Literal["seen"] | None = None
    """`seen` marks the mail as seen, and leaves it where it is."""

    @model_validator(mode="after")
    def _one_thing(self) -> "AfterMail":
        if (self.move_to is None) == (self.flag is None):
            raise ValueError("write either `move_to` or `flag`")
        return self


class MailboxOptions(Options):
    url: MailUrl
    """The server: `imaps://imap.163.com`, or `imap://…`, which turns to TLS before anything else is said."""
    auth: MailAuth
    """Who reads the mailbox."""
    folder: str = "INBOX"
    """The folder, in its own words, such as `市民来信`; one in another is written as the server does, often `a/b`."""
    sender: str | Sequence[str] = Field((), alias="from")
    """Only mails whose sender's name or address holds this, or one of these, such as `@12345.gov.cn`."""
    subject: str | Sequence[str] = ()
    """Only mails whose subject holds this, or one of these."""
    start: date | None = None
    """Only mails that came in since this day."""
    attachments: Attachments | None = None
    """Reads tickets from attachments, one a row; left out, every mail is a ticket."""
    after: Literal["leave"] | AfterMail = "leave"
    """What becomes of a mail once its tickets are kept: `leave`, `move_to` or `flag`. Left, it is not even seen."""
    size: int = Field(100, ge=1, le=10_000)
    """How many tickets make a page."""
    tls: MailTls = MailTls()
    """Whose certificates to trust."""
    limits: Limits = Limits()
    """`max_body` bounds a mail, and its attachments after decompression; `timeout` each step, or piece of a mail."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far a folder was read: the mails up to `uid`, and `rows` tickets of the next, whose number is `cut`.

    Numbers hold as long as the folder's `validity`; then it starts again with the mails since `newest`, which `since`
    remembers until they are through. `left` are the mails that are kept, and to which `after` may not have been done.
    """

    validity: int
    uid: int = 0
    newest: date | None = None
    since: date | None = None
    cut: int = 0
    rows: int = 0
    left: tuple[int, ...] = ()

    def under(self, validity: int) -> "_Mark":
        """Go on under the folder's own numbering; numbers of another say nothing."""
        if validity == self.validity:
            return self
        since = self.newest - _MEMORY if self.newest else None
        return _Mark(validity, newest=self.newest, since=since)

    def passed(self, envelope: Envelope) -> "_Mark":
        day = envelope.received.date() if envelope.received else None
        newest = max((each for each in (self.newest, day) if each), default=None)
        return replace(self, uid=envelope.uid, newest=newest, cut=0, rows=0)

    def inside(self, uid: int, rows: int) -> "_Mark":
        return replace(self, cut=uid, rows=rows)

    def given(self, uid: int) -> int:
        return self.rows if uid == self.cut else 0


class Mailbox:
    """One folder of a mailbox."""

    options_type: ClassVar[type[Options]] = MailboxOptions
    default_map: ClassVar[dict[str, Any]] = {
        "external_id": "id",
        "title": "subject",
        "content": "text",
        "status": {"value": "RECEIVED"},
        "channel": {"value": "EMAIL"},
        "created_at": {"from": "received || date", "date": "iso"},
        "reporter.name": "from.name || from.address",
        "attachments": "attachments[].name",
    }

    def __init__(self, options: MailboxOptions, place: Place) -> None:
        self._options = options
        self._way = _way(options, place)

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Read the mails that came after the last one read, the oldest first, each once.

        A mail is moved or flagged after the page that ends it was committed; where the hub is stopped between, the next
        run does it. One that cannot be read is a ticket that says why, and the others go on.
        """
        mark = _read_cursor(cursor)
        to_change = self._options.after != "leave"
        with Workbooks(self._options.limits.max_body) as books:
            async with connected(self._way) as imap:
                validity = await imap.open(self._options.folder, to_change=to_change)
                run = _Run(self._options, imap, books, mark.under(validity))
                async with aclosing(run.pages()) as pages:
                    async for page in pages:
                        yield page

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Begin with the mails that came in since the day of `start`; what came after `end` comes as well."""
        del end
        return _write_cursor(_Mark(0, newest=start.date() + _MEMORY))


def _way(options: MailboxOptions, place: Place) -> Way:
    parts, auth = urlsplit(options.url), options.auth
    security = "tls" if parts.scheme == "imaps" else "plain" if options.tls.plain else "starttls"
    return Way(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        security=security,
        user=auth.user,
        password=auth.password.get_secret_value() if auth.password else None,
        token=auth.token.get_secret_value() if auth.token else None,
        trust=options.tls.at(place.folder),
        patience=options.limits.timeout.total_seconds(),
    )


class _Run:
    """One run over an open folder."""

    def __init__(self, options: MailboxOptions, imap: Imap, books: Workbooks, mark: _Mark) -> None:
        self._options = options
        self._imap = imap
        self._books = books
        self._mark = mark
        self._to_change = options.after != "leave"
        self._wanted = _Wanted.of(options)
        self._trouble: SourceError | None = None

    async def pages(self) -> AsyncGenerator[Page, None]:
        await self._tidy()
        stored, page, weight = self._mark, list[Ticket](), 0
        async for tickets, size in self._given():
            page, weight = page + tickets, weight + size
            if len(page) >= self._options.size or weight >= _FULL:
                yield self._page(page)
                await self._tidied(page)
                stored, page, weight = self._mark, [], 0
        if page or self._mark != stored:
            yield self._page(page)
            if await self._tidied(page):
                yield self._page([])
        if self._trouble:
            raise self._trouble

    def _page(self, tickets: Sequence[Ticket]) -> Page:
        return Page(tickets, _write_cursor(self._mark))

    async def _given(self) -> AsyncIterator[tuple[list[Ticket], int]]:
        """Give tickets mail by mail, and how much was read for them; what went before a trouble is given first."""
        try:
            async for envelope in self._new():
                async for part in self._tickets_of(envelope):
                    yield part
        except SourceError as error:
            self._trouble = self._trouble or error
        else:
            self._mark = replace(self._mark, since=None)

    async def _new(self) -> AsyncIterator[Envelope]:
        """List what came in, and pass by what nobody wants."""
        start = self._options.start
        days = [day for day in (start, self._mark.since) if day]
        uids = await self._imap.search(self._mark.uid, max(days, default=None))
        async for envelope in self._imap.envelopes(uids, headers=self._wanted.asks):
            is_old = start and envelope.received and envelope.received.date() < start
            if is_old or not self._wanted.takes(envelope):
                self._mark = self._mark.passed(envelope)
            else:
                yield envelope

    async def _tickets_of(self, envelope: Envelope) -> AsyncIterator[tuple[list[Ticket], int]]:
        """Give the tickets of one mail, a page at a time, and mark how far it was given."""
        size, given = self._options.size, self._mark.given(envelope.uid)
        rows = islice(await self._read(envelope), given, None)
        is_whole = False
        while not is_whole:
            tickets = await asyncio.to_thread(list, islice(rows, size))
            is_whole = len(tickets) < size
            given += len(tickets)
            self._mark = self._finished(envelope) if is_whole else self._mark.inside(envelope.uid, given)
            yield tickets, envelope.size if is_whole else 0

    def _finished(self, envelope: Envelope) -> _Mark:
        mark = self._mark.passed(envelope)
        return replace(mark, left=(*mark.left, envelope.uid)[-_MOST_LEFT:]) if self._to_change else mark

    async def _read(self, envelope: Envelope) -> Iterator[Ticket]:
        """Read a mail into its tickets: one that cannot be read gives one that says why, one that vanished none."""
        most = self._options.limits.max_body
        facts = {"received": envelope.received.isoformat() if envelope.received else None}
        try:
            too_large = envelope.size > most
            data = await self._imap.mail(envelope.uid, *((_HEAD, "HEADER") if too_large else (most, "")))
        except NotGiven as error:
            named = {"id": f"{self._mark.validity}-{envelope.uid}"}
            return iter([_broken(f"the server does not give the mail: {error}", named | facts)])
        if data is None:
            return iter(())
        if too_large or len(data) > most:
            return iter([_broken(f"the mail is larger than limits.max_body ({most // 1024} KB)", _named(data) | facts)])
        try:
            mail = await asyncio.to_thread(read_mail, data)
        except NotReadable as error:
            return iter([_broken(f"the mail {error.message}", _named(data) | facts)])
        if (how := self._options.attachments) is not None:
            return _attached(mail, how, facts, self._books)
        return iter([mail.ticket | facts])

    async def _tidied(self, page: Sequence[Ticket]) -> bool:
        """Tidy up after a page that is kept; an empty one waits, as `hub try` asks on after it and keeps nothing."""
        if not page or not self._mark.left:
            return False
        await self._tidy()
        return True

    async def _tidy(self) -> None:
        """Do `after` to the mails whose tickets are kept. What is refused keeps no mail from being read."""
        after, left = self._options.after, self._mark.left
        if not left or not self._to_change or after == "leave":
            return
        try:
            await (self._imap.move(left, after.move_to) if after.move_to else self._imap.flag_seen(left))
        except SourceRefused as error:
            self._trouble = self._trouble or error
        else:
            self._mark = replace(self._mark, left=())


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which mails are read. Judged here and not by the server, as few search Chinese, and none alike."""

    senders: tuple[str, ...]
    subjects: tuple[str, ...]

    @classmethod
    def of(cls, options: MailboxOptions) -> "_Wanted":
        return cls(_several(options.sender), _several(options.subject))

    @property
    def asks(self) -> bool:
        """Whether it takes headers to tell."""
        return bool(self.senders or self.subjects)

    def takes(self, envelope: Envelope) -> bool:
        if not self.asks:
            return True
        headers = read_headers(envelope.headers)
        people = addresses(headers.get("from"))
        sender = " ".join(f"{person['name'] or ''} <{person['address'] or ''}>" for person in people)
        return _holds(sender, self.senders) and _holds(header_text(headers.get("subject")) or "", self.subjects)


def _several(words: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(word.casefold() for word in ([words] if isinstance(words, str) else words))


def _holds(text: str, words: tuple[str, ...]) -> bool:
    return not words or any(word in text.casefold() for word in words)


def _attached(mail: Mail, how: Attachments, facts: Ticket, books: Workbooks) -> Iterator[Ticket]:
    """Read the rows of what hangs on a mail; what cannot be read comes as a ticket that says why."""
    head = {name: value for name, value in mail.ticket.items() if name not in _BODY} | facts
    chosen = [
        (each.name, each.content) for each in mail.attachments if each.content is not None and _is_picked(each, how)
    ]
    if not chosen and how.missing == "reject":
        held = ", ".join(each.name for each in mail.attachments[:10]) or "none"
        yield _broken(f"no attachment is called {how.pick}; there are: {held}", head)
    for name, content in chosen:
        try:
            for row in file_rows(name, content, how, books):
                yield {**row, how.mail_into: head} if how.mail_into else row
        except SourceError as error:
            yield _broken(f"the attachment {name} {error.message}", head)


def _is_picked(attachment: Attachment, how: Attachments) -> bool:
    # Names come from all kinds of machines, which write their ends as they please.
    return fnmatchcase(attachment.name.casefold(), how.pick.casefold())


def _named(data: bytes) -> Ticket:
    """Say of a mail that cannot be read as much as its headers do."""
    try:
        return read_head(data)
    except NotReadable:
        return {"id": hashlib.sha256(data).hexdigest()[:32]}


def _broken(reason: str, facts: Ticket) -> Ticket:
    return {BROKEN: reason, **facts}


def _write_cursor(mark: _Mark) -> Cursor:
    cursor: Cursor = {"validity": mark.validity, "uid": mark.uid, "cut": [mark.cut, mark.rows], "left": list(mark.left)}
    for name, day in (("newest", mark.newest), ("since", mark.since)):
        cursor |= {name: day.isoformat()} if day else {}
    return cursor


def _read_cursor(cursor: Cursor | None) -> _Mark:
    if cursor is None:
        return _Mark(0)
    try:
        cut, rows = cursor["cut"]
        newest, since = (date.fromisoformat(cursor[name]) if name in cursor else None for name in ("newest", "since"))
        left = tuple(int(uid) for uid in cursor["left"])
        return _Mark(int(cursor["validity"]), int(cursor["uid"]), newest, since, int(cut), int(rows), left)
    except (KeyError, TypeError, ValueError):
        raise SourceRefused("the stored cursor is not one of this connector", hint="pull from the start") from None
