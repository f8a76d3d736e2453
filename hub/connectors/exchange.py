"""Hold one question and one answer as they go over HTTP, and parse what came. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

import orjson
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from hub.connectors.formats import NotReadable, looks_like_xml, parse_json, parse_xml, readable
from hub.connectors.masking import excerpt

AnswerFormat: TypeAlias = Literal["auto", "json", "xml"]

Values: TypeAlias = str | Sequence[str]
"""What a parameter carries; several values are sent as several parameters of the name."""

_HTML = re.compile(rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html\b)")


class WebPage(NotReadable):
    """A page for people came in place of data: an error page, or the login page of a session that has ended."""


class EmptyBody(NotReadable):
    """Nothing came, not even an empty list."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a source.

    `body` is sent as JSON, `form` as a form, `text` as it stands; `kind` is the media type of the latter two where it
    is not the usual one. `encoding` writes the query, a form and a text.
    """

    method: str
    url: str
    query: Mapping[str, Values] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: Mapping[str, Values] | None = None
    text: str | None = None
    kind: str = ""
    encoding: str = "utf-8"

    def target(self) -> URL:
        """The URL with its query, exactly as it will be asked."""
        url = URL(self.url)
        if not self.query:
            return url
        if self.encoding == "utf-8":
            return url.extend_query(self.query)
        query = "&".join(
            part for part in (url.raw_query_string, urlencode(self.query, doseq=True, encoding=self.encoding)) if part
        )
        return URL(f"{url.with_query(None)}?{query}", encoded=True)

    def content(self) -> tuple[bytes, str] | None:
        """The body exactly as it will be sent, and its media type; None where there is none."""
        if self.text is not None:
            return self.text.encode(self.encoding), self.kind or f"text/plain; charset={self.encoding}"
        if self.form is not None and self.kind == "multipart/form-data":
            return _multipart(self.form, self.encoding)
        if self.form is not None:
            kind = "application/x-www-form-urlencoded"
            charset = "" if self.encoding == "utf-8" else f"; charset={self.encoding}"
            return urlencode(self.form, doseq=True, encoding=self.encoding).encode(), kind + charset
        return None if self.body is None else (orjson.dumps(self.body), "application/json")


def flat(parameters: Mapping[str, Values]) -> Iterator[tuple[str, str]]:
    """Yield every parameter, one of several values once for each."""
    for name, values in parameters.items():
        yield from ((name, value) for value in ([values] if isinstance(values, str) else values))


def _multipart(form: Mapping[str, Values], encoding: str) -> tuple[bytes, str]:
    # The boundary comes from what it bounds, so that a question reads the same when it is signed and when it is sent.
    values = [(name, value.encode(encoding)) for name, value in flat(form)]
    boundary = blake2b(repr(values).encode(), digest_size=16).hexdigest()
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in values
    ]
    return b"".join([*lines, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    reason: str
    content_type: str
    charset: str | None
    body: bytes
    headers: CIMultiDictProxy[str] = field(default_factory=lambda: CIMultiDictProxy(CIMultiDict()))
    cookies: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_nothing(self) -> bool:
        """Whether it says that there is nothing (204), or nothing new (304)."""
        return self.status in {204, 304}

    @property
    def links(self) -> list[str]:
        return self.headers.getall("Link", [])

    @property
    def retry_after(self) -> str | None:
        return self.headers.get("Retry-After")

    @property
    def location(self) -> str | None:
        """Where a redirect points."""
        return self.headers.get("Location")

    @property
    def text(self) -> str:
        """The beginning of the body, for messages: never read as data."""
        return readable(self.body[:8192], self.charset)


def parse(
    answer: Answer, *, answer_format: AnswerFormat = "auto", encoding: str | None = None, lenient: bool = False
) -> Any:
    """Parse an answer as what it says, or looks like; None for 204 and 304.

    An HTML page is an error whatever its status: read as no tickets, it would hide an outage.
    """
    if answer.is_nothing:
        return None
    if not answer.body.strip():
        raise EmptyBody("answered 200 with an empty body", hint="an empty list would be []")
    markup = looks_like_xml(answer.body)
    if markup and (looks_like_html(answer.body) or "html" in answer.content_type):
        raise WebPage(_unlike("XML" if answer_format == "xml" else "JSON", answer))
    if markup and answer_format == "json":
        raise NotReadable(_unlike("JSON", answer))
    if markup or answer_format == "xml":
        return parse_xml(answer.body, charset=answer.charset, encoding=encoding)
    return parse_json(answer.body, charset=answer.charset, encoding=encoding, lenient=lenient)


def looks_like_html(body: bytes) -> bool:
    """Tell a page for people, such as a login form, by how it begins."""
    return _HTML.match(body) is not None


def without_markup(answer: Answer, wanted: str) -> bytes:
    """Return the body of an answer that is a table; a page of markup is an error, as everywhere."""
    if looks_like_xml(answer.body):
        raise WebPage(_unlike(wanted, answer))
    return answer.body


def _unlike(wanted: str, answer: Answer) -> str:
    return f"answered not {wanted} but {answer.content_type}: {excerpt(answer.text)!r}"
