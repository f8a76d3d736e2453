"""Put values where a question carries them: in its query, its headers, a cookie, or its body. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from pydantic import model_validator

from hub.connectors.base import Options
from hub.connectors.exchange import Request

Stamp: TypeAlias = Callable[[Request], Request]

_KEY = re.compile(r'"([^"]+)"|([^."]+)')


class TokenPlace(Options):
    header: str | None = None
    """The header that carries the token."""
    query: str | None = None
    """The query parameter that carries the token."""
    cookie: str | None = None
    """The cookie that carries the token."""
    body: str | None = None
    """The field of the body that carries the token; dots lead into objects."""
    prefix: str = ""
    """What stands before the token, such as `Bearer `."""

    @model_validator(mode="after")
    def _one_place(self) -> "TokenPlace":
        if sum(place is not None for place in (self.header, self.query, self.cookie, self.body)) != 1:
            raise ValueError(
                "write exactly one of `header`, `query`, `cookie` and `body`, the one that carries the token"
            )
        return self


def carried(place: TokenPlace, token: str) -> Stamp:
    """Put a token where it belongs."""
    value = place.prefix + token
    if place.header:
        return with_headers({place.header: value})
    if place.cookie:
        return with_headers({"Cookie": f"{place.cookie}={value}"})
    if place.body:
        return with_body({place.body: value})
    return with_query({place.query or "": value})


def with_query(parameters: Mapping[str, str]) -> Stamp:
    return lambda request: replace(request, query={**request.query, **parameters})


def with_headers(headers: Mapping[str, str]) -> Stamp:
    return lambda request: replace(request, headers={**request.headers, **headers})


def with_body(fields: Mapping[str, Any]) -> Stamp:
    """Add fields to a JSON object or a form; a question without either has no place for them."""

    def stamp(request: Request) -> Request:
        if request.form is not None:
            return replace(request, form={**request.form, **fields})
        if isinstance(request.body, Mapping):
            return replace(request, body=with_fields(request.body, fields))
        return request

    return stamp


def with_fields(body: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with fields in it; a name with dots leads into objects, unless it stands in double quotes."""
    whole = dict(body)
    for name, value in fields.items():
        whole = _with_field(whole, keys_of(name), value)
    return whole


def keys_of(name: str) -> list[str]:
    """Split a name at its dots: `filter."a.b"` leads from `filter` to `a.b`."""
    return [quoted or bare for quoted, bare in _KEY.findall(name)]


def _with_field(body: Mapping[str, Any], keys: list[str], value: Any) -> dict[str, Any]:
    first, *further = keys
    if not further:
        return {**body, first: value}
    inner = body.get(first)
    return {**body, first: _with_field(inner if isinstance(inner, Mapping) else {}, further, value)}
