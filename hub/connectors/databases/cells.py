"""Make JSON of what database drivers give, and keep the keys of a row as they were. Pure."""

import math
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from hub.connectors.formats import encoding_named, parse_json, strict_for
from hub.errors import SourceError, SourceRefused

Cell: TypeAlias = Callable[[Any], Any]
"""Makes JSON of one value, which is never None. Raises BadCell."""


class BadCell(ValueError):
    """A value cannot be read: the message ends the sentence that its column begins, `kept` is what can be kept."""

    def __init__(self, message: str, kept: str) -> None:
        super().__init__(message)
        self.kept = kept


_MOST_EXACT = 2**63
_BIT, _JSON, _GEOMETRY = 16, 245, 255
"""What MySQL calls its types on the wire."""
_JSON_OIDS = {114, 3802}
"""json and jsonb in PostgreSQL."""


def cells(
    codes: Sequence[Any], names: Sequence[str], dialect: str, encoding: str | None, jsons: Sequence[str]
) -> list[Cell]:
    """Say for each column of a result how its values become JSON; `codes` are the driver's for the columns' types."""
    other = _Plain(encoding)
    return [
        _json if name in jsons else _special(code, dialect) or other for code, name in zip(codes, names, strict=True)
    ]


def _special(code: Any, dialect: str) -> Cell | None:
    if dialect in {"mysql", "mariadb"}:
        return {_BIT: _bits, _JSON: _json, _GEOMETRY: _geometry}.get(code)
    return _json if dialect == "postgresql" and code in _JSON_OIDS else None


class _Plain:
    """Makes JSON of a value by what it is; bytes are text in an encoding, where one was told and fits."""

    def __init__(self, encoding: str | None) -> None:
        self._codec = encoding_named(encoding) if encoding else None
        self._makers: Mapping[type, Cell] = {**_MAKERS, **dict.fromkeys((bytes, bytearray, memoryview), self._bytes)}

    def __call__(self, value: Any) -> Any:
        maker = self._makers.get(value.__class__)
        return self._odd(value) if maker is None else maker(value)

    def _bytes(self, value: Any) -> str:
        data = bytes(value)
        if self._codec:
            try:
                return data.decode(self._codec, strict_for(self._codec))
            except UnicodeDecodeError:
                pass  # a picture among texts
        return b64encode(data).decode()

    def _odd(self, value: Any) -> Any:
        """Make JSON of what only some drivers give: their own kinds of numbers, arrays, points, ranges."""
        if isinstance(value, Mapping):
            return {str(key): self._maybe(each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._maybe(each) for each in value]
        if as_string := getattr(value, "as_string", None):
            return as_string()  # the bits of asyncpg
        nearest = next((kind for kind in value.__class__.__mro__ if kind in self._makers), None)
        return self._makers[nearest](value) if nearest else text(str(value))

    def _maybe(self, value: Any) -> Any:
        return None if value is None else self(value)


def text(value: str) -> str:
    """Take a text, unless it holds bytes that are none in its encoding: those came along as lone surrogates."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            shown = value.encode("utf-8", "backslashreplace").decode()
            raise BadCell("holds bytes that are not text in its encoding", shown) from None
    return value


def _whole(value: int) -> int | str:
    return value if -_MOST_EXACT <= value < _MOST_EXACT else str(value)


def _decimal(value: Decimal) -> str:
    return format(value, "f")


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    # JSON has no word for these, and "nothing" would hide them.
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _clock(value: timedelta) -> str:
    """Write a span of time as MySQL writes its TIME, which may be negative, or longer than a day."""
    sign, seconds = ("-", -value) if value < timedelta() else ("", value)
    minutes, rest = divmod(int(seconds.total_seconds()), 60)
    fraction = f".{seconds.microseconds:06}" if seconds.microseconds else ""
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{rest:02}{fraction}"


def _json(value: Any) -> Any:
    """Read what a JSON column holds, where its driver gives it as text."""
    if not isinstance(value, str | bytes):
        return _Plain(None)(value)
    try:
        return parse_json(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)
    except SourceError:
        shown = value if isinstance(value, bytes) else value.encode("utf-8", "backslashreplace")
        raise BadCell("is not JSON", shown.decode("utf-8", "backslashreplace")) from None


def _bits(value: Any) -> Any:
    return int.from_bytes(value, "big") if isinstance(value, bytes) else value


def _geometry(value: Any) -> Any:
    """Write a point as WKT; MySQL gives its reference system and then WKB. Other shapes stay as they came."""
    if not isinstance(value, bytes) or len(value) != 25 or value[4] not in (0, 1):
        return _Plain(None)(value)
    kind, x, y = struct.unpack_from("<Idd" if value[4] else ">Idd", value, 5)
    return f"POINT({x!r} {y!r})" if kind == 1 else b64encode(value).decode()


_MAKERS: Mapping[type, Cell] = {
    str: text,
    int: _whole,
    bool: lambda value: value,
    float: _float,
    Decimal: _decimal,
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: _clock,
    UUID: str,
}


# ── keys ──

_WRITTEN: Mapping[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = {
    Decimal: ("decimal", str, Decimal),
    datetime: ("time", datetime.isoformat, datetime.fromisoformat),
    date: ("date", date.isoformat, date.fromisoformat),
    time: ("clock", time.isoformat, time.fromisoformat),
    bytes: ("bytes", lambda value: b64encode(value).decode(), b64decode),
    UUID: ("uuid", str, UUID),
}
_READ = {tag: read for tag, _, read in _WRITTEN.values()}


def keys_to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write the keys of a row so that they come back as they were. Raises SourceRefused for a kind that cannot."""
    return {name: _written(name, value) for name, value in values.items()}


def keys_from_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Read keys back. Raises KeyError, TypeError or ValueError."""
    return {name: _read(value) for name, value in stored.items()}


def _written(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    for kind in value.__class__.__mro__:
        if kind in _WRITTEN:
            tag, write, _ = _WRITTEN[kind]
            return {tag: write(value)}
    raise SourceRefused(
        f"cannot be paged by {name}: its values are {value.__class__.__name__}", hint="choose other page.keys"
    )


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((tag, text_of_it),) = value.items()
    return _READ[tag](text_of_it)


def same_key(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Tell whether a database might take two keys for one: many compare texts whatever their case and last blanks."""
    return len(one) == len(other) and all(map(_same, one, other))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.rstrip().casefold() == other.rstrip().casefold()
    return bool(one == other)
