"""Say when a source is due next."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import ConfigDict, Field, field_validator, model_validator

from hub.connectors.base import Options
from hub.units import Duration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = timedelta(days=366)


class ScheduleKeys(Options):
    """When to pull: `every` so often, or by `cron`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["every"]}, {"required": ["cron"]}]})

    every: Duration | None = None
    """The time from one run to the next, at least 1s; runs keep to a fixed grid, so they never drift."""
    cron: str | None = Field(None, max_length=200, examples=["*/10 6-22 * * *"])
    """Five fields, minute to weekday, in the source's own time zone."""
    jitter: Duration = timedelta()
    """How far sources are spread, so that they do not all start at once; each source keeps its own place."""

    @field_validator("every")
    @classmethod
    def _within_reason(cls, every: timedelta | None) -> timedelta | None:
        if every is not None and not timedelta(seconds=1) <= every <= _LONGEST:
            raise ValueError("the interval must be at least 1s and at most 366d")
        return every

    @field_validator("cron")
    @classmethod
    def _readable(cls, cron: str | None) -> str | None:
        if cron is not None:
            _prove(cron)
        return cron

    @model_validator(mode="after")
    def _one_of_two(self) -> "ScheduleKeys":
        if (self.every is None) == (self.cron is None):
            raise ValueError("give either every or cron: {every: 5m} or {cron: '*/10 6-22 * * *'}")
        if self.jitter > (self.every or timedelta(days=1)):
            raise ValueError("the jitter is longer than the interval itself")
        return self


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one source is pulled. `offset` is the source's own place within the jitter, the same in every process."""

    timezone: ZoneInfo
    every: timedelta | None
    cron: str | None
    offset: timedelta = timedelta()

    @classmethod
    def of(cls, keys: ScheduleKeys, *, source: str, timezone: ZoneInfo) -> "Schedule":
        return cls(timezone, keys.every, keys.cron, keys.jitter * _share(source))

    def next_after(self, now: datetime) -> datetime:
        """The first moment after `now`, as aware UTC. Depends on nothing but `now`, so late runs do not drift."""
        start = now.astimezone(UTC) - self.offset
        found = self._by_grid(start) if self.every else self._by_cron(start)
        return found + self.offset

    def _by_grid(self, start: datetime) -> datetime:
        every = self.every or _LONGEST
        return _EPOCH + ((start - _EPOCH) // every + 1) * every

    def _by_cron(self, start: datetime) -> datetime:
        # CronSim takes the first of two equal wall times when the clocks go back, which may lie behind us already.
        moments = (moment.astimezone(UTC) for moment in CronSim(self.cron or "", start.astimezone(self.timezone)))
        return next(moment for moment in moments if moment > start)


def _share(source: str) -> float:
    """A number in [0, 1) that belongs to the source: no two processes disagree about it."""
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:6]) / 2**48


def _prove(cron: str) -> None:
    wanted = "five fields: minute hour day month weekday, such as '*/10 6-22 * * *'"
    if len(cron.split()) != 5:
        raise ValueError(f"{cron!r} is not {wanted}")
    try:
        next(CronSim(cron, _EPOCH))
    except (CronSimError, ValueError) as error:
        raise ValueError(f"{cron!r} cannot be read ({str(error).lower()}); write {wanted}") from error
    except StopIteration as error:
        raise ValueError(f"{cron!r} never comes") from error
