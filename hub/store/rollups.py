"""Counts from rollups: what the database adds up by itself whenever an appeal changes, where that can tell.

A rollup holds how many appeals of a day, or a month, have each status and each value of one dimension. The whole days
of a span are read there, and the rest of it, at most a day at either end, is counted among the appeals. That is one
statement, and so of one moment: exact. What it cannot tell is for others to count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.store.conditions import Bind, Parameters, conditions
from hub.store.counting import MAX_GROUPS, ordering
from hub.wanted import ENDED, AppealFilter, Bucket, Measure, Moment, StatisticsQuery, TimeRange

ZONE = "Asia/Shanghai"
"""Whose days are kept."""
_KEPT = ("source", "kind", "topic", "urgency", "channel", "area")
_SMALLEST = "urgency"
_BY_DAY, _BY_MONTH = {Bucket.DAY, Bucket.WEEK}, {None, Bucket.MONTH, Bucket.QUARTER, Bucket.YEAR}
# Between these the clocks of the zone are not changed: a day is one stretch of time, and Python knows the next one.
_STEADY = (datetime(1992, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
_ENDED = ", ".join(f"'{status}'" for status in ENDED)
_MEASURES: Mapping[Measure, str] = {
    Measure.OPEN: f"status not in ({_ENDED})",
    Measure.RESOLVED: "status in ('RESOLVED', 'CLOSED')",
    Measure.CLOSED: "status = 'CLOSED'",
}
"""Those that the status decides, by what it must be."""


def statement(query: StatisticsQuery) -> tuple[str, Parameters] | None:
    """A statement with the rows of `counting.statement`, from rollups; None when they cannot tell."""
    wanted = query.filter
    names = {name for name in _KEPT if getattr(wanted, name) or name.upper() in query.by}
    names |= {"topic"} if wanted.topic_is else set()
    kept = next(iter(names), _SMALLEST)
    told: dict[str, Any] = {kept: (), "status": (), "created": TimeRange()}
    told |= {"topic_is": ()} if kept == "topic" else {}
    days = _days(wanted.created)
    if (
        len(names) > 1
        or replace(wanted, **told) != AppealFilter()
        or days is None
        or not {"STATUS", kept.upper()}.issuperset(query.by)
        or not _MEASURES.keys() >= query.measures
        or not (query.bucket is None or (query.bucket in _BY_DAY | _BY_MONTH and _as_kept(query)))
    ):
        return None
    return _statement(query, kept, days)


def _as_kept(query: StatisticsQuery) -> bool:
    return query.moment is Moment.CREATED and query.timezone == ZONE


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
        first = day if day == span.since else day + timedelta(days=1)
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


def _statement(query: StatisticsQuery, kept: str, days: _Days) -> tuple[str, Parameters]:
    parameters = Parameters()
    parts = " union all ".join(_parts(query, kept, days, parameters.bind))
    wanted = replace(query.filter, created=TimeRange())
    where = " and ".join(conditions(wanted, parameters.bind, "counted")) or "true"
    # In the order of the database, as values of appeals are: `key` is compared by its bytes.
    keys = [f'counted.{dimension.value.lower()} collate "default"' for dimension in query.by]
    if query.bucket is not None:
        keys.append(f"date_trunc('{query.bucket.value.lower()}', day::timestamp)")
    measures = [f"({_MEASURES[measure]})" for measure in Measure if measure in query.measures]
    sums = [
        f"coalesce(sum(count) {condition}, 0)::int8"
        for condition in ("", *(f"filter (where {one})" for one in measures))
    ]
    grouped = f"group by {', '.join(keys)} having sum(count) > 0" if keys else ""
    ordered = f"order by {ordering(query, 'sum(count)')} limit {MAX_GROUPS + 1}" if keys else ""
    return f"select {', '.join([*keys, *sums])} from ({parts}) counted where {where} {grouped} {ordered}", parameters


def _parts(query: StatisticsQuery, kept: str, days: _Days, bind: Bind) -> Iterator[str]:
    """How many there are of each status and value, from all that must be added up, as (status, `kept`, day, count)."""
    spans = _spans(days) if query.bucket in _BY_MONTH else [("day", days.first, days.last)]
    for span, low, high in spans:
        yield (
            f"select key[1] as status, key[2] as {kept}, start as day, count from rollup "
            f"where dimension = '{kept.upper()}' and span = '{span}'{_between('start', low, high, bind)}"
        )
    whole = _between("day", days.first, days.last, bind)
    yield f"select status, {kept}, day, count from rollup_delta where true{whole}"
    for low, high in days.edges:
        yield (
            f"select status, {kept}, (created_at at time zone '{ZONE}')::date, 1 from appeal "
            f"where true{_between('created_at', low, high, bind)}"
        )


def _between(column: str, low: date | None, high: date | None, bind: Bind) -> str:
    since = "" if low is None else f" and {column} >= {bind(low)}"
    until = "" if high is None else f" and {column} < {bind(high)}"
    return since + until
