"""Read values out of whole answers by the same paths that mappings use on tickets."""

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator

from hub.errors import Unreadable
from hub.mapping.paths import compile_path

Reader: TypeAlias = Callable[[Any], Any]

NOTHING: tuple[Any, ...] = (None, "", 0, False, [], {})
"""What an `only_if` takes for no."""

_PLAIN = re.compile(r"[^\[\](){}*|&!<>=?,`'\"\\]+")
# Not behind a dot or a bracket, which lead on from somewhere, nor within quotes; and no name of a function.
_CHAIN = re.compile(r"(?:^|[(,|]\s*)(?![\s`'\"@&])([^\W\d][\w-]*(?:\.[^\W\d][\w-]*)*)(?![\w(-]|\s*:)")


def reader(path: str) -> Reader:
    """Compile `path`; an empty one reads everything, and what a path does not find reads as None."""
    if path == "":
        return lambda payload: payload
    ways, dictionaries_only = compile_path(path), is_plain(path)
    if len(ways) == 1 and (key := ways[0].key) is not None:
        return lambda payload: payload.get(key) if isinstance(payload, dict) else None

    def read(payload: Any) -> Any:
        if dictionaries_only and not isinstance(payload, dict):
            return None
        try:
            return next((found for way in ways if (found := way.find(payload)) is not None), None)
        except Unreadable:
            return None

    return read


def is_plain(path: str) -> bool:
    """Tell whether the path is only keys with dots between them."""
    return _PLAIN.fullmatch(path) is not None


def missing(path: str, payload: Any) -> tuple[str, str, Any] | None:
    """Name the first key of a plain path that the payload does not have at all, the path to what should, and that.

    A null on the way counts as there.
    """
    above: list[str] = []
    for key in map(str.strip, path.split(".")):
        if payload is None:
            return None
        if not isinstance(payload, dict) or key not in payload:
            return key, ".".join(above), payload
        above.append(key)
        payload = payload[key]
    return None


def chains_in(path: str) -> list[str]:
    """List the plain paths from the top of an answer by which a longer one begins, or which it gives to a function."""
    return _CHAIN.findall(path)


def _checked(path: str) -> str:
    reader(path)
    return path


Path = Annotated[str, AfterValidator(_checked)]
"""A path in an option: checked when the configuration is read."""
