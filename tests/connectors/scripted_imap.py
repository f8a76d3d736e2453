"""An IMAP server on loopback that says what a test wants, and remembers what it was asked."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from listening import listening

Answer = bytes | Iterable[bytes] | Callable[[str], bytes | Iterable[bytes]]
LINE = b"\r\n"


class ScriptedImap:
    """Answers by command, as real servers do, unless `says` holds something else: lines before the tagged one."""

    def __init__(self, *mails: bytes, **says: Answer) -> None:
        self.mails = dict(enumerate(mails, 1))
        self.says: dict[str, Answer] = dict(says)
        self.greeting: Answer = b"* OK ready\r\n"
        self.silent: str | None = None
        self.asked: list[str] = []
        self.port = 0

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["ScriptedImap"]:
        async with listening(self._talk, tls) as self.port:
            yield self

    @property
    def commands(self) -> list[str]:
        """The commands in turn, without their tags."""
        return [line.partition(" ")[2] for line in self.asked]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent != "":
            await self._send(writer, self.greeting, "")
        while line := await reader.readline():
            self.asked.append(line.decode().strip())
            tag, _, rest = self.asked[-1].partition(" ")
            command = rest.upper().removeprefix("UID ").partition(" ")[0]
            if command == "AUTHENTICATE":
                writer.write(b"+ \r\n")
                self.asked.append(f"{tag} {(await reader.readline()).decode().strip()}")
            answer = self.says.get(command) or getattr(self, f"_{command.lower()}", None) or b""
            if command != self.silent and not await self._send(writer, answer, rest):
                writer.write(f"{tag} OK done".encode() + LINE)

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer, rest: str) -> bool:
        """Send an answer; tells whether it ends the command itself, as one that holds a tag does."""
        said = answer(rest) if callable(answer) else answer
        tag = self.asked[-1].partition(" ")[0].encode() if self.asked else b"?"
        ended = False
        for piece in [said] if isinstance(said, bytes) else said:
            ended = ended or b"TAG " in piece
            writer.write(piece.replace(b"TAG", tag))
            await writer.drain()
        return ended

    def _capability(self, rest: str) -> bytes:
        return b"* CAPABILITY IMAP4rev1 ID MOVE UIDPLUS AUTH=PLAIN" + LINE

    def _select(self, rest: str) -> bytes:
        return b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n" % len(self.mails)

    _examine = _select

    def _search(self, rest: str) -> bytes:
        first = int(re.search(r"UID (\d+):", rest)[1])  # type: ignore[index]
        found = [uid for uid in self.mails if uid >= first] or list(self.mails)[-1:]
        return b"* SEARCH " + " ".join(map(str, found)).encode() + LINE

    def _fetch(self, rest: str) -> Iterable[bytes]:
        for uid in map(int, rest.split()[2].split(",")):
            if uid in self.mails and "SIZE" in rest:
                yield self.described(uid, "HEADER" in rest)
            elif uid in self.mails:
                start, count = map(int, re.search(r"<(\d+)\.(\d+)>", rest).groups())  # type: ignore[union-attr]
                yield self.given(uid, self.mails[uid][start : start + count], start)

    def described(self, uid: int, headers: bool = False) -> bytes:
        mail = self.mails[uid]
        facts = b'RFC822.SIZE %d INTERNALDATE "01-Mar-2026 08:00:00 +0800"' % len(mail)
        if headers:
            head = mail.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            facts += b" BODY[HEADER.FIELDS (FROM SUBJECT)]<0> {%d}\r\n%s" % (len(head), head)
        return b"* %d FETCH (%s UID %d)\r\n" % (uid, facts, uid)

    def given(self, uid: int, piece: bytes, start: int = 0) -> bytes:
        return b"* %d FETCH (UID %d BODY[]<%d> {%d}\r\n%s)\r\n" % (uid, uid, start, len(piece), piece)
