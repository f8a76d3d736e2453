"""Read listings that were made for people to look at: the lines of FTP's LIST, the index pages of web servers. Pure."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hub.connectors.folders import Kind

_UNIX = re.compile(
    # The owner or the group may be left out, and the month be written in any language.
    rb"(?P<kind>[-dlbcps])[rwxsStTlL-]{9}[+@.]?\s+\d+\s+(?:\S+\s+){1,2}(?P<size>\d+)\s+"
    rb"(?P<when>\S+\s+\d{1,2}\S*\s+(?:\d{1,2}:\d\d|\d{4})|\d{4}-\d\d-\d\d\s+\d\d:\d\d)\s(?P<name>.+)"
)
_DOS = re.compile(
    rb"(?P<when>\d\d-\d\d-(?:\d{4}|\d\d)\s+\d\d:\d\d(?:[AP]M)?)\s+"
    rb"(?:(?P<folder><DIR>)|(?P<size>[\d,]+))\s+(?P<name>.+)"
)
_UNIX_KINDS: dict[bytes, Kind] = {b"-": "file", b"d": "folder"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Line:
    """One name of a listing; `changed` in nanoseconds since the epoch, 0 where the listing does not say it readably."""

    name: str
    kind: Kind
    size: int | None
    changed: int


def list_line(line: bytes) -> Line | None:
    """Read a line of LIST, as `ls -l` writes it, or DOS; None for its heading. Raises ValueError for what is neither.

    The name keeps its bytes: each that is not ASCII is a lone surrogate.
    """
    text = line.strip(b"\r\n")
    if text.startswith(b"total ") or not text:
        return None
    if found := _UNIX.fullmatch(text):
        kind = _UNIX_KINDS.get(found["kind"], "other")
    elif found := _DOS.fullmatch(text):
        kind = "folder" if found["folder"] else "file"
    else:
        raise ValueError("not a line of LIST")
    size = int(found["size"].replace(b",", b"")[:18]) if found["size"] else None
    name = found["name"].decode("ascii", "surrogateescape")
    return Line(name, kind, size, _changed(found["when"].decode("utf-8", "ignore"), datetime.now(UTC)))


def _changed(written: str, now: datetime) -> int:
    """Read the time of a line. It knows no zone, which does no harm: it is only compared with itself."""
    with suppress(ValueError, IndexError):
        return int(_moment(written.split(), now).replace(tzinfo=UTC).timestamp()) * 10**9
    return 0


def _moment(parts: list[str], now: datetime) -> datetime:
    if "-" in parts[0]:
        day, hour = parts
        date = "%Y-%m-%d" if day[4] == "-" else "%m-%d-%Y" if len(day) == 10 else "%m-%d-%y"
        return datetime.strptime(f"{day} {hour}", f"{date} {'%I:%M%p' if hour.endswith('M') else '%H:%M'}")  # noqa: DTZ007
    month = _MONTHS.index(parts[0][:3].lower()) + 1 if parts[0].isascii() and parts[0].isalpha() else _digits(parts[0])
    if ":" not in parts[2]:
        return datetime(int(parts[2]), month, _digits(parts[1]), tzinfo=UTC)
    hours, minutes = map(int, parts[2].split(":"))
    moment = datetime(now.year, month, _digits(parts[1]), hours, minutes, tzinfo=UTC)
    # Without a year it is of the last months; a clock ahead of ours may be a day into what is to come.
    return moment if moment <= now + timedelta(days=1) else moment.replace(year=now.year - 1)


def _digits(text: str) -> int:
    return int(re.sub(r"\D", "", text))
