"""Judge whether a push comes from its source: by a signature, a token or a password, and in good time. Pure.

A proof is judged to its end before it is refused, so that the time it takes tells nothing of what was wrong with it.
What was wrong is said to the hub's own people, in NotGenuine, and to nobody else.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from zoneinfo import ZoneInfo

import orjson
from pydantic import AfterValidator, Field, SecretStr, model_validator

from hub.connectors.base import Options, Push
from hub.connectors.paths import Path, reader
from hub.connectors.versions import TimeForms
from hub.errors import NotGenuine, Unreadable
from hub.mapping.texts import text_of
from hub.mapping.times import time_reader
from hub.units import Duration

Fields: TypeAlias = Callable[[], Any]
"""Reads the body as a form or an object; asked only by a proof that signs parts of it. Raises SourceError."""

_SHORTEST_SECRET = 16  # bytes that nobody guesses
_MOST_SIGNATURES = 32  # looked at in one push, whose header may hold thousands
_START = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = re.compile(r"\d{1,11}", re.ASCII)
_EPOCH = re.compile(r"\d{10}|\d{13}", re.ASCII)
_BETWEEN = re.compile(r"[\s,;]+")
_PLACEHOLDER = re.compile(rb"\{([^{}]*)\}")
_KNOWN = ("body", "secret", "timestamp", "nonce", "parameters")
_KNOWN_PARTS = ("header.", "query.", "field.")


def _bounded(tolerance: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= tolerance <= timedelta(days=1):
        raise ValueError("the tolerance is at least 1s and at most 1d")
    return tolerance


Tolerance: TypeAlias = Annotated[Duration, AfterValidator(_bounded)]


class _Secrets(Options):
    secrets: list[SecretStr] = Field(min_length=1, max_length=8)
    """What is good now: one secret, token or password, and while it is changed, the old and the new."""
    short_secrets: bool = False
    """true takes secrets of fewer than 16 bytes, from a sender that can do no better."""

    @model_validator(mode="after")
    def _hard_to_guess(self) -> "_Secrets":
        shortest = min(map(len, self.known()))
        if shortest == 0:
            raise ValueError("a secret is empty")
        if shortest < _SHORTEST_SECRET and not self.short_secrets:
            raise ValueError(
                f"a secret of {shortest} bytes can be guessed: use {_SHORTEST_SECRET} or more, as `openssl rand "
                "-hex 32` makes, or write `short_secrets: true` if the sender can do no better"
            )
        return self

    def known(self) -> list[bytes]:
        """List the secrets as bytes."""
        return [secret.get_secret_value().encode() for secret in self.secrets]


class ByStandardWebhooks(_Secrets):
    """Signed as Standard Webhooks 1.0 says, by HMAC-SHA256 (`v1`), with secrets that are `whsec_` and base64.

    The id of a push tells when it comes again.
    """

    by: Literal["standard-webhooks"]
    tolerance: Tolerance = timedelta(minutes=5)
    """How far the time of a push may be from the hub's."""
    headers: Literal["webhook", "svix"] = "webhook"
    """The first word of the three headers that end in `-id`, `-timestamp` and `-signature`."""

    signs_body: ClassVar[bool] = True
    challenge: ClassVar[str] = "Signature"

    def known(self) -> list[bytes]:
        try:
            return [_base64(secret.get_secret_value().removeprefix("whsec_")) for secret in self.secrets]
        except ValueError:
            raise ValueError("a secret of Standard Webhooks is `whsec_` and base64") from None

    def verify(self, push: Push, fields: Fields, zone: ZoneInfo) -> str | None:
        """Return what tells this push from every other: its id. Raises NotGenuine."""
        del fields, zone
        shown = (push.headers.get(f"{self.headers}-{part}", "") for part in ("id", "timestamp", "signature"))
        key, stamp, given = shown
        signed = b".".join((_of_header(key), _of_header(stamp), push.body))
        versions = [part.removeprefix("v1,") for part in given.split() if part.startswith("v1,")]
        found = _match((_hmac("sha256", secret, signed) for secret in self.known()), _decoded(versions, _base64))
        sent_at = _START + timedelta(seconds=int(stamp)) if _SECONDS.fullmatch(stamp) else None
        _refuse(
            # A full stop in it could be taken for the one before the time.
            f"{self.headers}-id is missing or holds a full stop" if not key or "." in key else None,
            _untimely(f"{self.headers}-timestamp", sent_at, push.at, self.tolerance),
            f"{self.headers}-signature fits none of the secrets" if found is None else None,
        )
        return f"id:{key}"


class Shown(Options):
    header: str | None = None
    """The header that shows it."""
    query: str | None = None
    """The query parameter that shows it."""
    field: Path | None = None
    """The path to it in the body, a form or an object."""
    prefix: str = ""
    """What stands before it, such as `sha256=`; of several parts with commas between, those that begin so count."""

    @model_validator(mode="after")
    def _one_place(self) -> "Shown":
        if sum(place is not None for place in (self.header, self.query, self.field)) != 1:
            raise ValueError("write exactly one of `header`, `query` and `field`, the one that shows it")
        return self

    @property
    def name(self) -> str:
        return self.header or self.query or self.field or ""

    def text(self, push: Push, fields: Fields) -> str:
        """Read what a push shows here; nothing is an empty text."""
        return next(iter(self.texts(push, fields)), "") if self.prefix else self._whole(push, fields)

    def texts(self, push: Push, fields: Fields) -> list[str]:
        """Read all that a push shows here, where it may show several."""
        parts = _BETWEEN.split(self._whole(push, fields))
        return [part.removeprefix(self.prefix) for part in parts if part.startswith(self.prefix)]

    def _whole(self, push: Push, fields: Fields) -> str:
        if self.header is not None:
            return push.headers.get(self.header.lower(), "").strip()
        if self.query is not None:
            return push.query.get(self.query, "").strip()
        return _text(reader(self.field or "")(fields())).strip()


class ShownTime(Shown):
    date: TimeForms = ()
    """The form of the time, as in a mapping; left out, seconds or milliseconds since 1970."""

    def moment(self, text: str, zone: ZoneInfo) -> datetime | None:
        """Read the time; None for what is none."""
        if not self.date and not _EPOCH.fullmatch(text):
            return None
        try:
            return time_reader(self.date or ["epoch_s", "epoch_ms"], zone)(text)
        except Unreadable:
            return None


class BySignature(_Secrets):
    """Signed by a secret: HMAC over a text that the push makes up, or a plain digest of one with the secret in it."""

    by: Literal["signature"]
    algorithm: Literal[
        "hmac-sha256", "hmac-sha512", "hmac-sm3", "hmac-sha1", "hmac-md5", "sha256", "sha512", "sm3", "sha1", "md5"
    ] = "hmac-sha256"
    """How it is made; without `hmac-` the secret has to stand in `of`."""
    of: str | list[str] = "{body}"
    """What is signed: a text in which `{body}`, `{secret}`, `{timestamp}`, `{nonce}`, `{header.NAME}`, `{query.NAME}`
    and `{field.PATH}` are filled in, and for `{parameters}` all parameters of the query and fields of the body but the
    signature, `a=1&b=2` in the order of their names, empty ones left out. A list: its texts are sorted, then joined."""
    shown: Shown = Field(alias="in")
    """Where the push shows its signature."""
    encoding: Literal["hex", "base64"] = "hex"
    """How the signature is written."""
    timestamp: ShownTime | None = None
    """Where the push shows when it was sent; it has to be signed. Without it, a push that somebody captured is good for
    ever, unless `version` tells that it is old."""
    nonce: Shown | None = None
    """Where the push shows a text that no other has; it has to be signed."""
    tolerance: Tolerance = timedelta(minutes=5)
    """How far `timestamp` may be from the hub's time."""

    challenge: ClassVar[str] = "Signature"

    @model_validator(mode="after")
    def _sound(self) -> "BySignature":
        names = self._names()
        for name in names:
            if name not in _KNOWN and not name.startswith(_KNOWN_PARTS):
                known = ", ".join((*_KNOWN, "header.NAME", "query.NAME", "field.PATH"))
                raise ValueError(f"`of` knows no {{{name}}}; it knows {known}")
            if name.startswith("field."):
                reader(name.removeprefix("field."))
        if "hmac" not in self.algorithm and "secret" not in names:
            raise ValueError(f"a plain {self.algorithm} proves nothing without {{secret}} in `of`")
        for name, shown in (("timestamp", self.timestamp), ("nonce", self.nonce)):
            if shown is None and name in names:
                raise ValueError(f"`of` holds {{{name}}}: say under `{name}` where the push shows it")
            if shown and name not in names and (shown.header or "parameters" not in names):
                raise ValueError(f"`{name}` is not in `of`, so anybody could change it")
        _digest(self.algorithm, b"")
        return self

    @property
    def signs_body(self) -> bool:
        shown = [each for each in (self.shown, self.timestamp, self.nonce) if each]
        return any(each.field for each in shown) or any(
            name in ("body", "parameters") or name.startswith("field.") for name in self._names()
        )

    def verify(self, push: Push, fields: Fields, zone: ZoneInfo) -> str | None:
        """Return what tells this push from every other, where a time or a nonce is signed. Raises NotGenuine."""
        expected = [self._expected(secret, push, fields) for secret in self.known()]
        given = self.shown.texts(push, fields)
        found = _match(expected, _decoded(given, bytes.fromhex if self.encoding == "hex" else _base64))
        _refuse(
            self._lateness(push, fields, zone),
            f"{self.nonce.name} is missing" if self.nonce and not self.nonce.text(push, fields) else None,
            f"{self.shown.name} fits none of the secrets" if found is None else None,
        )
        return f"signature:{found.hex()}" if found and (self.timestamp or self.nonce) else None

    def _lateness(self, push: Push, fields: Fields, zone: ZoneInfo) -> str | None:
        if self.timestamp is None:
            return None
        moment = self.timestamp.moment(self.timestamp.text(push, fields), zone)
        return _untimely(self.timestamp.name, moment, push.at, self.tolerance)

    def _expected(self, secret: bytes, push: Push, fields: Fields) -> bytes:
        def signed(text: str) -> bytes:
            return _PLACEHOLDER.sub(lambda found: self._value(found[1].decode(), secret, push, fields), text.encode())

        whole = signed(self.of) if isinstance(self.of, str) else b"".join(sorted(map(signed, self.of)))
        name = self.algorithm.removeprefix("hmac-")
        return _hmac(name, secret, whole) if name != self.algorithm else _digest(name, whole)

    def _value(self, name: str, secret: bytes, push: Push, fields: Fields) -> bytes:
        if name in ("body", "secret"):
            return push.body if name == "body" else secret
        if name == "parameters":
            return "&".join(self._parameters(push, fields())).encode()
        shown = {"timestamp": self.timestamp, "nonce": self.nonce}.get(name)
        kind, _, of = name.partition(".")
        text = (shown or Shown.model_validate({kind: of})).text(push, fields)
        return _of_header(text) if kind == "header" or (shown and shown.header) else text.encode("utf-8", "replace")

    def _parameters(self, push: Push, found: Any) -> Iterator[str]:
        fields = found if isinstance(found, dict) else {}
        texts = {**push.query, **{str(name): _text(value) for name, value in fields.items()}}
        return (f"{name}={text}" for name, text in sorted(texts.items()) if text and name != self.shown.name)

    def _names(self) -> list[str]:
        of = self.of if isinstance(self.of, str) else "".join(self.of)
        return [name.decode() for name in _PLACEHOLDER.findall(of.encode())]


class ByToken(_Secrets):
    """A token that every push carries in a header: whoever sees one push can make others, so only within TLS."""

    by: Literal["token"]
    header: str = "Authorization"
    """The header that carries the token."""
    prefix: str | None = None
    """What stands before the token; left out, `Bearer ` in Authorization, and nothing in any other header."""

    signs_body: ClassVar[bool] = False
    challenge: ClassVar[str] = "Bearer"

    def verify(self, push: Push, fields: Fields, zone: ZoneInfo) -> None:
        """Raises NotGenuine; a token tells no push from another."""
        del fields, zone
        prefix = ("Bearer " if self.header.lower() == "authorization" else "") if self.prefix is None else self.prefix
        shown = push.headers.get(self.header.lower(), "")
        # The names of HTTP's schemes are the same in capitals and small letters.
        is_there = shown[: len(prefix)].lower() == prefix.lower()
        found = _match(map(_hidden, self.known()), [_hidden(_of_header(shown[len(prefix) :].strip()))])
        _refuse(None if found and is_there else f"{self.header} carries none of the tokens")


class ByBasic(_Secrets):
    """HTTP Basic: a name and a password that every push carries, so only within TLS."""

    by: Literal["basic"]
    username: str = Field(min_length=1)
    """The name."""

    signs_body: ClassVar[bool] = False
    challenge: ClassVar[str] = 'Basic realm="hub", charset="UTF-8"'

    def verify(self, push: Push, fields: Fields, zone: ZoneInfo) -> None:
        """Raises NotGenuine; a password tells no push from another."""
        del fields, zone
        scheme, _, pair = push.headers.get("authorization", "").partition(" ")
        shown = _decoded([pair.strip()], _base64) or [b""]
        expected = (_hidden(f"{self.username}:".encode() + password) for password in self.known())
        found = _match(expected, map(_hidden, shown))
        _refuse(None if found and scheme.lower() == "basic" else "Authorization carries none of the passwords")


Proof: TypeAlias = Annotated[ByStandardWebhooks | BySignature | ByToken | ByBasic, Field(discriminator="by")]


def _refuse(*faults: str | None) -> None:
    """Raise NotGenuine for the first fault there is, after all of them were looked for."""
    if fault := next(filter(None, faults), None):
        raise NotGenuine(fault)


def _untimely(name: str, sent_at: datetime | None, now: datetime, tolerance: timedelta) -> str | None:
    if sent_at is None:
        return f"{name} is missing or no time"
    late = (now - sent_at).total_seconds()
    if abs(late) <= tolerance.total_seconds():
        return None
    return f"{name} is {abs(late):.0f} s {'behind' if late > 0 else 'ahead of'} the hub's clock"


def _match(expected: Iterable[bytes], given: Iterable[bytes]) -> bytes | None:
    """Return what was given and expected. Each is compared with each, so that nothing shows in the time it takes."""
    found, shown = None, list(given)
    for right in expected:
        for each in shown:
            if hmac.compare_digest(right, each):
                found = each
    return found


def _decoded(texts: Sequence[str], decode: Callable[[str], bytes]) -> list[bytes]:
    """Decode what can be decoded."""
    found = []
    for text in texts[:_MOST_SIGNATURES]:
        try:
            found.append(decode(text))
        except ValueError:
            continue
    return found


def _base64(text: str) -> bytes:
    """Decode base64, of either alphabet, with or without its padding. Raises ValueError."""
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def _hidden(secret: bytes) -> bytes:
    """Make all secrets equally long, so that comparing them does not tell how long one is."""
    return hashlib.sha256(secret).digest()


def _hmac(name: str, secret: bytes, text: bytes) -> bytes:
    return hmac.new(secret, text, name).digest()


def _digest(name: str, text: bytes) -> bytes:
    try:
        return hashlib.new(name.removeprefix("hmac-"), text).digest()
    except ValueError:
        raise ValueError(f"the OpenSSL of this Python knows no {name}") from None


def _of_header(text: str) -> bytes:
    """Give a header's bytes back as they came; ASGI servers decode them so."""
    return text.encode("latin-1", "replace")


def _text(value: Any) -> str:
    """Write a value of the body as the text that its sender signed."""
    if value is None:
        return ""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else text_of(value)
