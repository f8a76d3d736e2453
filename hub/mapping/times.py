"""Read the times of legacy systems as aware UTC: declared formats only, the source's zone on naive ones, never "now".

Each odd value has one outcome:

- `0000-00-00`, the year 1 (for .NET `/Date(-62135596800000)/`), and an epoch or Excel serial of zero are how systems
  write "no time": they read as None;
- `2026-02-30`, month 13, and years outside 1900-2200 (Buddhist years, milliseconds read as seconds) are Unreadable;
- `24:00` is midnight of the next day;
- a time that the clocks of the zone show twice is the earlier one; one that they skip is read with the offset before;
- fractions of a second stay, to the microsecond; Excel serials are rounded to the second.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from hub.errors import Unreadable
from hub.mapping.texts import text_of

Clock: TypeAlias = Literal["start_of_day", "end_of_day"]
Reader: TypeAlias = Callable[[Any], datetime | None]
"""Reads one value as an aware UTC time; None stands for "no time"; raises Unreadable."""
Format: TypeAlias = Callable[[str], datetime | None]
"""Reads a text, naive or aware; raises ValueError when the text has another form."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # what naive times are counted from
_YEAR_ONE, _DAY_S = 62_135_596_800, 86_400
"""How long before 1970 .NET's DateTime.MinValue is, in seconds; systems write it for "no time", in any zone."""
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_ZEROS = ("0000-00-00", "0001-01-01", "0000/00/00", "0001/01/01")
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8})(?:[T ](\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?) ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_MIDNIGHT = re.compile(r"(?<!\d)24(:00(?::00(?:\.0+)?)?(?!\d)|[时点]整?(?:00?分)?(?:00?秒)?)")
_CHINESE = re.compile(
    r"(\d{4})年(\d{1,2})月(\d{1,2})[日号]\s*(?:\(?(?:星期|周)[一二三四五六日天]\)?)?\s*"
    r"(?:(上午|下午|凌晨|早上|中午|晚上)?\s*(\d{1,2})[时点:](?:整|(半)|(\d{1,2})(?:[分:](?:(\d{1,2})秒?)?)?)?)?",
    re.ASCII,
)
_DOT_NET = re.compile(r"\\?/Date\((-?\d{1,17})(?:[+-]\d{4})?\)\\?/")
_IN_UTC = re.compile(r"(?:%[HMSf]|0)Z")
_PLAIN = {"iso": " T", "%Y-%m-%d %H:%M:%S": " ", "%Y-%m-%dT%H:%M:%S": "T"}
"""What stands between day and clock in the formats that are mostly meant: 2026-03-01 08:05:30."""
_STRPTIME = {
    "y": "%Y", "Y": "%Y", "M": "%m", "d": "%d", "D": "%d", "H": "%H", "h": "%I", "m": "%M", "s": "%S", "S": "%f",
    "F": "%f", "t": "%p", "a": "%p", "X": "%z", "z": "%z", "K": "%z",
}  # fmt: skip
"""The letters of patterns elsewhere, and what they are here."""
_NOTHING = timedelta()
_CLOCKS = {"start_of_day": time(0, 0, 0), "end_of_day": time(23, 59, 59)}
_LONGEST = 100


def time_reader(formats: Sequence[str], zone: ZoneInfo, clock: Clock | None = None) -> Reader:
    """Return the reader for the first of `formats` that a value suits; ISO 8601 where none is declared.

    `clock` puts the time at the start or the end of its day in the zone. Raises ValueError for an unknown format.
    """
    known = [_format(name) for name in formats or ("iso",)]
    names = ", ".join(formats) or "iso"
    between = "" if clock else _PLAIN.get(formats[0] if formats else "iso", "")

    def read(value: Any) -> datetime | None:
        # Nearly every time is naive and written plainly: it is read here and now, as what follows would.
        if value.__class__ is str and len(value) == 19 and value[10] in between and value[7] == "-":
            try:
                plain = datetime.fromisoformat(value)
            except ValueError:
                pass
            else:
                if _FIRST_YEAR <= plain.year <= _LAST_YEAR and plain.tzinfo is None:
                    return _EPOCH + (plain - _NAIVE_EPOCH - (zone.utcoffset(plain) or _NOTHING))
        found = value if isinstance(value, date) else _read_text(value, known, names)
        return None if found is None else _in_utc(value, found, zone, clock)

    return read


def is_in_utc(pattern: str) -> bool:
    """Tell whether a pattern puts a Z behind the clock, which says UTC; any other is in the source's zone."""
    return _IN_UTC.search(pattern) is not None


def without_dot_net(text: str) -> str:
    """Take the milliseconds out of what .NET writes, `/Date(1772323530000+0800)/`; the offset is only for show."""
    return _DOT_NET.sub(r"\1", text, count=1) if "Date(" in text else text


def _read_text(value: Any, formats: Sequence[Format], names: str) -> datetime | None:
    text = value if value.__class__ is str else text_of(value)
    for read in formats:
        try:
            return read(text)
        except ValueError:
            continue
    return _read_oddly_written(value, text, formats, names)


def _read_oddly_written(value: Any, text: str, formats: Sequence[Format], names: str) -> datetime | None:
    """Try once more with full-width digits made plain and 24:00 made 00:00 of the next day."""
    plain = unicodedata.normalize("NFKC", text[:_LONGEST]).strip()
    if plain.startswith(_ZEROS):
        return None
    twisted, is_midnight = _MIDNIGHT.subn(r"00\1", plain, count=1)
    for read in formats:
        try:
            found = read(twisted)
        except ValueError:
            continue
        return found + timedelta(days=1) if found and is_midnight and found.year <= _LAST_YEAR else found
    raise Unreadable(value, f"is no time of the form {names}", hint=_hint(plain))


def _in_utc(value: Any, found: date, zone: ZoneInfo, clock: Clock | None) -> datetime | None:
    if not isinstance(found, datetime):
        found = datetime.combine(found, time())
    if found.year == 1:
        return None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise Unreadable(value, f"is in the year {found.year}", hint=_hint(str(value)) or "years 1900 to 2200 are read")
    if clock:
        local = found.astimezone(zone) if found.tzinfo else found
        found = datetime.combine(local.date(), _CLOCKS[clock])
    if found.tzinfo:
        return found.astimezone(UTC)
    # The same as replace(tzinfo=zone).astimezone(UTC), in a third of its time.
    return _EPOCH + (found - _NAIVE_EPOCH - (zone.utcoffset(found) or _NOTHING))


def _hint(text: str) -> str:
    digits = without_dot_net(text).split(".", maxsplit=1)[0]
    if not digits.isdecimal():
        return ""
    looks = {
        5: ("an Excel serial", "excel"),
        10: ("seconds", "epoch_s"),
        13: ("milliseconds", "epoch_ms"),
        16: ("microseconds", "epoch_us"),
    }
    what, name = looks.get(len(digits), ("", ""))
    return f"looks like {what}: write date: {name}" if what else ""


def _format(name: str) -> Format:
    if name in _FORMATS:
        return _FORMATS[name]
    if "%" not in name:
        near = pattern if (pattern := strptime_of(name)) else next(iter(get_close_matches(name, _FORMATS, 1)), "")
        guess = f"; did you mean {near!r}?" if near else ""
        raise ValueError(
            f"no date format {name!r}{guess} (known: {', '.join(_FORMATS)}, or a strptime pattern such as %Y-%m-%d)"
        )
    if not re.search(r"%[YycxDFsG]", name):
        raise ValueError(f"the date format {name!r} has no year")
    return _pattern(name)


def strptime_of(java: str) -> str | None:
    """Write a pattern of Java or .NET, such as `yyyy-MM-dd HH:mm:ss`, as strptime does; None for anything else."""
    words = re.sub(r"'([^']*)'", r"\1", java)
    if not re.search("[yY]{4}", words):
        return None
    return re.sub("yyyy|YYYY|MM?|dd?|DD?|HH?|hh?|mm?|ss?|[SF]{1,6}|tt|aa?|XXX|zzz|K", _strptime_word, words)


def _strptime_word(found: re.Match[str]) -> str:
    return _STRPTIME.get(found[0]) or _STRPTIME.get(found[0][:1]) or found[0]


def _pattern(pattern: str) -> Format:
    sample = datetime(2026, 3, 1, 8, 5, 30, tzinfo=UTC)
    try:
        datetime.strptime(sample.strftime(pattern), pattern)  # noqa: DTZ007  # the source's zone is put on later
    except (ValueError, re.error) as error:
        raise ValueError(f"no date format {pattern!r}: {error}") from error
    if is_in_utc(pattern):
        return lambda text: datetime.strptime(text, pattern).replace(tzinfo=UTC)
    if pattern in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"):
        return _iso_like(pattern, len(sample.strftime(pattern)))
    return lambda text: datetime.strptime(text, pattern)  # noqa: DTZ007  # as above


def _iso_like(pattern: str, length: int) -> Format:
    """Read the commonest patterns at a tenth of the cost of strptime, which still has the last word."""

    def read(text: str) -> datetime:
        if len(text) == length and text.isascii() and (length == 10 or text[10] == pattern[8]):
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                pass
        return datetime.strptime(text, pattern)  # noqa: DTZ007  # as above

    return read


def _iso(text: str) -> datetime:
    if text[4:5] == "-" and text[7:8] == "-" and (len(text) == 10 or text[10:11] in ("T", " ")):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    # fromisoformat takes any character between date and time, and so reads 13 digits as a time: look first.
    if not (found := _ISO.fullmatch(text)):
        raise ValueError(text)
    day, clock, offset = found.groups(default="")
    return datetime.fromisoformat(f"{day}T{clock or '00'}{'Z' if offset.upper() == 'UTC' else offset.upper()}")


def _epoch(unit: timedelta, least: int, most: int) -> Format:
    seconds = Decimal(str(unit.total_seconds()))

    def read(text: str) -> datetime | None:
        text = without_dot_net(text)
        number = Decimal(text) if re.fullmatch(r"-?\d{1,20}(\.\d{1,20})?", text, re.ASCII) else None
        if number is not None and abs(number * seconds + _YEAR_ONE) <= _DAY_S:
            return None
        if number is None or (number and not least <= number < most):
            raise ValueError(text)
        return _EPOCH + float(number) * unit if number else None

    return read


def _excel(text: str) -> datetime | None:
    """Read a day count of the 1900 system, where 60 is a 29 February that never was (a bug kept since Lotus 1-2-3)."""
    serial = float(text)
    if serial == 0:
        return None
    if not isfinite(serial) or not 1 <= serial < 110_000 or 60 <= serial < 61:
        raise ValueError(text)
    first = datetime(1899, 12, 30) if serial > 60 else datetime(1899, 12, 31)  # noqa: DTZ001  # the zone comes later
    return first + timedelta(seconds=round(serial * 86400))


def _chinese(text: str) -> datetime:
    if not (found := _CHINESE.fullmatch(text)):
        raise ValueError(text)
    year, month, day, half, hour, thirty, minute, second = found.groups()
    return datetime(  # noqa: DTZ001  # the source's zone is put on later
        int(year),
        int(month),
        int(day),
        _hour(half, int(hour or 0)),
        30 if thirty else int(minute or 0),
        int(second or 0),
    )


def _hour(half: str | None, hour: int) -> int:
    if half is None or hour > 12:
        return hour
    if half in ("上午", "凌晨", "早上"):
        return hour % 12
    if half == "晚上" and hour == 12:
        raise ValueError("晚上12点 belongs to one day for some, and to the next for others")
    # 中午11点 is before noon, 中午1点 after it.
    return hour if half == "中午" and hour >= 10 else hour % 12 + 12


_FORMATS: dict[str, Format] = {
    "iso": _iso,
    # Before 1973 there are no tickets: such a time is one unit read as the other.
    "epoch_s": _epoch(timedelta(seconds=1), -(10**10), 10**10),
    "epoch_ds": _epoch(timedelta(milliseconds=100), 10**9, 10**11),
    "epoch_ms": _epoch(timedelta(milliseconds=1), 10**11, 10**13),
    "epoch_us": _epoch(timedelta(microseconds=1), 10**14, 10**16),
    "excel": _excel,
    "chinese": _chinese,
}
