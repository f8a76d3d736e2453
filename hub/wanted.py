"""What can be wanted of the appeals: filters, orders, counts, as frozen values. Pure, and of one mind for every reader.

Whoever answers (statements, rollups, a cache) reads these descriptions, and nothing else, to learn what was asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub.model import Channel, Kind, Satisfaction, Status, Urgency

# The statuses after which nobody works on an appeal any more, unless it is taken up again. An appeal in any other is
# open; RESOLVED (已办结, waiting for its review) is not: its handling is done, and its clock has stopped.
ENDED = (Status.RESOLVED, Status.CLOSED, Status.REJECTED, Status.MERGED, Status.WITHDRAWN)


class AppealOrder(StrEnum):
    """The orders a list of appeals comes in; each is made strict by the appeal's id."""

    CREATED_DESC = "CREATED_DESC"
    CREATED_ASC = "CREATED_ASC"
    UPDATED_DESC = "UPDATED_DESC"
    UPDATED_ASC = "UPDATED_ASC"
    DUE_ASC = "DUE_ASC"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`since` ≤ time < `until`; either end may be open."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A stretch of the map in WGS-84 degrees, its edges included; across the 180th meridian where `west` > `east`."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class AppealFilter:
    """Which appeals: every field given must hold, and of several values any one.

    `area` and `topic` match by prefix (a division holds its parts), and whatever says all of `topic_is` is as good as
    one that begins with `topic`; `org` is the organization in charge or one that helps. Of `any_of` one filter must
    hold, of `all_of` all, of `none_of` none; what a field is missing for holds no filter about it, so that `none_of`
    is exactly the rest.
    """

    status: tuple[Status, ...] = ()
    kind: tuple[Kind, ...] = ()
    source: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    topic_is: tuple[str, ...] = ()
    urgency: tuple[Urgency, ...] = ()
    channel: tuple[Channel, ...] = ()
    satisfaction: tuple[Satisfaction, ...] = ()
    external_id: tuple[str, ...] = ()
    appeal_no: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()
    lead_org: tuple[str, ...] = ()
    org: tuple[str, ...] = ()
    origin_hotline: tuple[str, ...] = ()
    created: TimeRange = TimeRange()
    updated: TimeRange = TimeRange()
    dispatched: TimeRange = TimeRange()
    due: TimeRange = TimeRange()
    closed: TimeRange = TimeRange()
    has_due: bool | None = None
    overdue: bool | None = None
    is_secret: bool | None = None
    is_resolved: bool | None = None
    box: Box | None = None
    text: str = ""
    all_of: tuple["AppealFilter", ...] = ()
    any_of: tuple["AppealFilter", ...] = ()
    none_of: tuple["AppealFilter", ...] = ()

    @property
    def inner(self) -> Iterator["AppealFilter"]:
        """The filters that it is put together from."""
        yield from self.all_of
        yield from self.any_of
        yield from self.none_of

    @property
    def depends_on_now(self) -> bool:
        """Whether an appeal may come or go without being changed: what was found must not be kept then."""
        return self.overdue is not None or any(one.depends_on_now for one in self.inner)


# ── counts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Dimension(StrEnum):
    """What appeals can be counted by; each is a column of the appeal."""

    SOURCE = "SOURCE"
    STATUS = "STATUS"
    KIND = "KIND"
    TOPIC = "TOPIC"
    URGENCY = "URGENCY"
    CHANNEL = "CHANNEL"
    SATISFACTION = "SATISFACTION"
    AREA = "AREA"
    GRID = "GRID"
    LEAD_ORG = "LEAD_ORG"
    ORIGIN_HOTLINE = "ORIGIN_HOTLINE"


class Bucket(StrEnum):
    """Stretches of local time that appeals can be counted by. A week begins on Monday (ISO 8601)."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


class Moment(StrEnum):
    """The times of an appeal that can decide in which bucket it is counted."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DISPATCHED = "DISPATCHED"
    DUE = "DUE"
    CLOSED = "CLOSED"


class Measure(StrEnum):
    """What can be counted of a group besides its appeals.

    Each is a sum over appeals of a whole number that the appeal alone decides, never the clock: groups can be added up.
    """

    OPEN = "OPEN"
    """Status not in ENDED."""
    RESOLVED = "RESOLVED"
    """已办结: status RESOLVED or CLOSED, whether or not the handling was reviewed."""
    CLOSED = "CLOSED"
    """已归档: status CLOSED."""
    ASKED = "ASKED"
    """Whether it is solved was asked and answered: is_resolved is known."""
    SOLVED = "SOLVED"
    """The resident says that it is solved: is_resolved is true."""
    SATISFIED = "SATISFIED"
    BASIC = "BASIC"
    DISSATISFIED = "DISSATISFIED"
    UNREACHED = "UNREACHED"
    IN_TIME = "IN_TIME"
    """closed_at ≤ due_at."""
    LATE = "LATE"
    """closed_at > due_at."""
    TIMED = "TIMED"
    """Whose time from created_at to closed_at is known, and not negative."""
    SECONDS = "SECONDS"
    """The whole seconds from created_at to closed_at of those, added up."""


@dataclass(frozen=True, slots=True)
class StatisticsQuery:
    """What is to be counted: the appeals of `filter`, in groups by `by` and, when it is given, by `bucket`.

    A bucket is one of the local time of `timezone` (a name of the tz database), and holds an appeal by its `moment`.
    """

    filter: AppealFilter = AppealFilter()
    by: tuple[Dimension, ...] = ()
    bucket: Bucket | None = None
    moment: Moment = Moment.CREATED
    timezone: str = "Asia/Shanghai"
    measures: frozenset[Measure] = frozenset()
