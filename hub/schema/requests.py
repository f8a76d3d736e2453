"""Read HTTP requests: what of them may hold operations, and as how many bytes."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request

from hub.errors import QueryError
from hub.schema.negotiation import JSON


class BadRequest(Exception):
    """What came is no GraphQL request; `status` is HTTP's word for why."""

    def __init__(self, status: int, error: QueryError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = headers or {}


async def read_request(request: Request, limit: int) -> Any:
    """What a request holds, of `limit` bytes at most. Raises BadRequest."""
    if request.method == "GET":
        return _from_url(request, limit)
    if request.method == "POST":
        return await _from_body(request, limit)
    error = QueryError("METHOD_NOT_ALLOWED", f"{request.method} is not answered here", hint="use POST or GET")
    raise BadRequest(405, error, {"allow": "GET, POST"})


def _from_url(request: Request, limit: int) -> dict[str, Any]:
    _check_length(len(request.url.query), limit)
    asked: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if asked.get(name):
            asked[name] = _decode(asked[name], name)
    return asked


async def _from_body(request: Request, limit: int) -> Any:
    _check_content(request)
    length = request.headers.get("content-length", "")
    _check_length(int(length) if length.isdecimal() and len(length) < 19 else 0, limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _check_length(len(body), limit)
    return _decode(bytes(body), "the body")


def _check_length(length: int, limit: int) -> None:
    if length > limit:
        error = QueryError(
            "BODY_LIMIT", f"the request has {length} bytes; the limit is {limit}", limit=limit, value=length
        )
        raise BadRequest(413, error, {"connection": "close"})


def _check_content(request: Request) -> None:
    """Only JSON: what a form can send without asking, another site can send too."""
    content = request.headers.get("content-type", "")
    kind, _, parameters = content.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != JSON or charset not in {"", "utf-8", "utf8"}:
        error = QueryError("UNSUPPORTED_MEDIA_TYPE", f"the body is {content or 'of no type'!r}", hint=f"send {JSON}")
        raise BadRequest(415, error)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequest(415, QueryError("UNSUPPORTED_MEDIA_TYPE", "the body is compressed", hint="send it plain"))


def _decode(text: bytes | str, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(400, QueryError("BAD_INPUT", f"{what} is not JSON: {error}")) from None
