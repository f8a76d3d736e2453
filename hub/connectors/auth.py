"""Prove to a source who is asking: keys, passwords, tokens that are fetched and renewed, and signatures."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from pydantic import SecretStr, model_validator

from hub.connectors.base import Options
from hub.connectors.exchange import Answer, Request
from hub.connectors.places import Stamp, TokenPlace, carried, with_headers
from hub.connectors.sessions import LogIn, Login
from hub.connectors.signing import Sign, Signature
from hub.connectors.tokens import Ask, Grant, Jwt, OAuth2, granted, pair, signed
from hub.connectors.urls import without

__all__ = ["Auth", "Credentials", "Request", "credentials"]

T = TypeVar("T")
_UTC = ZoneInfo("UTC")


class ApiKey(Options):
    header: str | None = None
    """The header that carries the key."""
    query: str | None = None
    """The query parameter that carries the key."""
    body: str | None = None
    """The field of the body that carries the key; dots lead into objects."""
    value: SecretStr
    """The key itself."""

    @model_validator(mode="after")
    def _one_place(self) -> "ApiKey":
        if sum(place is not None for place in (self.header, self.query, self.body)) != 1:
            raise ValueError("write either `header` or `query` or `body`, the one that carries the key")
        return self


class Basic(Options):
    username: str
    """The user's name."""
    password: SecretStr
    """The user's password."""


class Auth(Options):
    """How the hub proves who it is: exactly one way, and a signature beside it where the source wants one."""

    api_key: ApiKey | None = None
    """A key in a header, in the query or in the body."""
    basic: Basic | None = None
    """A user's name and password."""
    bearer: SecretStr | None = None
    """A token that never changes."""
    jwt: Jwt | None = None
    """A token that the hub signs itself, anew for every question."""
    oauth2: OAuth2 | None = None
    """OAuth 2 (RFC 6749): a token for the client, for a user, or for an assertion."""
    login: Login | None = None
    """Post the credentials, get a token or a session."""
    sign: Sign | None = None
    """Sign every question; alone, or beside one of the others."""

    @model_validator(mode="after")
    def _one_way(self) -> "Auth":
        ways = self.model_fields_set - {"sign"}
        if len(ways) > 1 or not self.model_fields_set:
            raise ValueError(
                "write exactly one of `api_key`, `basic`, `bearer`, `jwt`, `oauth2` and `login`, "
                "or `sign`, which may also stand beside one of them"
            )
        if self.sign is not None:
            self.sign.check_names(self._read())
        return self

    def _read(self) -> set[str]:
        """The names that a signature may use of what was read."""
        if self.login is None:
            return {"token"} if self.oauth2 else set()
        return {name for step in self.login.steps() for name in self.login.places(step)} - {"expires"}


class Credentials(Protocol):
    """What signs requests. Lives as long as its connector, so that a token serves several runs."""

    async def sign(self, request: Request, ask: Ask) -> Request: ...

    def renew(self) -> bool:
        """Forget a token that the source no longer takes; False where there is nothing to renew."""

    def secrets(self) -> list[str]:
        """Tell what must never be quoted."""

    def strip(self, url: str) -> str:
        """Take our key out of a URL that the source gave back."""


def credentials(auth: Auth | None, zone: ZoneInfo = _UTC) -> Credentials:
    """Choose how to sign; `zone` is the source's, for signatures that hold the time."""
    proof, read = _proof(auth, zone)
    return proof if auth is None or auth.sign is None else _Signed(proof, Signature(auth.sign, zone), read)


def _proof(auth: Auth | None, zone: ZoneInfo) -> tuple[Credentials, Callable[[], Mapping[str, str]]]:
    """Choose what proves who is asking, and how to look at what a login has read."""
    renewed: _Renewed | None = None
    if auth is not None and auth.oauth2:
        renewed = _Renewed(partial(granted, auth.oauth2), auth.oauth2.hidden, auth.oauth2.carry)
    elif auth is not None and auth.login:
        login = LogIn(auth.login, zone)
        place = auth.login.carry if auth.login.token or auth.login.cookie else None
        renewed = _Renewed(login, login.hidden, place)
    return (renewed, renewed.read) if renewed else (_fixed(auth), dict)


def _fixed(auth: Auth | None) -> "_Fixed":
    if auth is None:
        return _Fixed(lambda request: request, [])
    if auth.api_key:
        key, place = auth.api_key.value.get_secret_value(), auth.api_key
        where = TokenPlace(header=place.header, query=place.query, body=place.body)
        return _Fixed(carried(where, key), [key], place.query)
    if auth.basic:
        proof = pair(auth.basic.username, password := auth.basic.password.get_secret_value())
        return _Fixed(with_headers({"Authorization": f"Basic {proof}"}), [password, proof])
    if auth.bearer:
        token = auth.bearer.get_secret_value()
        return _Fixed(with_headers({"Authorization": f"Bearer {token}"}), [token])
    if auth.jwt:
        return _Fixed(partial(_with_own_token, auth.jwt), [auth.jwt.key.get_secret_value()])
    return _Fixed(lambda request: request, [])


def _with_own_token(options: Jwt, request: Request) -> Request:
    return carried(options.carry, signed(options))(request)


class _Fixed:
    """Credentials that never change."""

    def __init__(self, stamp: Stamp, hidden: list[str], parameter: str | None = None) -> None:
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


class _Renewed:
    """A token or a session, fetched when there is none or it has grown old."""

    def __init__(
        self,
        fetch: Callable[[Ask, Grant | None], Awaitable[Grant]],
        hidden: Callable[[], list[str]],
        carry: TokenPlace | None,
    ) -> None:
        self._fetch = fetch
        self._carry = carry
        self._hidden = hidden
        self._grant: Grant | None = None
        self._fetching = asyncio.Lock()

    async def sign(self, request: Request, ask: Ask) -> Request:
        async with self._fetching:
            if self._grant is None or time.monotonic() >= self._grant.good_until:
                self._grant = await self._fetch(ask, self._grant)
            return carried(self._carry, self._grant.values["token"])(request) if self._carry else request

    def renew(self) -> bool:
        if self._grant is not None:
            self._grant = replace(self._grant, good_until=0.0)
        return True

    def read(self) -> Mapping[str, str]:
        """What the last login has read, by name."""
        return self._grant.values if self._grant else {}

    def secrets(self) -> list[str]:
        return [*self._hidden(), *(self._grant.values.values() if self._grant else ())]

    def strip(self, url: str) -> str:
        return without(url, self._carry.query if self._carry else None)


class _Signed:
    """Credentials, and a signature over what they made of a question."""

    def __init__(self, proof: Credentials, signature: Signature, read: Callable[[], Mapping[str, str]]) -> None:
        self._proof = proof
        self._signature = signature
        self._read = read

    async def sign(self, request: Request, ask: Ask) -> Request:
        proven = await self._proof.sign(request, self._signing(ask) if self._signature.options.login else ask)
        return self._signature.on(proven, self._read())

    def _signing(self, ask: Ask) -> Ask:
        async def signed_ask(request: Request, read: Callable[[Answer], T]) -> T:
            return await ask(self._signature.on(request, {}), read)

        return signed_ask

    def renew(self) -> bool:
        return self._proof.renew()

    def secrets(self) -> list[str]:
        return [*self._proof.secrets(), *self._signature.secrets()]

    def strip(self, url: str) -> str:
        url = self._proof.strip(url)
        for parameter in self._signature.options.query:
            url = without(url, parameter)
        return url
