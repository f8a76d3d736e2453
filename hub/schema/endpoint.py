"""GraphQL over HTTP, as its specification says: POST, GET for queries, and a page for whoever comes by browser."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any, NamedTuple

import orjson
from graphql import GraphQLFormattedError, OperationType
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import HubError, QueryError, StoreUnavailable
from hub.schema import problems
from hub.schema.callers import Callers, caller_of
from hub.schema.compression import SMALLEST, coding
from hub.schema.documents import Documents
from hub.schema.execution import WRONG_KIND, Answer, Execution, Operation, Prepared, Refused
from hub.schema.negotiation import EVENTS, GRAPHQL_JSON, Wishes, wishes
from hub.schema.operations import read_operation
from hub.schema.requests import BadRequest, read_request
from hub.schema.streams import FRAMINGS, Framing, Stream, single
from hub.schema.viewers import ANYBODY, Viewer

_PLAIN = {b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"}
_UNUSUAL = {b"content-encoding", b"apollo-federation-include-trace"}
_NUL = b"\\u0000"  # the only way in which JSON can say U+0000
_STATUS = {"TIMEOUT": 503, "UNAUTHENTICATED": 401, "FORBIDDEN": 403}
_QUERIES = frozenset({OperationType.QUERY})
_ANSWERED_ONCE = frozenset({OperationType.QUERY, OperationType.MUTATION})
_EVERY_KIND = frozenset(OperationType)
_QUIET = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_PAGE = {
    **_QUIET,
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


class _Form(NamedTuple):
    """How an answer is to be written."""

    media: str
    encodings: bytes
    """What its Accept-Encoding says; nothing where answers must not be compressed."""
    authorization: str | None = None
    """Its Authorization header, for the shortcut."""


class Endpoint:
    """An ASGI application for one path."""

    def __init__(self, execution: Execution, documents: Documents, callers: Callers) -> None:
        self._execution = execution
        self._documents = documents
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = await self._caller(scope)
        try:
            self._callers.enter(caller)
        except QueryError as error:
            await _too_much(error, Request(scope))(scope, receive, send)
            return
        try:
            response = await self._ask(scope, receive, send)
        finally:
            self._callers.leave(caller)
        if response is not None:
            await response(scope, receive, send)

    async def _caller(self, scope: Scope) -> str:
        """Who is counted: a key counts for itself, a false one for where it comes from."""
        authorization = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        try:
            viewer = await self._execution.recognize(authorization and authorization.decode("latin-1"))
        except HubError:
            viewer = ANYBODY  # what is wrong with the key is told when the request is answered
        return caller_of(scope, viewer)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> ASGIApp | None:
        """What answers the request; None when it is answered already."""
        if scope["method"] == "POST" and (form := _plain_form(scope["headers"])):
            # Starlette's request and response would take as long as the rest of a small query.
            message = await receive()
            if (answer := await self._take_shortcut(message, form)) is not None and not answer.errors:
                await _send(orjson.dumps(answer.body), form, send)
                return None
            receive = _again(message, receive)
        return await self._respond(Request(scope, receive))

    async def _take_shortcut(self, message: Message, form: _Form) -> Answer | None:
        """Answer a whole request of the usual form; None for any other."""
        body = message.get("body", b"")
        if message.get("more_body") or not body or len(body) > self._execution.limits.body or _NUL in body:
            return None
        try:
            viewer = await self._execution.recognize(form.authorization)
            operation = replace(read_operation(orjson.loads(body), self._documents), viewer=viewer)
        except (orjson.JSONDecodeError, HubError):
            return None
        return None if operation.plan else await self._execution.take_shortcut(operation)

    async def _respond(self, request: Request) -> ASGIApp:
        wished = wishes(", ".join(request.headers.getlist("accept")))
        form = _Form(wished.json, _encodings(request))
        try:
            if _wants_page(request) and not self._execution.production:
                return HTMLResponse(page(), headers=_PAGE)
            viewer = await self._viewer(request)
            asked = await read_request(request, self._execution.limits.body)
            if isinstance(asked, list):
                _check_batch(len(asked), self._execution.limits.batch)
                operations = [self._read(one, viewer) for one in asked]
                return await self._answer_batch(operations, caller_of(request.scope, viewer), form)
            trace = request.headers.get("apollo-federation-include-trace") == "ftv1"
            return await self._answer(replace(self._read(asked, viewer), trace=trace), request, wished, form)
        except BadRequest as bad:
            refused = Answer([problems.refusal(bad.error)], refused=True)
            return _response(refused, bad.status, form, bad.headers)
        except Exception as error:  # noqa: BLE001  # the last resort: the client gets an id, the log the rest
            return _response(Answer([problems.masked(error)], refused=True), 500, form)

    async def _viewer(self, request: Request) -> Viewer:
        try:
            return await self._execution.recognize(request.headers.get("authorization"))
        except QueryError as error:
            raise BadRequest(401, error, {"www-authenticate": 'Bearer realm="hub"'}) from None
        except StoreUnavailable as error:
            raise BadRequest(503, QueryError(error.code, "the database does not answer")) from None

    def _read(self, asked: Any, viewer: Viewer) -> Operation:
        try:
            return replace(read_operation(asked, self._documents), viewer=viewer)
        except QueryError as error:
            raise BadRequest(400, error) from None

    async def _answer(self, operation: Operation, request: Request, wished: Wishes, form: _Form) -> ASGIApp:
        get = request.method == "GET"
        try:
            prepared = self._execution.prepare(operation, _kinds(wished, get=get))
        except Refused as refused:
            if get and _code(refused.answer.errors[0]) == WRONG_KIND:
                error = QueryError(WRONG_KIND, "GET answers queries only")
                raise BadRequest(405, error, {"allow": "POST"}) from None
            answer = refused.answer
        else:
            if prepared.kind is OperationType.SUBSCRIPTION and wished.stream:
                return self._stream(prepared, caller_of(request.scope, operation.viewer), FRAMINGS[wished.stream])
            answer = await self._execution.execute(prepared)
        if wished.streamed:
            return Stream(single(answer), FRAMINGS[EVENTS])
        if get and not answer.errors:
            return _kept(answer, request, form)
        return _response(answer, _status(answer, form.media), form)

    def _stream(self, prepared: Prepared, caller: str, framing: Framing) -> Stream:
        try:
            self._callers.check_following(caller)
        except QueryError as error:
            raise BadRequest(429, error) from None
        answers = self._callers.following(caller, self._execution.follow(prepared))
        return Stream(answers, framing, check=partial(self._execution.again, prepared.operation.viewer))

    async def _answer_batch(self, operations: Sequence[Operation], caller: str, form: _Form) -> Response:
        """Answer operations one after the other: a batch is no way round what a caller may do."""
        answers = [await self._answer_one(operation, caller) for operation in operations]
        return _written(orjson.dumps([answer.body for answer in answers]), 200, form, {})

    async def _answer_one(self, operation: Operation, caller: str) -> Answer:
        try:
            self._callers.enter(caller)
        except QueryError as error:
            return Answer([problems.refusal(error)], refused=True)
        try:
            return await self._execution.execute(self._execution.prepare(operation, _ANSWERED_ONCE))
        except Refused as refused:
            return refused.answer
        finally:
            self._callers.leave(caller)


def _check_batch(count: int, limit: int) -> None:
    if not 0 < count <= limit:
        message = f"the batch has {count} operations; the limit is {limit}" if limit else "batches are not answered"
        error = QueryError("BATCH_LIMIT", message, hint="send one operation a request", limit=limit, value=count)
        raise BadRequest(400, error)


def _kinds(wished: Wishes, *, get: bool) -> frozenset[OperationType]:
    if get:
        return _QUERIES
    return _EVERY_KIND if wished.stream else _ANSWERED_ONCE


# ── the shortcut's own reading and writing ───────────────────────────────────────────────────────────────────────────


def _plain_form(headers: Iterable[tuple[bytes, bytes]]) -> _Form | None:
    """How to answer a request that sends nothing but JSON and takes it; None for any other."""
    accept, encodings, plain, foreign = b"", b"", False, False
    authorization = None
    for name, value in headers:
        if name == b"content-type":
            plain = value.lower() in _PLAIN
        elif name == b"accept":
            accept = accept + b"," + value if accept else value
        elif name == b"accept-encoding":
            encodings = value
        elif name == b"sec-fetch-site":
            foreign = value == b"cross-site"
        elif name == b"authorization":
            authorization = value.decode("latin-1")
        elif name in _UNUSUAL:
            return None
    media = _media_of(accept) if plain else None
    return _Form(media, b"" if foreign else encodings, authorization) if media else None


@lru_cache
def _media_of(accept: bytes) -> str | None:
    wished = wishes(accept.decode("latin-1"))
    return None if wished.streamed else wished.json


def _again(message: Message, receive: Receive) -> Receive:
    """Receive a message that was received already, and then what follows it."""
    read = iter((message,))

    async def following() -> Message:
        for first in read:
            return first
        return await receive()

    return following


async def _send(body: bytes, form: _Form, send: Send) -> None:
    body, name = _packed(body, form.encodings)
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length, *_headers(form.media, name)]})
    await send({"type": "http.response.body", "body": body})


@lru_cache
def _headers(media: str, name: str | None) -> Sequence[tuple[bytes, bytes]]:
    return [(key.encode(), value.encode()) for key, value in _named(media, name).items()]


# ── the ordinary way ─────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def page() -> str:
    """The page for people: it holds all it needs and loads nothing."""
    return (files("hub.schema") / "page.html").read_text(encoding="utf-8")


def _wants_page(request: Request) -> bool:
    accepts = request.headers.get("accept", "")
    return request.method == "GET" and "text/html" in accepts and "query" not in request.query_params


def _too_much(error: QueryError, request: Request) -> Response:
    form = _Form(wishes(request.headers.get("accept", "")).json, b"")
    headers = {"retry-after": str(error.details.get("retryAfter", 1))}
    return _response(Answer([problems.refusal(error)], refused=True), 429, form, headers)


def _encodings(request: Request) -> bytes:
    """The codings that an answer may have; none for a page of another site, see `compression`."""
    if request.headers.get("sec-fetch-site") == "cross-site":
        return b""
    return request.headers.get("accept-encoding", "").encode("latin-1")


def _status(answer: Answer, media: str) -> int:
    """What the specification asks for: `application/json` tells of faults in a well-formed request by 200."""
    if not answer.refused:
        return 200
    if answer.strict:
        return _STATUS.get(_code(answer.errors[0]), 400)
    return 400 if media == GRAPHQL_JSON else 200


def _code(error: GraphQLFormattedError) -> str:
    return str(error["extensions"]["code"])


def _kept(answer: Answer, request: Request, form: _Form) -> Response:
    """An answer to GET, which clients may keep if they ask each time whether it still holds."""
    body = orjson.dumps(answer.body)
    # Weak: the same facts may come in other codings.
    tag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(None, 304, {**_named(form.media, None), **headers})
    return _written(body, 200, form, headers)


def _matches(asked: str, tag: str) -> bool:
    opaque = tag.removeprefix("W/")
    return asked.strip() == "*" or any(one.strip().removeprefix("W/") == opaque for one in asked.split(","))


def _response(answer: Answer, status: int, form: _Form, headers: Mapping[str, str] | None = None) -> Response:
    return _written(orjson.dumps(answer.body), status, form, headers or {})


def _written(body: bytes, status: int, form: _Form, headers: Mapping[str, str]) -> Response:
    body, name = _packed(body, form.encodings)
    return Response(body, status, {**_named(form.media, name), **headers})


def _packed(body: bytes, encodings: bytes) -> tuple[bytes, str | None]:
    """The body as it goes out, and the name of its coding."""
    if len(body) < SMALLEST or not encodings or (best := coding(encodings)) is None:
        return body, None
    name, pack = best
    return pack(body), name


def _named(media: str, encoding: str | None) -> dict[str, str]:
    headers = {**_QUIET, "content-type": f"{media}; charset=utf-8", "vary": "accept, accept-encoding"}
    return headers if encoding is None else {**headers, "content-encoding": encoding}
