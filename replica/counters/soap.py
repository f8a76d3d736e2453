"""SOAP services, 1.1 and 1.2: operations that list tickets, tell of one, or let one in first, as a WSDL says."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

import orjson
from aiohttp import web

from replica.city import Case
from replica.columns import Columns, write
from replica.counters.answers import element, fill
from replica.counters.base import House, Ledger
from replica.counters.lists import Asked
from replica.counters.paging import Pages, Question, Whole, Wrong
from replica.tokens import HALF_AN_HOUR, Tokens

WSDLS = Path(__file__).resolve().parent.parent.parent / "wsdl"
"""Where connectors.yaml keeps them; each service gives its own to who asks for `?wsdl`."""

_ENVELOPES = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}
_TYPES = {"1.1": "text/xml", "1.2": "application/soap+xml"}
_DIGEST = "#PasswordDigest"


class Fault(Exception):
    """What is answered in place of a result: whose fault it is, and why."""

    def __init__(self, reason: str, *, ours: bool = False) -> None:
        super().__init__(reason)
        self.ours = ours


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapLogin:
    """An operation that gives a token, which is then an argument of the others."""

    operation: str
    fields: Mapping[str, str]
    argument: str


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """WS-Security: a user, and a password that travels as a digest."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class HeaderUser:
    """A SOAP header of the service's own, with a user and a password in it."""

    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapDetail:
    """An operation that tells of one ticket, by the number in an argument."""

    operation: str
    argument: str
    number: Callable[[Case], str]
    content: Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Soap:
    """A service. `content` is what the result holds; with `string`, as a document written into a text."""

    wsdl: str
    path: str
    namespace: str
    operation: str
    content: Any
    version: Literal["1.1", "1.2"] = "1.1"
    string: Literal["", "xml", "json"] = ""
    claims: str = "utf-8"
    encoding: str = "utf-8"
    door: SoapLogin | UsernameToken | HeaderUser
    pages: Pages = Whole()
    asked: Asked | None = None
    detail: SoapDetail | None = None

    def open(self, ledger: Ledger, house: House) -> None:
        service = _Service(self, ledger, Tokens(ledger.name, house.clock, house.faults, HALF_AN_HOUR))
        house.mount(ledger.name, [web.post(self.path, service.answer), web.get(self.path, service.describe)])


@dataclass(frozen=True, slots=True)
class _Service:
    kind: Soap
    ledger: Ledger
    tokens: Tokens

    async def describe(self, request: web.Request) -> web.Response:
        text = (WSDLS / self.kind.wsdl).read_text("utf-8")
        return web.Response(text=text, content_type="text/xml")

    async def answer(self, request: web.Request) -> web.Response:
        """Do what the first element of the body asks for."""
        try:
            envelope = ET.fromstring(_utf8(await request.read()))  # noqa: S314  # from the hub, on this machine
            body = next(part for part in envelope if _local(part.tag) == "Body")
            return self._success(
                _local(body[0].tag), self._done(_local(body[0].tag), _flat(body[0]), envelope, request)
            )
        except Fault as fault:
            return self._fault(fault)
        except (ET.ParseError, IndexError, StopIteration):
            return self._fault(Fault("The message is no SOAP message."))

    def _done(self, operation: str, asked: Mapping[str, str], envelope: ET.Element, request: web.Request) -> Any:
        kind, door = self.kind, self.kind.door
        if isinstance(door, SoapLogin) and operation == door.operation:
            if {name: asked.get(name) for name in door.fields} != door.fields:
                raise Fault("用户名或密码错误")
            return self.tokens.give()
        self._check(asked, envelope)
        if operation == kind.operation:
            return self._listed(Question(asked, request.url, self.ledger.desk.now()))
        if kind.detail and operation == kind.detail.operation:
            return self._told(kind.detail, asked.get(kind.detail.argument))
        raise Fault(f"Server did not recognize the operation {operation}.")

    def _check(self, asked: Mapping[str, str], envelope: ET.Element) -> None:
        door = self.kind.door
        if isinstance(door, SoapLogin) and not self.tokens.is_good(asked.get(door.argument)):
            raise Fault("NotLoggedIn: 未登录或会话已过期")
        if isinstance(door, UsernameToken) and not _is_known(door, envelope):
            raise Fault("The security token could not be authenticated or authorized.")
        if isinstance(door, HeaderUser):
            shown = {_local(each.tag): each.text for each in envelope.iter()}
            if any(shown.get(name) != value for name, value in door.fields.items()):
                raise Fault("非法用户")

    def _listed(self, question: Question) -> Any:
        kind = self.kind
        try:
            found = kind.asked.found(self.ledger, question) if kind.asked else self.ledger.desk.snapshots()
            cut = kind.pages.cut(found, question)
        except Wrong as wrong:
            raise Fault(f"参数错误: {wrong}") from wrong
        return self._written(fill(kind.content, {**cut.facts, "rows": [self.ledger.row(seen) for seen in cut.seen]}))

    def _told(self, detail: SoapDetail, number: str | None) -> Any:
        for seen in self.ledger.desk.snapshots():
            if detail.number(seen.case) == number:
                return self._written(write(detail.content, seen))
        return None

    def _written(self, content: Any) -> Any:
        """Write a result into a text, where this service does so."""
        match self.kind.string:
            case "json":
                return orjson.dumps(content).decode()
            case "xml":
                return _document(content)
        return content

    def _success(self, operation: str, result: Any) -> web.Response:
        response = element(f"{operation}Response", {"@xmlns": self.kind.namespace, f"{operation}Result": result})
        return self._message(ET.tostring(response, encoding="unicode"), 200)

    def _fault(self, fault: Fault) -> web.Response:
        code = ("Receiver" if fault.ours else "Sender") if self.kind.version == "1.2" else "Client"
        reason = element("r", str(fault)).text
        inner = (
            f'<s:Code><s:Value>s:{code}</s:Value></s:Code><s:Reason><s:Text xml:lang="zh">{reason}</s:Text></s:Reason>'
            if self.kind.version == "1.2"
            else f"<faultcode>s:{code}</faultcode><faultstring>{reason}</faultstring>"
        )
        return self._message(f"<s:Fault>{inner}</s:Fault>", 500)

    def _message(self, body: str, status: int) -> web.Response:
        kind = self.kind
        declaration = f'<?xml version="1.0" encoding="{kind.claims}"?>'
        envelope = f'{declaration}<s:Envelope xmlns:s="{_ENVELOPES[kind.version]}"><s:Body>{body}</s:Body></s:Envelope>'
        headers = {"Content-Type": f"{_TYPES[kind.version]}; charset={kind.claims}"}
        return web.Response(body=envelope.encode(kind.encoding), status=status, headers=headers)


def _utf8(message: bytes) -> bytes:
    """Take the declaration off: expat reads no GBK, and what comes is UTF-8 or says so."""
    return message.partition(b"?>")[2] if message.lstrip().startswith(b"<?xml") else message


def _document(content: Mapping[str, Any]) -> str:
    ((root, inner),) = content.items()
    return ET.tostring(element(root, inner), encoding="unicode")


def _flat(request: ET.Element) -> dict[str, str]:
    """Read the arguments by their names, however deep they stand; one without a value is not there."""
    return {_local(each.tag): each.text for each in request.iter() if each.text and each.text.strip()}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _is_known(door: UsernameToken, envelope: ET.Element) -> bool:
    shown = {_local(each.tag): each for each in envelope.iter()}
    texts = {name: shown[name].text or "" for name in ("Username", "Password", "Nonce", "Created") if name in shown}
    if len(texts) < 4 or not (shown["Password"].get("Type") or "").endswith(_DIGEST):  # all of them are needed
        return False
    signed = base64.b64decode(texts["Nonce"]) + texts["Created"].encode() + door.password.encode()
    digest = base64.b64encode(sha1(signed, usedforsecurity=False).digest()).decode()
    return (texts["Username"], texts["Password"]) == (door.user, digest)
