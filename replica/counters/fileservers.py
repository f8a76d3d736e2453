"""File servers: the folders that systems drop into, as clients of SFTP and FTP see them."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

USER, PASSWORD = "hub", "demo-files"

_HOST_KEY = hashlib.sha256(b"the SFTP server of a made-up city").digest()


class SftpServer:
    """SFTP, with a host key that is always the same, as a server's is: connectors.yaml knows its fingerprint."""

    variable: ClassVar = "REPLICA_SFTP"
    place: ClassVar = 1

    def __init__(self, files: Path) -> None:
        self.root = files / "sftp"
        self._server: Any = None

    async def start(self, host: str, port: int) -> int:
        import asyncssh  # noqa: PLC0415  # a fifth of a second, where there is a folder to serve

        self.root.mkdir(parents=True, exist_ok=True)
        asyncssh.set_log_level(logging.ERROR)
        self._server = await asyncssh.listen(
            host,
            port,
            server_factory=_password_server(asyncssh.SSHServer),
            server_host_keys=[_host_key()],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self.root).encode()),
            allow_scp=False,
        )
        return int(self._server.get_port())

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()


def _password_server(base: Any) -> Callable[[], Any]:
    class PasswordServer(base):  # type: ignore[misc]  # the library is imported when it is needed
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    return PasswordServer


def _host_key() -> Any:
    import asyncssh  # noqa: PLC0415  # see above
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.from_private_bytes(_HOST_KEY)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, plain)
    return asyncssh.import_private_key(pem)


class FtpServer:
    """FTP, in clear and with passive connections, as such servers still are."""

    variable: ClassVar = "REPLICA_FTP"
    place: ClassVar = 2

    def __init__(self, files: Path) -> None:
        self.root = files / "ftp"
        self._server: Any = None

    async def start(self, host: str, port: int) -> int:
        import aioftp  # noqa: PLC0415  # where there is a folder to serve

        self.root.mkdir(parents=True, exist_ok=True)
        logging.getLogger("aioftp.server").setLevel(logging.CRITICAL)  # a client that just leaves is no error
        user = aioftp.User(USER, PASSWORD, base_path=self.root, permissions=[aioftp.Permission("/", writable=False)])
        self._server = aioftp.Server([user])
        await self._server.start(host, port)
        return int(self._server.server_port)

    async def stop(self) -> None:
        await self._server.close()
