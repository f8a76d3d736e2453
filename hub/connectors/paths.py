"""Read a value out of a payload by its path: plain dotted names fast, anything more by JMESPath."""

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator

Reader: TypeAlias = Callable[[Any], Any]

_PLAIN = re.compile(r"[^\W\d][\w@:#-]*(\.[^\W\d][\w@:#-]*)*")


def reader(path: str) -> Reader:
    """Compile `path`; what it does not find reads as None."""
    if path == "":
        return lambda payload: payload
    if not is_plain(path):
        return _search(path)
    first, *rest = path.split(".")
    return _walk(first, rest) if rest else _look_up(first)


def is_plain(path: str) -> bool:
    """Tell whether the path is names with dots between them, in any script."""
    return _PLAIN.fullmatch(path) is not None


def missing(path: str, payload: Any) -> str | None:
    """Name the first key of a plain path that the payload does not have at all; a null on the way counts as there."""
    for key in path.split("."):
        if payload is None:
            return None
        if not isinstance(payload, dict) or key not in payload:
            return key
        payload = payload[key]
    return None


def _look_up(key: str) -> Reader:
    return lambda payload: payload.get(key) if isinstance(payload, dict) else None


def _walk(first: str, rest: list[str]) -> Reader:
    keys = (first, *rest)

    def read(payload: Any) -> Any:
        for key in keys:
            if not isinstance(payload, dict):
                return None
            payload = payload.get(key)
        return payload

    return read


def _search(path: str) -> Reader:
    expression = jmespath.compile(path)

    def read(payload: Any) -> Any:
        try:
            return expression.search(payload)
        except JMESPathError:
            # A function over the wrong type, such as length(null): the path finds nothing here.
            return None

    return read


def _checked(path: str) -> str:
    try:
        reader(path)
    except JMESPathError as error:
        raise ValueError(f"{path!r} is not a path: {' '.join(str(error).split())}") from None
    return path


Path = Annotated[str, AfterValidator(_checked)]
"""A path in an option: checked when the configuration is read."""
