"""Say what connectors.yaml may hold about a SOAP source."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, field_validator, model_validator

from hub.connectors.arguments import InnerRequest, steps
from hub.connectors.auth import ApiKey, Auth, Basic
from hub.connectors.base import Limits, Options, Retry
from hub.connectors.envelopes import FaultRules
from hub.connectors.formats import encoding_named
from hub.connectors.http import Tls
from hub.connectors.paging import ByCursor, ByOffset, ByPage, OnePage
from hub.connectors.paths import Path
from hub.connectors.since import Since
from hub.connectors.tokens import OAuth2
from hub.connectors.urls import Url
from hub.connectors.verdicts import ErrorEnvelope
from hub.units import Duration

SoapVersion: TypeAlias = Annotated[
    Literal["1.1", "1.2"],
    BeforeValidator(lambda value: str(value) if isinstance(value, float) else value),
    WithJsonSchema({"enum": ["1.1", "1.2", 1.1, 1.2]}),
]
SoapPaging: TypeAlias = Annotated[ByPage | ByOffset | ByCursor | OnePage, Field(discriminator="by")]


def _kept(wsdl: str) -> str:
    if wsdl.startswith(("http://", "https://")):
        raise ValueError("a WSDL is kept as a file: fetch it once, put it beside this file, and name it here")
    if not wsdl.removeprefix("file:"):
        raise ValueError("is empty")
    return wsdl


WsdlFile = Annotated[str, BeforeValidator(lambda value: _kept(value) if isinstance(value, str) else value)]


def _path(path: str) -> str:
    if not steps(path):
        raise ValueError("is empty")
    return path


ArgumentPath = Annotated[str, BeforeValidator(lambda value: _path(value) if isinstance(value, str) else value)]
"""Where an argument stands, such as `request.pageIndex`."""
StringPath = Annotated[str, AfterValidator(lambda path: path and _path(path))]
"""Where a string stands in an answer; an empty path is the whole answer."""


def _header_text(text: str | None) -> str | None:
    if text is not None and (not text.isprintable() or '"' in text):
        raise ValueError("cannot stand in a header")
    return text


class SoapCall(Options):
    """What is the same for every operation: what it is asked with, and how its answer is opened."""

    operation: str
    """The operation, as the WSDL names it."""
    arguments: Mapping[str, Any] = {}
    """What it is asked with; arguments in arguments are nested. Passwords belong under `auth.arguments`."""
    inner_request: InnerRequest | None = None
    """Where one argument is itself a document, XML or JSON, written into a string."""
    inner_xml: StringPath | None = None
    """Where the answer holds a string that is an XML document; the paths of this call then begin with its root."""
    inner_json: StringPath | None = None
    """The same, where the document in the string is JSON."""
    error: ErrorEnvelope | None = None
    """How an error is recognised that comes as an answer."""
    soap_action: Annotated[str | None, AfterValidator(_header_text)] = None
    """The SOAPAction to send, where it is not the one that the WSDL names."""
    service: str | None = None
    """The service of the WSDL, where it describes several."""
    port: str | None = None
    """The port of the service; left out, the first that offers the operation."""
    url: Url | None = None
    """Where to ask, where that is not the address in the WSDL."""

    @model_validator(mode="after")
    def _one_inside(self) -> "SoapCall":
        if self.inner_xml is not None and self.inner_json is not None:
            raise ValueError("write either `inner_xml` or `inner_json`, whichever the string holds")
        return self


class Wsse(Options):
    username: str
    """The user's name."""
    password: SecretStr
    """The user's password."""
    send: Literal["text", "digest"] = "text"
    """`digest` sends a hash of the password with a nonce and the time, new for every question."""
    timestamp: bool = False
    """Sends a Timestamp beside it, good for five minutes, where the service wants one."""


class SoapTokenPlace(Options):
    argument: ArgumentPath | None = None
    """The argument that carries the token."""
    soap_header: ArgumentPath | None = None
    """The SOAP header that carries the token, such as `AuthHeader.Token`."""
    header: str | None = None
    """The HTTP header that carries the token."""
    prefix: str = ""
    """What stands before the token, such as `Bearer `."""

    @model_validator(mode="after")
    def _one_place(self) -> "SoapTokenPlace":
        if sum(place is not None for place in (self.argument, self.soap_header, self.header)) != 1:
            raise ValueError(
                "write exactly one of `argument`, `soap_header` and `header`, the one that carries the token"
            )
        return self


class SoapLogin(SoapCall):
    wsdl: WsdlFile | None = None
    """The WSDL of the operation, where it is another."""
    send: Mapping[ArgumentPath, SecretStr]
    """The arguments to log in with; never shown."""
    token: Path
    """Where the answer holds the token."""
    ttl: Duration = timedelta(minutes=20)
    """How long a token is good for."""
    carry: SoapTokenPlace = Field(alias="as")
    """How the token is sent with every question."""


class SoapAuth(Options):
    """How the hub proves who it is; ways of HTTP and of SOAP can go together."""

    basic: Basic | None = None
    """A user's name and password, by HTTP."""
    api_key: ApiKey | None = None
    """A key in an HTTP header or in the query."""
    bearer: SecretStr | None = None
    """A token that never changes, by HTTP."""
    oauth2: OAuth2 | None = None
    """OAuth 2 client credentials (RFC 6749, section 4.4)."""
    arguments: Mapping[ArgumentPath, SecretStr] = {}
    """Arguments that every question carries, such as a user and a password; never shown."""
    wsse: Wsse | None = None
    """WS-Security: a UsernameToken in the SOAP header."""
    login: SoapLogin | None = None
    """Call one operation with the credentials, get a token."""

    @model_validator(mode="after")
    def _some_way(self) -> "SoapAuth":
        if not self.model_fields_set:
            raise ValueError("names no way; write one of " + ", ".join(f"`{name}`" for name in type(self).model_fields))
        if len(self._by_http()) > 1:
            raise ValueError("write at most one of `basic`, `api_key`, `bearer` and `oauth2`")
        return self

    def by_http(self) -> Auth | None:
        """The way that HTTP knows, where one is written."""
        return Auth(**self._by_http()) if self._by_http() else None

    def _by_http(self) -> dict[str, Any]:
        ways = {"basic": self.basic, "api_key": self.api_key, "bearer": self.bearer, "oauth2": self.oauth2}
        return {name: way for name, way in ways.items() if way is not None}


class SoapDetail(SoapCall):
    """One more call for each ticket, joined to it under a name."""

    wsdl: WsdlFile | None = None
    """The WSDL of the operation, where it is another."""
    send: Mapping[ArgumentPath, Path] = Field(min_length=1)
    """Arguments that come from the ticket: `argument: path of the ticket`. Without a value, the call is left out."""
    into: str = "detail"
    """The name under which the answer is joined; null where the source has no such detail."""
    only_if: Path | None = None
    """Ask only for tickets where this is neither missing, empty, false nor 0."""
    records: Path = ""
    """Where the answer holds the detail; left out, all of it is joined."""
    many: bool = False
    """Joins a list, also of one and of none: for histories, notes, attachments."""


class SoapCount(SoapCall):
    """A call before the first page that says how many tickets there are."""

    send: ArgumentPath | tuple[ArgumentPath, ArgumentPath] | None = None
    """The arguments that carry the times of `since`, where they are called otherwise than in the list."""
    total: Path
    """Where the answer holds the number."""


class SoapOptions(SoapCall):
    wsdl: WsdlFile
    """The WSDL, kept as a file; relative to connectors.yaml. What it imports is kept beside it or below."""
    operation: str
    """The operation that lists tickets, as the WSDL names it."""
    soap_version: SoapVersion | None = None
    """1.1 or 1.2; left out, what the first port speaks."""
    headers: Mapping[str, SecretStr] = {}
    """HTTP headers that every question carries; never shown."""
    soap_headers: Mapping[ArgumentPath, SecretStr] = {}
    """SOAP headers that every question carries, such as `AuthHeader.User`; never shown. One that the WSDL does not
    declare is written with its namespace: `{http://tempuri.org/}AuthHeader.User`."""
    addressing: bool | None = None
    """Sends the headers of WS-Addressing; left out, where the WSDL names an action for them."""
    encoding: str | None = None
    """The encoding of the answers, where the source says none or a wrong one; gb2312 and gbk are read as gb18030."""
    request_encoding: str = "utf-8"
    """The encoding of the questions, such as `gbk`."""
    records: Path = ""
    """Where the answer holds the tickets, from below the response's own element: `QueryResult.Case`. One or many."""
    page: SoapPaging = OnePage()
    """How the list is paged; what is sent is named by its argument, such as `request.pageIndex`."""
    count: SoapCount | None = None
    """Where another operation says how many tickets there are."""
    since: Since | None = None
    """How to ask only for what is new; left out, every run reads everything."""
    detail: SoapDetail | list[SoapDetail] = Field(default_factory=list)
    """One more call for each ticket, or several."""
    auth: SoapAuth | None = None
    """How the hub proves who it is."""
    fault: FaultRules = FaultRules()
    """What faults mean, where their codes alone would tell wrongly."""
    tls: Tls = Tls()
    """Whose certificates to trust."""
    limits: Limits = Limits()
    """What the hub allows itself to take."""
    retry: Retry = Retry()
    """How often a question is asked again."""

    @field_validator("encoding", "request_encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        try:
            return encoding if encoding is None or encoding_named(encoding) else None
        except LookupError:
            raise ValueError(f"no encoding {encoding!r}; one such as utf-8 or gb18030") from None

    @model_validator(mode="after")
    def _consistent(self) -> "SoapOptions":
        unsent = self.since is not None and self.since.send is None
        if unsent and getattr(self.page, "until", "") != "seen":
            raise ValueError("`since` without `send` needs `page.until: seen`, or it would change nothing")
        if self.count is not None and (not isinstance(self.page, ByPage | ByOffset) or self.page.total_path):
            raise ValueError("`count` needs `page: {by: page}` or `{by: offset}`, and takes the place of `page.total`")
        names = [each.into for each in self.details]
        if len(set(names)) < len(names):
            raise ValueError("two details are joined under one name: give each its own `into`")
        return self

    @property
    def details(self) -> list[SoapDetail]:
        """All the calls for each ticket, in their order."""
        return [self.detail] if isinstance(self.detail, SoapDetail) else list(self.detail)
