"""Fill the named places in texts of the configuration: `{since}` in a query, `{id}` in a URL. Pure.

A text that is nothing but one place takes the value as it is, a number as a number; where there is no such value, what
would hold the text is left out. Elsewhere the value is written into the text. `{{name}}` stands for a plain `{name}`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeAlias
from urllib.parse import quote

Find: TypeAlias = Callable[[str], Any]
"""Find what a name stands for: None where there is no such value, UNKNOWN for what is no name and stays as it is."""

TIMES: Final = frozenset({"since", "until"})
UNKNOWN: Final = object()
LEFT_OUT: Final = object()
"""What comes of a text whose value is not there: its place in the question stays empty."""

# Not with blanks inside its braces, nor with what is JSON: `{ title }` and `{"page":1}` stay as they are.
_NAME = r"""(?![^{}]*":)[^{}\s](?:[^{}\n]*[^{}\s])?"""
_PLACE = re.compile(rf"\{{\{{({_NAME})\}}\}}|\{{({_NAME})\}}")
_CLIMBING = frozenset({"", ".", ".."})


def base_of(name: str) -> str:
    """The name itself, where a format stands behind it: `{since:%Y%m%d}`."""
    base, _, written = name.partition(":")
    return base if written else name


def names_in(shape: Any) -> Iterator[str]:
    """Yield every name that the texts of a structure hold."""
    if isinstance(shape, str):
        yield from (found[2] for found in _PLACE.finditer(shape) if found[2])
    for part in shape.values() if isinstance(shape, Mapping) else shape if isinstance(shape, list | tuple) else ():
        yield from names_in(part)


def is_place(text: str) -> bool:
    """Tell whether a text is nothing but one place."""
    found = _PLACE.fullmatch(text)
    return found is not None and found[2] is not None


def needed_in(shape: Any) -> Iterator[str]:
    """Yield the names without which a text would say something else: those that do not stand alone in it."""
    if isinstance(shape, str) and not is_place(shape):
        yield from names_in(shape)
    for part in shape.values() if isinstance(shape, Mapping) else shape if isinstance(shape, list | tuple) else ():
        yield from needed_in(part)


def must_know(names: Iterable[str], known: Collection[str], where: str = "") -> None:
    """Raise ValueError for a name that means nothing; what could not be one is part of the text."""
    for name in sorted(set(names)):
        if name.isidentifier() and name not in known:
            near = get_close_matches(name, known, 1)
            cure = f"; did you mean {{{near[0]}}}?" if near else f" (known: {', '.join(sorted(known)) or 'none'})"
            raise ValueError(f"{where}no value is called {{{name}}}{cure}")


def among(values: Mapping[str, Any]) -> Find:
    """Look names up in `values`; what is not among them stays as it is."""
    return lambda name: values.get(name, UNKNOWN)


def filled(shape: Any, find: Find, write: Callable[[Any], str] | None = None) -> Any:
    """Fill the texts of a structure; what cannot be filled is left out of it. `write` makes every value a text."""
    if isinstance(shape, str):
        return _text(shape, find, write)
    if isinstance(shape, Mapping):
        parts = {name: filled(part, find, write) for name, part in shape.items()}
        return {name: part for name, part in parts.items() if part is not LEFT_OUT}
    if isinstance(shape, list | tuple):
        return [part for each in shape if (part := filled(each, find, write)) is not LEFT_OUT]
    return shape


def _text(text: str, find: Find, write: Callable[[Any], str] | None) -> Any:
    if "{" not in text:
        return text
    places = list(_PLACE.finditer(text))
    values = {place[2]: find(place[2]) for place in places if place[2]}
    if any(value is None for value in values.values()):
        return LEFT_OUT
    if write is None and is_place(text):
        value = values[text[1:-1]]
        return text if value is UNKNOWN else value
    return _PLACE.sub(lambda place: _written(place, values, write or plain), text)


def _written(place: re.Match[str], values: Mapping[str, Any], write: Callable[[Any], str]) -> str:
    if place[1]:
        return f"{{{place[1]}}}"
    value = values[place[2]]
    return place[0] if value is UNKNOWN else write(value)


def rendered(text: str, find: Find, encoding: str) -> bytes:
    """Fill a text as the bytes that it is hashed or signed as; a value of bytes goes in as it is, a missing one not."""
    pieces, end = [], 0
    for place in _PLACE.finditer(text):
        value = find(place[2]) if place[2] else f"{{{place[1]}}}"
        value = place[0] if value is UNKNOWN else "" if value is None else value
        pieces += [text[end : place.start()].encode(encoding), _as_bytes(value, encoding)]
        end = place.end()
    return b"".join([*pieces, text[end:].encode(encoding)])


def _as_bytes(value: Any, encoding: str) -> bytes:
    return value if isinstance(value, bytes) else plain(value).encode(encoding)


def filled_url(template: str, find: Find) -> str | None:
    """Fill a URL, percent-encoded; None where a value is missing, or would climb to another path."""
    values = {name: find(name) for name in names_in(template)}
    if any(not _fits_in_a_path(value) for value in values.values()):
        return None
    return _PLACE.sub(lambda place: _in_url(place, values), template)


def _in_url(place: re.Match[str], values: Mapping[str, Any]) -> str:
    if place[1]:
        return quote(f"{{{place[1]}}}")
    value = values[place[2]]
    # A time is written as the configuration says, and may well lead through folders: `2026/03/01`.
    return place[0] if value is UNKNOWN else quote(plain(value), safe="/" if base_of(place[2]) in TIMES else "")


def _fits_in_a_path(value: Any) -> bool:
    if value is UNKNOWN:
        return True
    return isinstance(value, str | int | float | list) and plain(value).strip() not in _CLIMBING


def plain(value: Any) -> str:
    """Write a value as texts carry it: a list with commas between."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(plain, value)) if isinstance(value, list | tuple) else str(value)
