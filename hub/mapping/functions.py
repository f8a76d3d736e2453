"""The functions that a path may call beside JMESPath's own: those of JMESPath Community, and four of ours.

Names and meanings are those of the community's JEP-013 (objects) and JEP-014 (strings), as far as tickets need them:
https://jmespath.site. A value of another kind reads as null rather than as an error: tickets are not typed.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import orjson
from jmespath import functions

from hub.errors import Unreadable
from hub.mapping.texts import text_of

_MOST_PARTS = 10_000
_LONGEST_PAD = 100
_MOST_REPEATED = 64 * 2**20
_BLANKS = re.compile(r"\s+")


class PathFunctions(functions.Functions):
    """JMESPath's functions, and ours."""

    @functions.signature({"types": []}, {"types": ["string"]})
    def _func_split(self, text: Any, separator: str) -> list[str] | None:
        """Cut a text into its parts, blanks around them trimmed; empty ones stay, so that two lists keep in step."""
        words = _text(text)
        if words is None or separator == "":
            return None
        return [part.strip() for part in words.split(separator)[:_MOST_PARTS]]

    @functions.signature({"types": []}, {"types": ["string"]}, {"types": ["string"]})
    def _func_replace(self, text: Any, old: str, new: str) -> str | None:
        words = _text(text)
        return None if words is None or old == "" else words.replace(old, new)

    @functions.signature({"types": []})
    def _func_lower(self, text: Any) -> str | None:
        words = _text(text)
        return None if words is None else words.lower()

    @functions.signature({"types": []})
    def _func_upper(self, text: Any) -> str | None:
        words = _text(text)
        return None if words is None else words.upper()

    @functions.signature({"types": []})
    def _func_trim(self, text: Any) -> str | None:
        words = _text(text)
        return None if words is None else words.strip()

    @functions.signature({"types": []})
    def _func_items(self, value: Any) -> list[list[Any]] | None:
        """List an object as [key, value] pairs."""
        return [[key, each] for key, each in value.items()] if isinstance(value, dict) else None

    @functions.signature({"types": []})
    def _func_from_items(self, pairs: Any) -> dict[str, Any] | None:
        """Make an object of [key, value] pairs; a pair without a key is left out, the last of two with one key wins."""
        if not isinstance(pairs, list):
            return None
        named = ((_text(pair[0]), pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2)
        return {key: value for key, value in named if key}

    @functions.signature({"types": [], "variadic": True})
    def _func_zip(self, *lists: Any) -> list[list[Any]] | None:
        """Put lists together place by place; what one has more of is left out."""
        if not all(isinstance(each, list) for each in lists):
            return None
        return [list(each) for each in zip(*lists, strict=False)]

    @functions.signature({"types": []}, {"types": ["expref"]})
    def _func_group_by(self, rows: Any, expression: Any) -> dict[str, list[Any]] | None:
        """Gather rows under the text that the expression finds in each; rows without one are left out."""
        if not isinstance(rows, list):
            return None
        groups: dict[str, list[Any]] = {}
        for row in rows:
            if name := _text(expression.visit(expression.expression, row)):
                groups.setdefault(name, []).append(row)
        return groups

    @functions.signature({"types": []}, {"types": ["number"]}, {"types": ["string"]})
    def _func_pad_left(self, text: Any, width: float, pad: str) -> str | None:
        """Put `pad` before a text that is too short, such as the zeros that a spreadsheet took off a code."""
        words = _text(text)
        return None if words is None or len(pad) != 1 else words.rjust(min(int(width), _LONGEST_PAD), pad)

    @functions.signature({"types": []}, {"types": ["string"]})
    def _func_unwind(self, rows: Any, key: str) -> list[Any] | None:
        """Repeat each row for every element of the list that it holds at `key`, which that element takes the place of.

        One element alone counts as a list of one; a row without any is left out.
        """
        if not isinstance(rows, list | dict):
            return None
        unwound: list[Any] = []
        for row in rows if isinstance(rows, list) else [rows]:
            held = row.get(key) if isinstance(row, dict) else None
            elements = held if isinstance(held, list) else [] if held is None else [held]
            # A few megabytes that are repeated for each of a million elements would fill the disk.
            if len(elements) > 1 and len(orjson.dumps({**row, key: None})) * len(elements) > _MOST_REPEATED:
                raise ValueError("repeats too much")
            unwound += [{**row, key: element} for element in elements]
        return unwound

    @functions.signature({"types": []}, {"types": ["string"]})
    def _func_find_all(self, value: Any, key: str) -> list[Any]:
        """List what stands under `key` at any depth, in order; what is found is not looked into."""
        found: list[Any] = []
        waiting = [value]
        while waiting:
            part = waiting.pop()
            if isinstance(part, _Found):
                found.append(part.value)
            elif isinstance(part, dict):
                waiting += [_Found(each) if name == key else each for name, each in reversed(part.items())]
            elif isinstance(part, list):
                waiting += reversed(part)
        return found

    @functions.signature({"types": []})
    def _func_from_base64(self, text: Any) -> str | None:
        """Read the text that is written in Base64, of either alphabet; what is none, or is no UTF-8, reads as null."""
        words = _text(text)
        if words is None:
            return None
        plain = _BLANKS.sub("", words).replace("-", "+").replace("_", "/").rstrip("=")
        try:
            return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()
        except (binascii.Error, ValueError):
            return None

    @functions.signature({"types": []})
    def _func_parse_json(self, text: Any) -> Any:
        """Read a text that is JSON; anything that is no text is given as it is, a text that is none as null."""
        if not isinstance(text, str):
            return text
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class _Found:
    """What `find_all` has found, still waiting for its turn."""

    value: Any


def _text(value: Any) -> str | None:
    try:
        return None if value is None else text_of(value)
    except Unreadable:
        return None
