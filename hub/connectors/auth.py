"""Prove to a source who is asking: keys, passwords, and tokens that are fetched and renewed."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal, Protocol
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from hub.connectors.base import Options
from hub.connectors.paths import Path, reader
from hub.connectors.urls import Url, without
from hub.errors import SourceRefused
from hub.units import Duration


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a source.

    `body` is sent as JSON, `form` as a form; `text` as it stands in place of both, in its `encoding` and as a `kind`.
    """

    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: Mapping[str, str] | None = None
    text: str | None = None
    kind: str = ""
    encoding: str = "utf-8"


class Ask(Protocol):
    """Send an unsigned request; gives what `read` makes of its answer, or else that parsed, and the cookies with it."""

    async def __call__(self, request: Request, read: Callable[[Any], Any] | None = None) -> Any: ...


class ApiKey(Options):
    header: str | None = None
    """The header that carries the key."""
    query: str | None = None
    """The query parameter that carries the key."""
    value: SecretStr
    """The key itself."""

    @model_validator(mode="after")
    def _one_place(self) -> "ApiKey":
        if (self.header is None) == (self.query is None):
            raise ValueError("write either `header` or `query`, the one that carries the key")
        return self


class Basic(Options):
    username: str
    """The user's name."""
    password: SecretStr
    """The user's password."""


class OAuth2(Options):
    token_url: Url
    """Where tokens are given out."""
    client_id: str
    """Who we are."""
    client_secret: SecretStr
    """What proves it."""
    scope: str | None = None
    """What we ask to be allowed."""
    style: Literal["basic", "body"] = "basic"
    """How the client proves itself: HTTP Basic, or fields of the form."""
    extra: Mapping[str, str] = Field(default_factory=dict)
    """More fields of the form, such as `audience`."""


class TokenPlace(Options):
    header: str | None = None
    """The header that carries the token."""
    query: str | None = None
    """The query parameter that carries the token."""
    cookie: str | None = None
    """The cookie that carries the token."""
    prefix: str = ""
    """What stands before the token, such as `Bearer `."""

    @model_validator(mode="after")
    def _one_place(self) -> "TokenPlace":
        if sum(place is not None for place in (self.header, self.query, self.cookie)) != 1:
            raise ValueError("write exactly one of `header`, `query` and `cookie`, the one that carries the token")
        return self


class Login(Options):
    url: Url
    """Where to log in."""
    send: Mapping[str, SecretStr]
    """The fields to log in with."""
    type: Literal["json", "form"] = "json"
    """How the fields are sent."""
    token: Path | None = None
    """Where the answer holds the token."""
    cookie: str | None = None
    """The cookie of the answer that is the token, where the body holds none."""
    ttl: Duration = timedelta(minutes=20)
    """How long a token is good for."""
    carry: TokenPlace = Field(TokenPlace(header="Authorization", prefix="Bearer "), alias="as")
    """How the token is sent with every request."""

    @model_validator(mode="after")
    def _one_token(self) -> "Login":
        if (self.token is None) == (self.cookie is None):
            raise ValueError("write either `token`, a path in the answer, or `cookie`, a cookie's name")
        return self


class Auth(Options):
    """How the hub proves who it is: exactly one way."""

    api_key: ApiKey | None = None
    """A key in a header or in the query."""
    basic: Basic | None = None
    """A user's name and password."""
    bearer: SecretStr | None = None
    """A token that never changes."""
    oauth2: OAuth2 | None = None
    """OAuth 2 client credentials (RFC 6749, section 4.4)."""
    login: Login | None = None
    """Post the credentials, get a token."""

    @model_validator(mode="after")
    def _one_way(self) -> "Auth":
        if len(self.model_fields_set) != 1:
            raise ValueError("write exactly one of `api_key`, `basic`, `bearer`, `oauth2` and `login`")
        return self


class Credentials(Protocol):
    """What signs requests. Lives as long as its connector, so that a token serves several runs."""

    async def sign(self, request: Request, ask: Ask) -> Request: ...

    def renew(self) -> bool:
        """Forget a token that the source no longer takes; False where there is nothing to renew."""

    def secrets(self) -> list[str]:
        """Tell what must never be quoted."""

    def strip(self, url: str) -> str:
        """Take our key out of a URL that the source gave back."""


def credentials(auth: Auth | None) -> Credentials:
    """Choose how to sign."""
    if auth is None:
        return _Fixed(lambda request: request, [])
    if auth.api_key:
        key, place = auth.api_key.value.get_secret_value(), auth.api_key
        return _Fixed(_carried(TokenPlace(header=place.header, query=place.query), key), [key], place.query)
    if auth.basic:
        pair = _pair(auth.basic.username, auth.basic.password.get_secret_value())
        return _Fixed(_with_header("Authorization", f"Basic {pair}"), [auth.basic.password.get_secret_value(), pair])
    if auth.bearer:
        token = auth.bearer.get_secret_value()
        return _Fixed(_with_header("Authorization", f"Bearer {token}"), [token])
    if auth.oauth2:
        return _Renewed(_oauth2(auth.oauth2), TokenPlace(header="Authorization", prefix="Bearer "), _secrets_of(auth))
    if auth.login:
        return _Renewed(_login(auth.login), auth.login.carry, _secrets_of(auth))
    raise ValueError("no way to prove who is asking")


def _secrets_of(auth: Auth) -> list[str]:
    if auth.oauth2:
        secret = auth.oauth2.client_secret.get_secret_value()
        return [secret, _pair(quote(auth.oauth2.client_id, safe=""), quote(secret, safe=""))]
    return [secret.get_secret_value() for secret in auth.login.send.values()] if auth.login else []


def _pair(name: str, password: str) -> str:
    return base64.b64encode(f"{name}:{password}".encode()).decode()


class _Fixed:
    """Credentials that never change."""

    def __init__(self, stamp: Callable[[Request], Request], hidden: list[str], parameter: str | None = None) -> None:
        self._stamp = stamp
        self._hidden = hidden
        self._parameter = parameter

    async def sign(self, request: Request, ask: Ask) -> Request:
        del ask
        return self._stamp(request)

    def renew(self) -> bool:
        return False

    def secrets(self) -> list[str]:
        return self._hidden

    def strip(self, url: str) -> str:
        return without(url, self._parameter)


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    good_until: float
    """By the monotonic clock."""


class _Renewed:
    """A token, fetched when there is none or it has grown old."""

    def __init__(self, fetch: Callable[[Ask], Awaitable[_Token]], carry: TokenPlace, hidden: list[str]) -> None:
        self._fetch = fetch
        self._carry = carry
        self._hidden = hidden
        self._token: _Token | None = None
        self._fetching = asyncio.Lock()

    async def sign(self, request: Request, ask: Ask) -> Request:
        async with self._fetching:
            if self._token is None or time.monotonic() >= self._token.good_until:
                self._token = await self._fetch(ask)
            return _carried(self._carry, self._token.value)(request)

    def renew(self) -> bool:
        self._token = None
        return True

    def secrets(self) -> list[str]:
        return [*self._hidden, self._token.value] if self._token else self._hidden

    def strip(self, url: str) -> str:
        return without(url, self._carry.query)


def _oauth2(options: OAuth2) -> Callable[[Ask], Awaitable[_Token]]:
    async def fetch(ask: Ask) -> _Token:
        answer, _ = await ask(_token_request(options))
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise SourceRefused("the answer of auth.oauth2.token_url holds no `access_token`")
        return _Token(token, time.monotonic() + _lifetime(answer.get("expires_in")))

    return fetch


def _token_request(options: OAuth2) -> Request:
    form = {"grant_type": "client_credentials", **options.extra}
    if options.scope:
        form["scope"] = options.scope
    secret = options.client_secret.get_secret_value()
    if options.style == "body":
        return Request("POST", options.token_url, form=form | {"client_id": options.client_id, "client_secret": secret})
    # RFC 6749, section 2.3.1: both halves are percent-encoded before they are joined.
    pair = _pair(quote(options.client_id, safe=""), quote(secret, safe=""))
    return Request("POST", options.token_url, headers={"Authorization": f"Basic {pair}"}, form=form)


def _lifetime(seconds: Any) -> float:
    """Read `expires_in`, a tenth early so that no request is under way when it ends; an hour where it says nothing."""
    try:
        told = float(seconds)
    except (TypeError, ValueError):
        told = 3600.0
    return max(0.0, min(told, 86400.0)) * 0.9


def _login(options: Login) -> Callable[[Ask], Awaitable[_Token]]:
    fields = {name: secret.get_secret_value() for name, secret in options.send.items()}
    form = fields if options.type == "form" else None
    request = Request("POST", options.url, body=None if form else fields, form=form)

    async def fetch(ask: Ask) -> _Token:
        answer, cookies = await ask(request)
        token = cookies.get(options.cookie) if options.cookie else reader(options.token or "")(answer)
        if not isinstance(token, str | int) or token == "":
            raise SourceRefused(f"the answer of auth.login.url holds no `{options.cookie or options.token}`")
        return _Token(str(token), time.monotonic() + options.ttl.total_seconds())

    return fetch


def _carried(place: TokenPlace, token: str) -> Callable[[Request], Request]:
    value = place.prefix + token
    if place.header:
        return _with_header(place.header, value)
    if place.cookie:
        return _with_header("Cookie", f"{place.cookie}={value}")
    name = place.query or ""
    return lambda request: replace(request, query={**request.query, name: value})


def _with_header(name: str, value: str) -> Callable[[Request], Request]:
    return lambda request: replace(request, headers={**request.headers, name: value})
