"""Remember how far a source was pulled, and cut the time since then into windows. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from hub.connectors.base import Options
from hub.connectors.clocks import TimeFormat, in_zone, read_time, tick, write_time
from hub.connectors.paging import At
from hub.connectors.paths import Path, Reader
from hub.connectors.windows import Grid, Window
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

    field: Path | None = None
    """Where a ticket holds the time that is asked by: its last update, or its creation; left out, our clock counts."""
    send: str | tuple[str, str] | None = None
    """The parameter that carries the time to start from, or two: from and until. Needless with `until: seen`."""
    format: TimeFormat = "iso"
    """How `send` writes the time: `iso` (UTC), `epoch_s`, `epoch_ms`, or a strftime pattern in the source's zone."""
    read: TimeFormat | None = None
    """How `field` writes it, where that is not `format`."""
    overlap: Duration = timedelta(minutes=5)
    """Ask again for this much before the newest ticket: for what was committed late, and for clocks that differ."""
    window: Duration | None = None
    """Walk from `start` to now in steps of this length, one question each."""
    start: Moment | None = None
    """Where the first run starts; left out, it asks for everything."""
    end: Literal["exclusive", "inclusive"] = "exclusive"
    """Of a format that knows whole days only: whether the answer holds the day of `until` as well."""
    cap: int | None = Field(None, ge=2)
    """The most tickets that a question answers, where the source cuts without a word: windows are halved until less."""

    @field_validator("send", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _start_is_needed(self) -> "Since":
        if self.start is None and (self.window is not None or self.cap is not None or isinstance(self.send, tuple)):
            raise ValueError(
                "windows, and a `send` of two parameters, need `start`: the first run must begin somewhere"
            )
        if isinstance(self.send, str) and (self.cap is not None or self.window not in (None, self._tick)):
            raise ValueError("`window` and `cap` need a `send` of two parameters, from and until")
        if self.window is not None and self.window <= timedelta():
            raise ValueError("`window` must be longer than nothing")
        return self

    @property
    def _tick(self) -> timedelta:
        return tick(self.format)

    def grid(self, zone: ZoneInfo) -> Grid:
        """What the source's filter can tell apart."""
        return Grid(self._tick, zone)


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


def stretch(
    options: Since | None, *, start: datetime, end: datetime, zone: ZoneInfo, first: At | None, by: str, told: bool
) -> Mark:
    """Start a walk over a stretch of the past; `told` says that the texts of the question hold the time.

    Raises SourceRefused where the source cannot be asked by time.
    """
    if options is None or (options.send is None and not told):
        raise SourceRefused("cannot be asked for a stretch of time", hint="it has no `since` with a `send`")
    grid = options.grid(zone)
    window = grid.window(grid.floor(start), options.window, grid.ceil(end))
    return Mark(walk=Walk(started=end, window=window, at=first), by=by)


def advance(
    mark: Mark,
    options: Since | None,
    *,
    zone: ZoneInfo,
    newest: datetime | None,
    at: At | None,
    seen: int,
    first: At | None,
) -> Mark:
    """Move on past a page: to the page at `at`, or to the next window, or to the end of the run."""
    if mark.walk is None:
        raise ValueError("no run is under way")
    walk = replace(mark.walk, newest=latest(mark.walk.newest, newest), at=at, seen=seen)
    if at is not None:
        return replace(mark, walk=walk)
    if options is not None and walk.window.start is not None:
        grid = options.grid(zone)
        if walk.window.end < (until := grid.ceil(walk.started)):
            following = grid.window(walk.window.end, _next_length(options, walk.window), until)
            return replace(mark, walk=replace(walk, window=following, at=first, seen=0))
    return replace(mark, since=_reached(mark.since, walk, options), walk=None)


def halved(mark: Mark, options: Since, *, zone: ZoneInfo, first: At | None) -> Mark | None:
    """Ask for the first half of the window instead; None where it cannot be cut any further."""
    if mark.walk is None or (half := options.grid(zone).first_half(mark.walk.window)) is None:
        return None
    return replace(mark, walk=replace(mark.walk, window=half, at=first, seen=0))


def _first_window(since: datetime | None, options: Since | None, now: datetime, zone: ZoneInfo) -> Window:
    if options is None:
        return Window(None, now)
    start = since - options.overlap if since else in_zone(options.start, zone) if options.start else None
    if start is None:
        return Window(None, now)
    grid = options.grid(zone)
    return grid.window(grid.floor(min(start, now)), options.window, grid.ceil(now))


def _next_length(options: Since, window: Window) -> timedelta | None:
    """How long the next window is: one that had to be halved is a hint at how busy the next one is."""
    if options.cap is None:
        return options.window
    return min(2 * window.length, options.window or timedelta.max)


def _reached(since: datetime | None, walk: Walk, options: Since | None) -> datetime | None:
    """Say up to when everything has been seen.

    Never past the start of the run, whatever a ticket claims: a ticket of 2099 must not hide the years until then, and
    one that changed while we paged, on a page already read, must be seen the next time. With windows the start of the
    last one is safe too, or a quiet source would be walked from its last ticket for ever.
    """
    if options is not None and options.field is None:
        return walk.started
    newest = min(walk.newest, walk.started) if walk.newest else None
    cut = options is not None and (options.window is not None or options.cap is not None)
    return latest(since, newest, walk.window.start if cut else None)


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


def window_parameters(options: Since | None, window: Window, zone: ZoneInfo) -> dict[str, str]:
    """Say what to send to be told only about a window."""
    start, end = window_texts(options, window, zone)
    if options is None or options.send is None or start is None or end is None:
        return {}
    return {options.send: start} if isinstance(options.send, str) else {options.send[0]: start, options.send[1]: end}


def window_texts(
    options: Since | None, window: Window, zone: ZoneInfo, written: str | None = None
) -> tuple[str | None, str | None]:
    """Write where a window starts and ends, in the format of `since` or in another; an open window has neither."""
    if options is None or window.start is None:
        return None, None
    end = window.end
    if options.end == "inclusive" and options.grid(zone).by_day:
        end -= timedelta(seconds=1)
    written = written or options.format
    return write_time(window.start, written, zone), write_time(end, written, zone)


def to_cursor(mark: Mark) -> Cursor:
    cursor: Cursor = {"by": mark.by, "since": _text(mark.since), "kept": mark.kept}
    if (walk := mark.walk) is not None:
        window = [_text(walk.window.start), _text(walk.window.end)]
        cursor["walk"] = {"started": _text(walk.started), "window": window, "newest": _text(walk.newest)}
        cursor["walk"] |= {"at": walk.at, "seen": walk.seen}
    return cursor


def is_under_way(cursor: Cursor) -> bool:
    """Tell whether the run that gave this cursor had more to ask."""
    return cursor.get("walk") is not None


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
