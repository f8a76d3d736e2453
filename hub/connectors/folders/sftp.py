"""A folder on an SFTP server, with the face that every folder has."""

import asyncio
import posixpath
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_DIRECTORY, FILEXFER_TYPE_REGULAR, FILEXFER_TYPE_SYMLINK

from hub.connectors.folders.base import Kind, Listed, Names, free_name, joined, paced, whole
from hub.connectors.folders.servers import Server
from hub.connectors.guard import refuse_forbidden
from hub.connectors.masking import excerpt
from hub.errors import SourceError, SourceRefused, SourceUnavailable

T = TypeVar("T")

_PIECE = 2**18
_BLOCK = 2**15
_KINDS: dict[int, Kind] = {FILEXFER_TYPE_REGULAR: "file", FILEXFER_TYPE_DIRECTORY: "folder"}
_KINDS_BY_LETTER: dict[str, int] = {
    "-": FILEXFER_TYPE_REGULAR,
    "d": FILEXFER_TYPE_DIRECTORY,
    "l": FILEXFER_TYPE_SYMLINK,
}

# What servers of the 2000s know, and asyncssh no longer offers by itself.
_LEGACY = {
    "kex_algs": "+diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1",
    "encryption_algs": "+aes256-cbc,aes192-cbc,aes128-cbc,3des-cbc",
    "mac_algs": "+hmac-md5,hmac-sha1-96,hmac-md5-96",
    "server_host_key_algs": "+ssh-dss",
    "signature_algs": "+ssh-dss",
}


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator["SftpFolder"]:
    """Log in, and keep one connection for the run."""
    watch = _HostKeys(server.auth.fingerprints)
    login = await asyncio.to_thread(_login, server, watch)  # Opening a key takes long, as it should.
    with _told(server, watch):
        async with asyncio.timeout(server.patience):
            await refuse_forbidden(server.where.host)
            connection = await asyncssh.connect(**login)
    async with connection:
        with _told(server, watch):
            async with asyncio.timeout(server.patience):
                sftp = await connection.start_sftp_client(path_encoding="ascii", path_errors="surrogateescape")
        yield SftpFolder(server, sftp)


class _HostKeys(asyncssh.SSHClient):
    """Knows the server by the fingerprints that were written down, and remembers which one it showed."""

    def __init__(self, trusted: frozenset[str]) -> None:
        self._trusted = trusted
        self.shown = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        del host, addr, port
        self.shown = f"{key.get_fingerprint()} ({key.get_algorithm()})"
        return key.get_fingerprint().rstrip("=") in self._trusted


def _login(server: Server, watch: _HostKeys) -> dict[str, Any]:
    """Say who logs in where, and nothing else: neither ~/.ssh nor an agent of this machine has a word in it."""
    auth, where = server.auth, server.where
    return {
        "host": where.host,
        "port": where.port or 22,
        "username": where.user,
        "password": auth.password.get_secret_value() if auth.password else None,
        "client_keys": _client_keys(server),
        "known_hosts": _known_hosts(server),
        "client_factory": lambda: watch,
        "config": None,
        "agent_path": None,
        "gss_auth": False,
        "gss_kex": False,
        "x509_trusted_certs": None,
        "keepalive_interval": server.patience,
        "keepalive_count_max": 2,
        **(_LEGACY if auth.legacy_algorithms else {}),
    }


def _client_keys(server: Server) -> list[asyncssh.SSHKey] | None:
    auth = server.auth
    if auth.key is None:
        return None
    passphrase = auth.passphrase.get_secret_value() if auth.passphrase else None
    try:
        return [asyncssh.import_private_key(auth.key.get_secret_value(), passphrase)]
    except asyncssh.KeyEncryptionError:
        raise SourceRefused("auth.key cannot be opened", hint="check auth.passphrase") from None
    except asyncssh.KeyImportError:
        raise SourceRefused(
            "auth.key is not a private key that can be read", hint="check the file it comes from"
        ) from None


def _known_hosts(server: Server) -> asyncssh.SSHKnownHosts | tuple[list[str], list[str], list[str]]:
    """Read the file that holds the server's keys; where fingerprints are given instead, `_HostKeys` decides."""
    if server.auth.fingerprints:
        return [], [], []
    file = server.beside / str(server.auth.host_key)
    try:
        return asyncssh.import_known_hosts(file.read_text("utf-8"))
    except OSError as error:
        raise SourceRefused(f"auth.host_key: {error.strerror}: {file}") from None
    except ValueError:
        raise SourceRefused(f"auth.host_key: not a known_hosts file: {file}") from None


class SftpFolder:
    """A folder on an SFTP server. Names are bytes there; what a file is, its attributes say."""

    keeps_time = False

    def __init__(self, server: Server, sftp: asyncssh.SFTPClient) -> None:
        self._server = server
        self._sftp = sftp
        self._names = Names(server.name_encoding)
        self._root = self._names.raw(server.where.path)

    async def entries(self, below: Listed | None) -> AsyncIterator[Listed]:
        path = below.handle if below else self._root
        shown = below.path if below else self._server.where.path
        with self._said(f"the folder {shown}", gone=SourceUnavailable(f"there is no folder {shown}")):
            async for found in paced(self._sftp.scandir(path), self._server.patience):
                if found.filename not in {".", ".."}:
                    yield await self._entry(below, path, found)

    async def read(self, file: Listed, most: int) -> bytes | None:
        with self._said(f"the file {file.path}"):
            try:
                content = await self._content(file, most)
                same = await self._is_same(file)
            except asyncssh.SFTPNoSuchFile:
                return None
        return whole(file, content, most, same=same)

    async def move(self, file: Listed, into: str) -> None:
        with self._said(f"the file {file.path}, to be moved to {into},"):
            if await self._is_same(file):
                path = posixpath.relpath(file.handle, self._root or ".")
                target = await free_name(posixpath.join(self._root, self._names.raw(into), path), self._is_taken)
                await self._step(self._sftp.makedirs(posixpath.dirname(target), exist_ok=True))
                await self._step(self._sftp.rename(file.handle, target))

    async def remove(self, file: Listed) -> None:
        with self._said(f"the file {file.path}, to be removed,"):
            if await self._is_same(file):
                await self._step(self._sftp.remove(file.handle))

    async def _entry(self, below: Listed | None, folder: str, found: asyncssh.SFTPName) -> Listed:
        raw = str(found.filename)
        path = joined(below, self._names.shown(raw))
        handle = posixpath.join(folder, raw)
        facts, kind = found.attrs, _kind(found)
        if _type(found) == FILEXFER_TYPE_SYMLINK:
            # Links to files are followed; those to folders may go round in circles.
            facts, kind = await self._target(handle, facts)
        return Listed(path, kind, facts.size, _changed(facts), handle)

    async def _target(self, handle: str, facts: asyncssh.SFTPAttrs) -> tuple[asyncssh.SFTPAttrs, Kind]:
        try:
            target = await self._step(self._sftp.stat(handle))
        except asyncssh.SFTPError:
            return facts, "other"
        return target, "file" if target.type == FILEXFER_TYPE_REGULAR else "other"

    async def _content(self, file: Listed, most: int) -> bytes:
        """Read one byte beyond what was listed, to know a file that is longer than it says."""
        end = min(most if file.size is None else file.size, most) + 1
        content = bytearray()
        opened: Any = await self._step(self._sftp.open(file.handle, "rb", block_size=_BLOCK))
        try:
            while len(content) < end and (piece := await self._step(opened.read(min(_PIECE, end - len(content))))):
                content += piece
        finally:
            await self._step(opened.close())
        return bytes(content)

    async def _is_same(self, file: Listed) -> bool:
        try:
            facts = await self._step(self._sftp.stat(file.handle))
        except asyncssh.SFTPNoSuchFile:
            return False
        return (facts.size, _changed(facts)) == (file.size, file.changed)

    async def _is_taken(self, path: str) -> bool:
        return await self._step(self._sftp.lexists(path))

    async def _step(self, work: Awaitable[T]) -> T:
        async with asyncio.timeout(self._server.patience):
            return await work

    @contextmanager
    def _said(self, what: str, gone: SourceError | None = None) -> Iterator[None]:
        """Say what went wrong with `what`, in our own words."""
        try:
            yield
        except asyncssh.SFTPNoSuchFile:
            raise gone or SourceUnavailable(f"{what} is not there any more") from None
        except asyncssh.SFTPPermissionDenied:
            raise SourceRefused(f"{what} is not for us: permission denied", hint="ask for the right to it") from None
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError) as error:
            raise _lost(self._server, error) from None
        except asyncssh.Error as error:
            said = excerpt(error.reason, self._server.auth.secrets)
            raise SourceRefused(f"{what} is refused by the server, which says {said!r}") from None
        except ValueError:
            raise SourceRefused(f"{self._server.where.server} speaks no SFTP that can be read") from None
        except OSError as error:  # TimeoutError is one as well.
            raise _lost(self._server, error) from None


@contextmanager
def _told(server: Server, watch: _HostKeys) -> Iterator[None]:
    """Say why nobody came in."""
    place = server.where.server
    try:
        yield
    except asyncssh.HostKeyNotVerifiable:
        raise SourceRefused(
            f"{place} shows the host key {watch.shown}, which auth.host_key does not name",
            hint="if the server's keeper says that it is theirs, write it there; if not, somebody stands between",
        ) from None
    except asyncssh.PermissionDenied:
        raise SourceRefused(
            f"{place} does not let {server.where.user} in", hint="check auth, and the user in `at`"
        ) from None
    except asyncssh.KeyExchangeFailed as error:
        raise SourceRefused(
            f"{place} and the hub know no algorithm in common: {excerpt(error.reason)!r}",
            hint="an old server may need auth.legacy_algorithms: true",
        ) from None
    except (asyncssh.ConnectionLost, OSError) as error:
        raise _lost(server, error) from None
    except asyncssh.Error as error:
        said = excerpt(error.reason, server.auth.secrets)
        raise SourceRefused(f"{place} refuses to speak SFTP: {said!r}") from None


def _lost(server: Server, error: Exception) -> SourceUnavailable:
    if isinstance(error, TimeoutError):
        return SourceUnavailable(f"{server.where.server} gave no answer within {server.patience:g} s")
    why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return SourceUnavailable(f"{server.where.server}: no connection ({why})")


def _type(found: asyncssh.SFTPName) -> int:
    """Say what a name stands for; where the attributes do not, the long form begins with the letter of `ls -l`."""
    told = found.attrs.permissions is not None or found.attrs.type in {*_KINDS, FILEXFER_TYPE_SYMLINK}
    return found.attrs.type if told else _KINDS_BY_LETTER.get(str(found.longname)[:1], found.attrs.type)


def _kind(found: asyncssh.SFTPName) -> Kind:
    return _KINDS.get(_type(found), "other")


def _changed(facts: asyncssh.SFTPAttrs) -> int:
    return int(facts.mtime or 0) * 10**9 + int(facts.mtime_ns or 0)
