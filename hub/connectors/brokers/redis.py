"""Take from a Redis stream, as a consumer of a group.

An entry stays pending for the group until it is acknowledged. So a run reads first what an earlier one took and did not
acknowledge, and takes over what other consumers left lying; then it reads what is new.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias

from redis import exceptions
from redis._parsers import _AsyncRESP2Parser
from redis.asyncio.connection import Connection

from hub.connectors.brokers.base import Message, Passing, TooLarge
from hub.connectors.brokers.options import BrokerOptions
from hub.connectors.brokers.wire import Site, asking, part
from hub.connectors.guard import refuse_forbidden
from hub.connectors.masking import excerpt
from hub.errors import SourceError, SourceRefused, SourceUnavailable

Entry: TypeAlias = tuple[bytes, list[Any] | None]

_NEW = b">"
_FIRST = b"0"
_END = b"0-0"
_MOST_AT_ONCE = 1000
_MOST_CLAIMS = 1000
_MOST_LINES = 500_000  # of one answer
_CHUNK = 2**16
_BUSY = ("LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN", "READONLY")


@asynccontextmanager
async def open_queue(options: BrokerOptions, site: Site) -> AsyncIterator["RedisQueue"]:
    connection = _connection(options, site)
    try:
        queue = RedisQueue(connection, options, site)
        async with asking(site, _explain):
            await refuse_forbidden(site.host)
            await connection.connect()  # type: ignore[no-untyped-call]  # as redis has it
            await queue.join()
            await queue.claim()
        yield queue
    finally:
        await part(connection.disconnect())


class RedisQueue:
    def __init__(self, connection: "_Connection", options: BrokerOptions, site: Site) -> None:
        self._connection = connection
        self._options = options
        self._site = site
        self._stream = options.stream or ""
        self._read_after = _FIRST  # of what is pending for us; then `_NEW`
        self._at_once = _MOST_AT_ONCE

    async def join(self) -> None:
        """See that the group is there; where that is allowed make it, from the beginning of the stream."""
        group = (self._stream, self._site.known_as)
        if await self._has_group():
            return
        if not self._options.declare:
            said = f"has no group {self._site.known_as!r} of a stream {self._stream!r}"
            raise SourceRefused(said, hint="create it, or set `declare: true`")
        with _unless("BUSYGROUP"):  # somebody else was quicker
            await self._ask("XGROUP", "CREATE", *group, "0", "MKSTREAM")

    async def _has_group(self) -> bool:
        if not await self._ask("EXISTS", self._stream):
            return False
        groups = await self._ask("XINFO", "GROUPS", self._stream)
        return any(self._site.known_as.encode() in told[:2] for told in groups)

    async def claim(self) -> None:
        """Make ours what other consumers of the group took long ago and never acknowledged."""
        start = _END
        for _ in range(_MOST_CLAIMS):
            if (start := await self._claimed_from(start)) == _END:
                return

    async def _claimed_from(self, start: bytes) -> bytes:
        """Claim some, and say where there may be more."""
        idle = int(self._options.claim_after.total_seconds() * 1000)
        group = (self._stream, self._site.known_as, self._site.known_as)
        claimed = [_END]
        with _unless("unknown command"):  # as before Redis 6.2
            claimed = await self._ask("XAUTOCLAIM", *group, idle, start, "COUNT", _MOST_AT_ONCE, "JUSTID")
        return bytes(claimed[0])

    async def take(self, most: int, wait: float) -> list[Message]:
        while True:
            async with asking(self._site, _explain, wait):
                entries = await self._read(min(most, self._at_once), wait)
                taken = await self._taken(entries)
            if taken or (not entries and self._read_after == _NEW):
                return taken
            if not entries:
                self._read_after = _NEW

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        async with asking(self._site, _explain):
            await self._settle([message.mark for message in messages])

    async def _read(self, most: int, wait: float) -> list[Entry]:
        group = ("GROUP", self._site.known_as, self._site.known_as)
        block = ("BLOCK", max(1, int(wait * 1000))) if self._read_after == _NEW else ()
        answer = await self._ask("XREADGROUP", *group, "COUNT", most, *block, "STREAMS", self._stream, self._read_after)
        return [(entry_id, fields) for _, entries in answer or () for entry_id, fields in entries]

    async def _taken(self, entries: Sequence[Entry]) -> list[Message]:
        """Make messages of what was read, up to the first entry that there was no more room for."""
        taken: list[Message] = []
        gone: list[bytes] = []
        for place, (entry_id, fields) in enumerate(entries):
            if place > 0 and any(isinstance(value, TooLarge) for value in fields or ()):
                # It is pending for us now: asked for again, it has all the room for itself.
                self._read_after, self._at_once = entries[place - 1][0], place
                break
            if fields:
                taken.append(self._message(entry_id, fields))
            else:
                gone.append(entry_id)  # trimmed or deleted by its publisher since it was taken
            if self._read_after != _NEW:
                self._read_after = entry_id
        await self._settle(gone)
        return taken

    async def _settle(self, entry_ids: Sequence[bytes]) -> None:
        if entry_ids:
            await self._ask("XACK", self._stream, self._site.known_as, *entry_ids)

    async def _ask(self, *words: Any) -> Any:
        await self._connection.send_command(*words)
        return await self._connection.read_response()

    def _message(self, entry_id: bytes, flat: Sequence[bytes]) -> Message:
        fields = list(zip(flat[::2], flat[1::2], strict=True))
        name = entry_id.decode()
        at = _moment(name)
        if self._options.body_field is None:
            return Message(entry_id, b"", self._stream, id=name, at=at, fields=fields)
        wanted = self._options.body_field.encode()
        body = next((value for key, value in fields if key == wanted), b"")
        headers = {_word(key): _word(value) for key, value in fields if key != wanted}
        return Message(entry_id, body, self._stream, headers, name, at)


@contextmanager
def _unless(trouble: str) -> Iterator[None]:
    """Raise what Redis answers, unless it is a trouble that one can go on with."""
    try:
        yield
    except exceptions.ResponseError as error:
        if trouble not in str(error):
            raise


class _Connection(Connection):
    """A connection with our own idea of whom to trust."""

    trust: Any = None

    def _connection_arguments(self) -> Any:
        return {**super()._connection_arguments(), "ssl": self.trust}


def _connection(options: BrokerOptions, site: Site) -> _Connection:
    auth = options.auth
    connection = _Connection(
        host=site.host,
        port=site.port,
        db=int(site.path) if site.path.isdecimal() else 0,
        username=auth.username if auth else None,
        password=auth.password.get_secret_value() if auth and auth.password else None,
        socket_timeout=None,
        socket_connect_timeout=site.timeout,
        protocol=2,
        client_name="appeal-hub",
        parser_class=partial(_SparingParser, site.most),
    )
    connection.trust = site.tls
    return connection


class _SparingParser(_AsyncRESP2Parser):
    """A parser that keeps no more of one answer than is allowed, and of the values that go beyond the beginning."""

    __slots__ = ("_lines", "_most", "_room")

    def __init__(self, most: int, socket_read_size: int) -> None:
        super().__init__(socket_read_size)
        self._most = self._room = most
        self._lines = 0

    async def read_response(self, disable_decoding: bool = False) -> Any:
        self._room, self._lines = self._most, _MOST_LINES
        return await super().read_response(disable_decoding)

    async def _readline(self) -> bytes:
        self._lines -= 1
        if self._lines < 0:
            raise exceptions.InvalidResponse("an answer without an end")
        return bytes(await super()._readline())

    async def _read(self, length: int) -> bytes:
        if length <= self._room:
            self._room -= length
            return bytes(await super()._read(length))
        passing = Passing()
        while self._stream and length > 0:
            if not (piece := await self._stream.read(min(length, _CHUNK))):
                raise exceptions.ConnectionError("hung up")
            passing.by(piece)
            length -= len(piece)
        await super()._read(0)  # the end of the line
        return passing.told()


def _moment(entry_id: str) -> datetime | None:
    milliseconds = int(entry_id.partition("-")[0])
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # its publisher may number entries as it likes
        return None


def _word(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _explain(error: Exception) -> SourceError | None:
    said = excerpt(str(error))
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
            return SourceRefused("does not let the hub in", hint="check `auth`")
        case exceptions.NoPermissionError():
            return SourceRefused(f"does not allow that: {said}", hint="see what the user of `auth` may do")
        case exceptions.ConnectionError() if isinstance(error.__context__, OSError):
            return None
        case exceptions.ConnectionError() | exceptions.TimeoutError():
            return SourceUnavailable(f"broke off: {said}")
        case exceptions.InvalidResponse():
            return SourceRefused("does not speak the protocol of Redis", hint="check the host and port of `url`")
        case exceptions.ResponseError() if "WRONGPASS" in said or "NOAUTH" in said:
            return SourceRefused("does not let the hub in", hint="check `auth`")
        case exceptions.ResponseError() if said.startswith(_BUSY):
            return SourceUnavailable(f"is busy: {said}")
        case exceptions.ResponseError():
            return SourceRefused(f"says no: {said}", hint="check `stream`")
    return None
