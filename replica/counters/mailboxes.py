"""Mailboxes into which systems mail their tables, and the little of an IMAP server that it takes to read them."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.header import Header
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from pathlib import Path
from typing import ClassVar

from replica.city import CHINA
from replica.counters.base import Batch, House, Ledger
from replica.counters.folders import Write, month_after
from replica.writing import local

DOMAIN = "jingmen.example"
PASSWORD = "demo-mail"  # noqa: S105  # a made-up city's

_MONTH = local("%Y年%m月")
_STAMP = local("%Y%m%d_%H%M%S")
_IMAP_TIME = "%d-%b-%Y %H:%M:%S %z"
_LONGEST_LINE = 2**16


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it lies in a mailbox, known by its UID there."""

    uid: int
    received: datetime
    content: bytes

    @property
    def headers(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


class MailServer:
    """An IMAP server with a mailbox for each system that mails: log in, open INBOX, search, fetch."""

    variable: ClassVar = "REPLICA_IMAP"
    place: ClassVar = 3

    def __init__(self, files: Path) -> None:
        self._boxes: dict[str, list[Mail]] = {}
        self._server: asyncio.Server | None = None

    def box(self, user: str) -> list[Mail]:
        """The mails of one user, the oldest first."""
        return self._boxes.setdefault(user, [])

    async def start(self, host: str, port: int) -> int:
        self._server = await asyncio.start_server(self._serve, host, port, limit=_LONGEST_LINE)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(self)
        writer.write(b"* OK [CAPABILITY IMAP4rev1 ID] city ready\r\n")
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not session.is_over and (line := await reader.readline()):
                async for part in session.answer(line.decode("utf-8", "replace").rstrip("\r\n")):
                    writer.write(part)
                await writer.drain()
        writer.close()


@dataclass(slots=True)
class _Session:
    """One client: who it is, and which commands it has sent."""

    server: MailServer
    user: str = ""
    is_over: bool = False

    async def answer(self, line: str) -> AsyncIterator[bytes]:
        tag, _, rest = line.partition(" ")
        command, _, arguments = rest.partition(" ")
        if command.upper() == "UID":
            command, _, arguments = arguments.partition(" ")
        try:
            for part in self._done(command.upper(), arguments):
                yield part
            yield f"{tag} OK {command} completed\r\n".encode()
        except PermissionError as error:
            yield f"{tag} NO {error}\r\n".encode()
        except ValueError:
            yield f"{tag} BAD {command}\r\n".encode()

    def _done(self, command: str, arguments: str) -> Iterator[bytes]:
        match command:
            case "CAPABILITY":
                yield b"* CAPABILITY IMAP4rev1 ID\r\n"
            case "ID":
                yield b'* ID ("name" "city")\r\n'
            case "NOOP" | "CLOSE":
                pass
            case "LOGOUT":
                self.is_over = True
                yield b"* BYE\r\n"
            case "LOGIN":
                self._login(*_words(arguments)[:2])
            case "LIST":
                yield b'* LIST (\\HasNoChildren) "/" "INBOX"\r\n'
            case "SELECT" | "EXAMINE" | "SEARCH" | "FETCH":
                yield from self._read(command, arguments)
            case _:
                raise ValueError(command)

    def _login(self, user: str, password: str) -> None:
        if password != PASSWORD or not user.endswith(f"@{DOMAIN}"):
            raise PermissionError("[AUTHENTICATIONFAILED] LOGIN Login error or password error")
        self.user = user

    def _read(self, command: str, arguments: str) -> Iterator[bytes]:
        if not self.user:
            raise PermissionError("log in first")
        mails = self.server.box(self.user)
        if command == "SEARCH":
            found = [str(mail.uid) for mail in mails if _is_asked_for(mail, arguments)]
            yield f"* SEARCH {' '.join(found)}".rstrip().encode() + b"\r\n"
        elif command == "FETCH":
            uids, _, wanted = arguments.partition(" ")
            for number, mail in enumerate(mails, 1):
                if _holds(uids, mail.uid, mails[-1].uid):
                    yield _fetched(number, mail, wanted)
        else:
            yield f"* {len(mails)} EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT {len(mails) + 1}]\r\n".encode()


def _words(arguments: str) -> list[str]:
    return [
        (quoted or plain).replace("\\", "") for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', arguments)
    ]


def _is_asked_for(mail: Mail, criteria: str) -> bool:
    uids = re.search(r"UID (\S+)", criteria)
    since = re.search(r"SINCE (\S+)", criteria)
    day = datetime.strptime(since[1], "%d-%b-%Y").replace(tzinfo=CHINA) if since else None
    return (uids is None or _holds(uids[1], mail.uid, mail.uid)) and (day is None or mail.received >= day)


def _holds(uids: str, uid: int, last: int) -> bool:
    for part in uids.split(","):
        first, _, end = part.partition(":")
        bounds = [last if each == "*" else int(each) for each in (first, end or first)]
        if min(bounds) <= uid <= max(bounds):
            return True
    return False


def _fetched(number: int, mail: Mail, wanted: str) -> bytes:
    """Answer with what is wanted of one mail: its number, size, time, headers, or a piece of all of it."""
    parts = [f"UID {mail.uid}".encode()]
    if "RFC822.SIZE" in wanted:
        parts.append(f"RFC822.SIZE {len(mail.content)}".encode())
    if "INTERNALDATE" in wanted:
        parts.append(f'INTERNALDATE "{mail.received.strftime(_IMAP_TIME)}"'.encode())
    if section := re.search(r"BODY(?:\.PEEK)?\[(.*?)\](?:<(\d+)\.(\d+)>)?", wanted):
        content = mail.headers if section[1].startswith("HEADER") else mail.content
        start, length = int(section[2] or 0), int(section[3] or len(content))
        origin = f"<{start}>" if section[2] else ""
        piece = content[start : start + length]
        parts.append(f"BODY[{section[1]}]{origin} {{{len(piece)}}}\r\n".encode() + piece)
    return f"* {number} FETCH (".encode() + b" ".join(parts) + b")\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """A system that mails a table, as an attachment, each month."""

    subject: str
    attachment: str
    write: Write
    html: str = field(default="<p>附件为{month}台账，请查收。</p>")

    def open(self, ledger: Ledger, house: House) -> None:
        if house.files is not None:
            user = f"{ledger.name.removeprefix('hotline-')}@{DOMAIN}"
            house.feed(ledger, _Post(self, house.server(MailServer).box(user), user))


@dataclass(frozen=True, slots=True)
class _Post:
    mailing: Mailing
    box: list[Mail]
    user: str

    def ends(self, since: datetime) -> datetime | None:
        return month_after(since)

    async def take(self, batch: Batch) -> None:
        if batch.seen:
            sent = (batch.until - timedelta(seconds=1)).astimezone(CHINA)
            self.box.append(Mail(len(self.box) + 1, sent, self._mail(batch, sent)))

    def _mail(self, batch: Batch, sent: datetime) -> bytes:
        mailing, month = self.mailing, str(_MONTH.write(sent))
        mail = MIMEMultipart()
        # Headers in GBK, as the mail programs of offices write them.
        mail["Subject"] = Header(mailing.subject.format(month=month), "gb2312").encode()
        mail["From"] = self.user
        mail["To"] = self.user
        mail["Date"] = format_datetime(sent)
        mail["Message-ID"] = f"<{_STAMP.write(sent)}.{self.user}>"
        mail.attach(MIMEText(mailing.html.format(month=month), "html", "gb2312"))
        table = MIMEApplication(mailing.write(batch.rows))
        table.add_header("Content-Disposition", "attachment", filename=mailing.attachment.format(_STAMP.write(sent)))
        mail.attach(table)
        return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))
