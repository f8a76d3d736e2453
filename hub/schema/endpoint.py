"""GraphQL over HTTP, as its specification says: POST, GET for queries, and a page for whoever comes by browser."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import orjson
from graphql import GraphQLFormattedError, OperationType
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message, Receive, Scope, Send

from hub.errors import QueryError
from hub.schema import problems
from hub.schema.execution import WRONG_KIND, Answer, Execution, Operation, Refused

_JSON = "application/json"
_GRAPHQL_JSON = "application/graphql-response+json"
_PLAIN = {b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"}
_NUL = b"\\u0000"  # the only way in which JSON can say U+0000
_STATUS = {"TIMEOUT": 503}
_QUIET = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_PAGE = {
    **_QUIET,
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


class BadRequest(Exception):
    """What came is no GraphQL request; `status` is HTTP's word for why."""

    def __init__(self, status: int, error: QueryError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = headers or {}


class Endpoint:
    """An ASGI application for one path."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" and (media := _plain_media(scope["headers"])):
            # Starlette's request and response would take as long as the rest of a small query.
            message = await receive()
            if (answer := await self._take_shortcut(message)) is not None and not answer.errors:
                await _send(orjson.dumps(answer.body), media, send)
                return
            receive = _again(message, receive)
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _take_shortcut(self, message: Message) -> Answer | None:
        """Answer a whole request of the usual form; None for any other."""
        body = message.get("body", b"")
        if message.get("more_body") or not body or len(body) > self._execution.limits.body or _NUL in body:
            return None
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(asked, dict) or asked.get("extensions") or operation_problem(asked):
            return None
        operation = Operation(asked["query"], asked.get("variables") or {}, asked.get("operationName") or None)
        return await self._execution.take_shortcut(operation)

    async def _respond(self, request: Request) -> Response:
        media = _media(request.headers.get("accept", ""))
        try:
            if _wants_page(request) and not self._execution.production:
                return HTMLResponse(page(), headers=_PAGE)
            operation = await self._operation(request)
            answer = await self._answer(operation, get=request.method == "GET")
        except BadRequest as bad:
            refused = Answer([problems.refusal(bad.error)], refused=True)
            return _response(refused, bad.status, media, bad.headers)
        except Exception as error:  # noqa: BLE001  # the last resort: the client gets an id, the log the rest
            return _response(Answer([problems.masked(error)], refused=True), 500, media)
        return _response(answer, _status(answer, media), media)

    async def _answer(self, operation: Operation, *, get: bool) -> Answer:
        kinds = {OperationType.QUERY} if get else {OperationType.QUERY, OperationType.MUTATION}
        try:
            prepared = self._execution.prepare(operation, kinds)
        except Refused as refused:
            if get and _code(refused.answer.errors[0]) == WRONG_KIND:
                error = QueryError(WRONG_KIND, "GET answers queries only")
                raise BadRequest(405, error, {"allow": "POST"}) from None
            return refused.answer
        return await self._execution.execute(prepared)

    async def _operation(self, request: Request) -> Operation:
        if request.method == "GET":
            return self._from_query(request)
        if request.method == "POST":
            return await self._from_body(request)
        error = QueryError("METHOD_NOT_ALLOWED", f"{request.method} is not answered here", hint="use POST or GET")
        raise BadRequest(405, error, {"allow": "GET, POST"})

    def _from_query(self, request: Request) -> Operation:
        self._check_length(len(request.url.query))
        asked: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            if asked.get(name):
                asked[name] = _decode(asked[name], name)
        return _operation(asked)

    async def _from_body(self, request: Request) -> Operation:
        _check_content(request)
        length = request.headers.get("content-length", "")
        self._check_length(int(length) if length.isdecimal() and len(length) < 19 else 0)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            self._check_length(len(body))
        return _operation(_decode(bytes(body), "the body"))

    def _check_length(self, length: int) -> None:
        limit = self._execution.limits.body
        if length > limit:
            error = QueryError(
                "BODY_LIMIT", f"the request has {length} bytes; the limit is {limit}", limit=limit, value=length
            )
            raise BadRequest(413, error, {"connection": "close"})


def _plain_media(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The media type to answer in, to a request that sends nothing but JSON; None for any other."""
    accept, plain = b"", False
    for name, value in headers:
        if name == b"content-type":
            plain = value.lower() in _PLAIN
        elif name == b"accept":
            accept = value
        elif name == b"content-encoding":
            return None
    return _media_of(accept) if plain else None


@lru_cache
def _media_of(accept: bytes) -> str:
    return _media(accept.decode("latin-1"))


def _again(message: Message, receive: Receive) -> Receive:
    """Receive a message that was received already, and then what follows it."""
    read = iter((message,))

    async def following() -> Message:
        for first in read:
            return first
        return await receive()

    return following


async def _send(body: bytes, media: str, send: Send) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length, *_headers(media)]})
    await send({"type": "http.response.body", "body": body})


@lru_cache
def _headers(media: str) -> Sequence[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in _named(media).items()]


@cache
def page() -> str:
    """The page for people: it holds all it needs and loads nothing."""
    return (files("hub.schema") / "page.html").read_text(encoding="utf-8")


def _wants_page(request: Request) -> bool:
    accepts = request.headers.get("accept", "")
    return request.method == "GET" and "text/html" in accepts and "query" not in request.query_params


def _check_content(request: Request) -> None:
    """Only JSON: what a form can send without asking, another site can send too."""
    content = request.headers.get("content-type", "")
    kind, _, parameters = content.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != _JSON or charset not in {"", "utf-8", "utf8"}:
        error = QueryError("UNSUPPORTED_MEDIA_TYPE", f"the body is {content or 'of no type'!r}", hint=f"send {_JSON}")
        raise BadRequest(415, error)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequest(415, QueryError("UNSUPPORTED_MEDIA_TYPE", "the body is compressed", hint="send it plain"))


def _decode(text: bytes | str, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(400, QueryError("BAD_INPUT", f"{what} is not JSON: {error}")) from None


def _operation(asked: Any) -> Operation:
    if isinstance(asked, list):
        raise BadRequest(400, QueryError("BAD_INPUT", "batches are not answered", hint="send one operation a request"))
    if not isinstance(asked, dict):
        raise BadRequest(400, QueryError("BAD_INPUT", "the body is not an object"))
    if problem := operation_problem(asked):
        raise BadRequest(400, QueryError("BAD_INPUT", problem))
    plan = (asked.get("extensions") or {}).get("plan") is True
    return Operation(asked["query"], asked.get("variables") or {}, asked.get("operationName") or None, plan)


def operation_problem(asked: Mapping[str, Any]) -> str | None:
    """What is wrong with the members of a request, or None."""
    if not isinstance(asked.get("query"), str):
        return "query must be text"
    if not isinstance(asked.get("operationName"), str | None):
        return "operationName must be text"
    for name in ("variables", "extensions"):
        # An empty parameter of a GET is as good as none.
        if asked.get(name) != "" and not isinstance(asked.get(name), dict | None):
            return f"{name} must be an object"
    return None


def _media(accept: str) -> str:
    """The newer media type for whoever prefers it by name; to everybody else, JSON."""
    wishes: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, _, parameters = part.partition(";")
        wishes[kind.strip()] = _quality(parameters)
    newer = wishes.get(_GRAPHQL_JSON, 0)
    return _GRAPHQL_JSON if newer > 0 and newer >= wishes.get(_JSON, 0) else _JSON


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0
    return 1


def _status(answer: Answer, media: str) -> int:
    """What the specification asks for: `application/json` tells of faults in a well-formed request by 200."""
    if not answer.refused:
        return 200
    if answer.strict:
        return _STATUS.get(_code(answer.errors[0]), 400)
    return 400 if media == _GRAPHQL_JSON else 200


def _code(error: GraphQLFormattedError) -> str:
    return str(error["extensions"]["code"])


def _response(answer: Answer, status: int, media: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(answer.body),
        status,
        {**(headers or {}), **_named(media)},
    )


def _named(media: str) -> dict[str, str]:
    return {**_QUIET, "content-type": f"{media}; charset=utf-8", "vary": "accept"}
