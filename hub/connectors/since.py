"""Remember how far a source was pulled, and cut the time since then into windows. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, WithJsonSchema, field_validator, model_validator

from hub.connectors.base import Options
from hub.connectors.paging import At
from hub.connectors.paths import Path, Reader
from hub.errors import SourceRefused
from hub.model import Cursor
from hub.units import Duration


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a date or time such as 2024-01-01 or 2024-01-01T08:00:00+08:00") from None


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2024-01-01", "2024-01-01T08:00:00+08:00"]}),
]


class Since(Options):
    """How to ask only for what is new."""

    field: Path
    """Where a ticket holds the time that `send` is compared with: its last update, or its creation."""
    send: str | tuple[str, str] | None = None
    """The parameter that carries the time to start from, or two: from and until. Needless with `until: seen`."""
    format: str = "iso"
    """How `send` writes the time: `iso` (UTC), `epoch_s`, `epoch_ms`, or a strftime pattern in the source's zone."""
    read: str | None = None
    """How `field` writes it, where that is not `format`."""
    overlap: Duration = timedelta(minutes=5)
    """Ask again for this much before the newest ticket: for what was committed late, and for clocks that differ."""
    window: Duration | None = None
    """Walk from `start` to now in steps of this length, one question each."""
    start: Moment | None = None
    """Where the first run starts; left out, it asks for everything."""

    @field_validator("send", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("format", "read")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is None or value in {"iso", "epoch_s", "epoch_ms"} or "%" in value:
            return value
        raise ValueError(f"{value!r} is not iso, epoch_s, epoch_ms or a pattern such as %Y-%m-%d %H:%M:%S")

    @model_validator(mode="after")
    def _start_is_needed(self) -> "Since":
        if self.start is None and (self.window is not None or isinstance(self.send, tuple)):
            raise ValueError(
                "windows, and a `send` of two parameters, need `start`: the first run must begin somewhere"
            )
        if self.window is not None and not isinstance(self.send, tuple):
            raise ValueError("`window` needs a `send` of two parameters, from and until")
        if self.window is not None and self.window <= timedelta():
            raise ValueError("`window` must be longer than nothing")
        return self


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time one walk asks for; an open start asks for everything."""

    start: datetime | None
    end: datetime


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk under way: when the run started, its window, the newest ticket so far, the page to ask for next."""

    started: datetime
    window: Window
    newest: datetime | None = None
    at: At | None = None
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a source was pulled: everything up to `since`, and where a run that was cut short goes on.

    `kept` is the source's own cursor, for feeds whose cursors outlive a run; `by` names the paging that wrote the mark.
    """

    since: datetime | None = None
    kept: At | None = None
    walk: Walk | None = None
    by: str = "none"


def begin(mark: Mark, options: Since | None, *, now: datetime, zone: ZoneInfo, first: At | None) -> Mark:
    """Start a run, or go on with the one that was cut short."""
    if mark.walk is not None:
        return mark
    window = _first_window(mark.since, options, now, zone)
    return replace(mark, walk=Walk(started=now, window=window, at=first if mark.kept is None else mark.kept))


def stretch(options: Since | None, *, start: datetime, end: datetime, first: At | None, by: str) -> Mark:
    """Start a walk over a stretch of the past. Raises SourceRefused where the source cannot be asked by time."""
    if options is None or options.send is None:
        raise SourceRefused("cannot be asked for a stretch of time", hint="it has no `since` with a `send`")
    window = Window(start, min(start + options.window, end) if options.window else end)
    return Mark(walk=Walk(started=end, window=window, at=first), by=by)


def advance(
    mark: Mark, options: Since | None, *, newest: datetime | None, at: At | None, seen: int, first: At | None
) -> Mark:
    """Move on past a page: to the page at `at`, or to the next window, or to the end of the run."""
    if mark.walk is None:
        raise ValueError("no run is under way")
    walk = replace(mark.walk, newest=latest(mark.walk.newest, newest), at=at, seen=seen)
    if at is not None:
        return replace(mark, walk=walk)
    if options is not None and options.window is not None and walk.window.end < walk.started:
        following = Window(walk.window.end, min(walk.window.end + options.window, walk.started))
        return replace(mark, walk=replace(walk, window=following, at=first, seen=0))
    return replace(mark, since=_reached(mark.since, walk, options), walk=None)


def _first_window(since: datetime | None, options: Since | None, now: datetime, zone: ZoneInfo) -> Window:
    if options is None:
        return Window(None, now)
    start = since - options.overlap if since else _in_zone(options.start, zone)
    if start is None:
        return Window(None, now)
    start = min(start, now)
    return Window(start, min(start + options.window, now) if options.window else now)


def _reached(since: datetime | None, walk: Walk, options: Since | None) -> datetime | None:
    """Say up to when everything has been seen.

    Never past the start of the run, whatever a ticket claims: a ticket of 2099 must not hide the years until then, and
    one that changed while we paged, on a page already read, must be seen the next time. With windows the start of the
    last one is safe too, or a quiet source would be walked from its last ticket for ever.
    """
    newest = min(walk.newest, walk.started) if walk.newest else None
    return latest(since, newest, walk.window.start if options and options.window else None)


def latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def newest_of(tickets: Iterable[Any], field: Reader, written: str, zone: ZoneInfo) -> datetime | None:
    """Find the newest time in `field`; what does not read as a time does not count."""
    values = {value for ticket in tickets if isinstance(value := field(ticket), str | int | float)}
    times = [read_time(value, written, zone) for value in _greatest(values, written)]
    if None in times:
        times = [read_time(value, written, zone) for value in values]
    return latest(*times)


def _greatest(values: set[Any], written: str) -> Iterable[Any]:
    """Keep the greatest text of each shape, where the order of texts is that of times; spares most of the parsing."""
    if written != "iso" and not written.startswith("%Y-%m-%d"):
        return values
    greatest: dict[tuple[int, str], str] = {}
    for value in map(str, values):
        shape = len(value), value[19:]  # what follows the seconds: fractions and zone
        if shape not in greatest or value > greatest[shape]:
            greatest[shape] = value
    return greatest.values()


def read_time(value: Any, written: str, zone: ZoneInfo) -> datetime | None:
    """Read a source's time, or None; one without an offset is in the source's zone."""
    try:
        if written in {"epoch_s", "epoch_ms"}:
            return datetime.fromtimestamp(float(value) / (1000 if written == "epoch_ms" else 1), UTC)
        return _in_zone(_parse(str(value).strip(), written), zone)
    except (ValueError, OverflowError, OSError):
        return None


def _parse(text: str, written: str) -> datetime:
    # fromisoformat is forty times as fast as strptime, and reads the usual patterns as well.
    if written != "iso" and not written.startswith("%Y-%m-%d"):
        return datetime.strptime(text, written)  # noqa: DTZ007  the zone is put on it by the caller
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        if written == "iso":
            raise
        return datetime.strptime(text, written)  # noqa: DTZ007  the zone is put on it by the caller


def write_time(moment: datetime, written: str, zone: ZoneInfo) -> str:
    """Write a time as the source wants to be asked."""
    match written:
        case "iso":
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "epoch_s":
            return str(int(moment.timestamp()))
        case "epoch_ms":
            return str(int(moment.timestamp() * 1000))
        case pattern:
            return moment.astimezone(zone).strftime(pattern)


def window_parameters(options: Since | None, window: Window, zone: ZoneInfo) -> dict[str, str]:
    """Say what to send to be told only about a window."""
    if options is None or options.send is None or window.start is None:
        return {}
    start = write_time(window.start, options.format, zone)
    if isinstance(options.send, str):
        return {options.send: start}
    return {options.send[0]: start, options.send[1]: write_time(window.end, options.format, zone)}


def _in_zone(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def to_cursor(mark: Mark) -> Cursor:
    cursor: Cursor = {"by": mark.by, "since": _text(mark.since), "kept": mark.kept}
    if (walk := mark.walk) is not None:
        window = [_text(walk.window.start), _text(walk.window.end)]
        cursor["walk"] = {"started": _text(walk.started), "window": window, "newest": _text(walk.newest)}
        cursor["walk"] |= {"at": walk.at, "seen": walk.seen}
    return cursor


def from_cursor(cursor: Cursor | None, by: str) -> Mark:
    """Read a cursor back; when the paging was changed, only its `since` still holds. Raises SourceRefused."""
    if not cursor:
        return Mark(by=by)
    try:
        since = _time(cursor.get("since"))
        if cursor.get("by") != by:
            return Mark(since, by=by)
        return Mark(since, cursor.get("kept"), _walk(cursor.get("walk")), by)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SourceRefused(
            "the stored cursor does not read as one of this connector", hint="pull from the start"
        ) from None


def _walk(stored: Any) -> Walk | None:
    if stored is None:
        return None
    start, end = stored["window"]
    window = Window(_time(start), datetime.fromisoformat(end))
    return Walk(
        datetime.fromisoformat(stored["started"]), window, _time(stored["newest"]), stored["at"], int(stored["seen"])
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
