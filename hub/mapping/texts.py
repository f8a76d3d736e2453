"""Read single values as text: numbers written plainly, markup taken off, nothing in it that PostgreSQL refuses."""

import re
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from lxml import etree

from hub.errors import Unreadable

_BLOCKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "hr"})
_UNSEEN = frozenset({"script", "style", "head", "title"})
_MOST_BITS = 1024


def text_of(value: Any) -> str:
    """Write one value as text: 7 and 7.0 are `7` (Excel has only floats), True is `true`, a time is ISO 8601."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Python refuses to write more than 4,300 digits; nobody means so many.
        if value.bit_length() > _MOST_BITS:
            raise Unreadable(value, "has too many digits")
        return str(value)
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() and abs(value.adjusted()) <= _MOST_BITS else str(value)
    raise Unreadable(value, "stands where one text or number is expected", hint="let the path go on to it")


def _number_text(value: float) -> str:
    if not isfinite(value):
        raise Unreadable(value, "is not a number")
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def storable(text: str) -> str:
    """Drop NUL, join split surrogate pairs and replace lone surrogates by U+FFFD: PostgreSQL and UTF-8 refuse them."""
    if "\x00" in text:
        text = text.replace("\x00", "").strip()
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def storable_json(value: Any) -> Any:
    """Return the value as JSON that PostgreSQL keeps: storable texts; times and integers beyond 64 bits as text."""
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else text_of(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise Unreadable(value, "is not a number")
        return value
    if isinstance(value, dict):
        return {storable(str(key)): storable_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(each) for each in value]
    return text_of(value)


def without_markup(text: str) -> str:
    """Take tags off HTML and decode its entities; blocks end lines, scripts and styles vanish."""
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(b"<div>" + storable(text).encode(), parser)
    except etree.XMLSyntaxError:
        return ""
    lines = "".join(_words(root)).replace("\xa0", " ").splitlines()
    return "\n".join(line for line in (re.sub(r"[ \t]+", " ", line).strip() for line in lines) if line)


def _words(root: Any) -> list[str]:
    words: list[str] = []
    unseen = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            unseen += element.tag in _UNSEEN
            words += ["\n"] * (element.tag in _BLOCKS)
            words += [element.text] * bool(element.text and not unseen)
        else:
            unseen -= element.tag in _UNSEEN
            words += ["\n"] * (element.tag in _BLOCKS)
            words += [element.tail] * bool(element.tail and not unseen)
    return words


def opening(text: str, length: int) -> str:
    """Return the first `length` characters of the text on one line."""
    return " ".join(text[: length * 4].split())[:length]
