"""Read what a SOAP service answered: the content of its body, or the fault that stands in its place.

By our own reading of the XML rather than by the types of the WSDL: see docs/decisions/0021.
"""

import copy
import re
from base64 import b64encode
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Annotated, Any
from urllib.parse import unquote
from xml.sax.saxutils import unescape

from lxml import etree
from pydantic import Field

from hub.connectors.arguments import found, laid, steps
from hub.connectors.base import Options
from hub.connectors.exchange import Answer, looks_like_html
from hub.connectors.formats import NotReadable, content_of, looks_like_xml, parse_json, parse_xml, xml_tree
from hub.connectors.http import LoginExpired, NotAgain, NotThere
from hub.connectors.masking import excerpt
from hub.connectors.payloads import keys_of
from hub.errors import SourceError, SourceRefused, SourceUnavailable

_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_XOP_INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"
_REFERENCES: Any = etree.XPath(".//@href")
_WITH_ATTRIBUTES: Any = etree.XPath(".//*[@*]")
# Attributes that speak of the markup, not of a ticket: those of rpc/encoded messages and of .NET's DataSets.
_ABOUT_MARKUP = frozenset(
    {
        "http://schemas.xmlsoap.org/soap/envelope/",
        "http://schemas.xmlsoap.org/soap/encoding/",
        "http://www.w3.org/2003/05/soap-envelope",
        "http://www.w3.org/2003/05/soap-encoding",
        "urn:schemas-microsoft-com:xml-diffgram-v1",
        "urn:schemas-microsoft-com:xml-msdata",
    }
)
_MOST_COPIED = 200_000
_DEEPEST = 32
_MOST_PARTS = 1000
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_THEIR_FAULT = frozenset({"Server", "Receiver"})
_WHO_ARE_YOU = frozenset({"FailedAuthentication", "InvalidSecurity", "InvalidSecurityToken"})


Word = Annotated[str, Field(min_length=1)]


class FaultRules(Options):
    """What a fault means, where its code alone would tell wrongly: by its codes, or by words of its text."""

    expired: Sequence[Word] = ()
    """These say that the token is no longer good: logs in again, once a run."""
    retry: Sequence[Word] = ()
    """These are worth asking again for, whomever they blame."""
    refused: Sequence[Word] = ()
    """These are not worth asking again for; .NET blames the server for every error."""
    absent: Sequence[Word] = ()
    """These say that there is no such record: null where they answer a `detail`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What a service says instead of an answer. `codes` holds its code and subcodes, without their prefixes."""

    codes: tuple[str, ...]
    reason: str
    detail: str

    def says(self, words: Sequence[str]) -> bool:
        """Tell whether one of the words is a code of the fault, or stands in its text."""
        text = f"{self.reason}\n{self.detail}".casefold()
        codes = {code.casefold() for code in self.codes}
        return any(word.casefold() in codes or word.casefold() in text for word in words)


def body_of(answer: Answer, encoding: str | None) -> etree._Element:
    """Find the body of an answer's envelope; its attachments, and what it refers to, are put in their places.

    Raises SourceRefused for what is no SOAP, and SourceUnavailable for what breaks off.
    """
    envelope, attached = _envelope(answer, encoding)
    for include in list(envelope.iter(_XOP_INCLUDE)):
        _attach(include, attached)
    body = next((each for each in envelope if _local(each) == "Body"), None)
    if body is None:
        raise NotReadable(f"answered an `{_local(envelope)}` without a Body, which is no SOAP")
    _inline(body)
    _take_off_markup(body)
    return body


def fault_in(body: etree._Element) -> Fault | None:
    """Read the fault of SOAP 1.1 or 1.2 that stands in a body, if one does."""
    element = next((each for each in body if _local(each) == "Fault"), None)
    if element is None:
        return None
    said = content_of(element)
    content = said if isinstance(said, dict) else {"faultstring": said}
    codes = [*_codes(content.get("Code")), *_split(content.get("faultcode"))]
    reason = content.get("faultstring") or found(content, "Reason.Text")
    detail = content.get("detail") or content.get("Detail")
    return Fault(tuple(codes), " ".join(_texts(reason)), " ".join(_texts(detail)))


def content_in(body: etree._Element) -> Any:
    """Read what the body holds: below its one element, or, where there are several or it is a text, by their names."""
    elements = list(body)
    content = content_of(elements[0]) if len(elements) == 1 else content_of(body)
    return {_local(elements[0]): content} if elements and isinstance(content, str) else content


def judge_fault(fault: Fault, rules: FaultRules, *, once: bool) -> None:
    """Raise what a fault means; `once` where asking again could do harm, so that only `rules.retry` allows it."""
    said = f"answered the fault {'.'.join(fault.codes) or 'without a code'}: {excerpt(fault.reason or fault.detail)!r}"
    if fault.says(rules.expired) or _WHO_ARE_YOU & set(fault.codes):
        raise LoginExpired(said, hint="check `auth`")
    if fault.says(rules.absent):
        raise NotThere(said)
    if fault.says(rules.retry):
        raise SourceUnavailable(said)
    if fault.codes and fault.codes[0] in _THEIR_FAULT and not fault.says(rules.refused):
        raise NotAgain(said) if once else SourceUnavailable(said)
    raise SourceRefused(said)


def opened(payload: Any, path: str, *, is_json: bool) -> Any:
    """Put the document that stands in a string in the string's place; its keys can be read beside those around it too.

    Null where the source sent nothing at all. Raises SourceRefused.
    """
    held = found(payload, path) if path else payload
    if held is None:
        _must_be_there(payload, path)
        return payload
    document = _document(held, path, is_json=is_json) if isinstance(held, str) else held
    if not path:
        return document
    outer = laid(payload, {path: document})
    return {**outer, **document} if isinstance(document, dict) else outer


def _envelope(answer: Answer, encoding: str | None) -> tuple[etree._Element, dict[str, bytes]]:
    """Parse an answer; of one in several parts the first, and give the others by their names."""
    if not answer.body.strip():
        raise NotReadable(f"answered {answer.status} with an empty body")
    content, charset, attached = answer.body, answer.charset, {}
    if answer.content_type.startswith("multipart/"):
        (head, content), *others = _parts(answer.body)
        charset = head.get_content_charset()
        attached = {str(each["Content-ID"] or "").strip("<> "): part for each, part in others}
    if not looks_like_xml(content) or looks_like_html(content):
        raise NotReadable(f"answered not SOAP but {answer.content_type}: {excerpt(answer.text)!r}")
    return xml_tree(content, charset=charset, encoding=encoding), attached


def _parts(body: bytes) -> list[tuple[Message, bytes]]:
    """Split a multipart body (RFC 2046) at its first line, whatever its header says the boundary is."""
    boundary = body.lstrip().partition(b"\n")[0].strip()
    pieces = body.split(boundary, _MOST_PARTS + 1)[1:] if boundary.startswith(b"--") else []
    whole = [piece for piece in pieces if not piece.startswith(b"--")]
    if not whole or len(pieces) > _MOST_PARTS:
        raise NotReadable("answered in parts that cannot be told apart, or in too many")
    return [_part(piece) for piece in whole]


def _part(piece: bytes) -> tuple[Message, bytes]:
    head, _, content = _BLANK_LINE.sub(b"\n\n", piece, count=1).partition(b"\n\n")
    message = message_from_bytes(head.lstrip())
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    try:
        match str(message["Content-Transfer-Encoding"] or "").strip().lower():
            case "base64":
                return message, a2b_base64(content)
            case "quoted-printable":
                return message, a2b_qp(content)
            case _:
                return message, content
    except ValueError:
        raise NotReadable("answered with a part that is not base64, as it says it is") from None


def _attach(include: etree._Element, attached: dict[str, bytes]) -> None:
    """Put an attachment (XOP) where it is referred to, as base64; but once, so that few bytes cannot become many."""
    name = unquote(include.get("href", "").removeprefix("cid:"))
    holder = include.getparent()
    if holder is None or (content := attached.pop(name, None)) is None:
        raise SourceRefused("refers to an attachment that it did not send, or twice to one that it did")
    holder.remove(include)
    holder.text = b64encode(content).decode()


def _inline(body: etree._Element) -> None:
    """Put what rpc/encoded messages write at their end, and refer to by `href`, where it is referred to.

    Within bounds, because references can multiply what they refer to, and lead back to themselves.
    """
    used = {reference.removeprefix("#") for reference in _REFERENCES(body)}
    targets = {each.get("id"): each for each in body if each.get("id") in used}
    for each in targets.values():
        body.remove(each)
    left = _MOST_COPIED
    waiting: list[tuple[etree._Element, frozenset[str]]] = [(body, frozenset())] if targets else []
    while waiting:
        element, above = waiting.pop()
        name = element.get("href", "").removeprefix("#")
        target = targets.get(name) if name not in above else None
        if target is not None:
            left -= sum(1 for _ in target.iter())
            if left < 0 or len(above) > _DEEPEST:
                raise SourceRefused("refers to its own parts so often that it would grow without end")
            above |= {name}
            _replace(element, target)
        waiting += [(child, above) for child in element]


def _replace(element: etree._Element, target: etree._Element) -> None:
    del element.attrib["href"]
    element.text = target.text
    element.attrib.update({key: value for key, value in target.attrib.items() if key != "id"})
    element.extend(copy.deepcopy(child) for child in target)


def _take_off_markup(body: etree._Element) -> None:
    for element in _WITH_ATTRIBUTES(body):
        for key in element.attrib:
            if key == _XSI_TYPE and len(element):
                # Its prefix is whatever the server numbered it today.
                element.set(key, element.get(key, "").rpartition(":")[2])
            elif key == _XSI_TYPE or etree.QName(key).namespace in _ABOUT_MARKUP:
                del element.attrib[key]


def _codes(code: Any) -> Iterator[str]:
    """Read the code of SOAP 1.2 and its subcodes."""
    if isinstance(code, dict):
        yield from _split(code.get("Value"))
        yield from _codes(code.get("Subcode"))


def _split(code: Any) -> list[str]:
    """Read a code of SOAP 1.1, whose subcodes stand after dots."""
    return "".join(_texts(code)).strip().rpartition(":")[2].split(".") if code else []


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        yield from (text for key, each in content.items() if not key.startswith("@") for text in _texts(each))
    elif isinstance(content, list):
        yield from (text for each in content for text in _texts(each))
    elif content is not None:
        yield str(content)


def _must_be_there(payload: Any, path: str) -> None:
    """Raise where a source sent something, but not the string; an element that would be empty may be left out whole."""
    *above, name = steps(path) if path else [""]
    holder = found(payload, ".".join(above)) if above else payload
    if payload is not None and not (isinstance(holder, Mapping) and name in holder):
        raise SourceRefused(f"holds no `{path}`; it holds {keys_of(payload)}")


def _document(text: str, path: str, *, is_json: bool) -> Any:
    if text.lstrip().startswith("&lt;"):
        text = unescape(text)  # escaped twice, by those who escape before their library does
    try:
        return parse_json(text.encode()) if is_json else parse_xml(text.encode(), encoding="utf-8")
    except SourceError as error:
        # Also where it breaks off: the line was whole, so whoever wrote the string cut it, and will do so again.
        raise SourceRefused(f"holds no readable document at `{path}`: {error.message}") from None


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname
