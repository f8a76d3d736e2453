"""Cut time into windows, and halve those that hold too much. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hub.connectors.clocks import midnight

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time one walk asks for; an open start asks for everything."""

    start: datetime | None
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start if self.start else timedelta()


@dataclass(frozen=True, slots=True)
class Grid:
    """What a source's time filter can tell apart: seconds, minutes, or only whole days of a zone."""

    tick: timedelta
    zone: ZoneInfo

    @property
    def by_day(self) -> bool:
        return self.tick >= _DAY

    def floor(self, moment: datetime) -> datetime:
        return midnight(moment, self.zone) if self.by_day else moment

    def ceil(self, moment: datetime) -> datetime:
        """Where a window that holds the moment may end: of a day that has begun, the whole of it is asked for."""
        floor = self.floor(moment)
        return floor if floor == moment else self.after(floor, self.tick)

    def after(self, start: datetime, length: timedelta) -> datetime:
        return midnight(start, self.zone, days=max(1, round(length / _DAY))) if self.by_day else start + length

    def window(self, start: datetime, length: timedelta | None, until: datetime) -> Window:
        """Begin a window of that length, which ends no later than `until`."""
        return Window(start, until if length is None else min(self.after(start, length), until))

    def first_half(self, window: Window) -> Window | None:
        """Halve a window; None where it cannot be cut any further."""
        if window.start is None or window.length <= self.tick:
            return None
        middle = self.floor(window.start + window.length / 2)
        return Window(window.start, middle if middle > window.start else self.after(window.start, self.tick))
