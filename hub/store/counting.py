"""Count appeals in groups, by their values and by stretches of local time."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import asyncpg
from sqlalchemy.exc import DBAPIError

from hub.errors import QueryError
from hub.model import Channel, Kind, Satisfaction, Status, Urgency
from hub.store.conditions import Parameters, conditions
from hub.wanted import ENDED, Bucket, Dimension, Measure, StatisticsQuery

MAX_GROUPS = 1_000


@dataclass(frozen=True, slots=True)
class Period:
    """A bucket: `since` ≤ time < `until`, which begins at `local` by the clocks of its zone."""

    since: datetime
    until: datetime
    local: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """How many appeals share these values; an enum's value is its member.

    `period` is None where no bucket was asked for, or the appeals lack that time.
    """

    key: Mapping[Dimension, Any]
    count: int
    period: Period | None = None
    sums: Mapping[Measure, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What was counted: `count` and `sums` are of all, `groups` the first MAX_GROUPS, `truncated` if there were more.

    Groups come the largest first, those of buckets in the order of time; equal ones in the order of their values.
    """

    count: int
    groups: Sequence[Group]
    truncated: bool
    sums: Mapping[Measure, int] = field(default_factory=dict)


Ask: TypeAlias = Callable[[StatisticsQuery], Awaitable[Sequence[Sequence[Any]]]]
"""Gives the rows of `statement`, wherever they come from."""


async def count(query: StatisticsQuery, ask: Ask) -> Statistics:
    """Count what is wanted. Raises QueryError BAD_INPUT for a zone that the database does not know."""
    rows = await _rows(query, ask)
    groups = [_group(query, row) for row in rows]
    truncated = len(groups) > MAX_GROUPS
    whole = groups
    if truncated or not groups:
        alone = StatisticsQuery(query.filter, measures=query.measures)
        whole = [_group(alone, row) for row in await _rows(alone, ask)]
    return Statistics(
        count=sum(group.count for group in whole),
        groups=groups[:MAX_GROUPS] if query.by or query.bucket else [],
        truncated=truncated,
        sums={measure: sum(group.sums[measure] for group in whole) for measure in query.measures},
    )


async def _rows(query: StatisticsQuery, ask: Ask) -> Sequence[Sequence[Any]]:
    try:
        return await ask(query)
    except (DBAPIError, asyncpg.PostgresError) as error:
        if getattr(getattr(error, "orig", error), "sqlstate", None) != _INVALID_PARAMETER:
            raise
        raise QueryError("BAD_INPUT", f"the database knows no time zone {query.timezone!r}") from error


_ENDED = ", ".join(f"'{status.value}'" for status in ENDED)
_INVALID_PARAMETER = "22023"  # SQLSTATE invalid_parameter_value: here, a time zone nobody knows


# ── the statement ────────────────────────────────────────────────────────────────────────────────────────────────────


def statement(query: StatisticsQuery) -> tuple[str, Parameters]:
    """One row a group: the values of `by`, the start of the bucket if one is asked for, the count, the measures."""
    parameters = Parameters()
    keys = [f"appeal.{dimension.value.lower()}" for dimension in query.by]
    if query.bucket is not None:
        keys.append(_start(query, query.bucket, parameters))
    counted = ["count(*)", *(MEASURES[measure] for measure in _ordered(query))]
    where = " and ".join(conditions(query.filter, parameters.bind)) or "true"
    grouped = f"group by {_numbers(keys)} order by {ordering(query)} limit {MAX_GROUPS + 1}" if keys else ""
    return f"select {', '.join([*keys, *counted])} from appeal where {where} {grouped}", parameters


MEASURES: Mapping[Measure, str] = {
    Measure.OPEN: f"count(*) filter (where status not in ({_ENDED}))",
    Measure.RESOLVED: "count(*) filter (where status in ('RESOLVED', 'CLOSED'))",
    Measure.CLOSED: "count(*) filter (where status = 'CLOSED')",
    Measure.ASKED: "count(is_resolved)",
    Measure.SOLVED: "count(*) filter (where is_resolved)",
    **{
        measure: f"count(*) filter (where satisfaction = '{measure.value}')"
        for measure in (Measure.SATISFIED, Measure.BASIC, Measure.DISSATISFIED, Measure.UNREACHED)
    },
    Measure.IN_TIME: "count(*) filter (where closed_at <= due_at)",
    Measure.LATE: "count(*) filter (where closed_at > due_at)",
    Measure.TIMED: "count(*) filter (where closed_at >= created_at)",
    Measure.SECONDS: "coalesce(sum(floor(extract(epoch from closed_at - created_at))) "
    "filter (where closed_at >= created_at), 0)::int8",
}
"""What each measure is, in SQL over the columns of the appeal."""


def _start(query: StatisticsQuery, bucket: Bucket, parameters: Parameters) -> str:
    """The start of the bucket: of an hour the moment, for clocks may show one hour twice; of a day the local date."""
    at, zone = f"appeal.{query.moment.value.lower()}_at", f"cast({parameters.bind(query.timezone)} as text)"
    if bucket is Bucket.HOUR:
        return f"date_trunc('hour', {at}, {zone})"
    return f"date_trunc('{bucket.value.lower()}', {at} at time zone {zone})"


def _ordered(query: StatisticsQuery) -> list[Measure]:
    return [measure for measure in Measure if measure in query.measures]


def _numbers(columns: Sequence[str], start: int = 1) -> str:
    return ", ".join(str(number) for number in range(start, start + len(columns)))


def ordering(query: StatisticsQuery, count: str = "count(*)") -> str:
    """The order of groups, whose values are the first columns."""
    keys = len(query.by)
    values = [f"{number}" for number in range(1, keys + 1)]
    if query.bucket is None:
        return ", ".join([f"{count} desc", *values])
    return ", ".join([f"{keys + 1}", f"{count} desc", *values])


# ── the answer ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _group(query: StatisticsQuery, row: Sequence[Any]) -> Group:
    values: Iterator[Any] = iter(row)
    key = {dimension: member(dimension, next(values)) for dimension in query.by}
    period = None if query.bucket is None else _period(query, query.bucket, next(values))
    return Group(key, next(values), period, dict(zip(_ordered(query), values, strict=True)))


_WORDS: Mapping[Dimension, type[StrEnum]] = {
    Dimension.STATUS: Status,
    Dimension.KIND: Kind,
    Dimension.URGENCY: Urgency,
    Dimension.CHANNEL: Channel,
    Dimension.SATISFACTION: Satisfaction,
}


def member(dimension: Dimension, value: Any) -> Any:
    """The value of a group as the domain has it; a word that this hub does not know, of a newer one, is UNKNOWN."""
    if (words := _WORDS.get(dimension)) is None:
        return value
    return words(value) if value in words.__members__ else words("UNKNOWN")


def _period(query: StatisticsQuery, bucket: Bucket, start: datetime | None) -> Period | None:
    return None if start is None else period(bucket, start, query.timezone)


def period(bucket: Bucket, start: datetime, timezone: str) -> Period:
    """The bucket that starts then: of hours at an aware moment, of days and longer ones at a local midnight."""
    zone = ZoneInfo(timezone)
    if bucket is Bucket.HOUR:
        return Period(start.astimezone(UTC), start.astimezone(UTC) + timedelta(hours=1), start.astimezone(zone))
    return Period(_moment(start, zone), _moment(_next(bucket, start), zone), start.replace(tzinfo=zone))


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """When a local time comes for the first time; one that the clocks leave out comes when they leave it out."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _next(bucket: Bucket, start: datetime) -> datetime:
    day = start.date()
    match bucket:
        case Bucket.DAY | Bucket.WEEK:
            day += timedelta(days=1 if bucket is Bucket.DAY else 7)
        case _:
            months = {Bucket.MONTH: 1, Bucket.QUARTER: 3, Bucket.YEAR: 12}[bucket]
            later = day.month - 1 + months
            day = day.replace(year=day.year + later // 12, month=later % 12 + 1)
    return datetime.combine(day, time())
