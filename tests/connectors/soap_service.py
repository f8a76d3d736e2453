"""A made-up SOAP service on loopback, written without a line of the hub's: it takes only what its WSDL allows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from lxml import etree

WSDLS = Path(__file__).parent.parent / "configs"
CASES = WSDLS / "wsdl" / "cases.wsdl"
BARTEC = WSDLS / "wsdl" / "bartec.wsdl"

_ENVELOPES = {
    "1.1": ("http://schemas.xmlsoap.org/soap/envelope/", "text/xml"),
    "1.2": ("http://www.w3.org/2003/05/soap-envelope", "application/soap+xml"),
}
_XS = "{http://www.w3.org/2001/XMLSchema}"

Asked = dict[str, Any]
Operation = Callable[[Asked], str | web.Response]


class Service:
    """Answers by one function an operation, each given the question's elements as texts and dictionaries."""

    def __init__(
        self, wsdl: Path, operations: Mapping[str, Operation], encoding: str = "utf-8", says: str = ""
    ) -> None:
        document = etree.parse(wsdl)
        self.namespace = document.getroot().get("targetNamespace")
        schema = etree.tostring(document.find(f".//{_XS}schema"))
        self.schema = etree.XMLSchema(etree.fromstring(schema, base_url=str(wsdl)))
        self.operations = dict(operations)
        self.encoding = encoding
        self.says = says or encoding
        self.asked: list[tuple[str, Asked]] = []
        self.headers: list[etree._Element | None] = []
        self.requests: list[web.Request] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        envelope = etree.fromstring(await request.read())
        version = next(name for name, (space, _) in _ENVELOPES.items() if etree.QName(envelope).namespace == space)
        space, kind = _ENVELOPES[version]
        question = envelope.find(f"{{{space}}}Body")[0]
        name = etree.QName(question).localname
        if (wrong := self._wrong(request, version, question)) is not None:
            return fault("Client" if version == "1.1" else "Sender", wrong, version=version)
        self.asked.append((name, _as_dict(question)))
        self.headers.append(envelope.find(f"{{{space}}}Header"))
        try:
            answer = self.operations[name](_as_dict(question))
        except Fault as raised:
            return fault(raised.code, raised.text, version=version, detail=raised.detail, status=raised.status)
        return answer if isinstance(answer, web.Response) else self._enveloped(name, answer, space, kind)

    def _wrong(self, request: web.Request, version: str, question: etree._Element) -> str | None:
        content_type = request.headers["Content-Type"]
        told = request.headers.get("SOAPAction", "") if version == "1.1" else content_type.partition("action=")[2]
        if told != f'"{self.namespace}{etree.QName(question).localname}"':
            return f"unknown action {told}"
        if request.content_type != _ENVELOPES[version][1]:
            return f"unsupported media type {content_type}"
        return None if self.schema.validate(question) else str(self.schema.error_log.last_error)

    def _enveloped(self, name: str, content: str, space: str, kind: str) -> web.Response:
        text = (
            f'<?xml version="1.0" encoding="{self.says}"?><s:Envelope xmlns:s="{space}"><s:Body>'
            f'<{name}Response xmlns="{self.namespace}">{content}</{name}Response></s:Body></s:Envelope>'
        )
        return raw(text.encode(self.encoding), kind)

    def questions(self, name: str) -> list[Asked]:
        return [asked for each, asked in self.asked if each == name]


class Fault(Exception):
    """What an operation raises to answer with a fault."""

    def __init__(self, code: str, text: str, detail: str = "", status: int = 500) -> None:
        super().__init__(text)
        self.code, self.text, self.detail, self.status = code, text, detail, status


def fault(code: str, text: str, *, version: str = "1.1", detail: str = "", status: int = 500) -> web.Response:
    space, kind = _ENVELOPES[version]
    text = escaped(text)
    inside = f"<faultcode>s:{code}</faultcode><faultstring>{text}</faultstring><detail>{detail}</detail>"
    if version == "1.2":
        first, *others = code.split(".")
        beneath = "".join(f"<s:Subcode><s:Value>m:{each}</s:Value></s:Subcode>" for each in others)
        inside = (
            f"<s:Code><s:Value>s:{first}</s:Value>{beneath}</s:Code>"
            f'<s:Reason><s:Text xml:lang="zh">{text}</s:Text></s:Reason><s:Detail>{detail}</s:Detail>'
        )
    return raw(
        f'<s:Envelope xmlns:s="{space}" xmlns:m="urn:m"><s:Body><s:Fault>{inside}</s:Fault></s:Body></s:Envelope>',
        kind,
        status,
    )


def raw(body: bytes | str, kind: str = "text/xml", status: int = 200) -> web.Response:
    content = body.encode() if isinstance(body, str) else body
    return web.Response(body=content, status=status, headers={"Content-Type": kind})


def escaped(document: str) -> str:
    """A document as it stands in a string of another."""
    return document.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _as_dict(element: etree._Element) -> Any:
    children = list(element)
    if not children:
        return element.text or ""
    found: Asked = {}
    for child in children:
        name, value = etree.QName(child).localname, _as_dict(child)
        found[name] = (
            [*([found[name]] if not isinstance(found[name], list) else found[name]), value] if name in found else value
        )
    return found
