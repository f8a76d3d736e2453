"""What a client may ask appeals by: the input types, turned into the one filter that the store answers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Optional, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case

from hub.errors import QueryError
from hub.model import Channel, Kind, Satisfaction, Status, Urgency
from hub.schema import words  # noqa: F401  # makes the domain's enums the schema's, before a type mentions one
from hub.vocabulary.areas import beginning
from hub.vocabulary.topics import texts_of
from hub.wanted import AppealFilter, Box, TimeRange

MOST_VALUES = 100
MOST_PARTS = 50
DEEPEST = 3
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
    name="GeoBox",
    description="A stretch of the map, its edges included, in degrees (WGS-84). All four are needed; where `west` is "
    "larger than `east`, it crosses the 180th meridian.",
)
class GeoBoxInput:
    west: float | None = strawberry.field(default=strawberry.UNSET, description="Its western edge, from -180 to 180.")
    south: float | None = strawberry.field(default=strawberry.UNSET, description="Its southern edge, from -90 to 90.")
    east: float | None = strawberry.field(default=strawberry.UNSET, description="Its eastern edge, from -180 to 180.")
    north: float | None = strawberry.field(default=strawberry.UNSET, description="Its northern edge, from -90 to 90.")


@strawberry.input(
    name="AppealFilter",
    description="Which appeals: every field given must hold, and of a list any one value. "
    f"A list holds {MOST_VALUES} values at most; an empty one asks for nothing, as if left out. "
    f"`and`, `or` and `not` put filters together, {DEEPEST} of them within each other and {MOST_PARTS} in all.",
)
class AppealFilterInput:
    status: list[Status] | None = strawberry.field(default=strawberry.UNSET, description="Where they stand.")
    kind: list[Kind] | None = strawberry.field(default=strawberry.UNSET, description="What the resident wants.")
    source: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Names of the sources they came from, as in `Source.name`."
    )
    external_id: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="The ids that their sources gave them."
    )
    appeal_no: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="工单编号: the numbers that residents were told, in full."
    )
    area: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Codes of administrative divisions, as in `Area.code`; a division holds its parts: `420800` and "
        "`4208` find `420802` too.",
    )
    grid: list[str] | None = strawberry.field(default=strawberry.UNSET, description="网格: the grid cells.")
    topic: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="What they are about: codes of topics, as in `Topic.code`, or how the text begins, as in "
        "`Topic.text`; a group holds its topics.",
    )
    urgency: list[Urgency] | None = strawberry.field(default=strawberry.UNSET, description="How pressing they are.")
    channel: list[Channel] | None = strawberry.field(
        default=strawberry.UNSET, description="How the resident reached the source."
    )
    satisfaction: list[Satisfaction] | None = strawberry.field(
        default=strawberry.UNSET, description="What the resident thought of the result."
    )
    lead_org: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="主办单位: names of organizations in charge."
    )
    org: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Names of organizations in charge (主办) or helping (协办)."
    )
    origin_hotline: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="The hotlines first called, where lines were merged."
    )
    created: TimeRangeInput | None = strawberry.field(default=strawberry.UNSET, description="When they were made.")
    updated: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When the source last changed them."
    )
    dispatched: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When they were sent to the organization in charge; others are outside."
    )
    due: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When they are due; appeals without a deadline are outside every span."
    )
    closed: TimeRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="When they were closed; others are outside every span."
    )
    has_due: bool | None = strawberry.field(default=strawberry.UNSET, description="Whether they have a deadline.")
    overdue: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="超期: whether their deadline has passed, at this moment, and somebody is still to handle them: "
        "not those that are RESOLVED, CLOSED, REJECTED, MERGED or WITHDRAWN.",
    )
    is_secret: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether the resident asked for confidence."
    )
    is_resolved: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether the resident says it is solved; those who were not asked are in neither.",
    )
    within: GeoBoxInput | None = strawberry.field(
        default=strawberry.UNSET, description="Where they are; appeals without a point are outside every box."
    )
    text: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Words that the title, content, number or address must hold, all of them, separated by blanks. "
        f"Taken literally, without regard to case or width of letters; {LONGEST_TEXT} characters at most.",
    )
    and_: list["AppealFilterInput"] | None = strawberry.field(
        name="and", default=strawberry.UNSET, description="Filters that must all hold."
    )
    or_: list["AppealFilterInput"] | None = strawberry.field(
        name="or", default=strawberry.UNSET, description="Filters of which one must hold."
    )
    # A union by `|` with a name that is not defined yet is no type to Python.
    not_: Optional["AppealFilterInput"] = strawberry.field(
        name="not",
        default=strawberry.UNSET,
        description="A filter that must not hold; finds exactly the appeals that it does not find.",
    )


def appeal_filter(given: AppealFilterInput | None) -> AppealFilter:
    """Turn the input into the store's filter.

    Raises QueryError BAD_INPUT for a value that cannot be, and FILTER_LIMIT for a filter of too many parts.
    """
    if given is None:
        return AppealFilter()
    found = _filter(given, "filter", DEEPEST)
    if (parts := _parts(found)) > MOST_PARTS:
        raise _limit(f"filter is put together from {parts} filters; the limit is {MOST_PARTS}", MOST_PARTS, parts)
    return found


def _filter(given: AppealFilterInput, path: str, deeper: int) -> AppealFilter:
    plain: dict[str, Any] = {
        **{name: several(f"{path}.{to_camel_case(name)}", said) for name in _LISTS if (said := getattr(given, name))},
        **{name: said.range() for name in _SPANS if (said := getattr(given, name))},
        **{name: said for name in _FACTS if isinstance(said := getattr(given, name), bool)},
    }
    if given.area:
        plain["area"] = tuple(map(beginning, plain["area"]))
    if given.topic:
        plain["topic"], plain["topic_is"] = _topics(plain["topic"])
    return AppealFilter(
        **plain,
        box=_box(given.within, path) if given.within else None,
        text=_text(given.text or "", path),
        all_of=_inner(given.and_ or (), f"{path}.and", deeper),
        any_of=_inner(given.or_ or (), f"{path}.or", deeper),
        none_of=_inner((given.not_,) if given.not_ else (), f"{path}.not", deeper),
    )


_LISTS = (
    "status", "kind", "source", "external_id", "appeal_no", "area", "grid", "topic", "urgency", "channel",
    "satisfaction", "lead_org", "org", "origin_hotline",
)  # fmt: skip
_SPANS = ("created", "updated", "dispatched", "due", "closed")
_FACTS = ("has_due", "overdue", "is_secret", "is_resolved")


def _inner(given: Iterable[AppealFilterInput], path: str, deeper: int) -> tuple[AppealFilter, ...]:
    filters = tuple(given)
    if filters and not deeper:
        raise _limit(f"{path} lies deeper than {DEEPEST} filters", DEEPEST, DEEPEST + 1)
    return tuple(_filter(one, path, deeper - 1) for one in filters[: MOST_PARTS + 1])


def _parts(wanted: AppealFilter) -> int:
    return sum(1 + _parts(one) for one in wanted.inner)


def _limit(message: str, limit: int, value: int) -> QueryError:
    return QueryError("FILTER_LIMIT", message, hint="ask with fewer filters", limit=limit, value=value)


def _topics(given: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = [texts_of(one) for one in given]
    return tuple(one for starts, _ in found for one in starts), tuple(one for _, whole in found for one in whole)


def _text(text: str, path: str) -> str:
    if len(text := text.strip()) > LONGEST_TEXT:
        raise QueryError(
            "BAD_INPUT",
            f"{path}.text has {len(text)} characters; the limit is {LONGEST_TEXT}",
            limit=LONGEST_TEXT,
            value=len(text),
        )
    return text


def _box(given: GeoBoxInput, path: str) -> Box:
    edges: dict[str, Any] = {name: getattr(given, name) for name in ("west", "south", "east", "north")}
    for name, limit in (("west", 180), ("south", 90), ("east", 180), ("north", 90)):
        if not isinstance(edges[name], float | int):
            raise QueryError("BAD_INPUT", f"{path}.within.{name} is missing", hint="a box has four edges")
        if not -limit <= edges[name] <= limit:
            raise QueryError("BAD_INPUT", f"{path}.within.{name}: {edges[name]} is not from {-limit} to {limit}")
    if edges["south"] > edges["north"]:
        raise QueryError("BAD_INPUT", f"{path}.within: south lies north of north")
    return Box(**{name: float(edge) for name, edge in edges.items()})


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
