"""Say whom the hub trusts over TLS, and what it shows of itself."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import SecretStr, model_validator

from hub.connectors.base import Options
from hub.errors import SourceRefused

TOO_OLD = frozenset(
    {
        "UNSUPPORTED_PROTOCOL",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
        "DH_KEY_TOO_SMALL",
        "EE_KEY_TOO_SMALL",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "WRONG_SIGNATURE_TYPE",
    }
)
"""How OpenSSL calls what `legacy` may help against."""

_LEGACY_SERVER_CONNECT = 0x4  # ssl.OP_LEGACY_SERVER_CONNECT, a name that Python has since 3.12


class Tls(Options):
    ca: str | None = None
    """A file of certificates (PEM) to trust beside the system's own; relative to connectors.yaml."""
    certificate: str | None = None
    """The hub's own certificate (PEM), for a source that asks for one; relative to connectors.yaml."""
    key: str | None = None
    """Its private key (PEM), where that is a file of its own."""
    password: SecretStr | None = None
    """The password of the private key."""
    legacy: bool = False
    """Talk to a server that is too old for what is safe today: TLS 1.0, short keys, renegotiation of its own kind."""

    @model_validator(mode="after")
    def _key_of_what(self) -> "Tls":
        if self.certificate is None and (self.key is not None or self.password is not None):
            raise ValueError("`key` and `password` belong to a `certificate`")
        return self

    def at(self, folder: Path) -> "Trust":
        """Resolve the files from the folder of connectors.yaml."""
        ca, certificate, key = (folder / name if name else None for name in (self.ca, self.certificate, self.key))
        password = self.password.get_secret_value() if self.password else ""
        return Trust(ca, certificate, key, password, self.legacy)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the hub trusts beside the system's authorities, and the certificate that it shows."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    password: str = field(default="", repr=False)
    legacy: bool = False

    def context(self) -> ssl.SSLContext | Literal[True]:
        """Make the context of connections; True where nothing is special. Raises SourceRefused for a missing file."""
        if self == Trust():
            return True  # aiohttp has the system's certificates read already, which takes longer than a page.
        context = ssl.create_default_context()
        if self.ca is not None:
            try:
                context.load_verify_locations(self.ca)
            except OSError as error:
                raise SourceRefused(f"tls.ca: {error.strerror or 'no certificates in it'}: {self.ca}") from None
        if self.certificate is not None:
            self._show(context, self.certificate)
        if self.legacy:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.options |= _LEGACY_SERVER_CONNECT
        return context

    def own_context(self) -> ssl.SSLContext:
        """Make the context of connections that are not aiohttp's. Raises SourceRefused for a missing file."""
        context = self.context()
        return ssl.create_default_context() if context is True else context

    def _show(self, context: ssl.SSLContext, certificate: Path) -> None:
        try:
            # Without a password at hand OpenSSL would ask for it at the terminal, and wait.
            context.load_cert_chain(certificate, self.key, lambda: self.password)
        except OSError as error:
            problem = error.strerror if not isinstance(error, ssl.SSLError) else "no certificate with its key in it"
            raise SourceRefused(f"tls.certificate: {problem}: {certificate}") from None
