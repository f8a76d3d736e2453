"""Log in as a person would: ask for a challenge, post the credentials, keep what came of it."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from lxml import etree
from pydantic import AfterValidator, Field, SecretStr, model_validator

from hub.connectors.base import Options
from hub.connectors.digests import Clock, SecretValue, made, texts_of
from hub.connectors.exchange import Answer, Request, parse
from hub.connectors.formats import encoding_named, known_encoding, readable
from hub.connectors.paths import Path, reader
from hub.connectors.placeholders import among, filled_url, must_know, names_in, rendered
from hub.connectors.places import TokenPlace
from hub.connectors.tokens import Ask, Grant, good_until
from hub.connectors.urls import Url
from hub.errors import SourceRefused
from hub.mapping.patterns import compile_pattern
from hub.units import Duration

_LONGEST_PAGE = 2**18
_PASSWORD_FIELD = re.compile(rb"""(?i)<input\b[^>]{0,500}\btype\s{0,9}=\s{0,9}["']?password""")


def _pattern(text: str) -> str:
    compile_pattern(text)
    return text


class Reading(Options):
    """Where an answer holds a value, when that is no path in JSON or XML."""

    field: str | None = None
    """The name of an `<input>` or `<meta>` of an HTML page."""
    match: Annotated[str, AfterValidator(_pattern)] | None = None
    """A regular expression over the page: its first group."""
    cookie: str | None = None
    """A cookie that the answer sets."""
    header: str | None = None
    """A header of the answer."""

    @model_validator(mode="after")
    def _one_place(self) -> "Reading":
        if len(self.model_fields_set) != 1:
            raise ValueError("write exactly one of `field`, `match`, `cookie` and `header`")
        return self

    @property
    def place(self) -> str:
        """Name the place, for messages."""
        return str(self.field or self.match or self.cookie or self.header)


class LoginStep(Options):
    """One question of a login."""

    url: Url
    """Where to ask; `{name}` stands for a value."""
    method: Literal["GET", "POST"] = "GET"
    """How to ask."""
    send: Mapping[str, SecretValue] = {}
    """The fields to send: texts with `{name}` in them, or something computed from such texts."""
    headers: Mapping[str, SecretValue] = {}
    """Headers to send, in the same way."""
    type: Literal["json", "form", "query"] = "json"
    """How the fields are sent; those of a GET always go with the query."""
    encoding: Annotated[str, AfterValidator(known_encoding)] = "utf-8"
    """The encoding in which the source reads them."""
    read: Mapping[str, Path | Reading] = {}
    """Values to read from the answer: for the steps after it, and for `auth.sign`."""


class Login(LoginStep):
    """Log in, and keep what came of it: a token, a session of cookies, or values that `auth.sign` uses."""

    values: Mapping[str, SecretValue] = {}
    """Values that texts can name as `{name}`, such as the password that a hash is made of, or the time."""
    first: Sequence[LoginStep] = ()
    """What is asked before, such as a page with a CSRF token, or a challenge."""
    method: Literal["GET", "POST"] = "POST"
    """How to ask."""
    token: Path | None = None
    """Where the answer holds the token."""
    cookie: str | None = None
    """The cookie of the answer that is the token, where the body holds none."""
    cookies: bool = False
    """The cookies that the source sets carry the session: there is no token."""
    ttl: Duration = timedelta(minutes=20)
    """How long a token, or a session, is good for."""
    expires: Path | None = None
    """Where the answer says for how many seconds, instead of `ttl`."""
    carry: TokenPlace = Field(TokenPlace(header="Authorization", prefix="Bearer "), alias="as")
    """How the token is sent with every request."""

    @model_validator(mode="after")
    def _one_token(self) -> "Login":
        both = self.token is not None and self.cookie is not None
        if both or not (self.token or self.cookie or self.cookies or self.read):
            raise ValueError(
                "write either `token`, a path in the answer, or `cookie`, a cookie's name, "
                "or `cookies: true` where cookies carry the session"
            )
        return self

    @model_validator(mode="after")
    def _known_names(self) -> "Login":
        known: set[str] = set()
        for name, value in self.values.items():
            must_know(_named([value]), known)
            known.add(name)
        for step in self.steps():
            must_know([*names_in(step.url), *_named([*step.send.values(), *step.headers.values()])], known)
            known |= set(step.read)
        return self

    def steps(self) -> Sequence[LoginStep]:
        return (*self.first, self)

    def hidden(self) -> list[str]:
        """What must never be quoted."""
        sent = [value for step in self.steps() for value in (*step.send.values(), *step.headers.values())]
        return [one.get_secret_value() for one in (*self.values.values(), *sent) if isinstance(one, SecretStr)]

    def places(self, step: LoginStep) -> Mapping[str, str | Reading]:
        """Where the answer to a step holds what, by name; the last step's holds the token."""
        if step is not self:
            return step.read
        places: dict[str, str | Reading] = dict(step.read)
        if self.cookie is not None:
            places["token"] = Reading(cookie=self.cookie)
        return places | {name: path for name, path in (("token", self.token), ("expires", self.expires)) if path}


def _named(values: Iterable[SecretValue]) -> Iterator[str]:
    """Yield the names that must be known; a password may hold braces that name nothing."""
    return (name for value in values if not isinstance(value, SecretStr) for name in names_in(texts_of(value)))


class LogIn:
    """Goes through the steps of a login."""

    def __init__(self, options: Login, zone: ZoneInfo) -> None:
        self._options = options
        self._zone = zone
        self._computed: list[str] = []

    async def __call__(self, ask: Ask, before: Grant | None) -> Grant:
        """Log in anew: a session that has ended cannot be refreshed."""
        del before
        options = self._options
        self._computed = []
        values: dict[str, str] = {}
        for name, value in options.values.items():
            values[name] = value.get_secret_value() if isinstance(value, SecretStr) else self._text(value, values)
        for step in options.steps():
            read = _inside if step is options else _readings
            values |= await ask(self._question(step, values), partial(read, options.places(step)))
        lives = values.pop("expires", None) if options.expires else None
        ends = time.monotonic() + options.ttl.total_seconds() if lives is None else good_until(lives)
        return Grant({name: value for name, value in values.items() if name not in options.values}, ends)

    def hidden(self) -> list[str]:
        """What must never be quoted, the hash of a password too."""
        return [*self._options.hidden(), *self._computed]

    def _question(self, step: LoginStep, values: Mapping[str, str]) -> Request:
        url = filled_url(step.url, among(values))
        if url is None:
            raise SourceRefused("auth.login: a value that the URL needs is empty")
        fields = self._texts(step.send, values)
        plain = Request(
            step.method, url, headers=self._texts(step.headers, values), encoding=encoding_named(step.encoding)
        )
        if step.method == "GET" or step.type == "query":
            return replace(plain, query=fields)
        return replace(plain, form=fields) if step.type == "form" else replace(plain, body=fields)

    def _texts(self, wanted: Mapping[str, SecretValue], values: Mapping[str, str]) -> dict[str, str]:
        return {name: self._text(value, values) for name, value in wanted.items()}

    def _text(self, value: SecretValue, values: Mapping[str, str]) -> str:
        def render(text: str) -> bytes:
            return rendered(text, among(values), "utf-8")

        try:
            text = made(value, render, datetime.now(UTC), self._zone)
        except ValueError as error:
            raise SourceRefused(f"cannot log in: {error}") from None
        text = text.decode() if isinstance(text, bytes) else text
        if not isinstance(value, Clock | SecretStr):
            self._computed.append(text)
        return text


def _inside(places: Mapping[str, str | Reading], answer: Answer) -> dict[str, str]:
    """Read what the last step gave. Raises SourceRefused for the login form again: a wrong password looks like that."""
    if _PASSWORD_FIELD.search(answer.body[:_LONGEST_PAGE]):
        raise SourceRefused("shows its login form again", hint="check the credentials under `auth.login`")
    return _readings(places, answer)


def _readings(places: Mapping[str, str | Reading], answer: Answer) -> dict[str, str]:
    in_body = any(isinstance(place, str) for place in places.values())
    payload = parse(answer) if in_body and answer.body else None
    return {name: _read(place, answer, payload) for name, place in places.items()}


def _read(place: str | Reading, answer: Answer, payload: Any) -> str:
    value = reader(place)(payload) if isinstance(place, str) else _found(place, answer)
    if not isinstance(value, str | int | float) or value == "":
        where = place if isinstance(place, str) else place.place
        raise SourceRefused(f"holds no `{where}`, which auth.login reads there")
    return str(value)


def _found(place: Reading, answer: Answer) -> str | None:
    if place.cookie:
        return answer.cookies.get(place.cookie)
    if place.header:
        return answer.headers.get(place.header)
    page = readable(answer.body[:_LONGEST_PAGE], answer.charset)
    return _field_of(page, place.field) if place.field else _matched(page, place.match or "")


def _field_of(page: str, name: str) -> str | None:
    """Find an input or a meta of that name in a page, however sloppily it is written."""
    parser = etree.HTMLParser(no_network=True)
    parser.feed(f"<html>{page}")
    for element in parser.close().iter("input", "meta"):
        if name in (element.get("name"), element.get("id")):
            return element.get("value", element.get("content"))
    return None


def _matched(page: str, written: str) -> str | None:
    """Look for a pattern piece by piece, because it may look at so much of a text only; the pieces overlap."""
    pattern = compile_pattern(written)
    starts = range(0, max(1, len(page)), pattern.longest // 2)
    return next((found for start in starts if (found := pattern.pick(page[start : start + pattern.longest]))), None)
