"""Get a token by OAuth 2, or sign one oneself."""

import base64
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from hub.connectors.base import Options
from hub.connectors.exchange import Answer, Request, parse
from hub.connectors.paths import Path, reader
from hub.connectors.places import TokenPlace
from hub.connectors.urls import Url
from hub.errors import SourceRefused
from hub.units import Duration

T = TypeVar("T")
_IN_HEADER = TokenPlace(header="Authorization", prefix="Bearer ")
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_LIFE = 86400.0


class Ask(Protocol):
    """Send a question that proves nothing yet, and make sense of its answer."""

    async def __call__(self, request: Request, read: Callable[[Answer], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login gave: values by name, the token among them, good until a time of the monotonic clock."""

    values: Mapping[str, str] = field(repr=False)
    good_until: float
    refresh: str | None = field(default=None, repr=False)


class Jwt(Options):
    """A JSON Web Token that the hub signs itself (RFC 7519); `iat`, `exp` and `jti` are added to its claims."""

    alg: Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]
    """The algorithm; the key must be of its kind."""
    key: SecretStr
    """The shared secret of an HS…, or the private key (PEM) of any other."""
    kid: str | None = None
    """The name of the key, in the token's header."""
    claims: Mapping[str, Any] = {}
    """What the token says, such as `iss`, `sub` and `aud`."""
    ttl: Duration = timedelta(minutes=5)
    """How long a token is good for; every question carries one of its own."""
    carry: TokenPlace = Field(_IN_HEADER, alias="as")
    """How the token is sent with every question."""


class OAuth2(Options):
    token_url: Url
    """Where tokens are given out."""
    grant: Literal["client_credentials", "password", "refresh_token", "jwt_bearer"] = "client_credentials"
    """What a token is given for: who the client is, a user's password, an earlier token, or a signed assertion."""
    client_id: str | None = None
    """Who we are."""
    client_secret: SecretStr | None = None
    """What proves it."""
    username: str | None = None
    """The user's name, with `grant: password`."""
    password: SecretStr | None = None
    """The user's password, with `grant: password`."""
    refresh_token: SecretStr | None = None
    """The token to begin with, with `grant: refresh_token`. A newer one that the source hands out is kept in memory."""
    assertion: Jwt | None = None
    """The assertion of `grant: jwt_bearer` (RFC 7523); with another grant it proves the client in place of a secret."""
    scope: str | None = None
    """What we ask to be allowed."""
    style: Literal["basic", "body"] = "basic"
    """How the client proves itself: HTTP Basic, or fields of the form."""
    extra: Mapping[str, str] = Field(default_factory=dict)
    """More fields of the form, such as `audience`."""
    token: Path = "access_token"  # noqa: S105  a path, no password
    """Where the answer holds the token."""
    expires: Path = "expires_in"
    """Where the answer says for how many seconds the token is good."""
    carry: TokenPlace = Field(_IN_HEADER, alias="as")
    """How the token is sent with every request."""

    @model_validator(mode="after")
    def _whole(self) -> "OAuth2":
        needed = {
            "client_credentials": ("client_id",),
            "password": ("username", "password"),
            "refresh_token": ("refresh_token",),
            "jwt_bearer": ("assertion",),
        }[self.grant]
        if absent := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"`grant: {self.grant}` needs `{'` and `'.join(absent)}`")
        if self.grant == "client_credentials" and self.client_secret is None and self.assertion is None:
            raise ValueError("write `client_secret`, or an `assertion` that proves the client in its place")
        return self

    def hidden(self) -> list[str]:
        """What must never be quoted."""
        named = (self.client_secret, self.password, self.refresh_token, self.assertion and self.assertion.key)
        secrets = [secret.get_secret_value() for secret in named if secret]
        if self.client_id is None or self.client_secret is None:
            return secrets
        return [*secrets, pair(quote(self.client_id, safe=""), quote(self.client_secret.get_secret_value(), safe=""))]


def pair(name: str, password: str) -> str:
    """Write a name and a password as HTTP Basic does."""
    return base64.b64encode(f"{name}:{password}".encode()).decode()


async def granted(options: OAuth2, ask: Ask, before: Grant | None) -> Grant:
    """Get a token: by what the last grant gave to refresh it with, or anew."""
    if before is not None and before.refresh is not None:
        try:
            return await ask(_token_request(options, before.refresh), lambda answer: _grant(options, answer, before))
        except SourceRefused:
            if options.grant == "refresh_token":
                raise
    return await ask(_token_request(options, None), lambda answer: _grant(options, answer, None))


def _grant(options: OAuth2, answer: Answer, before: Grant | None) -> Grant:
    payload = parse(answer) if answer.body else None
    token = reader(options.token)(payload)
    if not isinstance(token, str) or not token:
        raise SourceRefused(f"answered no `{options.token}` for auth.oauth2")
    refresh = payload.get("refresh_token") if isinstance(payload, dict) else None
    kept = before.refresh if before else None
    return Grant({"token": token}, good_until(reader(options.expires)(payload)), refresh or kept)


def good_until(seconds: Any) -> float:
    """Read how long a token lives, a tenth early so that no request is under way when it ends; an hour if untold."""
    try:
        told = float(seconds)
    except (TypeError, ValueError):
        told = 3600.0
    return time.monotonic() + max(0.0, min(told, _LONGEST_LIFE)) * 0.9


def _token_request(options: OAuth2, refresh: str | None) -> Request:
    form = {**_what_for(options, refresh), **options.extra}
    if options.scope:
        form["scope"] = options.scope
    if options.assertion is not None and options.grant != "jwt_bearer":
        form |= {"client_assertion_type": _CLIENT_ASSERTION, "client_assertion": signed(options.assertion)}
    secret = options.client_secret.get_secret_value() if options.client_secret else None
    if options.client_id and secret is not None and options.style == "basic":
        # RFC 6749, section 2.3.1: both halves are percent-encoded before they are joined.
        proof = pair(quote(options.client_id, safe=""), quote(secret, safe=""))
        return Request("POST", options.token_url, headers={"Authorization": f"Basic {proof}"}, form=form)
    form |= {"client_id": options.client_id} if options.client_id else {}
    form |= {"client_secret": secret} if secret is not None else {}
    return Request("POST", options.token_url, form=form)


def _what_for(options: OAuth2, refresh: str | None) -> dict[str, str]:
    if refresh is None and options.grant == "refresh_token" and options.refresh_token:
        refresh = options.refresh_token.get_secret_value()
    if refresh is not None:
        return {"grant_type": "refresh_token", "refresh_token": refresh}
    if options.grant == "password" and options.password:
        password = options.password.get_secret_value()
        return {"grant_type": "password", "username": options.username or "", "password": password}
    if options.grant == "jwt_bearer" and options.assertion:
        return {"grant_type": _JWT_BEARER, "assertion": signed(options.assertion)}
    return {"grant_type": "client_credentials"}


def signed(options: Jwt) -> str:
    """Sign a token of now. Raises SourceRefused where the key is not of the algorithm's kind."""
    # The libraries take longer to import than everything else of a check, and few sources need them.
    from hub.connectors import ciphers  # noqa: PLC0415

    now = int(time.time())
    header = {"alg": options.alg, "typ": "JWT", **({"kid": options.kid} if options.kid else {})}
    claims = {**options.claims, "iat": now, "exp": now + int(options.ttl.total_seconds()), "jti": uuid.uuid4().hex}
    try:
        return ciphers.jwt(header, claims, options.key.get_secret_value())
    except ValueError as error:
        raise SourceRefused(f"cannot sign a token: {error}", hint="check its `key`") from None
