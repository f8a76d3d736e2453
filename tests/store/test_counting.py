"""Counts: what is grouped, cut into buckets and measured is what plain Python makes of the same appeals."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.schema.counts import RATES, SUMS, AppealMeasures
from hub.store.counting import MAX_GROUPS, MEASURES, period
from hub.wanted import AppealFilter, Bucket, Dimension, Measure, Moment, StatisticsQuery
from tests.schema.conftest import SOURCES, appeal, serve
from tests.schema.varied import VARIED

# Zones that change their clocks by an hour, by half an hour, at midnight, to midnight, or stand between full hours.
ZONES = [
    "Asia/Shanghai", "UTC", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu",
    "America/Sao_Paulo", "Atlantic/Azores", "Pacific/Apia",
]  # fmt: skip
FIRST = datetime(1990, 1, 1, 0, 10, tzinfo=UTC)


def first_day(bucket: Bucket, day: date) -> date:
    match bucket:
        case Bucket.WEEK:
            return day - timedelta(days=day.weekday())
        case Bucket.MONTH:
            return day.replace(day=1)
        case Bucket.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case Bucket.YEAR:
            return day.replace(month=1, day=1)
    return day


def start(bucket: Bucket, at: datetime, zone: str) -> datetime:
    """What the bucket of a moment is known by: of an hour its first moment, of others the local midnight."""
    local = at.astimezone(ZoneInfo(zone))
    if bucket is Bucket.HOUR:
        return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return datetime.combine(first_day(bucket, local.date()), datetime.min.time())


@settings(max_examples=300, deadline=None)
@given(
    at=st.integers(0, 45 * 365 * 24 * 3600).map(lambda seconds: FIRST + timedelta(seconds=seconds)),
    bucket=st.sampled_from(list(Bucket)),
    zone=st.sampled_from(ZONES),
)
@example(at=datetime(2025, 11, 2, 4, 30, tzinfo=UTC), bucket=Bucket.DAY, zone="America/Havana")
@example(at=datetime(2025, 11, 2, 5, 30, tzinfo=UTC), bucket=Bucket.DAY, zone="America/Havana")
@example(at=datetime(2018, 11, 4, 3, 0, tzinfo=UTC), bucket=Bucket.DAY, zone="America/Sao_Paulo")
@example(at=datetime(2011, 12, 30, 9, 59, tzinfo=UTC), bucket=Bucket.DAY, zone="Pacific/Apia")
def test_a_period_holds_the_moments_that_its_bucket_is_of_and_no_others(at, bucket, zone):
    found = period(bucket, start(bucket, at, zone), zone)

    assert found.since <= at < found.until
    if bucket is not Bucket.HOUR:
        assert start(bucket, found.since, zone) == start(bucket, at, zone)
        assert start(bucket, found.since - timedelta(microseconds=1), zone) < start(bucket, at, zone)
        assert start(bucket, found.until, zone) > start(bucket, at, zone)


async def served(store, times):
    await store.lanes.declare(SOURCES)
    await serve(store, [appeal(number, created_at=at, source="lift") for number, at in enumerate(times)])


@pytest.mark.parametrize("zone", ZONES)
async def test_appeals_are_cut_into_buckets_as_python_cuts_them(store, zone):
    # Every 20 minutes of the days around each change of clocks, and a moment of each week of two years.
    around = [datetime(2025, 3, 8, tzinfo=UTC), datetime(2025, 3, 29, tzinfo=UTC), datetime(2025, 4, 5, tzinfo=UTC)]
    around += [datetime(2025, 10, 4, tzinfo=UTC), datetime(2025, 10, 25, tzinfo=UTC), datetime(2025, 11, 1, tzinfo=UTC)]
    times = [day + timedelta(minutes=20 * number) for day in around for number in range(120)]
    times += [
        datetime(2018, 1, 1, 2, 10, tzinfo=UTC) + timedelta(days=7 * number, hours=number) for number in range(90)
    ]
    await served(store, times)

    for bucket in Bucket:
        query = StatisticsQuery(bucket=bucket, timezone=zone)
        found = await store.reads.statistics(query)

        expected = Counter(period(bucket, start(bucket, at, zone), zone).since for at in times)
        assert {group.period.since: group.count for group in found.groups} == dict(expected)
        assert [group.period.since for group in found.groups] == sorted(expected)
        assert found.count == len(times)


def measured(appeals):
    """The measures, by their definitions."""
    closed = [one for one in appeals if one.closed_at]
    due = [one for one in closed if one.due_at]
    timed = [one for one in closed if one.closed_at >= one.created_at]
    status = Counter(one.status.value for one in appeals)
    satisfaction = Counter(one.satisfaction.value for one in appeals)
    ended = ("RESOLVED", "CLOSED", "REJECTED", "MERGED", "WITHDRAWN")
    return {
        Measure.OPEN: len(appeals) - sum(status[one] for one in ended),
        Measure.RESOLVED: status["RESOLVED"] + status["CLOSED"],
        Measure.CLOSED: status["CLOSED"],
        Measure.ASKED: sum(one.is_resolved is not None for one in appeals),
        Measure.SOLVED: sum(one.is_resolved is True for one in appeals),
        **{Measure(name): satisfaction[name] for name in ("SATISFIED", "BASIC", "DISSATISFIED", "UNREACHED")},
        Measure.IN_TIME: sum(one.closed_at <= one.due_at for one in due),
        Measure.LATE: sum(one.closed_at > one.due_at for one in due),
        Measure.TIMED: len(timed),
        Measure.SECONDS: sum(int((one.closed_at - one.created_at).total_seconds()) for one in timed),
    }


async def test_measures_are_what_their_definitions_say(store):
    await store.lanes.declare(SOURCES)
    await serve(store, VARIED)
    query = StatisticsQuery(by=(Dimension.SOURCE, Dimension.LEAD_ORG), measures=frozenset(Measure))

    found = await store.reads.statistics(query)

    assert found.sums == measured(VARIED)
    assert all(found.sums.values())
    for group in found.groups:
        source, org = group.key[Dimension.SOURCE], group.key[Dimension.LEAD_ORG]
        mine = [one for one in VARIED if (one.source, one.lead_org) == (source, org)]
        assert (group.count, group.sums) == (len(mine), measured(mine))


async def test_only_the_measures_that_are_asked_for_are_counted(store):
    await store.lanes.declare(SOURCES)
    await serve(store, VARIED)

    found = await store.reads.statistics(StatisticsQuery(measures=frozenset({Measure.CLOSED})))

    assert (found.sums, found.groups) == ({Measure.CLOSED: measured(VARIED)[Measure.CLOSED]}, [])


async def test_appeals_without_the_time_asked_for_are_a_group_of_their_own(store):
    await store.lanes.declare(SOURCES)
    await serve(store, VARIED)

    found = await store.reads.statistics(StatisticsQuery(bucket=Bucket.YEAR, moment=Moment.CLOSED))

    without = sum(one.closed_at is None for one in VARIED)
    assert [(group.period and group.period.local.year, group.count) for group in found.groups] == [
        (2026, 60 - without),
        (None, without),
    ]


@pytest.mark.parametrize("bucket", [None, Bucket.HOUR])
async def test_what_is_cut_off_is_still_counted_in_the_totals(store, bucket):
    many = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number) for number in range(MAX_GROUPS + 5)]
    await store.lanes.declare(SOURCES)
    await serve(store, [appeal(n, created_at=at, source="lift", grid=f"{n}") for n, at in enumerate(many)])
    by = () if bucket else (Dimension.GRID,)
    query = StatisticsQuery(AppealFilter(source=("lift",)), by, bucket, measures=frozenset({Measure.OPEN}))

    found = await store.reads.statistics(query)
    whole = await store.reads.statistics(replace(query, by=(), bucket=None))

    assert (found.truncated, len(found.groups), found.count) == (True, MAX_GROUPS, MAX_GROUPS + 5)
    assert found.sums == whole.sums


def test_every_measure_has_its_sql_and_a_place_in_the_api():
    assert set(MEASURES) == set(Measure)
    told = {*SUMS.values(), *(measure for parts in RATES.values() for side in parts for measure in side)}
    assert told == set(Measure)
    assert set(AppealMeasures.__annotations__) == {*SUMS, *RATES}
