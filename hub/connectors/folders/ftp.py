"""A folder on an FTP or FTPS server, with the face that every folder has."""

import asyncio
import codecs
import posixpath
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import aioftp
from aioftp.common import Code

from hub.connectors.folders.base import Kind, Listed, Names, free_name, joined, paced, whole
from hub.connectors.folders.listings import Line, list_line
from hub.connectors.folders.servers import Server
from hub.connectors.guard import refuse_forbidden
from hub.connectors.masking import excerpt
from hub.errors import SourceError, SourceRefused, SourceUnavailable

_PIECE = 2**18
_MOST_LINES = 500
_IMPLICIT_PORT = 990
_KINDS: dict[str, Kind] = {"file": "file", "dir": "folder"}
_FROM_LIST = "hub.list"


def _bytes_as_they_are(name: str) -> codecs.CodecInfo | None:
    """Let aioftp carry names as bytes: it decodes and encodes by one codec, and knows no names that are not text."""
    if name != "hub_bytes":
        return None
    return codecs.CodecInfo(
        lambda text, _="strict": (text.encode("ascii", "surrogateescape"), len(text)),
        lambda raw, _="strict": (bytes(raw).decode("ascii", "surrogateescape"), len(raw)),
        name="hub_bytes",
    )


codecs.register(_bytes_as_they_are)


class _Client(aioftp.Client):
    """Does not listen for ever to an answer that never ends, and goes nowhere but to the server."""

    _lines = 0
    _data: asyncio.StreamWriter | None = None

    async def get_passive_connection(self, *args: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, self._data = await super().get_passive_connection(*args)
        return reader, self._data

    async def command(self, *args: Any, **kwargs: Any) -> Any:
        """Send a command; where it fails, aioftp would leave the connection open that its data were to come by."""
        try:
            return await super().command(*args, **kwargs)
        except BaseException:
            if self._data is not None:
                self._data.close()
            raise

    async def parse_response(self) -> tuple[Code, list[str]]:
        self._lines = 0
        return await super().parse_response()

    async def parse_line(self) -> tuple[Code, str]:
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise ValueError("an answer without end")
        return await super().parse_line()

    @staticmethod
    def parse_pasv_response(s: str) -> tuple[str, int]:
        """Take the port only: a server that names another host for its data would make us ask that one."""
        return "0.0.0.0", aioftp.Client.parse_pasv_response(s)[1]  # noqa: S104  # aioftp's word for the server itself


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator["FtpFolder"]:
    """Log in, and keep one connection for the run."""
    where, names = server.where, Names(server.name_encoding)
    context = await asyncio.to_thread(server.trust.own_context) if where.scheme == "ftps" else None
    implicit = server.implicit if server.implicit is not None else where.port == _IMPLICIT_PORT
    client = _Client(
        socket_timeout=server.patience,
        connection_timeout=server.patience,
        encoding="hub_bytes",
        ssl=context if implicit else None,
        parse_list_line_custom=_listed,  # type: ignore[arg-type]  # its parameter's name is no part of the face
    )
    try:
        with _said(server, names, f"{where.server} lets nobody in"):
            async with asyncio.timeout(server.patience):
                await refuse_forbidden(where.host)
                await client.connect(where.host, where.port or aioftp.DEFAULT_PORT)
                if context and not implicit:
                    await client.upgrade_to_tls(context)
                await client.login(names.raw(where.user or aioftp.DEFAULT_USER), names.raw(_password(server)))
        yield FtpFolder(server, client, names)
    finally:
        client.close()


def _password(server: Server) -> str:
    password = server.auth.password
    return password.get_secret_value() if password else str(aioftp.DEFAULT_PASSWORD)


class FtpFolder:
    """A folder on an FTP server. Names are bytes there; what a file is, MLSD says, or what LIST can be read as."""

    keeps_time = False

    def __init__(self, server: Server, client: aioftp.Client, names: Names) -> None:
        self._server = server
        self._client = client
        self._names = names
        self._root = names.raw(server.where.path)
        self._has_facts = True

    async def entries(self, below: Listed | None) -> AsyncIterator[Listed]:
        path = below.handle if below else self._root
        lister: Any = self._client.list(path)
        try:
            with self._said(f"the folder {below.path if below else self._server.where.path} is not shown"):
                async for place, facts in paced(aiter(lister), self._server.patience):
                    if facts["type"].lower() not in {"cdir", "pdir"}:
                        yield self._entry(below, path, place, dict(facts))
        finally:
            if lister.stream:
                lister.stream.close()

    async def read(self, file: Listed, most: int) -> bytes | None:
        with self._said(f"the file {file.path} is not given"):
            content = await self._content(file, most)
            if content is None:
                return None
            return whole(file, content, most, same=await self._is_same(file))

    async def move(self, file: Listed, into: str) -> None:
        with self._said(f"the file {file.path} cannot be moved to {into}"):
            if await self._is_same(file):
                path = posixpath.relpath(file.handle, self._root or ".")
                target = await free_name(posixpath.join(self._root, self._names.raw(into), path), self._is_taken)
                await self._client.make_directory(posixpath.dirname(target))
                await self._client.rename(file.handle, target)

    async def remove(self, file: Listed) -> None:
        with self._said(f"the file {file.path} cannot be removed"):
            if await self._is_same(file):
                await self._client.remove_file(file.handle)

    def _entry(self, below: Listed | None, folder: str, place: PurePosixPath, facts: dict[str, Any]) -> Listed:
        raw = place.name if place.parent == PurePosixPath(folder) else str(place)
        path, handle = joined(below, self._names.shown(raw)), posixpath.join(folder, raw)
        line: Line | None = facts.get(_FROM_LIST)
        self._has_facts = line is None
        if line is not None:
            return Listed(path, line.kind, line.size, line.changed, handle)
        return Listed(path, _KINDS.get(facts["type"].lower(), "other"), _size(facts), _changed(facts), handle)

    async def _content(self, file: Listed, most: int) -> bytes | None:
        """Read one byte beyond what was listed, to know a file that is longer than it says."""
        end = min(most if file.size is None else file.size, most) + 1
        content = bytearray()
        try:
            stream = await self._client.download_stream(file.handle)
        except aioftp.StatusCodeError as error:
            if _code(error) == "550" and not await self._client.exists(file.handle):
                return None
            raise
        try:
            while len(content) < end and (piece := await stream.read(min(_PIECE, end - len(content)))):
                content += piece
        finally:
            stream.close()
        await self._ended(file, cut=len(content) == end)
        return bytes(content)

    async def _ended(self, file: Listed, *, cut: bool) -> None:
        """Hear how a transfer ended; one that we cut short may well end in a complaint."""
        try:
            async with asyncio.timeout(self._server.patience):
                await self._client.command(None, ("2xx", "4xx", "5xx") if cut else "2xx", "1xx")
        except TimeoutError:
            if cut:
                raise SourceRefused(f"the file {file.path} does not end where it is listed to end") from None
            raise

    async def _is_same(self, file: Listed) -> bool:
        try:
            if self._has_facts:
                facts = dict(await self._client.stat(file.handle))
                return (_size(facts), _changed(facts)) == (file.size, file.changed)
            _, said = await self._client.command(f"SIZE {file.handle}", "213")
            return file.size is None or said[-1].strip() == str(file.size)
        except aioftp.StatusCodeError as error:
            if _code(error) == "550":
                return False
            if _code(error).startswith("50"):
                return True  # A server that knows no SIZE: then the length alone has to tell.
            raise

    async def _is_taken(self, path: str) -> bool:
        return await self._client.exists(path)

    def _said(self, what: str) -> AbstractContextManager[None]:
        return _said(self._server, self._names, what)


@contextmanager
def _said(server: Server, names: Names, what: str) -> Iterator[None]:
    """Say what went wrong, in our own words."""
    place = server.where.server
    try:
        yield
    except aioftp.StatusCodeError as error:
        raise _refused(server, names, what, error) from None
    except ssl.SSLCertVerificationError as error:
        raise SourceRefused(
            f"{place}: the certificate of the source is not to be trusted: {error.verify_message}",
            hint="if the source has its own authority, name its certificate under tls.ca",
        ) from None
    except TimeoutError:
        raise SourceUnavailable(f"{place} gave no answer within {server.patience:g} s") from None
    except OSError as error:
        raise SourceUnavailable(f"{place}: no connection ({error.strerror or type(error).__name__})") from None
    except (aioftp.AIOFTPException, ValueError, LookupError, EOFError):
        raise SourceRefused(f"{place} speaks no FTP that can be read") from None


def _refused(server: Server, names: Names, what: str, error: aioftp.StatusCodeError) -> SourceError:
    said = excerpt(names.shown(" ".join(error.info)), server.auth.secrets)
    code = _code(error)
    if code.startswith("4"):
        return SourceUnavailable(f"{what}: the server says {code}: {said!r}")
    hint = "check auth, and the user in `at`" if code == "530" else ""
    return SourceRefused(f"{what}: the server says {code}: {said!r}", hint=hint)


def _code(error: aioftp.StatusCodeError) -> str:
    return str(error.received_codes[-1])


def _listed(line: bytes) -> tuple[PurePosixPath, Any]:
    """Read a line of LIST for aioftp, which passes by what is called `.`."""
    if (found := list_line(line)) is None:
        return PurePosixPath("."), {}
    return PurePosixPath(found.name), {_FROM_LIST: found, "type": found.kind}


def _size(facts: dict[str, Any]) -> int | None:
    told = str(facts.get("size", ""))
    return int(told) if told.isascii() and told.isdigit() and len(told) < 19 else None


def _changed(facts: dict[str, Any]) -> int:
    try:
        moment = datetime.strptime(str(facts.get("modify", ""))[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.timestamp()) * 10**9
