"""Talk IMAP to a mail server: one connection, one thread, and no more listened to than was asked for."""

import asyncio
import base64
import imaplib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import Any, TypeVar

from hub.connectors.formats import readable
from hub.connectors.guard import refuse_forbidden
from hub.connectors.masking import excerpt
from hub.connectors.tls import Trust
from hub.errors import SourceError, SourceRefused, SourceUnavailable

T = TypeVar("T")

PIECE = 2**20
"""How much of a mail is asked for at a time."""

_SLACK = 2**16
_TALK = 2**16  # what an answer that carries no mail may take
_LIST = 8 * 2**20  # a search may find a million mails
_HEADERS = 2**13  # of each mail: whoever writes longer ones must not close the mailbox to the others
_AT_ONCE = 200
_IDENTITY = '("name" "appeal-hub" "vendor" "appeal-hub" "version" "1")'
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LOGIN_HINT = "check auth; many providers take no password but an authorization code (授权码), once IMAP is switched on"
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_INTERNALDATE = re.compile(rb'INTERNALDATE "\s*(\d{1,2})-(\w{3})-(\d{4}) (\d\d:\d\d:\d\d) ([+-])(\d\d)(\d\d)"')
_FOR_THE_MOMENT = re.compile(
    r"(?i)^\* BYE|\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG|CONTACTADMIN)\]|too many|try again|later|busy|频繁"
)


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach a mailbox, and who asks."""

    host: str
    port: int
    security: str
    """`tls`, `starttls` or `plain`."""
    user: str
    password: str | None
    token: str | None
    trust: Trust
    patience: float

    @property
    def place(self) -> str:
        """The server, as errors name it."""
        return f"{'imaps' if self.security == 'tls' else 'imap'}://{self.host}:{self.port}"

    @property
    def secrets(self) -> list[str]:
        return [secret for secret in (self.password, self.token) if secret]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the server says of a mail: its number, its size, when it came in; and its sender and subject as sent."""

    uid: int
    size: int
    received: datetime | None
    headers: bytes


class NotGiven(Exception):
    """The server has a mail and does not give it; the text says why, in its words."""


class _TooMuch(Exception):
    """The server sends more than it was asked for."""


class _No(Exception):
    """The server says no to a command; `text` is what it says."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _Listening:
    """Put before imaplib's classes: counts what comes, where they would read whatever a server announces."""

    left = _TALK

    def read(self, size: int) -> bytes:
        self._count(size)
        content: bytes = self.file.read(size)  # type: ignore[attr-defined]  # that of the class beside this
        return content

    def readline(self) -> bytes:
        line: bytes = self.file.readline(self.left + 1)  # type: ignore[attr-defined]
        self._count(len(line))
        return line

    def _count(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise _TooMuch


class _InClear(_Listening, imaplib.IMAP4):
    """For STARTTLS as well: imaplib reads from its new, encrypted file then."""


class _OverTls(_Listening, imaplib.IMAP4_SSL):
    """TLS from the first byte on."""


@asynccontextmanager
async def connected(way: Way) -> AsyncIterator["Imap"]:
    """Log in, and keep one connection for the run; it is closed however the run ends."""
    # A thread of its own: the others of the process must not wait for a server that says nothing.
    thread = ThreadPoolExecutor(1, thread_name_prefix="imap")
    imap = Imap(way, thread)
    try:
        await imap.log_in()
        yield imap
    finally:
        imap.cut()
        thread.submit(imap.close)
        thread.shutdown(wait=False)


class Imap:
    """A logged-in connection. Each method raises SourceUnavailable or SourceRefused."""

    def __init__(self, way: Way, thread: ThreadPoolExecutor) -> None:
        self._way = way
        self._thread = thread
        self._client: imaplib.IMAP4 | None = None
        self._can: frozenset[str] = frozenset()

    async def log_in(self) -> None:
        """Connect, prove who asks, and say who we are (RFC 2971): 163, 126 and QQ open no folder before."""
        await refuse_forbidden(self._way.host)
        with self._refusing(f"does not let {self._way.user} in", _LOGIN_HINT):
            self._client = await self._in_thread(_connect, self._way)
            await self._call(_prove, self._way)
            self._can = await self._call(_capabilities)
            await self._call(_introduce)

    async def open(self, folder: str, *, to_change: bool) -> int:
        """Open a folder, for reading only unless it is to be changed; tells its UIDVALIDITY."""
        try:
            return await self._call(_select, _quoted(folder), to_change)
        except _No as no:
            known = ", ".join((await self._folders())[:20])
            raise self._refusal(
                f"does not open the folder {folder}", no, f"there are: {known}" if known else ""
            ) from None

    async def search(self, after: int, since: date | None) -> list[int]:
        """List the mails with a higher UID, oldest first; of those that came in since a day, where one is given."""
        # Days are those of the server's own zone, so the day before is asked for as well.
        days = ["SINCE", _day(since - timedelta(days=1))] if since else []
        with self._refusing("does not search"):
            found = await self._call(_search, [f"UID {after + 1}:*", *days], budget=_LIST)
        # `n:*` always holds the newest mail, be its UID below n.
        return sorted({uid for uid in found if uid > after})

    async def envelopes(self, uids: Sequence[int], *, headers: bool) -> AsyncIterator[Envelope]:
        """Say of each mail what is known without reading it; of those that vanished, nothing."""
        wanted = (
            "(UID RFC822.SIZE INTERNALDATE"
            + (f" BODY.PEEK[HEADER.FIELDS (FROM SUBJECT)]<0.{_HEADERS}>" if headers else "")
            + ")"
        )
        for start in range(0, len(uids), _AT_ONCE):
            some = ",".join(map(str, uids[start : start + _AT_ONCE]))
            with self._refusing("does not describe its mails"):
                answers = await self._call(_fetch, some, wanted, budget=_AT_ONCE * (_HEADERS + 512))
            for envelope in sorted(_envelopes(answers), key=lambda each: each.uid):
                yield envelope

    async def mail(self, uid: int, most: int, section: str = "") -> bytes | None:
        """Read a mail piece by piece, as long as it may be, without marking it as seen; None for one that vanished.

        Raises NoSuchMail where the server has it, and cannot give it.
        """
        content = bytearray()
        while len(content) <= most:
            wanted = f"(UID BODY.PEEK[{section}]<{len(content)}.{PIECE}>)"
            try:
                answers = await self._call(_fetch, str(uid), wanted, budget=PIECE + _SLACK)
            except _No as no:
                raise NotGiven(excerpt(no.text, self._way.secrets)) from None
            if (piece := _piece(answers, uid)) is None:
                return bytes(content) or None
            content += piece
            if len(piece) < PIECE:
                break
        return bytes(content)

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Move mails, and make the folder where it is missing; those that are gone are no trouble."""
        with self._refusing(f"does not move mails to {folder}", "check after.move_to"):
            await self._call(_move, ",".join(map(str, uids)), _quoted(folder), self._can)

    async def flag_seen(self, uids: Sequence[int]) -> None:
        """Mark mails as seen."""
        with self._refusing("does not mark mails as seen"):
            await self._call(_store, ",".join(map(str, uids)), r"(\Seen)")

    def cut(self) -> None:
        """End the connection, also under a thread that still listens to it."""
        if self._client is not None:
            with suppress(OSError):
                self._client.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close what is left of the connection; for the thread, when it listens no longer."""
        if self._client is not None:
            with suppress(OSError):
                self._client.shutdown()

    async def _folders(self) -> list[str]:
        try:
            return await self._call(_list)
        except (_No, SourceError):
            return []

    async def _call(self, command: Callable[..., T], *args: Any, budget: int = _TALK) -> T:
        return await self._in_thread(_within, budget, command, self._client, *args)

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args))
        try:
            with self._told():
                async with asyncio.timeout(self._way.patience):
                    return await asyncio.shield(running)
        except BaseException:
            if not running.done():
                running.add_done_callback(_forget)
                self.cut()
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what went wrong with the connection, in our own words."""
        place = self._way.place
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise SourceRefused(
                f"{place}: the certificate of the source is not to be trusted: {error.verify_message}",
                hint="if the source has its own authority, name its certificate under tls.ca",
            ) from None
        except TimeoutError:
            raise SourceUnavailable(f"{place} gave no answer within {self._way.patience:g} s") from None
        except _TooMuch:
            raise SourceRefused(f"{place} sends more than it was asked for") from None
        except imaplib.IMAP4.readonly:
            raise SourceRefused(f"{place} only lets the folder be read", hint="write `after: leave`") from None
        except imaplib.IMAP4.abort as error:
            raise SourceUnavailable(f"{place}: the connection ended: {self._quoted(error)!r}") from None
        except imaplib.IMAP4.error as error:
            raise _No(_said(error.args)) from None
        except OSError as error:
            raise SourceUnavailable(f"{place}: no connection ({error.strerror or type(error).__name__})") from None
        except (ValueError, LookupError, TypeError, AttributeError, EOFError):
            raise SourceRefused(f"{place} speaks no IMAP that can be read") from None

    @contextmanager
    def _refusing(self, what: str, hint: str = "") -> Iterator[None]:
        try:
            yield
        except _No as no:
            raise self._refusal(what, no, hint) from None

    def _refusal(self, what: str, no: _No, hint: str) -> SourceError:
        message = f"{self._way.place} {what}: {excerpt(no.text, self._way.secrets)!r}"
        if _FOR_THE_MOMENT.search(no.text):
            return SourceUnavailable(message)
        return SourceRefused(message, hint=hint)

    def _quoted(self, error: Exception) -> str:
        return excerpt(_said(error.args), self._way.secrets)


def _forget(ended: "asyncio.Future[Any]") -> None:
    """Take what a thread says after nobody waits for it any more: an error, or a connection that came too late."""
    if not ended.cancelled() and ended.exception() is None and isinstance(late := ended.result(), imaplib.IMAP4):
        late.shutdown()


# What runs in the thread ─────────────────────────────────────────────────────────────────────────────────────────────


def _connect(way: Way) -> imaplib.IMAP4:
    if way.security == "tls":
        return _OverTls(way.host, way.port, ssl_context=way.trust.own_context(), timeout=way.patience)
    client = _InClear(way.host, way.port, timeout=way.patience)
    if way.security == "starttls":
        if "STARTTLS" not in client.capabilities:
            client.shutdown()
            raise SourceRefused(f"{way.place} offers no TLS", hint="try imaps://, or allow `tls: {plain: true}`")
        client.starttls(way.trust.own_context())
    return client


def _within(budget: int, command: Callable[..., T], client: Any, *args: Any) -> T:
    client.left = budget
    return command(client, *args)


def _prove(client: imaplib.IMAP4, way: Way) -> None:
    if way.token is not None:
        granted = f"user={way.user}\1auth=Bearer {way.token}\1\1".encode()
        client.authenticate("XOAUTH2", lambda challenge: b"" if challenge else granted)
    elif (f"{way.user}{way.password}").isascii():
        client.login(way.user, str(way.password))
    else:
        client.authenticate("PLAIN", lambda _: f"\0{way.user}\0{way.password}".encode())


def _capabilities(client: imaplib.IMAP4) -> frozenset[str]:
    """Ask again, as many a server can more for those it knows."""
    _, told = client.capability()
    return frozenset(b" ".join(line for line in told if line).decode("ascii", "replace").upper().split())


def _introduce(client: imaplib.IMAP4) -> None:
    with suppress(imaplib.IMAP4.error):  # Older servers know no ID, and need none.
        client.xatom("ID", _IDENTITY)


def _select(client: imaplib.IMAP4, folder: str, to_change: bool) -> int:
    _ok(client.select(folder, readonly=not to_change))
    return int(client.response("UIDVALIDITY")[1][0] or 0)


def _list(client: imaplib.IMAP4) -> list[str]:
    found = (line for line in _ok(client.list()) if isinstance(line, bytes))
    names = (
        line.rpartition(b'"')[0].rpartition(b'"')[2] if line.endswith(b'"') else line.split()[-1] for line in found
    )
    return [from_utf7(name.decode("ascii", "replace")) for name in names]


def _search(client: imaplib.IMAP4, criteria: list[str]) -> list[int]:
    return [int(uid) for line in _ok(client.uid("SEARCH", *criteria)) if line for uid in line.split()]


def _fetch(client: imaplib.IMAP4, uids: str, wanted: str) -> list[Any]:
    return _ok(client.uid("FETCH", uids, wanted))


def _store(client: imaplib.IMAP4, uids: str, flags: str) -> None:
    _ok(client.uid("STORE", uids, "+FLAGS.SILENT", flags))


def _move(client: imaplib.IMAP4, uids: str, folder: str, can: frozenset[str]) -> None:
    try:
        _moved(client, uids, folder, can)
    except _No as no:
        if "TRYCREATE" not in no.text.upper():
            raise
        _ok(client.create(folder))
        _moved(client, uids, folder, can)


def _moved(client: imaplib.IMAP4, uids: str, folder: str, can: frozenset[str]) -> None:
    if "MOVE" in can:
        _ok(client.uid("MOVE", uids, folder))
        return
    _ok(client.uid("COPY", uids, folder))
    _store(client, uids, r"(\Deleted)")
    if "UIDPLUS" in can:  # Without it, EXPUNGE would take along what others have marked as deleted.
        _ok(client.uid("EXPUNGE", uids))


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    state, told = answer
    if state != "OK":
        raise _No(_said(told))
    return told


# Reading answers ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _said(told: Sequence[Any]) -> str:
    """Return a server's words; many say them in their own encoding."""
    return " ".join(readable(each, None) if isinstance(each, bytes) else str(each) for each in told)


def _answers(lines: Sequence[Any]) -> Iterator[tuple[bytes, bytes | None]]:
    """Give what was answered for each mail: the words around, and what came as a literal."""
    words, literal = b"", None
    for line in lines:
        if isinstance(line, tuple):
            words, literal = words + line[0], line[1]
        elif isinstance(line, bytes):
            # A line that closes no literal is an answer of its own.
            yield words + line, literal
            words, literal = b"", None


def _envelopes(lines: Sequence[Any]) -> Iterator[Envelope]:
    for words, literal in _answers(lines):
        if (uid := _UID.search(words)) and (size := _SIZE.search(words)):
            yield Envelope(int(uid[1]), int(size[1]), _internal_date(words), literal or b"")


def _internal_date(words: bytes) -> datetime | None:
    if (found := _INTERNALDATE.search(words)) is None:
        return None
    day, month, year, clock, sign, hours, minutes = (each.decode() for each in found.groups())
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        moment = f"{year}-{_MONTHS.index(month.title()) + 1:02d}-{int(day):02d}T{clock}"
        return datetime.fromisoformat(moment).replace(tzinfo=timezone(-offset if sign == "-" else offset))
    except ValueError:
        return None


def _piece(lines: Sequence[Any], uid: int) -> bytes | None:
    """Return the piece of a mail; none of it where the server says nothing of this mail, or only of its flags."""
    for words, literal in _answers(lines):
        found = _UID.search(words)
        if found and int(found[1]) == uid and b"BODY[" in words.upper():
            return literal or b""
    return None


def _day(day: date) -> str:
    return f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year}"


def _quoted(folder: str) -> str:
    escaped = to_utf7(folder).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def to_utf7(name: str) -> str:
    """Write the name of a folder as IMAP does (RFC 3501, section 5.1.3)."""

    def encoded(found: "re.Match[str]") -> str:
        if found[0] == "&":
            return "&-"
        return f"&{base64.b64encode(found[0].encode('utf-16-be')).decode().rstrip('=').replace('/', ',')}-"

    return re.sub(r"[^\x20-\x7e]+|&", encoded, name)


def from_utf7(name: str) -> str:
    """Read the name of a folder; what is no modified UTF-7 stays as it is."""

    def decoded(found: "re.Match[str]") -> str:
        if not found[1]:
            return "&"
        try:
            return base64.b64decode(found[1].replace(",", "/") + "===").decode("utf-16-be")
        except ValueError:
            return found[0]

    return re.sub(r"&([A-Za-z0-9+,]*)-", decoded, name)
