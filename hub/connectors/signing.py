"""Sign every question as its source wants it: what is hashed, with which key, and where the result goes."""

import secrets
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson
from pydantic import Field, SecretStr, model_validator
from yarl import URL

from hub.connectors.base import Options
from hub.connectors.clocks import TimeFormat, write_time
from hub.connectors.digests import Made, SecretValue, Value, made, texts_of
from hub.connectors.exchange import Request, flat
from hub.connectors.placeholders import UNKNOWN, must_know, names_in, rendered
from hub.connectors.places import keys_of, with_body, with_headers, with_query
from hub.errors import SourceRefused

_NONCES: Mapping[str, Callable[[], str]] = {
    "hex": lambda: uuid.uuid4().hex,
    "uuid": lambda: str(uuid.uuid4()),
    "digits": lambda: str(10**9 + secrets.randbelow(9 * 10**9)),
}
_STANDING = frozenset({"timestamp", "nonce", "method", "host", "path"})
_LOOKING = frozenset({"parameters", "query", "body"})
_FIELDS = ("query.", "field.", "header.")


class Parameters(Options):
    """How `{parameters}` writes the parameters of a question: sorted by name."""

    of: Sequence[Literal["query", "body"]] = Field(("query", "body"), min_length=1)
    """Whose parameters: those of the query, the fields of the body (a form, or the top of a JSON object), or both."""
    pair: str = "="
    """What stands between a name and its value."""
    between: str = "&"
    """What stands between two parameters."""
    empty: bool = False
    """Whether parameters without a value are among them."""
    encode: bool = False
    """Whether names and values are percent-encoded (RFC 3986)."""
    without: Sequence[str] = ()
    """Parameters that are left out."""


class Sign(Options):
    """What every question carries that is made for it alone: a signature, the time, a nonce.

    Texts name values as `{name}`: those of `values`; what a login has read; `{timestamp}` and `{nonce}`; and of the
    question `{method}`, `{host}`, `{path}`, `{query}` (as sent), `{parameters}` (sorted), `{body}` (as sent), or one
    part of it, as in `{field.param}`, `{query.appKey}`, `{header.Date}`. Plain texts are put in first; what looks at
    the question sees it with those in place.
    """

    values: Mapping[str, SecretValue] = {}
    """Values that the texts below can name, such as keys and secrets, or what is computed from those before it."""
    timestamp: TimeFormat = "epoch_s"
    """How `{timestamp}` is written: `epoch_s`, `epoch_ms`, `iso`, `http`, or a pattern in the source's zone."""
    nonce: Literal["hex", "uuid", "digits"] = "hex"
    """How `{nonce}` is written: 32 hexadecimal digits, a UUID, or ten decimal digits."""
    parameters: Parameters = Parameters()
    """How `{parameters}` is written."""
    query: Mapping[str, Value] = {}
    """Query parameters to add."""
    headers: Mapping[str, Value] = {}
    """Headers to add."""
    body: Mapping[str, Value] = {}
    """Fields to add to the body, a form or a JSON object; dots lead into objects."""
    login: bool = False
    """Whether the questions of a login are signed as well."""

    @model_validator(mode="after")
    def _adds_something(self) -> "Sign":
        if not (self.query or self.headers or self.body):
            raise ValueError("write `query`, `headers` or `body`: where the signature goes")
        return self

    def check_names(self, read: Iterable[str]) -> None:
        """Raise ValueError where a text names what there is not; `read` is what a login reads."""
        known = {*_STANDING, *_LOOKING, *read}
        for name, value in self.values.items():
            if name in known:
                raise ValueError(f"sign.values.{name}: this name has a meaning already")
            must_know(_names_of(value), known, f"sign.values.{name}: ")
            known.add(name)
        for place in ("query", "headers", "body"):
            for name, value in getattr(self, place).items():
                must_know(_names_of(value), known, f"sign.{place}.{name}: ")


def _names_of(value: Made) -> set[str]:
    return set(names_in(texts_of(value)))


class Signature:
    """Signs the questions to one source."""

    def __init__(self, options: Sign, zone: ZoneInfo) -> None:
        self.options = options
        self._zone = zone
        self._early = {place: dict(self._placed(place, early=True)) for place in ("query", "headers", "body")}
        self._late = {place: dict(self._placed(place, early=False)) for place in ("query", "headers", "body")}

    def on(self, request: Request, read: Mapping[str, str]) -> Request:
        """Return the question with everything that it must carry; `read` is what a login has read."""
        now = datetime.now(UTC)
        timestamp = write_time(now, self.options.timestamp, self._zone)
        # What the first round has found does not look at the question, and holds for the second.
        found: dict[str, Any] = {**read, "timestamp": timestamp, "nonce": _NONCES[self.options.nonce]()}
        for texts in (self._early, self._late):
            scene = _Scene(self.options, request, found, (now, self._zone))
            for place, put in (("query", with_query), ("headers", with_headers), ("body", with_body)):
                if texts[place]:
                    request = put({name: scene.text_of(value) for name, value in texts[place].items()})(request)
        return request

    def secrets(self) -> list[str]:
        """Tell what must never be quoted."""
        return [value.get_secret_value() for value in self.options.values.values() if isinstance(value, SecretStr)]

    def _placed(self, place: str, *, early: bool) -> Iterator[tuple[str, Made]]:
        for name, value in getattr(self.options, place).items():
            if self._looks(value) != early:
                yield name, value

    def _looks(self, value: Made) -> bool:
        """Tell whether a value looks at the question, itself or through another value."""
        values = self.options.values
        return any(
            name in _LOOKING or name.startswith(_FIELDS) or (name in values and self._looks(values[name]))
            for name in _names_of(value)
        )


class _Scene:
    """One question, and everything that texts can name of it."""

    def __init__(self, options: Sign, request: Request, found: dict[str, Any], now: tuple[datetime, ZoneInfo]) -> None:
        self._options = options
        self._request = request
        self._found = found
        self._now = now

    def text_of(self, value: Made) -> str:
        text = self._made(value)
        return text.decode(self._request.encoding, "replace") if isinstance(text, bytes) else text

    def _made(self, value: Made) -> str | bytes:
        try:
            return made(value, self._rendered, *self._now)
        except ValueError as error:
            raise SourceRefused(f"cannot be asked: auth.sign: {error}") from None

    def _rendered(self, text: str) -> bytes:
        return rendered(text, self._find, self._request.encoding)

    def _find(self, name: str) -> Any:
        if name not in self._found:
            self._found[name] = self._sought(name)
        return self._found[name]

    def _sought(self, name: str) -> Any:
        value = self._options.values.get(name)
        if value is None:
            return part_of(self._request, name, self._options.parameters)
        return value.get_secret_value() if isinstance(value, SecretStr) else self._made(value)


def part_of(request: Request, name: str, parameters: Parameters) -> Any:
    """Read what `{name}` says of a question: None where it has no such field, UNKNOWN where it is no such name."""
    match name.partition("."):
        case "method", "", _:
            return request.method
        case ("host" | "path" | "query") as part, "", _:
            return _of_target(request.target(), part)
        case "body", "", _:
            content = request.content()
            return content[0] if content else b""
        case "parameters", "", _:
            return _parameters(request, parameters)
        case "query", ".", field:
            return dict(_query_of(request)).get(field)
        case "field", ".", field:
            return _field(request, field)
        case "header", ".", field:
            return _header(request, field)
    return UNKNOWN


def _of_target(url: URL, part: str) -> str:
    if part == "host":
        return url.host_port_subcomponent or ""
    return url.raw_path if part == "path" else url.raw_query_string


def _query_of(request: Request) -> list[tuple[str, str]]:
    return [*URL(request.url).query.items(), *flat(request.query)]


def _field(request: Request, path: str) -> str | None:
    value: Any = request.form if request.form is not None else request.body
    for key in [path] if request.form is not None else keys_of(path):
        value = value.get(key) if isinstance(value, Mapping) else None
    return None if value is None else _text(value)


def _header(request: Request, name: str) -> str | None:
    headers = {key.lower(): value for key, value in request.headers.items()}
    if name.lower() == "content-type" and (content := request.content()):
        return headers.get("content-type", content[1])
    return headers.get(name.lower())


def _parameters(request: Request, parameters: Parameters) -> str:
    pairs = _query_of(request) if "query" in parameters.of else []
    if "body" in parameters.of:
        if request.form is not None:
            pairs += flat(request.form)
        elif isinstance(request.body, Mapping):
            pairs += [(name, _text(value)) for name, value in request.body.items()]
    kept = sorted(
        (name, value) for name, value in pairs if name not in parameters.without and (value or parameters.empty)
    )
    if parameters.encode:
        kept = [(quote(name, safe="~"), quote(value, safe="~")) for name, value in kept]
    return parameters.between.join(f"{name}{parameters.pair}{value}" for name, value in kept)


def _text(value: Any) -> str:
    """Write a field of a JSON object as signatures read it: a text as it is, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
