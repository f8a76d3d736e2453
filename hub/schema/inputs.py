"""What a client may ask appeals by: the input types, turned into the one filter that the store answers."""

from datetime import datetime
from typing import TypeVar

import strawberry

from hub.errors import QueryError
from hub.model import AppealFilter, Channel, Kind, Status, TimeRange, Urgency
from hub.schema import words  # noqa: F401  # makes the domain's enums the schema's, before a type mentions one

MOST_VALUES = 100
LONGEST_TEXT = 200

_Value = TypeVar("_Value")


@strawberry.input(
    name="TimeRange", description="A span of time: `since` ≤ time < `until`. Leave either out for an open end."
)
class TimeRangeInput:
    since: datetime | None = strawberry.field(default=strawberry.UNSET, description="The first moment inside.")
    until: datetime | None = strawberry.field(default=strawberry.UNSET, description="The first moment after.")

    def range(self) -> TimeRange:
        return TimeRange(self.since or None, self.until or None)


@strawberry.input(
    name="AppealFilter",
    description="Which appeals: every field given must hold, and of a list any one value. "
    f"A list holds {MOST_VALUES} values at most; an empty one asks for nothing, as if left out.",
)
class AppealFilterInput:
    status: list[Status] | None = strawberry.field(default=strawberry.UNSET, description="Where they stand.")
    kind: list[Kind] | None = strawberry.field(default=strawberry.UNSET, description="What the resident wants.")
    source: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Names of the sources they came from, as in `Source.name`."
    )
    area: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Codes of administrative divisions; a division holds its parts: `4208` finds `420802` too.",
    )
    topic: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="What they are about: the beginning of the topic, as in `Appeal.topic`."
    )
    urgency: list[Urgency] | None = strawberry.field(default=strawberry.UNSET, description="How pressing they are.")
    channel: list[Channel] | None = strawberry.field(
        default=strawberry.UNSET, description="How the resident reached the source."
    )
    created: TimeRangeInput | None = strawberry.field(default=strawberry.UNSET, description="When they were made.")
    updated: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When the source last changed them."
    )
    due: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When they are due; appeals without a deadline are outside every span."
    )
    text: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Words that the title, content, number or address must hold, all of them, separated by blanks. "
        f"Taken literally, without regard to case or width of letters; {LONGEST_TEXT} characters at most.",
    )


def appeal_filter(given: AppealFilterInput | None) -> AppealFilter:
    """Turn the input into the store's filter. Raises QueryError BAD_INPUT for one that is too large."""
    if given is None:
        return AppealFilter()
    if len(text := (given.text or "").strip()) > LONGEST_TEXT:
        raise QueryError(
            "BAD_INPUT",
            f"filter.text has {len(text)} characters; the limit is {LONGEST_TEXT}",
            limit=LONGEST_TEXT,
            value=len(text),
        )
    return AppealFilter(
        status=several("filter.status", given.status),
        kind=several("filter.kind", given.kind),
        source=several("filter.source", given.source),
        area=several("filter.area", given.area),
        topic=several("filter.topic", given.topic),
        urgency=several("filter.urgency", given.urgency),
        channel=several("filter.channel", given.channel),
        created=_span(given.created),
        updated=_span(given.updated),
        due=_span(given.due),
        text=text,
    )


def page_size(name: str, size: int, largest: int = 100) -> int:
    """Check how many rows are asked for. Raises QueryError BAD_INPUT, for a clamped page would look like the end."""
    if not 0 <= size <= largest:
        raise QueryError(
            "BAD_INPUT", f"{name}: {size} is not from 0 to {largest}", hint="ask for pages", limit=largest, value=size
        )
    return size


def several(name: str, given: list[_Value] | None) -> tuple[_Value, ...]:
    values = tuple(given or ())
    if len(values) > MOST_VALUES:
        raise QueryError(
            "BAD_INPUT",
            f"{name} holds {len(values)} values; the limit is {MOST_VALUES}",
            limit=MOST_VALUES,
            value=len(values),
        )
    return values


def _span(given: TimeRangeInput | None) -> TimeRange:
    return given.range() if given else TimeRange()
