"""Counts from rollups: what the database adds up by itself whenever an appeal changes, where that can tell.

A rollup holds how many appeals of a day, or a month, have each status and each value of one dimension. The whole days
of a span are read there, and the rest of it, at most a day at either end, is counted among the appeals. That is one
statement, and so of one moment: exact. What it cannot tell is for others to count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.model import AppealFilter, Dimension, TimeRange

ZONE = "Asia/Shanghai"
"""Whose days are kept."""
_KEPT = ("source", "kind", "topic", "urgency", "channel", "area")
_SMALLEST = "urgency"
_PREFIX = ("topic", "area")
_LAST_CHARACTER = "\U0010ffff"
# Between these the clocks of the zone are not changed: a day is one stretch of time, and Python knows the next one.
_STEADY = (datetime(1992, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class RolledUp:
    """A statement, of whose rows each holds the values of a group, how many it has, and how many all groups have."""

    text: str
    parameters: Sequence[Any]


def rolled_up(wanted: AppealFilter, by: Sequence[Dimension], timezone: str, most: int) -> RolledUp | None:
    """How to count these from rollups, the `most` largest groups; None when they cannot tell."""
    names = {name for name in _KEPT if getattr(wanted, name) or name.upper() in by}
    kept = next(iter(names), _SMALLEST)
    rest = replace(wanted, **{kept: ()}, status=(), created=TimeRange())
    days = _days(wanted.created)
    if len(names) > 1 or rest != AppealFilter() or days is None or (Dimension.DAY in by and timezone != ZONE):
        return None
    return _statement(wanted, by, kept, days, most)


# ── spans ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Days:
    """Whole days, from `first` to before `last`, and the stretches of time at either end that are none."""

    first: date | None
    last: date | None
    edges: Sequence[tuple[datetime, datetime]]


def _days(span: TimeRange) -> _Days | None:
    """The days of a span; None for one that is shorter, or lies where days are not to be told."""
    if any(bound is not None and not _STEADY[0] <= bound <= _STEADY[1] for bound in (span.since, span.until)):
        return None
    edges: list[tuple[datetime, datetime]] = []
    first = last = None
    if span.since is not None:
        day = _midnight(span.since)
        first = day if day == span.since else _midnight(day + timedelta(days=1))
        edges += [(span.since, first)] if span.since < first else []
    if span.until is not None:
        last = _midnight(span.until)
        edges += [(last, span.until)] if last < span.until else []
    if first and last and first >= last:
        return None
    return _Days(first and first.date(), last and last.date(), edges)


def _midnight(moment: datetime) -> datetime:
    """The beginning of the day, by the clocks of the zone."""
    zone = ZoneInfo(ZONE)
    return datetime.combine(moment.astimezone(zone).date(), time(), zone)


def _spans(days: _Days) -> Iterator[tuple[str, date | None, date | None]]:
    """The fewest months and days that make up these days."""
    month = days.first and (days.first - timedelta(days=1)).replace(day=1)
    begin = month and (month + timedelta(days=31)).replace(day=1)
    end = days.last and days.last.replace(day=1)
    if begin and end and begin >= end:
        yield "day", days.first, days.last
        return
    if days.first != begin:
        yield "day", days.first, begin
    yield "month", begin, end
    if days.last != end:
        yield "day", end, days.last


# ── the statement ────────────────────────────────────────────────────────────────────────────────────────────────────


def _statement(wanted: AppealFilter, by: Sequence[Dimension], kept: str, days: _Days, most: int) -> RolledUp:
    parameters: list[Any] = []

    def bind(value: Any) -> str:
        parameters.append(value)
        return f"${len(parameters)}"

    spans = [("day", days.first, days.last)] if Dimension.DAY in by else _spans(days)
    parts = [
        *(
            f"select key[1] as status, key[2] as value, start as day, count from rollup "
            f"where dimension = '{kept.upper()}' and span = '{span}'{_between('start', low, high, bind)}"
            for span, low, high in spans
        ),
        f"select status, {kept}, day, count from rollup_delta where true{_between('day', days.first, days.last, bind)}",
        *(
            f"select status, {kept}, (created_at at time zone '{ZONE}')::date, 1 from appeal "
            f"where true{_between('created_at', low, high, bind)}"
            for low, high in days.edges
        ),
    ]
    keys = [_KEYS.get(dimension, 'value collate "default"') for dimension in by]
    conditions = " and ".join(_conditions(wanted, kept, bind)) or "true"
    grouped = f"group by {', '.join(keys)} having sum(count) > 0" if keys else ""
    ordered = ", ".join(["sum(count) desc", *keys])
    text = (
        f"select {', '.join([*keys, 'sum(count)::int8', '(sum(sum(count)) over ())::int8'])} "
        f"from ({' union all '.join(parts)}) counted where {conditions} {grouped} order by {ordered} limit {most}"
    )
    return RolledUp(text, parameters)


_KEYS = {Dimension.STATUS: 'status collate "default"', Dimension.DAY: "day"}


def _between(column: str, low: Any, high: Any, bind: Any) -> str:
    since = "" if low is None else f" and {column} >= {bind(low)}"
    until = "" if high is None else f" and {column} < {bind(high)}"
    return since + until


def _conditions(wanted: AppealFilter, kept: str, bind: Any) -> Iterator[str]:
    if wanted.status:
        yield f"status = any({bind(list(map(str, wanted.status)))}::text[])"
    values = list(map(str, getattr(wanted, kept)))
    if values and kept in _PREFIX:
        ranges = [f"(value ~>=~ {bind(value)} and value ~<~ {bind(value + _LAST_CHARACTER)})" for value in values]
        yield f"({' or '.join(ranges)})"
    elif values:
        yield f"value = any({bind(values)}::text[])"
