"""The steps of a mapping: functions of one value, which is never None; None coming out means that nothing is left.

Each raises Unreadable for a value that it cannot take.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from math import isfinite
from typing import Any, TypeAlias

from hub.errors import Unreadable
from hub.mapping import phones
from hub.mapping.coordinates import DATUMS, Crs, Point, from_grid, to_wgs84
from hub.mapping.patterns import Pattern
from hub.mapping.texts import storable, storable_json, text_of, without_markup

Step: TypeAlias = Callable[[Any], Any]

LONGEST_ID = 512
LONGEST_LINE = 500
LONGEST_TEXT_KEPT = 50_000
"""Beyond this the text search of PostgreSQL gives up (a tsvector holds 1 MB)."""

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1", "是", "真"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0", "否", "假"})
_INTEGER = re.compile(r"[+-]?(?:\d{1,18}|\d{1,3}(?:,\d{3}){1,5})(?:\.0*)?", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_WKT = re.compile(
    r"(?:SRID=\d+;)?\s*(?:MULTI)?(?:POINT|LINESTRING|POLYGON)\s*(?:ZM?|M)?\s*\(", re.IGNORECASE | re.ASCII
)
_WKT_POINT = re.compile(r"(?<=[(,])\s*([-+.\deE]+)[ ]+([-+.\deE]+)(?=[\s,)])", re.ASCII)
_LONGEST_WKT = 100_000
_MOST_POINTS = 10_000
_AXES = (("longitude", "latitude"), ("lon", "lat"), ("lng", "lat"), ("long", "lat"), ("x", "y"))
_SENTINEL_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?", re.ASCII)
_UNKNOWN = object()
# Written out at each use, these would be built anew for each value.
_LISTS = (list, tuple)
_HOLDERS = (list, tuple, dict)
_NUMBERS = (int, float, Decimal)


def one(nulls: frozenset[str]) -> Step:
    """Trim a value, and take the only element of a list; None for a sentinel: `0` is 0 too, `false` is false."""
    numbers = _numbers(nulls)

    def clean(value: Any) -> Any:
        if value.__class__ is float and not numbers:
            return value
        while isinstance(value, _LISTS) and len(value) == 1:
            value = value[0]
        if value.__class__ is str:
            value = value.strip()
            return None if value in nulls else value
        if isinstance(value, _LISTS) and value:
            raise Unreadable(value, "stands where one value is expected", hint="add join, or pick one in the path")
        if isinstance(value, _HOLDERS):
            return value or None
        if value.__class__ is bool:
            return None if ("true" if value else "false") in nulls else value
        return None if numbers and isinstance(value, _NUMBERS) and value in numbers else value

    return clean


def any_of(nulls: frozenset[str]) -> Step:
    """Trim a value as `one` does, but let lists and objects be what they are."""
    single = one(nulls)

    def clean(value: Any) -> Any:
        return (value or None) if isinstance(value, _HOLDERS) else single(value)

    return clean


def many(nulls: frozenset[str]) -> Step:
    """Make a list of the values that are something; one value is a list of one."""
    single = one(nulls)

    def clean(value: Any) -> Any:
        values = value if isinstance(value, _LISTS) else (value,)
        try:
            # Nearly always all are texts, and something.
            texts = [*map(str.strip, values)]
        except TypeError:
            return [found for found in map(single, values) if found is not None] or None
        return (texts if nulls.isdisjoint(texts) else [text for text in texts if text not in nulls]) or None

    return clean


def all_or_nothing(nulls: frozenset[str]) -> Step:
    """Clean each of several values; None when one of them is nothing."""
    single = one(nulls)
    floats_pass = not _numbers(nulls)

    def clean(value: Any) -> Any:
        if floats_pass and len(value) == 2 and value[0].__class__ is float is value[1].__class__:
            return value  # Nearly always so: longitude and latitude.
        values = [single(each_value) for each_value in value]
        return None if None in values else values

    return clean


def _numbers(nulls: frozenset[str]) -> frozenset[float]:
    """The sentinels that are numbers too."""
    return frozenset(float(null) for null in nulls if _SENTINEL_NUMBER.fullmatch(null))


def each(step: Step) -> Step:
    """Take the step with every element of a list, dropping those of which nothing is left."""

    def step_with_each(value: Any) -> Any:
        if not isinstance(value, list):
            return step(value)
        return [done for done in map(step, value) if done is not None] or None

    return step_with_each


def split(separator: str, clean: Step) -> Step:
    """Cut a text, or every text of a list, into its non-empty parts."""

    def parts(value: Any) -> Any:
        values = value if isinstance(value, _LISTS) else (value,)
        return clean([part for each_value in values for part in text_of(each_value).split(separator)])

    return parts


def join(separator: str) -> Step:
    """Put the elements of a list together as one text."""

    def joined(value: Any) -> str:
        if value.__class__ is not list:
            return text_of(value)
        try:
            return separator.join(value)
        except TypeError:  # Not all of them are text.
            return separator.join(map(text_of, value))

    return joined


def match(pattern: Pattern) -> Step:
    """Pick out of a text what the pattern finds."""
    return lambda value: (pattern.pick(text_of(value)) or "").strip() or None


@dataclass(frozen=True, slots=True)
class LookUp:
    """Replaces a word by what the table says, or by what `otherwise` makes of it."""

    table: Mapping[str, Any]
    otherwise: Step

    def __call__(self, value: Any) -> Any:
        word = value if value.__class__ is str else text_of(value)
        found = self.table.get(word, _UNKNOWN)
        return self.otherwise(word) if found is _UNKNOWN else found


def refuse(hint: str) -> Step:
    """Let no word pass."""

    def refused(word: Any) -> Any:
        raise Unreadable(word, "is unknown", hint=hint)

    return refused


def member(enum: type[StrEnum], name: str, hint: str = "") -> Step:
    """Read a member's own name, in any case."""
    members = {str(each_member.value): each_member for each_member in enum}

    def read(value: Any) -> Any:
        if value.__class__ is enum:
            return value
        word = text_of(value)
        if found := members.get(word.upper()):
            return found
        near = get_close_matches(word.upper()[:100], members, 1)
        meant = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(members)}"
        raise Unreadable(word, f"is no {name}", hint=hint or meant)

    return read


def flag(value: Any) -> bool:
    """Read true and false, also as 1 and 0, yes and no, 是 and 否."""
    if isinstance(value, bool):
        return value
    word = unicodedata.normalize("NFKC", text_of(value)[:10]).casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Unreadable(value, "is neither true nor false", hint="map it")


def integer(value: Any) -> int:
    """Read a whole number of up to 18 digits, full-width ones and thousands commas too."""
    text = unicodedata.normalize("NFKC", text_of(value)[:64]).strip()
    if isinstance(value, bool) or not _INTEGER.fullmatch(text):
        raise Unreadable(value, "is no whole number")
    return int(text.split(".")[0].replace(",", ""))


def number(value: Any) -> float:
    """Read a finite number."""
    if value.__class__ is float and isfinite(value):
        return float(value)
    text = unicodedata.normalize("NFKC", text_of(value)[:128]).strip()
    if isinstance(value, bool) or not _FLOAT.fullmatch(text) or not isfinite(float(text)):
        raise Unreadable(value, "is no number")
    return float(text)


def count(value: Any) -> int:
    """Read a whole number from 0 to 2³¹-1, all that GraphQL's Int holds."""
    found = integer(value)
    if not 0 <= found < 2**31:
        raise Unreadable(value, "is no count from 0 to 2147483647")
    return found


def identity(value: Any) -> str | None:
    """Read an external id: text of up to 512 characters."""
    text = storable(text_of(value)).strip()
    if len(text) > LONGEST_ID:
        raise Unreadable(text, f"has {len(text)} characters", hint=f"an id has at most {LONGEST_ID}")
    return text or None


def line(value: Any) -> str | None:
    """Read a short text, cut after 500 characters."""
    text = storable(value if value.__class__ is str else text_of(value))
    return (text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE].rstrip()) or None


def text(value: Any) -> str | None:
    """Read a long text, cut after 50,000 characters."""
    whole = storable(value if value.__class__ is str else text_of(value))
    return (whole if len(whole) <= LONGEST_TEXT_KEPT else whole[:LONGEST_TEXT_KEPT].rstrip()) or None


def lines(value: Any) -> list[str]:
    """Read a list of short texts."""
    return [found for found in map(line, value if isinstance(value, list) else [value]) if found is not None]


def anything(value: Any) -> Any:
    """Read any JSON value."""
    try:
        return storable_json(value)
    except RecursionError as error:
        raise Unreadable(value, "is nested too deep") from error


def named_values(value: Any) -> dict[str, Any]:
    """Read an object whose values are to stand among the attributes, each under its own name; nothing is left out."""
    if not isinstance(value, dict):
        raise Unreadable(
            value, "is no object", hint="name one value by attributes.NAME, or make an object by from_items"
        )
    return {str(name): each_value for name, each_value in anything(value).items() if each_value not in (None, "")}


def point(crs: Crs) -> Step:
    """Read [longitude, latitude], WKT, GeoJSON, or an object that names both; (0, 0) is no point.

    Of a geometry with more points than one it is the middle of the box around them.
    """
    on_datum = crs in DATUMS
    place = _on_datum(crs) if on_datum else _on_grid(crs)

    def read(value: Any) -> Point | None:
        if on_datum and value.__class__ is list and len(value) == 2:
            longitude, latitude = value
            # Nearly always so; what follows would come to the same. Infinity and NaN are between no bounds.
            if (
                longitude.__class__ is float is latitude.__class__
                and -180 <= longitude <= 180
                and -90 <= latitude <= 90
                and (longitude or latitude)
            ):
                return to_wgs84(longitude, latitude, crs)
        pair = _pair(value)
        if pair is None:
            return None
        east, north = number(pair[0]), number(pair[1])
        return None if east == 0 and north == 0 else place(value, east, north)

    return read


def _on_datum(crs: Crs) -> Callable[[Any, float, float], Point]:
    def place(value: Any, longitude: float, latitude: float) -> Point:
        if abs(latitude) > 90 or abs(longitude) > 180:
            hint = "longitude comes first" if abs(latitude) <= 180 and abs(longitude) <= 90 else ""
            raise Unreadable(value, "is no point on Earth", hint=hint)
        return to_wgs84(longitude, latitude, crs)

    return place


def _on_grid(crs: Crs) -> Callable[[Any, float, float], Point]:
    def place(value: Any, east: float, north: float) -> Point:
        found = from_grid(east, north, crs)
        if found is None:
            raise Unreadable(
                value, f"is no place on the grid {crs}", hint="the coordinate that grows eastward comes first"
            )
        return found

    return place


def _pair(value: Any) -> Sequence[Any] | None:
    if isinstance(value, str) and _WKT.match(value):
        return _middle(_WKT_POINT.findall(value[:_LONGEST_WKT]))
    if isinstance(value, dict):
        value = _pairs_in(value["coordinates"]) if value.get("coordinates") else _named_pair(value)
    if isinstance(value, _Pairs):
        return _middle(value)
    if isinstance(value, _LISTS) and len(value) == 2:
        return None if None in value or "" in value else value
    raise Unreadable(value, "is no pair of longitude and latitude", hint="give two paths, or split")


class _Pairs(list[Any]):
    """The points of a geometry."""


def _pairs_in(coordinates: Any) -> Any:
    """Flatten the coordinates of any GeoJSON geometry; a Point's own stay the pair that they are."""
    if not isinstance(coordinates, _LISTS) or not any(isinstance(part, _LISTS) for part in coordinates):
        # A third coordinate is a height.
        return coordinates[:2] if isinstance(coordinates, _LISTS) and len(coordinates) == 3 else coordinates
    found, waiting = _Pairs(), list(coordinates)
    while waiting and len(found) < _MOST_POINTS:
        part = waiting.pop()
        if isinstance(part, _LISTS) and any(isinstance(each_part, _LISTS) for each_part in part):
            waiting += part
        elif isinstance(part, _LISTS) and len(part) >= 2:
            found.append(part)
    return found


def _middle(pairs: Sequence[Sequence[Any]]) -> list[float] | None:
    """Return the middle of the box around some points; None where there is none."""
    if not pairs:
        return None
    xs, ys = [number(pair[0]) for pair in pairs], [number(pair[1]) for pair in pairs]
    return [(min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2]


def _named_pair(value: Mapping[str, Any]) -> list[Any] | None:
    return next(([value[x], value[y]] for x, y in _AXES if x in value and y in value), None)


def phone(value: Any) -> str:
    """Write a telephone number as E.164."""
    return phones.e164(value if value.__class__ is str else text_of(value))


def digest(value: Any) -> str:
    """Put half a SHA-256 in the place of an account's id: still the same for the same person, and no longer who."""
    return hashlib.sha256(text_of(value).encode("utf-8", "replace")).hexdigest()[:32]


def markup(value: Any) -> str | None:
    """Take the tags off HTML."""
    return without_markup(text_of(value)) or None


VERBS: Mapping[str, Step] = {
    "text": text_of,
    "int": integer,
    "float": number,
    "bool": flag,
    "phone": phone,
    "html": markup,
    "digest": digest,
}

PLAIN: Mapping[Any, Step] = {str: line, bool: flag, int: count, list: lines, dict: anything}
"""The last step of each type of field that needs nothing but the value."""
