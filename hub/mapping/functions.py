"""The functions that a path may call beside JMESPath's own: those of JMESPath Community, and two that read a text.

Names and meanings are those of the community's JEP-013 (objects) and JEP-014 (strings), as far as tickets need them:
https://jmespath.site. A value of another kind reads as null rather than as an error: tickets are not typed.
"""

from typing import Any

import orjson
from jmespath import functions

from hub.errors import Unreadable
from hub.mapping.texts import text_of

_MOST_PARTS = 10_000


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

    @functions.signature({"types": []}, {"types": []})
    def _func_zip(self, left: Any, right: Any) -> list[list[Any]] | None:
        """Pair two lists place by place; what one has more of is left out."""
        if not (isinstance(left, list) and isinstance(right, list)):
            return None
        return [[one, other] for one, other in zip(left, right, strict=False)]

    @functions.signature({"types": []})
    def _func_parse_json(self, text: Any) -> Any:
        """Read a text that is JSON; anything that is no text is given as it is, a text that is none as null."""
        if not isinstance(text, str):
            return text
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return None


def _text(value: Any) -> str | None:
    try:
        return None if value is None else text_of(value)
    except Unreadable:
        return None
