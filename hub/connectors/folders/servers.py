"""Open the folder that an address names, and say what each kind of server needs to be known."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from pydantic import SecretStr, field_validator

from hub.connectors.base import Limits, Options, Retry
from hub.connectors.extras import needs
from hub.connectors.folders.base import Address, Folder
from hub.connectors.tls import Tls, Trust

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_NO_FINGERPRINT = re.compile(r"(?i)\s*(?:sha\d*:|md5:|(?:[0-9a-f]{2}:){7}|ssh-|ecdsa-)")


class FileAuth(Options):
    """How the hub proves to a file server who it is, and the server to the hub. The user stands in `at`."""

    password: SecretStr | None = None
    """The user's password; not for folders of this machine."""
    key: SecretStr | None = None
    """SFTP: the private key itself, in OpenSSH's form or PEM: `${file:secrets/id_ed25519}`."""
    passphrase: SecretStr | None = None
    """SFTP: what opens the key."""
    host_key: str | Sequence[str] | None = None
    """SFTP, required: the server's fingerprint, `SHA256:…`, or several; or the name of a known_hosts file."""
    legacy_algorithms: bool = False
    """SFTP: true speaks to old servers as well, by algorithms that are no longer thought safe."""
    token: SecretStr | None = None
    """HTTP: a bearer token."""

    @field_validator("key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key else ""
        if text.startswith("PuTTY-User-Key-File"):
            raise ValueError("this is a key in PuTTY's own form; have PuTTYgen export it in OpenSSH's")
        if key and "PRIVATE KEY-----" not in text:
            raise ValueError("not a private key; write the file that holds it as ${file:secrets/id_ed25519}")
        return key

    @field_validator("host_key")
    @classmethod
    def _is_known(cls, host_key: str | Sequence[str] | None) -> str | Sequence[str] | None:
        for one in [host_key] if isinstance(host_key, str) else host_key or []:
            looks_so = isinstance(host_key, str) and not _NO_FINGERPRINT.match(one)
            if not _FINGERPRINT.fullmatch(one) and not looks_so:
                raise ValueError("a fingerprint is written SHA256: and 43 characters, as `ssh-keygen -lf` shows it")
        return host_key

    @property
    def fingerprints(self) -> frozenset[str]:
        """The fingerprints that were written down; none where a file holds the keys."""
        written = [self.host_key] if isinstance(self.host_key, str) else self.host_key or []
        return frozenset(one.rstrip("=") for one in written if one.startswith("SHA256:"))

    @property
    def secrets(self) -> list[str]:
        """What must never be quoted."""
        held = (self.password, self.key, self.passphrase, self.token)
        return [one.get_secret_value() for one in held if one]


class FileTls(Tls):
    implicit: bool | None = None
    """FTPS: true where TLS begins with the connection, false where it begins with AUTH TLS; left out, by port 990."""


@dataclass(frozen=True, slots=True)
class Server:
    """What it takes to reach a folder on a server; relative names of files start `beside` connectors.yaml."""

    where: Address
    auth: FileAuth
    trust: Trust
    implicit: bool | None
    limits: Limits
    retry: Retry
    name_encoding: str
    beside: Path

    @property
    def patience(self) -> float:
        """How many seconds a step may take: to connect, to answer, or to send the next piece."""
        return self.limits.timeout.total_seconds()


Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[Folder]]

_MODULES = {"sftp": "sftp", "ftp": "ftp", "ftps": "ftp", "http": "blobs", "https": "blobs"}
_EXTRAS = {"sftp": ("asyncssh", "sftp"), "ftp": ("aioftp", "ftp"), "ftps": ("aioftp", "ftp")}


def opening(server: Server) -> Opening:
    """Say how to open the folder for a run. Raises SourceRefused where the library for it is not installed."""
    if (needed := _EXTRAS.get(server.where.scheme)) is not None:
        needs(*needed)

    def opened() -> AbstractAsyncContextManager[Folder]:
        # Imported with the first run: what speaks SFTP takes longer to load than `hub check` takes altogether.
        module = import_module(f"hub.connectors.folders.{_MODULES[server.where.scheme]}")
        folder: AbstractAsyncContextManager[Folder] = module.opened(server)
        return folder

    return opened


def check(where: Address | None, auth: FileAuth | None) -> None:
    """Raise ValueError where a folder is to be reached without what it needs, or with what it cannot use."""
    given = auth.model_fields_set if auth else set()
    if where is None:
        if given:
            raise ValueError("a folder of this machine needs no `auth`")
        return
    usable = {"sftp": {"password", "key", "passphrase", "host_key", "legacy_algorithms"}}
    usable |= {"ftp": {"password"}, "ftps": {"password"}, "http": {"password", "token"}, "https": {"password", "token"}}
    if strange := sorted(given - usable[where.scheme]):
        raise ValueError(f"{where.scheme}:// does not know `{strange[0]}`")
    if where.scheme == "sftp":
        _check_sftp(where, auth or FileAuth())
    if auth and auth.password and not where.user:
        raise ValueError(f"a password needs its user, who stands in `at`: {where.scheme}://user@{where.host}/")


def _check_sftp(where: Address, auth: FileAuth) -> None:
    if not auth.host_key:
        ask = f"ssh-keyscan -p {where.port or 22} {where.host} | ssh-keygen -lf -"
        raise ValueError(f"SFTP needs `host_key`, by which the server is known; its keeper tells it, or `{ask}`")
    if not auth.password and not auth.key:
        raise ValueError("SFTP needs `password` or `key`")
    if not where.user:
        raise ValueError(f"SFTP needs a user, who stands in `at`: sftp://user@{where.host}/")
