"""Take what a system pushes to the hub: check that it is the system's, and read the tickets in it. Pure."""

import zlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import timedelta
from email.message import Message
from typing import Any, ClassVar, Literal, TypeAlias
from urllib.parse import parse_qsl

import orjson
from pydantic import Field, field_validator, model_validator

from hub.connectors.base import Limits, Options, Place, Push, Pushed, Reply, Terms
from hub.connectors.formats import (
    NotReadable,
    encoding_named,
    known_encoding,
    looks_like_xml,
    parse_json,
    parse_xml,
    strict_for,
)
from hub.connectors.masking import hide
from hub.connectors.paths import Path, reader
from hub.connectors.payloads import Records, judge
from hub.connectors.proofs import Proof
from hub.connectors.tables import CsvOptions, csv_rows, jsonl_rows
from hub.connectors.verdicts import ErrorEnvelope
from hub.connectors.versions import TimeForms, version_reader
from hub.errors import NotGenuine, SourceError
from hub.model import Cursor, Page, Ticket
from hub.units import Duration, PerTime, Rate, Size

BodyFormat: TypeAlias = Literal["json", "xml", "form", "csv", "jsonl"]

_ROWS = frozenset({"csv", "jsonl"})
_FORMATS: Mapping[str, BodyFormat] = {
    "application/json": "json",
    "text/json": "json",
    "application/xml": "xml",
    "text/xml": "xml",
    "application/soap+xml": "xml",
    "application/x-www-form-urlencoded": "form",
    "text/csv": "csv",
    "application/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/jsonlines": "jsonl",
    "application/x-jsonlines": "jsonl",
}
_SAYS_NOTHING = frozenset({"text/plain", "application/octet-stream"})
_MOST_FIELDS = 10_000
_MOST_PIECES = 100
_GZIP = b"\x1f\x8b"
_KEPT = timedelta(days=7)


class WrongMedia(NotReadable):
    """The body is of a kind that no option makes readable."""


class TooLong(NotReadable):
    """The body inflates to more than limits.max_body."""


class InboundLimits(Limits):
    rate: Rate = PerTime(100, timedelta(seconds=1))
    """Pushes a second, minute or hour; one more is answered 429."""
    concurrency: int = Field(4, ge=1, le=64)
    """Pushes landed at once by one process; others wait their turn."""
    timeout: Duration = timedelta(seconds=30)
    """How long a push may take to arrive."""
    max_body: Size = 8 * 1024**2
    """The largest push, before and after decompression."""


class Idempotency(Options):
    """What tells one push from another, beside its signature: a push with a key that came is answered as the first."""

    header: str | None = None
    """The header that carries the key, such as `Idempotency-Key`."""
    path: Path | None = None
    """The path to the key in the body. It names the push, not the ticket: each push has its own."""
    keep: Duration = _KEPT
    """For how long a key is known; longer than the sender goes on sending again."""

    @model_validator(mode="after")
    def _one_place(self) -> "Idempotency":
        if (self.header is None) == (self.path is None):
            raise ValueError("write either `header` or `path`, the one that carries the key")
        return self


class Answer(Options):
    """What a sender is told when its push was taken, where it expects something of its own."""

    status: int = Field(202, ge=200, le=299)
    """The status."""
    body: Mapping[str, Any] | str | None = None
    """The body: keys are sent as JSON, a text as it stands; left out, how many tickets were accepted and repeated."""
    type: str | None = Field(None, pattern=r"^[\w.+-]+/[\w.+-]+$")
    """The media type; left out, application/json or text/plain."""

    def reply(self) -> Reply:
        """Write it as it is sent."""
        if self.body is None:
            return Reply(self.status)
        is_text = isinstance(self.body, str)
        body = self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)
        return Reply(self.status, body, self.type or ("text/plain" if is_text else "application/json"))


class InboundOptions(Options):
    """A system that pushes: the hub takes its tickets at `POST /in/NAME`, and pulls nothing."""

    verify: Proof
    """How a push proves that it comes from the system."""
    format: Literal["auto"] | BodyFormat = "auto"
    """What the body is; `auto` goes by its Content-Type, and where that says nothing, tells JSON from XML."""
    csv: CsvOptions = CsvOptions()
    """How a CSV body is written."""
    encoding: str | None = None
    """The encoding of the body, where the sender says none or a wrong one; gb2312 and gbk are read as gb18030."""
    inner: Path | None = None
    """Where the body carries another document as a text, JSON or XML, such as a field of a form; that is read then."""
    records: Path = ""
    """Where the body holds the tickets, such as `data.items`; one object is one ticket."""
    error: ErrorEnvelope | None = None
    """How a push says that something went wrong in the system; it is refused with what it says."""
    version: Path | None = None
    """Which of two states of a ticket is newer: the path to a number or a time that rises with every change of the
    ticket. An older state never replaces a newer one, in whatever order they come. Left out, what the map reads as
    `updated_at`; without that, the state that comes later is the newer."""
    version_date: TimeForms = ()
    """The form of a `version` that is a time, as in a mapping; left out, a number or ISO 8601."""
    idempotency: Idempotency | None = None
    """What tells one push from another."""
    answer: Answer = Answer()
    """What a sender is told when its push was taken."""
    challenge: str | None = Field(None, min_length=1)
    """The query parameter that a GET wants back, once its proof is verified: so some systems try out an address."""
    limits: InboundLimits = InboundLimits()
    """What the hub allows itself to take."""

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        return None if encoding is None else known_encoding(encoding)

    @model_validator(mode="after")
    def _consistent(self) -> "InboundOptions":
        if self.format in _ROWS and (self.records or self.inner or self.error):
            raise ValueError(f"{self.format} is rows and nothing around them: leave `records`, `inner` and `error` out")
        if self.version_date and self.version is None:
            raise ValueError("`version_date` is the form of `version`: say where that is")
        tolerance = getattr(self.verify, "tolerance", timedelta())
        if self.idempotency and self.idempotency.keep < 2 * tolerance:
            raise ValueError("`idempotency.keep` is shorter than a signature is good for: at least twice `tolerance`")
        return self


class Inbound:
    """What a system pushes to `POST /in/NAME`."""

    options_type: ClassVar[type[Options]] = InboundOptions
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: InboundOptions, place: Place) -> None:
        self._options = options
        self._zone = place.timezone
        self._secrets = [secret.get_secret_value() for secret in options.verify.secrets]
        self._records = Records(options.records)
        self._version = (
            version_reader(options.version, options.version_date, place.timezone) if options.version else None
        )
        self.terms = Terms(
            limits=options.limits,
            signs_body=options.verify.signs_body,
            challenge=options.verify.challenge,
            keep=options.idempotency.keep if options.idempotency else _KEPT,
            reply=options.answer.reply(),
            echo=options.challenge,
        )

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Yield nothing: a run serves what was pushed since the last."""
        del cursor
        nothing: Sequence[Page] = ()
        for page in nothing:
            yield page

    def verify(self, push: Push) -> str | None:
        """Return what tells a push from every other, if its proof does. Raises NotGenuine."""
        try:
            return self._options.verify.verify(push, lambda: self._fields(push), self._zone)
        except NotGenuine:
            raise
        except SourceError as error:
            raise NotGenuine(f"the signed body cannot be read: {error.message}") from None

    def read(self, push: Push) -> Pushed:
        """Return the tickets that a push holds. Raises SourceError."""
        try:
            return self._read(push)
        except SourceError as error:
            # It may quote the body, and a careless sender puts the secret there.
            error.message = hide(error.message, self._secrets)
            error.args = (error.message,)
            raise

    def _read(self, push: Push) -> Pushed:
        body = self._plain(push)
        kind = self._kind(push, body)
        if kind in _ROWS:
            return self._pushed(push, None, self._rows(body, kind))
        payload = self._opened(push, body, kind)
        if self._options.error is not None:
            judge(payload, self._options.error)
        return self._pushed(push, payload, self._records.of(payload, markup=kind == "xml"))

    def _pushed(self, push: Push, payload: Any, tickets: Sequence[Ticket]) -> Pushed:
        versions = [self._version(ticket, push.at) for ticket in tickets] if self._version else None
        return Pushed(tickets, versions, self._key(push, payload))

    def _key(self, push: Push, payload: Any) -> str | None:
        idempotency = self._options.idempotency
        if idempotency is None:
            return None
        if idempotency.header is not None:
            return push.headers.get(idempotency.header.lower()) or None
        found = reader(idempotency.path or "")(payload)
        return str(found) if isinstance(found, str | int) and found != "" else None

    def _fields(self, push: Push) -> Any:
        body = self._plain(push)
        return self._parsed(push, body, self._kind(push, body)) if body else {}

    def _plain(self, push: Push) -> bytes:
        """Decompress a body that says, or shows, that it is compressed."""
        coding = push.headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"identity", "gzip", "x-gzip", "deflate", ""}:
            raise WrongMedia(f"the body is compressed as {coding[:20]!r}", hint="send it plain, or as gzip")
        if coding in {"identity", ""} and not push.body.startswith(_GZIP):
            return push.body
        return _inflated(push.body, self._options.limits.max_body)

    def _kind(self, push: Push, body: bytes) -> BodyFormat:
        """Tell what the body is by the options, by what it says, or by how it begins."""
        if not body.strip():
            raise NotReadable("the body is empty", hint="an empty list would be []")
        if self._options.format != "auto":
            return self._options.format
        media = _media(push).get_content_type()
        kind = _FORMATS.get(media)
        # Tools send anything as a form unless they are told otherwise; no form begins with a bracket.
        if media in _SAYS_NOTHING or (kind == "form" and body.lstrip()[:1] in (b"{", b"[", b"<")):
            return "xml" if looks_like_xml(body) else "json"
        if kind is None and media.endswith(("+json", "+xml")):
            return "json" if media.endswith("+json") else "xml"
        if kind is None:
            raise WrongMedia(f"the body is {media[:60]!r}", hint=f"send one of {', '.join(sorted(_FORMATS))}")
        return kind

    def _rows(self, body: bytes, kind: BodyFormat) -> list[Ticket]:
        options = self._options
        return list(csv_rows(body, options.csv) if kind == "csv" else jsonl_rows(body, options.encoding))

    def _opened(self, push: Push, body: bytes, kind: BodyFormat) -> Any:
        payload = self._parsed(push, body, kind)
        if self._options.inner is None:
            return payload
        document = reader(self._options.inner)(payload)
        if not isinstance(document, str):
            raise NotReadable(f"holds no text at `inner: {self._options.inner}`")
        inside = document.strip().encode("utf-8", "surrogatepass")
        return parse_xml(inside, encoding="utf-8") if looks_like_xml(inside) else parse_json(inside)

    def _parsed(self, push: Push, body: bytes, kind: BodyFormat) -> Any:
        charset, encoding = _media(push).get_content_charset(), self._options.encoding
        if kind == "form":
            return _form(body, encoding or charset or "utf-8")
        parse: Callable[..., Any] = parse_xml if kind == "xml" else parse_json
        return parse(body, charset=charset, encoding=encoding)


def _media(push: Push) -> Message:
    """The Content-Type, taken apart as mail does; text/plain where there is none."""
    message = Message()
    message["content-type"] = push.headers.get("content-type", "")
    return message


def _form(body: bytes, encoding: str) -> Ticket:
    """Read a form; a name that comes several times has a list of values."""
    fields: dict[str, Any] = {}
    try:
        codec = encoding_named(encoding)
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding=codec,
            errors=strict_for(codec),
            max_num_fields=_MOST_FIELDS,
        )
    except (LookupError, UnicodeError):
        raise NotReadable(f"not a form in {encoding}", hint="set `encoding`, for example `encoding: gb18030`") from None
    except ValueError:
        raise NotReadable(f"a form of more than {_MOST_FIELDS} fields") from None
    for name, value in pairs:
        known = fields.get(name)
        fields[name] = value if known is None else [*known, value] if isinstance(known, list) else [known, value]
    return fields


def _inflated(body: bytes, most: int) -> bytes:
    """Decompress up to the limit, so that a body that inflates, or is of countless pieces, costs little."""
    whole = b""
    for _ in range(_MOST_PIECES):
        decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by what it begins with
        try:
            whole += decompressor.decompress(body, most + 1 - len(whole))
        except zlib.error:
            raise NotReadable("the body says that it is compressed, and is not") from None
        if len(whole) > most:
            raise TooLong(f"the body inflates to more than {most} bytes", hint="send fewer tickets at once")
        if not decompressor.eof:
            raise NotReadable("the compressed body breaks off")
        if not (body := decompressor.unused_data):
            return whole
    raise NotReadable(f"the compressed body is of more than {_MOST_PIECES} pieces")
