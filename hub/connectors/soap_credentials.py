"""Write each question with what proves who is asking: a password, a token, a digest that is good but once."""

import asyncio
import codecs
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from lxml import etree
from pydantic import SecretStr
from zeep.wsse.username import UsernameToken
from zeep.wsse.utils import WSU

from hub.connectors.arguments import Tree, element, found, laid
from hub.connectors.auth import credentials
from hub.connectors.exchange import Request
from hub.connectors.paths import reader
from hub.connectors.soap_calls import Call, Question
from hub.connectors.soap_options import SoapAuth, SoapOptions, Wsse
from hub.connectors.tokens import Ask
from hub.errors import SourceRefused

_TIMESTAMP_LASTS = timedelta(minutes=5)


class SoapCredentials:
    """What signs the questions of one source: the envelope is written here, because a token may stand inside it.

    Lives as long as its connector, so that a token serves several runs.
    """

    def __init__(self, options: SoapOptions, login: Call | None) -> None:
        self._options = options
        self._auth = options.auth or SoapAuth.model_construct()
        self._http = credentials(self._auth.by_http())
        self._headers = _open(options.headers)
        self._soap_headers = laid({}, _open(options.soap_headers))
        self._arguments = _open(self._auth.arguments)
        self._login = login
        self._token: str | None = None
        self._good_until = 0.0
        self._fetching = asyncio.Lock()

    async def sign(self, request: Request, ask: Ask) -> Request:
        """Write the envelope of a question, around it what HTTP carries."""
        question: Question = request.body
        call = question.call
        token = None if call.once else await self._good_token(ask)
        signed = await self._http.sign(replace(request, headers=self._headers), ask)
        try:
            return self._written(signed, question, token)
        except ValueError as error:
            raise SourceRefused(f"({call.operation.name}) cannot be asked: {error}") from None

    def renew(self) -> bool:
        self._token = None
        return self._http.renew() or self._login is not None

    def secrets(self) -> list[str]:
        auth = self._auth
        sent = auth.login.send if auth.login else {}
        known = [*self._headers.values(), *_open(self._options.soap_headers).values(), *self._arguments.values()]
        known += [*_open(sent).values(), *([auth.wsse.password.get_secret_value()] if auth.wsse else [])]
        return [*known, *self._http.secrets(), *([self._token] if self._token else [])]

    def strip(self, url: str) -> str:
        return self._http.strip(url)

    async def _good_token(self, ask: Ask) -> str | None:
        login, options = self._login, self._auth.login
        if login is None or options is None:
            return None
        async with self._fetching:
            if self._token is None or time.monotonic() >= self._good_until:
                question = await self.sign(login.question(_open(options.send)), ask)
                self._token = await ask(question, lambda answer: login.read(answer, partial(_token_at, options.token)))
                self._good_until = time.monotonic() + options.ttl.total_seconds()
            return self._token

    def _written(self, request: Request, question: Question, token: str | None) -> Request:
        options, call = self._options, question.call
        said = self._said(question, token)
        envelope = call.operation.envelope(said.arguments)
        call.operation.put_headers(envelope, said.soap_headers)
        if options.addressing or (options.addressing is None and call.operation.addressing_action):
            call.operation.put_addressing(envelope)
        if self._auth.wsse is not None:
            _secure(envelope, self._auth.wsse)
        whole = _as_text(request, envelope, options.request_encoding)
        return _labelled(whole, call, {**request.headers, **said.headers}, options.request_encoding)

    def _said(self, question: Question, token: str | None) -> "_Said":
        """Lay what proves who is asking into what is asked; a login carries its own."""
        call = question.call
        soap_headers: Tree = {
            name: each for name, each in self._soap_headers.items() if call.operation.takes_header(name)
        }
        if call.once:
            return _Said(with_document(call, question.arguments), soap_headers)
        arguments, headers = laid(question.arguments, self._arguments), {}
        if token is not None and self._auth.login is not None:
            place = self._auth.login.carry
            value = place.prefix + token
            arguments = laid(arguments, {place.argument: value}) if place.argument else arguments
            soap_headers = laid(soap_headers, {place.soap_header: value}) if place.soap_header else soap_headers
            headers = {place.header: value} if place.header else {}
        return _Said(with_document(call, arguments), soap_headers, headers)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a question says, by where it says it."""

    arguments: Tree
    soap_headers: Tree
    headers: Mapping[str, str] = field(default_factory=dict)


def with_document(call: Call, arguments: Tree) -> Tree:
    """Write the document that one argument holds: as a string, or as it is where the operation takes XML there."""
    inner = call.options.inner_request
    if inner is None:
        return arguments
    content = found(arguments, inner.argument)
    if inner.written_as == "xml" and call.operation.argument(inner.argument).takes_xml:
        return laid(arguments, {inner.argument: element(inner.root or "", content)})
    return laid(arguments, {inner.argument: inner.written(content)})


def _open(secrets: Mapping[str, SecretStr]) -> dict[str, str]:
    return {name: secret.get_secret_value() for name, secret in secrets.items()}


def _token_at(path: str, content: Any) -> str:
    token = reader(path)(content)
    text = str(token).strip() if isinstance(token, str | int) else ""
    if not text or not text.isprintable():
        raise SourceRefused(f"holds no token at `{path}`", hint="check `auth.login`")
    return text


def _secure(envelope: etree._Element, wsse: Wsse) -> None:
    """Add a UsernameToken (OASIS WSS UsernameToken Profile 1.1) of this moment."""
    token: Any = UsernameToken(  # type: ignore[no-untyped-call]  # zeep's, as below
        wsse.username,
        wsse.password.get_secret_value(),
        use_digest=wsse.send == "digest",
        zulu_timestamp=True,
        timestamp_token=_timestamp() if wsse.timestamp else None,
    )
    token.apply(envelope, {})


def _timestamp() -> etree._Element:
    now = datetime.now(UTC)
    until = now + _TIMESTAMP_LASTS
    stamp: etree._Element = WSU.Timestamp(WSU.Created(_zulu(now)), WSU.Expires(_zulu(until)))
    return stamp


def _zulu(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _labelled(request: Request, call: Call, headers: Mapping[str, str], encoding: str) -> Request:
    """Say by HTTP what is asked: in a header of its own or, with SOAP 1.2, within the media type."""
    action = call.operation.action if call.options.soap_action is None else call.options.soap_action
    if call.operation.is_soap_12:
        return replace(request, headers=headers, kind=f'application/soap+xml; charset={encoding}; action="{action}"')
    return replace(request, headers={**headers, "SOAPAction": f'"{action}"'}, kind=f"text/xml; charset={encoding}")


def _as_text(request: Request, envelope: etree._Element, encoding: str) -> Request:
    """Write an envelope in an encoding; what that cannot say is written as character references."""
    codec = codecs.lookup(encoding).name
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n' + etree.tostring(envelope, encoding="unicode")
    return replace(request, text=text.encode(codec, "xmlcharrefreplace").decode(codec), encoding=codec)
