"""Write and read times as sources do: ISO 8601, seconds since 1970, or a pattern of their own. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from hub.connectors.placeholders import TIMES
from hub.mapping.times import is_in_utc, strptime_of, without_dot_net

EPOCHS = {"epoch_s": 1, "epoch_ds": 10, "epoch_ms": 1000, "epoch_us": 1_000_000}
"""How many of its units are a second: `ds` are tenths, as telephone exchanges count."""
_NAMED = ("iso", *EPOCHS, "http")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = re.compile(r"%[STXcsfr]")
_CLOCK = re.compile(r"%[HIMpRSTXcsfr]")


def _known(written: str) -> str:
    if written in _NAMED or "%" in written:
        return written
    meant = f"; did you mean {pattern!r}?" if (pattern := strptime_of(written)) else ""
    raise ValueError(f"{written!r} is not {', '.join(_NAMED)} or a pattern such as %Y-%m-%d %H:%M:%S{meant}")


def must_read(names: Iterable[str], where: str = "") -> None:
    """Raise ValueError for a time whose format is none, as in `{since:yyyy-MM-dd}`: it would be sent as it stands."""
    for name in names:
        base, _, written = name.partition(":")
        if written and base in TIMES:
            try:
                _known(written)
            except ValueError as error:
                raise ValueError(f"{where}{{{name}}}: {error}") from None


TimeFormat = Annotated[str, AfterValidator(_known)]
"""How a time is written: `iso` (UTC), `epoch_s` and its like, `http` (RFC 9110), or a strftime pattern.

A pattern is in the source's zone, unless it puts a Z behind the clock: that says UTC.
"""


def tick(written: str) -> timedelta:
    """The shortest time that a format can tell apart."""
    if written in _NAMED or _SECONDS.search(written):
        return timedelta(seconds=1)
    return timedelta(minutes=1) if _CLOCK.search(written) else timedelta(days=1)


def write_time(moment: datetime, written: str, zone: ZoneInfo) -> str:
    """Write a time as the source wants to be asked."""
    match written:
        case "iso":
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case epoch if epoch in EPOCHS:
            return str((moment - _EPOCH) // timedelta(microseconds=1) * EPOCHS[epoch] // 1_000_000)
        case "http":
            return format_datetime(moment.astimezone(UTC), usegmt=True)
        case pattern:
            local = moment.astimezone(_zone_of(pattern, zone))
            offset = local.strftime("%z")
            # Python before 3.12 does not know the offset with a colon.
            return local.strftime(pattern.replace("%:z", f"{offset[:3]}:{offset[3:5]}"))


def read_time(value: Any, written: str, zone: ZoneInfo) -> datetime | None:
    """Read a source's time, or None; one without an offset is in the source's zone."""
    try:
        if written in EPOCHS:
            units = float(without_dot_net(value) if isinstance(value, str) else value)
            return datetime.fromtimestamp(units / EPOCHS[written], UTC)
        return in_zone(_parse(str(value).strip(), written), _zone_of(written, zone))
    except (ValueError, OverflowError, OSError):
        return None


def in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    """Put the zone on a time that has none; the time in UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def midnight(moment: datetime, zone: ZoneInfo, *, days: int = 0) -> datetime:
    """When the day of a time begins in the zone, or the day so many days later: where clocks change, not 24 hours."""
    day = moment.astimezone(zone).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _zone_of(pattern: str, zone: ZoneInfo) -> ZoneInfo:
    return ZoneInfo("UTC") if pattern == "http" or is_in_utc(pattern) else zone


def _parse(text: str, written: str) -> datetime:
    if written == "http":
        written = "%a, %d %b %Y %H:%M:%S GMT"
    # fromisoformat is forty times as fast as strptime, and reads the usual patterns as well.
    if written != "iso" and not written.startswith("%Y-%m-%d"):
        return datetime.strptime(text, written)  # noqa: DTZ007  the zone is put on it by the caller
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        if written == "iso":
            raise
        return datetime.strptime(text, written)  # noqa: DTZ007  the zone is put on it by the caller
