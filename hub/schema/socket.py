"""GraphQL over WebSocket: the protocol `graphql-transport-ws`, and no other.

Its rules are at https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. Spoken here and not by Strawberry's
handler, which closes the whole socket for one misspelt operation.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
from graphql import GraphQLFormattedError, OperationType
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.http.websocket_origin import is_same_origin, normalize_allowed_origins, normalize_origin

from hub.errors import QueryError, StoreUnavailable
from hub.schema import problems
from hub.schema.callers import Callers, caller_of
from hub.schema.documents import Documents
from hub.schema.execution import Answer, Execution, Operation, Refused
from hub.schema.operations import read_operation
from hub.schema.viewers import ANYBODY

PROTOCOL = "graphql-transport-ws"
PATIENCE = timedelta(seconds=10)
LOOK_AGAIN = timedelta(seconds=20)
_EVERY_KIND = frozenset(OperationType)


class Broken(Exception):
    """The client broke the protocol: the socket closes with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Sockets:
    """An ASGI application for one path; `origins` are the foreign pages that may connect."""

    def __init__(
        self,
        execution: Execution,
        documents: Documents,
        callers: Callers,
        *,
        origins: Collection[str] = (),
        patience: timedelta = PATIENCE,
        look_again: timedelta = LOOK_AGAIN,
    ) -> None:
        """`patience` is how long a client may take to begin, `look_again` how often its key is asked for meanwhile."""
        self._look_again = look_again
        self._execution = execution
        self._documents = documents
        self._callers = callers
        self._origins = normalize_allowed_origins(origins)
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        if not self._welcome(socket):
            await socket.close()  # before it was accepted: the handshake is answered 403
        elif PROTOCOL not in scope["subprotocols"]:
            await socket.accept()
            await socket.close(4406, "Subprotocol not acceptable")
        else:
            await self._converse(socket)

    async def _converse(self, socket: WebSocket) -> None:
        caller = caller_of(socket.scope)
        try:
            with self._callers.connected(caller):
                await socket.accept(PROTOCOL)
                conversation = _Conversation(socket, self._execution, self._documents, self._callers)
                await conversation.hold(self._patience, self._look_again)
        except QueryError as error:
            refused = Answer([problems.refusal(error)], refused=True)
            await socket.send_denial_response(Response(orjson.dumps(refused.body), 429, media_type="application/json"))

    def _welcome(self, socket: WebSocket) -> bool:
        """Browsers let any page open a socket and always say which; other programs say nothing."""
        origin = socket.headers.get("origin")
        if origin is None or is_same_origin(origin, socket.headers.get("host")):
            return True
        return normalize_origin(origin) in self._origins


class _Conversation:
    def __init__(self, socket: WebSocket, execution: Execution, documents: Documents, callers: Callers) -> None:
        self._socket = socket
        self._execution = execution
        self._documents = documents
        self._callers = callers
        self._caller = caller_of(socket.scope)
        self._acknowledged = False
        self._viewer = ANYBODY
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def hold(self, patience: timedelta, look_again: timedelta) -> None:
        impatient = asyncio.create_task(self._expect_init(patience, look_again))
        try:
            while (message := await self._socket.receive())["type"] == "websocket.receive":
                await self._hear(self._read(message))
        except Broken as broken:
            await self._close(broken.code, broken.reason)
        except WebSocketDisconnect:
            pass  # The client went while it was being answered.
        finally:
            tasks = [impatient, *self._tasks.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _expect_init(self, patience: timedelta, look_again: timedelta) -> None:
        """Close the socket of whoever does not begin, and later of whoever loses their key, also while all is quiet."""
        await asyncio.sleep(patience.total_seconds())
        if not self._acknowledged:
            await self._close(4408, "Connection initialisation timeout")
            return
        while self._viewer.key is not None:
            try:
                await self._execution.again(self._viewer)
            except QueryError as error:
                await self._close(4403, f"Forbidden: {error}")
                return
            except StoreUnavailable:
                pass  # Whoever was known stays known while nobody can be asked.
            await asyncio.sleep(look_again.total_seconds())

    def _read(self, message: Mapping[str, Any]) -> dict[str, Any]:
        text = message.get("text")
        if text is None:
            raise Broken(4400, "a message must be text")
        if len(text) > self._execution.limits.body:
            raise Broken(1009, f"a message has {len(text)} characters; the limit is {self._execution.limits.body}")
        try:
            heard = orjson.loads(text)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            raise Broken(4400, "a message must be JSON") from None
        if not isinstance(heard, dict):
            raise Broken(4400, "a message must be an object")
        return heard

    async def _hear(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                await self._init(message)
            case "ping":
                await self._say({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                if task := self._tasks.pop(str(message.get("id")), None):
                    task.cancel()
            case other:
                raise Broken(4400, f"unknown message type {str(other)[:40]!r}")

    async def _init(self, message: dict[str, Any]) -> None:
        if self._acknowledged:
            raise Broken(4429, "Too many initialisation requests")
        payload = message.get("payload")
        if not isinstance(payload, dict | None):
            raise Broken(4400, "the payload of connection_init must be an object")
        try:
            self._viewer = await self._execution.recognize(_authorization(payload or {}, self._socket))
        except QueryError as error:
            raise Broken(4403, f"Forbidden: {error}") from None
        except StoreUnavailable:
            raise Broken(1013, "the database does not answer") from None
        self._caller = caller_of(self._socket.scope, self._viewer)
        self._acknowledged = True
        await self._say({"type": "connection_ack"})

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if not self._acknowledged:
            raise Broken(4401, "Unauthorized")
        name, asked = message.get("id"), message.get("payload")
        if not isinstance(name, str) or not name or not isinstance(asked, dict):
            raise Broken(4400, "subscribe needs an id and a payload")
        if name in self._tasks:
            raise Broken(4409, f"Subscriber for {name[:40]} already exists")
        if len(self._tasks) >= self._execution.limits.subscriptions:
            raise Broken(4429, f"Too many operations on one socket; the limit is {len(self._tasks)}")
        try:
            operation = replace(read_operation(asked, self._documents), viewer=self._viewer)
        except QueryError as error:
            if error.code == "BAD_INPUT":
                raise Broken(4400, str(error)) from None
            await self._say(_error(name, [problems.refusal(error)]))
        else:
            self._tasks[name] = asyncio.create_task(self._run(name, operation))

    async def _run(self, name: str, operation: Operation) -> None:
        """One operation from its subscribe to its complete or error."""
        try:
            last = await self._answer(name, operation)
        except Refused as refused:
            last = _error(name, refused.answer.errors)
        except QueryError as error:
            last = _error(name, [problems.refusal(error)])
        except WebSocketDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # the last resort: the client gets an id, the log the rest
            last = _error(name, [problems.masked(error)])
        # The id is free before the client hears that it is.
        self._tasks.pop(name, None)
        await self._say(last)

    async def _answer(self, name: str, operation: Operation) -> dict[str, Any]:
        """Send each answer; return the message that ends the operation."""
        self._callers.enter(self._caller)
        try:
            prepared = self._execution.prepare(operation, _EVERY_KIND)
            if prepared.kind is not OperationType.SUBSCRIPTION:
                return await self._next(name, await self._execution.execute(prepared)) or _complete(name)
        finally:
            self._callers.leave(self._caller)
        self._callers.check_following(self._caller)
        answers = self._callers.following(self._caller, self._execution.follow(prepared))
        try:
            async for answer in answers:
                if ended := await self._next(name, answer):
                    return ended
        finally:
            await answers.aclose()
        return _complete(name)

    async def _next(self, name: str, answer: Answer) -> dict[str, Any] | None:
        if answer.refused:
            return _error(name, answer.errors)
        await self._say({"id": name, "type": "next", "payload": answer.body})
        return None

    async def _say(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(orjson.dumps(message).decode())

    async def _close(self, code: int, reason: str) -> None:
        # A close frame carries 123 bytes of reason at most.
        await self._socket.close(code, reason.encode()[:120].decode(errors="ignore"))


def _authorization(payload: Mapping[str, Any], socket: WebSocket) -> str | None:
    """What a browser can only say in `connection_init`, and other programs may say in a header. Raises Broken."""
    said = next((value for name, value in payload.items() if name.lower() == "authorization"), None)
    if not isinstance(said, str | None):
        raise Broken(4400, "the payload's authorization must be text")
    return said if said is not None else socket.headers.get("authorization")


def _error(name: str, errors: list[GraphQLFormattedError]) -> dict[str, Any]:
    return {"id": name, "type": "error", "payload": errors}


def _complete(name: str) -> dict[str, Any]:
    return {"id": name, "type": "complete"}
