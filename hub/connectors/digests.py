"""Compute what proves a question: a hash, a signature or a cipher of a text. Pure, but for the chance in a cipher."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from types import ModuleType
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import Discriminator, Field, SecretStr, Tag, field_validator, model_validator

from hub.connectors.base import Options
from hub.connectors.clocks import TimeFormat, write_time

Render: TypeAlias = Callable[[str], bytes]
"""Fill the places of a text."""
Hash: TypeAlias = Literal["none", "md5", "sha1", "sha256", "sha384", "sha512", "sm3", "rsa_sha1", "rsa_sha256"]
Writing: TypeAlias = Literal["hex", "HEX", "base64", "base64url", "percent", "bytes"]


class Digest(Options):
    """A hash or a signature of a text."""

    hash: Hash
    """The algorithm; with `key`, its HMAC. `rsa_…` signs with a private key; `none` leaves the text as it is."""
    of: str
    """The text, with `{name}` where a value belongs."""
    key: str | None = None
    """The key of the HMAC, or the private key (PEM) of a signature; usually `{name}`."""
    key_as: Literal["text", "base64", "hex"] = "text"
    """How the key of an HMAC is written."""
    as_: Writing = Field("hex", alias="as")
    """How it is written; `bytes` is for the key or the text of another one."""
    cut: tuple[int, int] | None = None
    """The characters to keep of it, from and to: `[8, 24]` is the short MD5 of sixteen."""

    @field_validator("hash")
    @classmethod
    def _known_here(cls, value: Hash) -> Hash:
        if value != "none" and not value.startswith("rsa_"):
            must_know(value)
        return value

    @model_validator(mode="after")
    def _with_its_key(self) -> "Digest":
        if self.hash.startswith("rsa_") and self.key is None:
            raise ValueError(f"`hash: {self.hash}` needs `key`, a private key (PEM)")
        if self.hash == "none" and self.key is not None:
            raise ValueError("`hash: none` takes no `key`")
        return self

    def texts(self) -> list[str]:
        """The texts whose places must be filled."""
        return [self.of, *([self.key] if self.key is not None else [])]

    def of_texts(self, render: Render) -> str | bytes:
        """Compute it. Raises ValueError where the key does not fit."""
        key = None if self.key is None else _unwritten(render(self.key), self.key_as)
        whole = _written(self._raw(render(self.of), key), self.as_)
        return whole if self.cut is None else whole[slice(*self.cut)]

    def _raw(self, message: bytes, key: bytes | None) -> bytes:
        if self.hash == "none":
            return message
        if self.hash.startswith("rsa_"):
            return bytes(_ciphers().rsa_signature(key or b"", message, self.hash.removeprefix("rsa_")))
        if key is not None:
            return hmac.digest(key, message, self.hash)
        return hashlib.new(self.hash, message, usedforsecurity=False).digest()


class Cipher(Options):
    """A text that only the source can read: how a password or a secret must not go in clear."""

    encrypt: Literal["rsa", "aes_ecb", "aes_cbc", "sm4_ecb", "sm4_cbc"]
    """The algorithm: RSA with PKCS #1 v1.5, AES or SM4 with PKCS #7."""
    of: str
    """The text, with `{name}` where a value belongs."""
    key: str
    """The source's public key (PEM, or Base64 without its frame), or the shared key as text; usually `{name}`."""
    iv: str | None = None
    """The initialisation vector of a `_cbc`, as text."""
    as_: Literal["base64", "hex", "HEX"] = Field("base64", alias="as")
    """How it is written."""

    @model_validator(mode="after")
    def _with_its_vector(self) -> "Cipher":
        if self.encrypt.endswith("_cbc") != (self.iv is not None):
            raise ValueError("`iv` goes with aes_cbc and sm4_cbc, and they need it")
        return self

    def texts(self) -> list[str]:
        """The texts whose places must be filled."""
        return [self.of, self.key, *([self.iv] if self.iv is not None else [])]

    def of_texts(self, render: Render) -> str | bytes:
        """Compute it. Raises ValueError where the key does not fit."""
        key, message = render(self.key), render(self.of)
        if self.encrypt == "rsa":
            return _written(_ciphers().rsa_cipher(key, message), self.as_)
        vector = None if self.iv is None else render(self.iv)
        return _written(_ciphers().block_cipher(self.encrypt, key, vector, message), self.as_)


class Clock(Options):
    """The time at which a question is asked."""

    timestamp: TimeFormat
    """How it is written: `epoch_s`, `epoch_ms`, `iso`, `http`, or a strftime pattern in the source's zone."""
    utc: bool = False
    """Whether a pattern is in UTC instead."""

    def texts(self) -> list[str]:
        """It names nothing."""
        return []

    def written(self, now: datetime, zone: ZoneInfo) -> str:
        return write_time(now, self.timestamp, ZoneInfo("UTC") if self.utc else zone)


def _kind_of(value: Any) -> str:
    """Tell which of the models below is meant, so that a mistake is told of that one alone."""
    if isinstance(value, Digest | Cipher | Clock):
        return type(value).__name__
    if not isinstance(value, dict):
        return "text"
    return "Cipher" if "encrypt" in value else "Clock" if value.keys() & {"timestamp", "utc"} else "Digest"


_Computed = Annotated[Digest, Tag("Digest")] | Annotated[Cipher, Tag("Cipher")] | Annotated[Clock, Tag("Clock")]
Value = Annotated[_Computed | Annotated[str, Tag("text")], Discriminator(_kind_of)]
"""A value of a question: a text with places in it, or something computed."""
SecretValue = Annotated[_Computed | Annotated[SecretStr, Tag("text")], Discriminator(_kind_of)]
"""The same, where the text may be a secret."""
Made: TypeAlias = Digest | Cipher | Clock | SecretStr | str


def texts_of(value: Made) -> list[str]:
    """The texts of a value whose places must be filled."""
    if isinstance(value, Digest | Cipher | Clock):
        return value.texts()
    return [value.get_secret_value() if isinstance(value, SecretStr) else value]


def made(value: Made, render: Render, now: datetime, zone: ZoneInfo) -> str | bytes:
    """Make a value: fill its text, or compute it. Raises ValueError where a key does not fit."""
    if isinstance(value, Clock):
        return value.written(now, zone)
    if isinstance(value, Digest | Cipher):
        return value.of_texts(render)
    return render(texts_of(value)[0])


def must_know(name: str) -> None:
    """Raise ValueError where this Python's OpenSSL lacks a hash: SM3 came late, and strict builds leave MD5 out."""
    try:
        hashlib.new(name, usedforsecurity=False)
        hmac.digest(b"key", b"", name)
    except ValueError:
        raise ValueError(f"the OpenSSL of this Python has no {name}; run the hub with one that has") from None


def _unwritten(key: bytes, writing: Literal["text", "base64", "hex"]) -> bytes:
    try:
        match writing:
            case "base64":
                return base64.b64decode(key, validate=True)
            case "hex":
                return bytes.fromhex(key.decode())
            case _:
                return key
    except ValueError:
        raise ValueError(f"the key is not written in {writing}") from None


def _written(raw: bytes, writing: Writing) -> str | bytes:
    match writing:
        case "bytes":
            return raw
        case "hex":
            return raw.hex()
        case "HEX":
            return raw.hex().upper()
        case "base64":
            return base64.b64encode(raw).decode()
        case "base64url":
            return base64.urlsafe_b64encode(raw).decode().rstrip("=")
        case "percent":
            return quote(raw, safe="~")


def _ciphers() -> ModuleType:
    # The library takes longer to import than everything else of a check, and few sources need it.
    from hub.connectors import ciphers  # noqa: PLC0415

    return ciphers
