"""The doors of web systems: how a client proves who it is before it sees a ticket."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from aiohttp import encode_basic_auth, web

from replica.counters.answers import Refusal, fill, json_answer
from replica.counters.base import House
from replica.tokens import Tokens


class Guard(Protocol):
    """Whoever stands at one system's door."""

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the addresses at which one becomes known, where there are any."""

    def admits(self, request: web.Request, asked: Mapping[str, str]) -> bool: ...


class Door(Protocol):
    def guard(self, name: str, house: House) -> Guard: ...


class _Open:
    """A guard that gives nothing out, and so is the door itself."""

    __slots__ = ()

    def guard(self, name: str, house: House) -> Any:
        return self

    def routes(self) -> Sequence[web.RouteDef]:
        return ()


@dataclass(frozen=True, slots=True)
class Anyone(_Open):
    def admits(self, request: web.Request, asked: Mapping[str, str]) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Key(_Open):
    """A key in a header or in the query."""

    value: str
    header: str = ""
    query: str = ""

    def admits(self, request: web.Request, asked: Mapping[str, str]) -> bool:
        given = request.headers.get(self.header) if self.header else request.query.get(self.query)
        return given == self.value


@dataclass(frozen=True, slots=True)
class Basic(_Open):
    user: str
    password: str

    def admits(self, request: web.Request, asked: Mapping[str, str]) -> bool:
        return request.headers.get("Authorization") == encode_basic_auth(self.user, self.password)


@dataclass(frozen=True, slots=True)
class Bearer(_Open):
    """A token that never changes."""

    token: str

    def admits(self, request: web.Request, asked: Mapping[str, str]) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.token}"


@dataclass(frozen=True, slots=True)
class Signed(_Open):
    """A signature over the question: `expected` makes it anew out of what came, `shown` is where it came."""

    shown: Callable[[web.Request, Mapping[str, str]], str | None]
    expected: Callable[[web.Request, Mapping[str, str]], str]

    def admits(self, request: web.Request, asked: Mapping[str, str]) -> bool:
        return self.shown(request, asked) == self.expected(request, asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Post a user and a password; what comes back is sent along, in a header or as a cookie.

    In `welcome`, `$token` and `$seconds` stand for the token and how long it is good for.
    """

    path: str
    fields: Mapping[str, str]
    welcome: Any
    failed: Refusal
    header: str = ""
    cookie: str = ""
    ttl: timedelta = timedelta(minutes=30)

    def guard(self, name: str, house: House) -> Guard:
        return _LoginGuard(self, Tokens(name, house.clock, house.faults, self.ttl))


@dataclass(frozen=True, slots=True)
class _LoginGuard:
    door: Login
    tokens: Tokens

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.post(self.door.path, self.login)]

    async def login(self, request: web.Request) -> web.Response:
        is_json = request.content_type == "application/json"
        given = await request.json() if is_json else dict(await request.post())
        if given != self.door.fields:
            return self.door.failed.answer()
        token = self.tokens.give()
        answer = json_answer(fill(self.door.welcome, {"token": token, "seconds": self.tokens.seconds}))
        if self.door.cookie:
            answer.set_cookie(self.door.cookie, token, path="/", httponly=True)
        return answer

    def admits(self, request: web.Request, asked: Mapping[str, str]) -> bool:
        door = self.door
        return self.tokens.is_good(
            request.cookies.get(door.cookie) if door.cookie else request.headers.get(door.header)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """OAuth 2: the token endpoint takes the grant whose fields it knows, the client proves itself either way."""

    path: str
    client: str
    secret: str
    grant: Mapping[str, str] = field(default_factory=lambda: {"grant_type": "client_credentials"})
    ttl: timedelta = timedelta(minutes=5)

    def guard(self, name: str, house: House) -> Guard:
        return _OAuthGuard(self, Tokens(name, house.clock, house.faults, self.ttl))


@dataclass(frozen=True, slots=True)
class _OAuthGuard:
    door: OAuth
    tokens: Tokens

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.post(self.door.path, self.token)]

    async def token(self, request: web.Request) -> web.Response:
        form, door = await request.post(), self.door
        in_form = (form.get("client_id"), form.get("client_secret")) == (door.client, door.secret)
        if not in_form and request.headers.get("Authorization") != encode_basic_auth(door.client, door.secret):
            return json_answer({"error": "invalid_client"}, status=401)
        if form.get("grant_type") != door.grant["grant_type"]:
            return json_answer({"error": "unsupported_grant_type"}, status=400)
        if any(form.get(name) != value for name, value in door.grant.items()):
            return json_answer({"error": "invalid_grant"}, status=400)
        answer = {"access_token": self.tokens.give(), "token_type": "Bearer", "expires_in": self.tokens.seconds}
        return json_answer(answer)

    def admits(self, request: web.Request, asked: Mapping[str, str]) -> bool:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return kind == "Bearer" and self.tokens.is_good(token)
