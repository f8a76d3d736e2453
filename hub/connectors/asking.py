"""Put a question together: its URL, its query and its body, with the values of the moment in their places. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Literal, TypeAlias
from urllib.parse import urljoin
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import orjson
from pydantic import model_validator

from hub.connectors.base import Options
from hub.connectors.exchange import Answer, Request
from hub.connectors.placeholders import LEFT_OUT, Find, filled, filled_url, is_place, names_in, plain
from hub.connectors.places import keys_of, with_fields
from hub.connectors.urls import same_host
from hub.errors import SourceRefused

Scalar: TypeAlias = str | int | float | bool
_TEXT_KINDS = {"xml": "text/xml", "text": "text/plain"}


class Asked(Options):
    url: str
    """The URL to ask; may be relative to the list's. `{name}` stands for a value, percent-encoded."""
    method: Literal["GET", "POST"] = "GET"
    """How to ask."""
    query: Mapping[str, Scalar | Sequence[Scalar]] = {}
    """Parameters of the question: a list is sent as several, and one whose `{name}` has no value is left out."""
    body: Mapping[str, Any] | str | None = None
    """The body of a POST: fields, or a text with `body_type: xml` or `text`. `"{name}"` alone keeps its type."""
    body_type: Literal["json", "form", "multipart", "xml", "text"] = "json"
    """How the body is sent."""
    as_text: Sequence[str] = ()
    """Fields of a JSON body that are sent as a text which holds JSON, such as `param`."""

    @model_validator(mode="after")
    def _a_body_to_send(self) -> "Asked":
        if self.method == "GET" and self.body is not None:
            raise ValueError("a body needs `method: POST`")
        if (self.body_type in _TEXT_KINDS) != isinstance(self.body, str):
            raise ValueError("a text as body needs `body_type: xml` or `text`, and they need a text")
        return self

    def names(self) -> set[str]:
        """The names that stand in the texts of the question."""
        return set(names_in([self.url, self.query, self.body]))


@dataclass(frozen=True, slots=True)
class Manner:
    """What all questions to one source share: how they are put, and how their answers are opened.

    `url` is what relative URLs start from, `encoding` what the source reads; `opened` parses an answer and looks into
    its envelope; `strip` takes our key out of a URL that the source gave back.
    """

    url: str
    opened: Callable[[Answer], Any]
    strip: Callable[[str], str]
    zone: ZoneInfo
    max_pages: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    encoding: str = "utf-8"


def question(
    asked: Asked,
    find: Find,
    manner: Manner,
    *,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Request | None:
    """Put a question together; None where it lacks a value. `query` and `body` are added to its own."""
    url = _url(asked.url, find, manner)
    if url is None:
        return None
    parameters = {name: _parameter(value, asked.query[name]) for name, value in filled(asked.query, find).items()}
    headers = filled(manner.headers, find, plain)
    request = Request(asked.method, url, parameters | dict(query or {}), headers, encoding=manner.encoding)
    return request if asked.method == "GET" else _with_body(request, asked, find, body or {})


def _url(template: str, find: Find, manner: Manner) -> str | None:
    """Fill a URL. Where it is nothing but a link that the source gave, that is followed on the list's host only."""
    link = find(template[1:-1]) if is_place(template) else None
    if not isinstance(link, str) or not (link.startswith("/") or "://" in link):
        return filled_url(urljoin(manner.url, template), find)
    try:
        return same_host(manner.url, link)
    except SourceRefused:
        return None


def _parameter(value: Any, written: Any) -> str | list[str]:
    """Write a parameter: a list in the configuration is sent as several, one that a place stands for as one."""
    if not isinstance(written, list | tuple):
        return plain(value)
    return [plain(each) for part in value for each in (part if isinstance(part, list) else [part])]


def _with_body(request: Request, asked: Asked, find: Find, added: Mapping[str, Any]) -> Request | None:
    if isinstance(asked.body, str):
        text = filled(asked.body, find, _escaped if asked.body_type == "xml" else plain)
        kind = f"{_TEXT_KINDS[asked.body_type]}; charset={request.encoding}"
        return None if text is LEFT_OUT else replace(request, text=text, kind=kind)
    fields = filled(asked.body or {}, find)
    if asked.body_type == "json":
        return replace(request, body=reduce(_field_as_text, asked.as_text, with_fields(fields, added)))
    kind = "multipart/form-data" if asked.body_type == "multipart" else ""
    return replace(request, form={name: _form_value(value) for name, value in {**fields, **added}.items()}, kind=kind)


def _escaped(value: Any) -> str:
    return escape(plain(value), {'"': "&quot;"})


def _field_as_text(body: dict[str, Any], path: str) -> dict[str, Any]:
    value: Any = body
    for key in keys_of(path):
        value = value.get(key) if isinstance(value, Mapping) else None
    return body if value is None or isinstance(value, str) else with_fields(body, {path: orjson.dumps(value).decode()})


def _form_value(value: Any) -> str | list[str]:
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return [plain(each) for each in value]
    return orjson.dumps(value).decode() if isinstance(value, Mapping | list) else "" if value is None else plain(value)
