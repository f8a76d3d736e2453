"""Counts of appeals: the groups, the periods and the measures that the API answers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import strawberry

from hub.model import Channel, Kind, Satisfaction, Status, Urgency
from hub.schema import words  # noqa: F401  # makes the domain's enums the schema's, before a type mentions one
from hub.schema.context import Info
from hub.schema.directives import assumed
from hub.schema.referred import Area, Organization, Topic
from hub.schema.types import DegradedSource, Source, source_named
from hub.store import counting
from hub.store.reads import Reads
from hub.wanted import Dimension, Measure, StatisticsQuery

SUMS: Mapping[str, Measure] = {
    "open": Measure.OPEN,
    "resolved": Measure.RESOLVED,
    "closed": Measure.CLOSED,
    "asked": Measure.ASKED,
    "solved": Measure.SOLVED,
    "satisfied": Measure.SATISFIED,
    "basic": Measure.BASIC,
    "dissatisfied": Measure.DISSATISFIED,
    "unreached": Measure.UNREACHED,
    "in_time": Measure.IN_TIME,
    "late": Measure.LATE,
}
"""The measures that go out as they were counted, by the fields of AppealMeasures."""

_REACHED = (Measure.SATISFIED, Measure.BASIC, Measure.DISSATISFIED)
RATES: Mapping[str, tuple[tuple[Measure, ...], tuple[Measure, ...]]] = {
    "resolved_rate": ((Measure.RESOLVED,), ()),
    "closed_rate": ((Measure.CLOSED,), ()),
    "solved_rate": ((Measure.SOLVED,), (Measure.ASKED,)),
    "satisfied_rate": ((Measure.SATISFIED,), _REACHED),
    "satisfied_or_basic_rate": ((Measure.SATISFIED, Measure.BASIC), _REACHED),
    "in_time_rate": ((Measure.IN_TIME,), (Measure.IN_TIME, Measure.LATE)),
    "mean_seconds_to_close": ((Measure.SECONDS,), (Measure.TIMED,)),
}
"""Which sums are divided by which; by the number of appeals where none is named."""


def rate(sums: Mapping[Measure, int], count: int, name: str) -> float | None:
    """One of RATES; None where there is nothing to divide by."""
    parts, wholes = RATES[name]
    whole = sum(sums[one] for one in wholes) if wholes else count
    return sum(sums[one] for one in parts) / whole if whole else None


@strawberry.type(
    description="What became of a number of appeals. Every rate says what is divided by what, goes from 0 to 1, and is "
    "null where there is nothing to divide by."
)
class AppealMeasures:
    open: int = strawberry.field(
        description="未办结: still to be handled: not RESOLVED, CLOSED, REJECTED, MERGED or WITHDRAWN."
    )
    resolved: int = strawberry.field(description="已办结: handled, reviewed or not: RESOLVED or CLOSED.")
    closed: int = strawberry.field(description="已归档: handled and filed: CLOSED alone.")
    resolved_rate: float | None = strawberry.field(
        description="办结率, counting an appeal as done once it is RESOLVED: `resolved` / `count`."
    )
    closed_rate: float | None = strawberry.field(
        description="办结率, counting an appeal as done only when it is CLOSED: `closed` / `count`."
    )
    asked: int = strawberry.field(description="Residents who answered whether it is solved.")
    solved: int = strawberry.field(description="Residents who answered that it is.")
    solved_rate: float | None = strawberry.field(description="解决率: `solved` / `asked`.")
    satisfied: int = strawberry.field(description="满意: residents who are satisfied.")
    basic: int = strawberry.field(description="基本满意: residents who are satisfied for the most part.")
    dissatisfied: int = strawberry.field(description="不满意: residents who are not.")
    unreached: int = strawberry.field(description="联系不上: residents who could not be reached; in no rate.")
    satisfied_rate: float | None = strawberry.field(
        description="满意率, 满意 alone: `satisfied` / (`satisfied` + `basic` + `dissatisfied`)."
    )
    satisfied_or_basic_rate: float | None = strawberry.field(
        description="满意率, 基本满意 included: (`satisfied` + `basic`) / (`satisfied` + `basic` + `dissatisfied`)."
    )
    in_time: int = strawberry.field(description="Closed by their deadline: `closedAt` ≤ `dueAt`.")
    late: int = strawberry.field(description="Closed after it.")
    in_time_rate: float | None = strawberry.field(description="按期办结率: `inTime` / (`inTime` + `late`).")
    mean_seconds_to_close: float | None = strawberry.field(
        description="Seconds from `createdAt` to `closedAt`, on average over those that have both."
    )

    @classmethod
    def of(cls, sums: Mapping[Measure, int], count: int) -> "AppealMeasures":
        counted = {name: sums[measure] for name, measure in SUMS.items()}
        divided = {name: rate(sums, count, name) for name in RATES}
        return cls(**counted, **divided)  # type: ignore[arg-type]  # every field is in one of the tables: a test


@strawberry.type(description="A stretch of time, as a filter takes it: `since` ≤ time < `until`.")
class TimePeriod:
    since: datetime = strawberry.field(description="Its first moment.")
    until: datetime = strawberry.field(description="The first moment after it.")
    day: date = strawberry.field(description="Its first day, by the clocks of the zone asked for.")

    @classmethod
    def of(cls, period: counting.Period) -> "TimePeriod":
        return cls(since=period.since, until=period.until, day=period.local.date())


@strawberry.type(
    description="How many appeals share the values that they were grouped by. Values that they were not grouped by are "
    "null, and so are those that the appeals lack."
)
class AppealGroup:
    count: int = strawberry.field(description="How many.")
    period: TimePeriod | None = strawberry.field(
        description="With `bucket`: when they were made, closed and so on; null for those that lack that time."
    )
    status: Status | None = strawberry.field(description="Grouped by STATUS: where they stand.")
    kind: Kind | None = strawberry.field(description="Grouped by KIND: what the residents want.")
    topic: Topic | None = strawberry.field(description="Grouped by TOPIC: what they are about; null for those without.")
    urgency: Urgency | None = strawberry.field(description="Grouped by URGENCY: how pressing they are.")
    channel: Channel | None = strawberry.field(description="Grouped by CHANNEL: how the residents reached the source.")
    satisfaction: Satisfaction | None = strawberry.field(
        description="Grouped by SATISFACTION: what the residents thought of the result."
    )
    area: Area | None = strawberry.field(description="Grouped by AREA: their division; null for those without.")
    grid: str | None = strawberry.field(description="Grouped by GRID: their grid cell; null for those without.")
    lead_org: Organization | None = strawberry.field(
        description="Grouped by LEAD_ORG: the organization in charge; null for those without."
    )
    origin_hotline: str | None = strawberry.field(
        description="Grouped by ORIGIN_HOTLINE: the hotline first called; null for those without."
    )
    measures: AppealMeasures = strawberry.field(description="What became of them.")
    source_name: strawberry.Private[str | None]

    async def _source(self, info: Info) -> Source | None:
        return None if self.source_name is None else await source_named(info, self.source_name)

    source: Source | None = strawberry.field(resolver=_source, description="Grouped by SOURCE: where they came from.")

    @classmethod
    def of(cls, group: counting.Group) -> "AppealGroup":
        values = {one.value.lower(): group.key.get(one) for one in Dimension if one is not Dimension.SOURCE}
        values["topic"] = Topic.said(values["topic"])
        values["area"] = Area.coded(values["area"])
        values["lead_org"] = Organization.named(values["lead_org"])
        return cls(
            count=group.count,
            period=TimePeriod.of(group.period) if group.period else None,
            measures=AppealMeasures.of(group.sums, group.count),
            source_name=group.key.get(Dimension.SOURCE),
            **values,
        )


@strawberry.type(description="Counts of appeals.")
class AppealStatistics:
    count: int = strawberry.field(description="How many the filter finds in all.")
    measures: AppealMeasures = strawberry.field(description="What became of all of them.")
    groups: list[AppealGroup] = strawberry.field(
        description="The counts, largest first, those of buckets in the order of time; equal ones in the order of "
        "their values. Groups without appeals are left out; empty when grouped by nothing.",
        directives=[assumed(250)],  # a thousand at most, in few queries
    )
    truncated: bool = strawberry.field(
        description="Whether there were more than 1,000 groups; those that would come last are then left out."
    )
    named: strawberry.Private[tuple[str, ...]]

    async def _degraded_sources(self, info: Info) -> list[DegradedSource]:
        return [DegradedSource.of(one) for one in await info.context.reads.degraded_sources(self.named)]

    degraded_sources: list[DegradedSource] = strawberry.field(
        resolver=_degraded_sources, description="As in a list of appeals: the sources that may be behind."
    )

    @classmethod
    def of(cls, statistics: counting.Statistics, query: StatisticsQuery) -> "AppealStatistics":
        return cls(
            count=statistics.count,
            measures=AppealMeasures.of(statistics.sums, statistics.count),
            groups=[AppealGroup.of(group) for group in statistics.groups],
            truncated=statistics.truncated,
            named=query.filter.source,
        )


@dataclass(frozen=True, slots=True)
class StatisticsWanted:
    """A description of counts: what a resolver returns, and the executor turns into the counts."""

    query: StatisticsQuery

    async def resolved(self, reads: Reads) -> AppealStatistics:
        """The counts themselves, for resolvers to answer field by field."""
        counted = await reads.statistics(replace(self.query, measures=frozenset(Measure)))
        return AppealStatistics.of(counted, self.query)
