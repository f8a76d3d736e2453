"""Keep secrets that the hub made itself: encrypted at rest with a key that is not in the database."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.endpoints.base import Kept
from hub.errors import HubError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12  # bytes, as AES-GCM wants them


class NoKey(HubError):
    """The hub has no key, or not the one, with which secrets are kept."""

    code = "NO_SECRET_KEY"


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens secrets, each for one endpoint alone: what was sealed for another does not open."""

    key: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Vault":
        """Take the key from the environment. Raises NoKey for what is no key."""
        written = environ.get("HUB_SECRET_KEY", "")
        if not written:
            return cls()
        try:
            key = base64.b64decode(written, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise NoKey("HUB_SECRET_KEY is no key", hint=_MAKE_ONE)
        return cls(key)

    def seal(self, endpoint: str, secret: str) -> bytes:
        """Encrypt a secret. Raises NoKey."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher().encrypt(nonce, secret.encode(), endpoint.encode())

    def opened(self, endpoint: str, *sealed: bytes | None) -> Kept:
        """Decrypt the secrets that there are. Raises NoKey."""
        return Kept(tuple(self._open(endpoint, each) for each in sealed if each))

    def _open(self, endpoint: str, sealed: bytes) -> str:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # see _cipher

        try:
            return str(self._cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], endpoint.encode()).decode())
        except InvalidTag:
            raise NoKey(
                f"the secret of {endpoint} was kept with another HUB_SECRET_KEY",
                hint=f"set that one again, or make a new secret by `hub endpoints {endpoint} --rotate`",
            ) from None

    def _cipher(self) -> "AESGCM":
        # The library takes longer to import than everything else of a check, and few endpoints need it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        if self.key is None:
            raise NoKey("the hub has no HUB_SECRET_KEY to keep secrets with", hint=_MAKE_ONE)
        return AESGCM(self.key)


_MAKE_ONE = "set it to what `openssl rand -base64 32` prints, the same for every process"


def new_secret() -> str:
    """Make a secret of 32 random bytes, as Standard Webhooks writes them."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
