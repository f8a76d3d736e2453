"""Decode what a source sent and parse it as JSON or XML, or say exactly where it is broken."""

import codecs
import json
import re
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import orjson
from lxml import etree

from hub.connectors.lenient import mended
from hub.connectors.masking import excerpt
from hub.errors import SourceRefused, SourceUnavailable

Format: TypeAlias = Literal["json", "xml"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = {
    b"PK\x03\x04": "a zip archive or a workbook",
    b"\x1f\x8b": "gzip that no Content-Encoding tells of",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "a document of old Office",
}
_CHINESE = frozenset({"gb2312", "gbk", "gb18030"})
# What Python calls encodings as well, and no text is in: reading a megabyte as `idna` takes hours.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"})
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_XML_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
# Possessive, so that a prolog of many comments cannot make it try every way of splitting them.
_DOCTYPE = re.compile(r"(?>\s+|<!--.*?-->|<\?.*?\?>)*+<!DOCTYPE", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(u[dD][89a-fA-F]\w\w)|.)", re.DOTALL)
_CALLBACK = re.compile(r"\s*+(?:/\*\*/)?\s*+[A-Za-z_$][\w$.]{0,200}+\s*+\((?=\s*+[{\[])")
_GUARD = re.compile(r"""\s*+(?:\)\]\}',?|(?:while|for)\s?\((?:1|;;)\);?|throw 1;)""")
_MOST_MENDINGS = 4
_CUT_SHORT = {73, 77}  # libxml2: a start tag, or an element, is not finished
_EXACT_DIGITS = 18
MOST_ATTRIBUTES = 1000
_ROUNDED_FROM = float(2**63)


class NotReadable(SourceRefused):
    """What came is not in the format asked for, or is broken: another format might help.

    `quote` ends the message with words of what came; `fact` is the message without them.
    """

    def __init__(self, fact: str, *, quote: str = "", hint: str = "") -> None:
        super().__init__(fact + quote, hint=hint)
        self.fact = fact


def _euro(error: UnicodeError) -> tuple[str, int]:
    # Windows' code page 936 has the euro sign at 0x80, where GB 18030 has nothing.
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0x80:
        return "€", error.start + 1
    raise error


def _euro_or_escape(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] > 0x80:
        return chr(0xDC00 + error.object[error.start]), error.start + 1
    return _euro(error)


codecs.register_error("hub.euro", _euro)
codecs.register_error("hub.euro_or_escape", _euro_or_escape)


def encoding_named(name: str) -> str:
    """Name the Python codec for a declared encoding: every member of the GB family is read as GB 18030.

    Raises LookupError for a name that nobody knows.
    """
    codec = codecs.lookup(name.strip()).name
    if codec.replace("_", "-") in _NO_CHARSETS:
        raise LookupError(f"{codec} is no charset")
    return "gb18030" if codec in _CHINESE else codec


def known_encoding(name: str) -> str:
    """Check an encoding in the configuration."""
    try:
        encoding_named(name)
    except LookupError:
        raise ValueError(f"no encoding is called {name!r}; try utf-8 or gb18030") from None
    return name


def strict_for(encoding: str) -> str:
    """Name the strict error handler of an encoding: in the GB family it knows the euro sign."""
    return "hub.euro" if encoding == "gb18030" else "strict"


def escaping(encoding: str) -> str:
    """Name the error handler that keeps undecodable bytes as lone surrogates, for the encodings that can."""
    return {"gb18030": "hub.euro_or_escape", "utf-8": "surrogateescape"}.get(encoding, "strict")


def bom_encoding(data: bytes) -> str | None:
    """Name the encoding that a byte order mark at the start gives away."""
    return next((encoding for mark, encoding in _BOMS if data.startswith(mark)), None)


def decode(data: bytes, encodings: Iterable[str]) -> str:
    """Decode by the byte order mark, or by the first of `encodings` that fits without a fault.

    Raises SourceRefused when none does: a guess would garble names and addresses for good.
    """
    tried = []
    for encoding in [bom] if (bom := bom_encoding(data)) else encodings:
        try:
            codec = encoding_named(encoding)
            return data.decode(codec, strict_for(codec))
        except (LookupError, UnicodeError):
            tried.append(encoding)
    raise _not_text(data, tried)


def _not_text(data: bytes, tried: Iterable[str]) -> NotReadable:
    for beginning, what in _NO_TEXT.items():
        if data.startswith(beginning):
            return NotReadable(f"holds {what}, and no text", hint="ask for an answer that is not packed")
    names = " or ".join(dict.fromkeys(tried))
    return NotReadable(f"not text in {names}", hint="set `encoding`, for example `encoding: gb18030`")


def readable(start: bytes, charset: str | None) -> str:
    """Decode the beginning of an answer for people to read: by what fits, else by what was declared, with marks."""
    for encoding in ("utf-8", charset or "gb18030", "gb18030"):
        try:
            # Incrementally, because the last character may be cut in two.
            return codecs.getincrementaldecoder(encoding_named(encoding))().decode(start)
        except (LookupError, UnicodeError):
            continue
    return start.decode("utf-8", "replace")


def looks_like_xml(data: bytes) -> bool:
    """Tell XML from JSON by its first character."""
    bom = bom_encoding(data)
    start = data[:64].decode(bom, "ignore") if bom else data[:64].decode("latin-1")
    return start.lstrip("\ufeff \t\r\n").startswith("<")


def parse_json(data: bytes, *, charset: str | None = None, encoding: str | None = None, lenient: bool = False) -> Any:
    """Parse JSON; of duplicate keys the last wins, NaN and Infinity are refused, digits are never rounded away.

    `encoding` is what the administrator says, `charset` what the source declares. A call around the document (JSONP)
    and a guard before it are taken off; `lenient` mends what is broken in the usual ways. Raises SourceUnavailable for
    a document cut short (the connection broke: ask again), SourceRefused for anything else that is not JSON.
    """
    document = _json_text(data, charset, encoding)
    try:
        payload = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        document = _mended(document, error, lenient=lenient)
        payload = orjson.loads(document)
    return _parse_exactly(document) if _is_rounded(payload) else payload


def _json_text(data: bytes, charset: str | None, encoding: str | None) -> bytes | str:
    declared = encoding or charset or "utf-8"
    if declared.lower() in {"utf-8", "utf8"} and bom_encoding(data) is None:
        return data
    if encoding:
        return decode(data, [encoding])
    # JSON is UTF-8 by its standard, and ISO-8859-1 is what old servlet containers declare unasked.
    likely = ["utf-8", declared] if declared.lower() in {"iso-8859-1", "latin-1", "us-ascii"} else [declared]
    return decode(data, likely)


def _mended(document: bytes | str, error: orjson.JSONDecodeError, *, lenient: bool) -> str:
    """Mend a document until it parses, or raise what is wrong with it."""
    if "not valid UTF-8" in error.msg:
        raise _not_json(document, error)
    text = document if isinstance(document, str) else decode(document, ["utf-8"])
    for _ in range(_MOST_MENDINGS):
        better = _once_mended(text, error, lenient=lenient)
        if better == text:
            break
        text = better
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as still:
            error = still
        else:
            return text
    raise _not_json(text, error)


def _once_mended(text: str, error: orjson.JSONDecodeError, *, lenient: bool) -> str:
    if "surrogate in string" in error.msg:
        # Half an emoji, as databases cut them: one resident's symbol must not stop a whole source.
        return _ESCAPE.sub(lambda found: r"\ufffd" if found[1] else found[0], text)
    if guard := _GUARD.match(text):
        return text[guard.end() :]
    call = _CALLBACK.match(text)
    end = text.rstrip("; \t\r\n")
    if call and end.endswith(")"):
        return end[call.end() : -1]
    return mended(text) if lenient else text


def _not_json(document: bytes | str, error: orjson.JSONDecodeError) -> SourceRefused | SourceUnavailable:
    if "not valid UTF-8" in error.msg:
        return _not_text(document if isinstance(document, bytes) else b"", ["utf-8"])
    if error.msg.startswith("unexpected end of data"):
        return SourceUnavailable(f"the JSON breaks off after {error.pos} characters")
    text = document if isinstance(document, str) else document.decode("utf-8", "replace")
    around = excerpt(text[max(0, error.pos - 30) : error.pos + 30])
    return NotReadable(
        f"not JSON: {error.msg} at line {error.lineno} column {error.colno} (character {error.pos})",
        quote=f", near {around!r}",
    )


def _is_rounded(payload: Any, depth: int = 0) -> bool:
    """Tell whether a number of more than 64 bits came out as a float.

    Rows are alike, so the first of a list stands for all.
    """
    if isinstance(payload, float):
        return abs(payload) >= _ROUNDED_FROM
    if depth > 6:
        return False
    if isinstance(payload, dict):
        return any(_is_rounded(value, depth + 1) for value in payload.values())
    return bool(isinstance(payload, list) and payload and _is_rounded(payload[0], depth + 1))


def _parse_exactly(document: bytes | str) -> Any:
    # Digits beyond 64 bits stay text: an identifier that loses its last digits would swallow its neighbours.
    try:
        return json.loads(document, parse_int=lambda digits: int(digits) if len(digits) <= _EXACT_DIGITS else digits)
    except RecursionError:
        raise NotReadable("the JSON is nested too deep") from None


def parse_xml(data: bytes, *, charset: str | None = None, encoding: str | None = None) -> dict[str, Any]:
    """Parse XML into `{root: content}`.

    Namespaces are dropped, attributes read as `@name`, empty elements as None, repeated ones as a list. A document type
    declaration is refused outright, so no entity is ever defined, nor fetched. Raises SourceUnavailable for a document
    cut short, SourceRefused for anything else that is not XML.
    """
    root = xml_tree(data, charset=charset, encoding=encoding)
    return {_name(root): content_of(root)}


def xml_tree(data: bytes, *, charset: str | None = None, encoding: str | None = None) -> etree._Element:
    """Parse XML into its tree, as strictly as `parse_xml`."""
    text = xml_text(data, charset=charset, encoding=encoding)
    try:
        try:
            return etree.fromstring(text.encode(), _parser())
        except etree.XMLSyntaxError as error:
            if "Text node too long" not in (error.msg or ""):
                raise
            # A list in one string may be longer than libxml2's 10 MB: it is here already, and no entity multiplies it.
            return etree.fromstring(text.encode(), _parser(huge_tree=True))
    except etree.XMLSyntaxError as error:
        raise _not_xml(text, error) from None
    except UnicodeError:
        raise NotReadable("the XML holds characters that XML does not allow") from None


def xml_text(data: bytes, *, charset: str | None = None, encoding: str | None = None) -> str:
    """Decode XML, and take off its declaration, which does not hold any more. Raises SourceRefused, also for a DTD."""
    text = decode(data, [encoding] if encoding else _xml_encodings(data, charset))
    text = _XML_DECLARATION.sub("", text.removeprefix("\ufeff"), count=1)
    if _DOCTYPE.match(text):
        raise NotReadable("the XML has a document type declaration, which could define entities; it was not read")
    return text


def _xml_encodings(data: bytes, charset: str | None) -> list[str]:
    declared = _DECLARED.match(data[:200])
    return [name for name in (charset, declared[1].decode() if declared else None) if name] or ["utf-8"]


def _parser(*, huge_tree: bool = False) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=huge_tree,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
    )


def _not_xml(text: str, error: etree.XMLSyntaxError) -> SourceRefused | SourceUnavailable:
    if error.code in _CUT_SHORT:
        return SourceUnavailable(f"the XML breaks off: {error.msg}")
    return NotReadable(f"not XML: {error.msg}", quote=f", in {excerpt(text)!r}")


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname


def content_of(element: etree._Element) -> Any:
    """Read one element as `parse_xml` does. Raises SourceRefused where it is nested deeper than anything sensible."""
    try:
        return _content(element)
    except RecursionError:
        raise NotReadable("the XML is nested too deep") from None


def _content(element: etree._Element) -> Any:
    if len(element.attrib) > MOST_ATTRIBUTES:  # Looking each up takes as long as there are others.
        raise NotReadable(f"the XML has an element of more than {MOST_ATTRIBUTES:,} attributes")
    content: dict[str, Any] = {}
    for key, value in element.attrib.items():
        name = etree.QName(key).localname
        if not (
            name in {"nil", "schemaLocation"} and str(key).startswith("{http://www.w3.org/2001/XMLSchema-instance}")
        ):
            content[f"@{name}"] = value
    for child in element:
        _add(content, _name(child), _content(child))
    text = element.text if element.text and element.text.strip() else None
    if not content:
        return text
    return {**content, "#text": text} if text else content


def _add(content: dict[str, Any], name: str, value: Any) -> None:
    if name not in content:
        content[name] = value
    elif isinstance(content[name], list):
        content[name].append(value)
    else:
        content[name] = [content[name], value]
