"""Real file servers on loopback for the tests: SFTP by asyncssh, FTP by aioftp, over a folder of the test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import aioftp
import asyncssh
from listening import listening

PASSWORD = "made-up/p4ss+word"


@dataclass
class FileServer:
    """A running server: what the options of a source say about it, and the way to stop it in the middle."""

    at: str
    auth: dict[str, Any]
    root: Path
    stop: Callable[[], Any]
    password: str = PASSWORD
    logins: list[str] = field(default_factory=list)


@cache
def host_key(kind: str = "ssh-ed25519") -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(kind)


class Door(asyncssh.SSHServer):
    """Lets `hub` in, by the password or by the key."""

    def __init__(self, server: FileServer, client_key: asyncssh.SSHKey | None) -> None:
        self._server = server
        self._client_key = client_key

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return self._client_key is None

    def validate_password(self, username: str, password: str) -> bool:
        self._server.logins.append(username)
        return (username, password) == ("hub", self._server.password)

    def public_key_auth_supported(self) -> bool:
        return self._client_key is not None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._client_key is not None and key == self._client_key.convert_to_public()


@asynccontextmanager
async def sftp_server(
    root: Path,
    *,
    files: type[asyncssh.SFTPServer] = asyncssh.SFTPServer,
    key: asyncssh.SSHKey | None = None,
    client_key: asyncssh.SSHKey | None = None,
    **options: Any,
) -> AsyncIterator[FileServer]:
    """Serve a folder by SFTP; its files are what `files` makes of them."""
    key = key or host_key()
    server = FileServer("", {"password": PASSWORD, "host_key": key.get_fingerprint()}, root, lambda: None)
    connections: list[asyncssh.SSHServerConnection] = []

    def door() -> Door:
        return Door(server, client_key)

    def opened(channel: Any) -> asyncssh.SFTPServer:
        connections.append(channel.get_connection())
        return files(channel, chroot=bytes(root))

    listener = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[key], server_factory=door, sftp_factory=opened, **options
    )

    def stop() -> None:
        listener.close()
        for connection in connections:
            connection.abort()

    server.at, server.stop = f"sftp://hub@127.0.0.1:{listener.get_port()}/", stop
    try:
        yield server
    finally:
        stop()
        await listener.wait_closed()


@asynccontextmanager
async def ftp_server(
    root: Path, *, serve: type[aioftp.Server] = aioftp.Server, scheme: str = "ftp", **options: Any
) -> AsyncIterator[FileServer]:
    """Serve a folder by FTP, the way `serve` does it."""
    server = FileServer("", {"password": PASSWORD}, root, lambda: None)
    ftp = serve(Users(server), wait_future_timeout=5, **options)
    await ftp.start("127.0.0.1", 0)

    def stop() -> None:
        ftp.server.close()
        for stream in list(ftp.connections):
            stream.close()

    server.at, server.stop = f"{scheme}://hub@127.0.0.1:{ftp.server_port}/", stop
    yield server
    with suppress(asyncio.CancelledError):
        await ftp.close()


class Users(aioftp.MemoryUserManager):
    """Knows `hub`, by the password that the server has just now."""

    def __init__(self, server: FileServer) -> None:
        super().__init__([aioftp.User("hub", "", base_path=server.root, home_path="/")])
        self._server = server

    async def authenticate(self, user: aioftp.User, password: str) -> bool:
        return password == self._server.password


Serving = Callable[..., AbstractAsyncContextManager[FileServer]]
SERVERS: dict[str, Serving] = {"sftp": sftp_server, "ftp": ftp_server}


class ScriptedFtp:
    """An FTP server that says what a test wants: `says` by command, `lists` and `holds` as data, piece by piece."""

    def __init__(self, **says: str) -> None:
        self.says = {
            "USER": "331 password, please",
            "PASS": "230 welcome",
            "TYPE": "200 binary",
            "MLST": "250-there\r\n type=file;size=5;modify=20260301000000; a.csv\r\n250 end",
            "SIZE": "213 5",
            **says,
        }
        self.greeting = b"220 ready\r\n"
        self.lists: Iterable[bytes] = []
        self.holds: Iterable[bytes] = [b"id\n1\n"]
        self.asked: list[str] = []
        self.at = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedFtp"]:
        async with listening(self._talk) as port:
            self.at = f"ftp://hub@127.0.0.1:{port}/"
            yield self

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel = Channel()
        try:
            writer.write(self.greeting)
            while line := await reader.readline():
                await writer.drain()
                self.asked.append(line.decode("latin-1").strip())
                await self._answer(self.asked[-1].partition(" ")[0], writer, channel)
        finally:
            channel.close()

    async def _answer(self, command: str, writer: asyncio.StreamWriter, channel: "Channel") -> None:
        said = self.says.get(command)
        if said is None and command in {"MLSD", "LIST", "RETR"}:
            writer.write(b"150 here it comes\r\n")
            await self._send(await channel.opened.get(), self.holds if command == "RETR" else self.lists)
            writer.write(b"226 done\r\n")
            return
        if (command == "EPSV" and said is None) or command == "PASV":
            port = await channel.listen()
            said = (said or f"229 come in (|||{port}|)").replace("PORT", f"{port >> 8},{port & 255}")
        writer.write((said or "502 never heard of it").encode("latin-1") + b"\r\n")

    async def _send(self, out: asyncio.StreamWriter, pieces: Iterable[bytes]) -> None:
        try:
            with suppress(OSError):
                for piece in pieces:
                    out.write(piece)
                    await out.drain()
        finally:
            out.close()


class Channel:
    """Where the data of one command go: a port of its own, as real servers have it."""

    def __init__(self) -> None:
        self.opened: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        self.close()
        opened = self.opened = asyncio.Queue()
        self._server = await asyncio.start_server(lambda _, out: opened.put_nowait(out), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        while not self.opened.empty():
            self.opened.get_nowait().close()
        if self._server:
            self._server.close()
